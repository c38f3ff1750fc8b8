package e2e

import (
	"database/sql"
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite" // the embedded store's driver

	"github.com/bricks-gateway/bricks/internal/testenv"
)

const usersPath = "/api/users"

// newUser makes a user object and returns its id.
func (e *env) newUser(more testenv.Object) string {
	body := testenv.Object{"name": "a user"}
	maps.Copy(body, more)
	id, _ := e.Do(http.MethodPost, usersPath, body)["id"].(string)
	return id
}

// by is a chat body of this end user.
func by(user string) string {
	return fmt.Sprintf(`{"model":"gpt-4o-mini","user":%q,%s}`, user, hello)
}

// callBy is a call of Anthropic's API by this end user.
func callBy(user string) string {
	return fmt.Sprintf(`{"model":"claude-haiku-4-5","max_tokens":64,"metadata":{"user_id":%q},%s}`, user, hello)
}

func TestUsersAreBoundByTagAndByKey(t *testing.T) {
	e := newEnv(t, testenv.Options{})
	tagged := e.newKey(testenv.Object{"tags": []string{"org-1", "team"}})
	listed := e.newKey(nil)
	other := e.newKey(testenv.Object{"tags": []string{"org-2"}})
	onlyEmbeddings := []testenv.Object{{"path": embeddings, "method": "POST"}}

	e.newUser(testenv.Object{"userId": "tag", "tags": []string{"x", "team"}, "allowedModels": []string{"gpt-4o"}})
	e.newUser(testenv.Object{"userId": "key", "keyIds": []string{listed.ID}, "allowedPaths": onlyEmbeddings})
	e.newUser(testenv.Object{"userId": "both", "tags": []string{"org-1"}, "allowedModels": []string{"gpt-4o-mini", "claude-haiku-4-5"}})
	e.newUser(testenv.Object{"userId": "both", "tags": []string{"team"}, "allowedModels": []string{"gpt-4o-mini"}})
	e.newUser(testenv.Object{"userId": "gone", "tags": []string{"org-1"}, "revoked": true, "revokedReason": "left"})

	for name, c := range map[string]refusalCase{
		"model, by tag":              {path: chat, body: by("tag"), key: tagged, code: "model_not_allowed"},
		"model, by tag, Anthropic":   {path: messages, body: callBy("tag"), key: tagged, code: "model_not_allowed"},
		"model, header":              {path: chat, body: helloChat, headers: []string{"X-User-Id", "tag"}, key: tagged, code: "model_not_allowed"},
		"path, by key":               {path: chat, body: by("key"), key: listed, code: "path_not_allowed"},
		"path, by key, header":       {path: chat, body: helloChat, headers: []string{"X-User-Id", "key"}, key: listed, code: "path_not_allowed"},
		"path, no body":              {method: http.MethodGet, path: models, headers: []string{"X-User-Id", "key"}, key: listed, code: "path_not_allowed"},
		"the second of two, by tags": {path: messages, body: callBy("both"), key: tagged, code: "model_not_allowed"},
		"revoked":                    {path: chat, body: by("gone"), key: tagged, code: "user_not_allowed"},
		"revoked, Anthropic":         {path: messages, body: callBy("gone"), key: tagged, code: "user_not_allowed"},
		"revoked, header":            {path: chat, body: helloChat, headers: []string{"X-User-Id", "gone"}, key: tagged, code: "user_not_allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			c.status = http.StatusForbidden
			a := e.checkRefusal(t, c)
			if !slices.ContainsFunc([]string{"tag", "key", "both", "gone"}, func(user string) bool { return strings.Contains(string(a.body), `user \"`+user+`\"`) }) {
				t.Errorf("%s does not name the user", a.body)
			}
		})
	}
	for name, c := range map[string]struct {
		key        testenv.Key
		path, body string
		headers    []string
	}{
		"the allowed model":           {tagged, chat, strings.ReplaceAll(by("tag"), "gpt-4o-mini", "gpt-4o"), nil},
		"a model that both allow":     {tagged, chat, by("both"), nil},
		"another tenant's tag":        {other, chat, by("gone"), nil},
		"a key that is not listed":    {tagged, chat, by("key"), nil},
		"the same name in other case": {tagged, chat, by("Gone"), nil},
		"nobody":                      {tagged, chat, helloChat, nil},
		"an unknown one":              {tagged, chat, by("someone new"), nil},
		"header and body agree":       {tagged, chat, by("both"), []string{"X-User-Id", "both"}},
	} {
		t.Run(name, func(t *testing.T) {
			if a := e.post(t, c.path, c.body, append(bearer(c.key), c.headers...)...); a.status != http.StatusOK {
				t.Errorf("got %v", a)
			}
		})
	}
	// A body that names somebody else is no way around the header's user.
	e.checkRefusal(t, refusalCase{path: chat, body: by("someone"), headers: []string{"X-User-Id", "both"}, key: tagged, status: 400, code: "invalid_request_error"})
}

// Every change of a user counts for the first request after the admin API's
// answer: no waiting, no polling.
func TestAUserIsInForceBeforeTheAdminAPIAnswers(t *testing.T) {
	e := newEnv(t, testenv.Options{})
	key := e.newKey(testenv.Object{"tags": []string{"org"}})
	send := func(want int, when string) {
		t.Helper()
		if a := e.post(t, chat, by("spike"), bearer(key)...); a.status != want {
			t.Fatalf("%s: got %v, want %d", when, a, want)
		}
	}
	send(200, "never heard of")
	id := e.newUser(testenv.Object{"userId": "spike", "tags": []string{"org"}, "revoked": true})
	path := usersPath + "/" + id
	send(403, "created revoked")
	for i := range 20 {
		e.Do(http.MethodPatch, path, testenv.Object{"revoked": false})
		send(200, fmt.Sprint("restored, round ", i))
		e.Do(http.MethodPatch, usersPath+"?userId=spike&tags=org", testenv.Object{"revoked": true})
		send(403, fmt.Sprint("revoked, round ", i))
	}
	e.Do(http.MethodPatch, path, testenv.Object{"userId": "faye"})
	send(200, "renamed")
	e.Do(http.MethodPatch, path, testenv.Object{"userId": "spike"})
	send(403, "renamed back")
	e.Do(http.MethodPatch, path, testenv.Object{"tags": []string{}})
	send(200, "without the tag")
	e.Do(http.MethodPatch, path, testenv.Object{"keyIds": []string{key.ID}})
	send(403, "listing the key")
	e.Do(http.MethodPatch, path, testenv.Object{"keyIds": []string{}, "tags": []string{"team"}})
	send(200, "of another team")
	e.Do(http.MethodPatch, "/api/key-management/keys/"+key.ID, testenv.Object{"tags": []string{"team"}})
	send(403, "the key moved to that team")
	e.Do(http.MethodDelete, path, nil)
	send(200, "deleted")

	e.newUser(testenv.Object{"userId": "spike", "keyIds": []string{key.ID}, "ttl": "2s"})
	send(200, "with a ttl of 2 s")
	testenv.Eventually(t, 10*time.Second, "the user's expiry", func() bool {
		return e.post(t, chat, by("spike"), bearer(key)...).status == 403
	})
}

// The spend of a user is what its events cost, under every key, and the events
// of end users that nobody described are kept apart by key.
func TestEventsAreChargedToUsers(t *testing.T) {
	e := newEnv(t, testenv.Options{Env: []string{"DEFAULT_USER_RATE_LIMIT_OVER_TIME=1000", "DEFAULT_USER_RATE_LIMIT_UNIT=m"}})
	one, two := e.newKey(testenv.Object{"tags": []string{"org"}}), e.newKey(testenv.Object{"tags": []string{"org"}})
	id := e.newUser(testenv.Object{"userId": "spike", "tags": []string{"org"}})
	for _, c := range []struct {
		key  testenv.Key
		user string
		want []string
	}{
		{one, "spike", []string{"user:" + id}},
		{two, "spike", []string{"user:" + id}},
		{one, "guest", []string{"default:" + one.ID + ":guest"}},
		{two, "guest", []string{"default:" + two.ID + ":guest"}},
	} {
		a := e.post(t, chat, by(c.user), bearer(c.key)...)
		ev := e.AwaitEvent(c.key, a.eventID())
		if a.status != http.StatusOK || ev.UserID != c.user || ev.Cost != "0.0000045" {
			t.Errorf("got %v, event %+v", a, ev)
		}
		var got []string
		for account, cost := range e.accounts(t, ev.ID) {
			if got = append(got, account); cost != 4500 {
				t.Errorf("%s is charged %d nano-dollars, want 4500", account, cost)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("event of %s is charged to %q, want %q", c.user, got, c.want)
		}
	}
}

// accounts reads from the embedded store whom an event is charged to.
func (e *env) accounts(t *testing.T, event string) map[string]int64 {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(e.DataDir, "bricks.db")+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // read only
	rows, err := db.QueryContext(t.Context(), "SELECT account, cost FROM event_accounts WHERE event_id = ?", event)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close() //nolint:errcheck // read only
	accounts := map[string]int64{}
	for rows.Next() {
		var account string
		var cost int64
		if err := rows.Scan(&account, &cost); err != nil {
			t.Fatal(err)
		}
		accounts[account] = cost
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return accounts
}

// A user's limits count over all keys, beside the keys' own; those of end users
// without an object count for each key by itself.
func TestUsersAreLimited(t *testing.T) {
	e := newEnv(t, testenv.Options{Env: []string{"DEFAULT_USER_RATE_LIMIT_OVER_TIME=1", "DEFAULT_USER_RATE_LIMIT_UNIT=d"}})
	one, two := e.newKey(testenv.Object{"tags": []string{"org"}}), e.newKey(testenv.Object{"tags": []string{"org"}})
	e.newUser(testenv.Object{"userId": "spike", "tags": []string{"org"}, "rateLimitOverTime": 2, "rateLimitUnit": "d"})
	e.newUser(testenv.Object{"userId": "faye", "keyIds": []string{one.ID}, "costLimitInUsd": 0.0000001})
	for i, c := range []struct {
		key    testenv.Key
		user   string
		status int
		code   string
	}{
		{one, "spike", 200, ""},
		{two, "spike", 200, ""},
		{one, "spike", 429, "rate_limit_exceeded"},
		{two, "spike", 429, "rate_limit_exceeded"},
		{one, "guest", 200, ""},
		{one, "guest", 429, "rate_limit_exceeded"},
		{two, "guest", 200, ""},
		{one, "faye", 429, "insufficient_quota"},
		{two, "faye", 200, ""},
	} {
		a := e.post(t, chat, by(c.user), bearer(c.key)...)
		if a.status != c.status || !strings.Contains(string(a.body), c.code) {
			t.Errorf("request %d, by %s: got %v, want %d %s", i, c.user, a, c.status, c.code)
		}
	}
}
