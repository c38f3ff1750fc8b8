package admin

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// everyUserField has all members of a user that a client may choose, but keyIds.
const everyUserField = `"tags":["a","b"],"userId":"spike@example.com","costLimitInUsd":5.5,"costLimitInUsdOverTime":0.000000001,"costLimitInUsdUnit":"mo",
	"rateLimitOverTime":2,"rateLimitUnit":"m","maxParallelRequests":7,"ttl":"1h30m","allowedModels":["gpt-4o"],
	"allowedPaths":[{"path":"/api/providers/openai/v1/chat/completions","method":"POST"}]`

// user makes a user with extra members and returns the answer.
func (f *fixture) user(extra string, edit ...func(*http.Request)) answer {
	f.t.Helper()
	if extra != "" {
		extra = "," + extra
	}
	return f.want(f.do("POST", usersPath, `{"name":"u"`+extra+`}`, edit...), 200)
}

func TestUserWithEveryField(t *testing.T) {
	f := newFixture(t)
	key := f.key(f.setting(), "").str("keyId")
	made := f.user(everyUserField + `,"keyIds":["` + strings.ToUpper(key) + `"]`)
	got := f.do("GET", usersPath+"/"+made.str("id"), "")
	for name, want := range map[string]any{
		"name": "u", "userId": "spike@example.com", "costLimitInUsd": 5.5, "costLimitInUsdOverTime": 1e-9, "costLimitInUsdUnit": "mo",
		"rateLimitOverTime": 2.0, "rateLimitUnit": "m", "maxParallelRequests": 7.0, "ttl": "1h30m", "revoked": false, "revokedReason": "",
		"createdAt": float64(f.clock().Unix()), "expiresAt": float64(f.clock().Add(90 * time.Minute).Unix()),
	} {
		if got.at(name) != want {
			t.Errorf("%s: got %v, want %v", name, got.at(name), want)
		}
	}
	if got.at("keyIds", 0) != key || got.at("tags", 1) != "b" || got.at("allowedModels", 0) != "gpt-4o" || got.at("allowedPaths", 0, "method") != "POST" {
		t.Errorf("lists: %s", got.text)
	}
	if made.header.Get("ETag") == "" || made.header.Get("ETag") != got.header.Get("ETag") {
		t.Errorf("ETag %q, then %q", made.header.Get("ETag"), got.header.Get("ETag"))
	}
	if len(f.applied) != 3 || f.applied[2] != 3 { // the setting, the key, the user
		t.Errorf("applied revisions %v", f.applied)
	}
}

func TestUserWithoutMore(t *testing.T) {
	f := newFixture(t)
	f.late = []string{"processor-1"}
	made := f.want(f.do("PUT", usersPath, `{"name":"u","userId":""}`), 200)
	if made.str("userId") != made.str("id") || made.str("id") == "" {
		t.Errorf("a user without userId is called %q, want its id %q", made.str("userId"), made.str("id"))
	}
	for _, name := range []string{"costLimitInUsd", "costLimitInUsdOverTime", "costLimitInUsdUnit", "rateLimitOverTime", "rateLimitUnit", "ttl", "expiresAt", "maxParallelRequests"} {
		if v := made.at(name); v != nil {
			t.Errorf("%s is %v, want absent", name, v)
		}
	}
	if made.at("unacknowledged", 0) != "processor-1" {
		t.Errorf("who did not follow is not told: %s", made.text)
	}
}

func TestUserRoundTrip(t *testing.T) {
	f := newFixture(t)
	setting := f.setting()
	for name, extra := range map[string]string{"plain": "", "full": everyUserField, "revoked": `"revoked":true,"revokedReason":"left"`, "short-lived": `"ttl":"1m"`} {
		for _, wait := range []time.Duration{0, time.Hour} { // the last one has expired by then
			t.Run(fmt.Sprint(name, " after ", wait), func(t *testing.T) {
				key := f.key(setting, "").str("keyId")
				path := usersPath + "/" + f.user(extra).str("id")
				f.want(f.do("PATCH", path, `{"keyIds":["`+key+`"]}`), 200)
				f.want(f.do("DELETE", keysPath+"/"+key, ""), 200) // its id stays, and may be sent back
				f.advance(wait)
				before := f.do("GET", path, "")
				if before.at("keyIds", 0) != key {
					t.Errorf("keyIds after the key's deletion: %s", before.text)
				}
				f.want(f.do("PATCH", path, before.text), 200)
				after := f.do("GET", path, "")
				strip := regexp.MustCompile(`"updatedAt":\d+`)
				if got, want := strip.ReplaceAllString(after.text, ""), strip.ReplaceAllString(before.text, ""); got != want {
					t.Errorf("GET after PATCH of GET:\n%s\nbefore:\n%s", got, want)
				}
			})
		}
	}
}

func TestUserPatchClears(t *testing.T) {
	f := newFixture(t)
	for name, empty := range map[string]string{
		"null":  `{"tags":null,"keyIds":null,"userId":null,"costLimitInUsd":null,"costLimitInUsdOverTime":null,"rateLimitOverTime":null,"ttl":null,"allowedPaths":null,"allowedModels":null,"maxParallelRequests":null}`,
		"empty": `{"tags":[],"keyIds":[],"userId":"","costLimitInUsd":null,"costLimitInUsdOverTime":null,"costLimitInUsdUnit":null,"rateLimitOverTime":null,"rateLimitUnit":null,"ttl":"","allowedPaths":[],"allowedModels":[],"maxParallelRequests":null}`,
	} {
		t.Run(name, func(t *testing.T) {
			id := f.user(everyUserField).str("id")
			f.want(f.do("PATCH", usersPath+"/"+id, `{}`), 200)
			if u, _ := f.store.User(t.Context(), id); u.CostLimit != 5_500_000_000 || len(u.Tags) != 2 || u.TTL != "1h30m" || u.UserID != "spike@example.com" {
				t.Errorf("an empty PATCH changed the user: %+v", u)
			}
			f.want(f.do("PATCH", usersPath+"/"+id, empty), 200)
			u, err := f.store.User(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			if u.Limits().Any() || u.CostLimitUnit != "" || u.RateLimitUnit != "" || u.TTL != "" || !u.ExpiresAt.IsZero() ||
				len(u.Tags)+len(u.KeyIDs)+len(u.AllowedPaths)+len(u.AllowedModels) != 0 || u.UserID != id {
				t.Errorf("not cleared: %+v", u)
			}
		})
	}
}

func TestUserBadInput(t *testing.T) {
	f := newFixture(t)
	id := f.user("").str("id")
	n := `{"name":"n",`
	for name, tc := range map[string]struct {
		body     string
		pointers []string
		patchToo bool
	}{
		"nothing":           {`{}`, []string{"/name"}, false},
		"blank name":        {`{"name":" "}`, []string{"/name"}, true},
		"unknown keys":      {n + `"keyIds":["98daa3ae-961d-4253-bf6a-322a32fdca3d","x"]}`, []string{"/keyIds/0", "/keyIds/1"}, true},
		"long user id":      {n + `"userId":"` + strings.Repeat("ü", 129) + `"}`, []string{"/userId"}, true},
		"control in it":     {n + `"userId":"a\u0000"}`, []string{"/userId"}, true},
		"number as user id": {n + `"userId":7}`, []string{"/userId"}, true},
		"zero cost":         {n + `"costLimitInUsd":0}`, []string{"/costLimitInUsd"}, true},
		"finer than nano":   {n + `"costLimitInUsd":0.0000000001}`, []string{"/costLimitInUsd"}, true},
		"cost without unit": {n + `"costLimitInUsdOverTime":1}`, []string{"/costLimitInUsdUnit"}, true},
		"cost unit alone":   {n + `"costLimitInUsdUnit":"d"}`, []string{"/costLimitInUsdOverTime"}, true},
		"cost per second":   {n + `"costLimitInUsdOverTime":1,"costLimitInUsdUnit":"s"}`, []string{"/costLimitInUsdUnit"}, true},
		"rate without unit": {n + `"rateLimitOverTime":1}`, []string{"/rateLimitUnit"}, true},
		"rate per month":    {n + `"rateLimitOverTime":1,"rateLimitUnit":"mo"}`, []string{"/rateLimitUnit"}, true},
		"parallel zero":     {n + `"maxParallelRequests":0}`, []string{"/maxParallelRequests"}, true},
		"ttl zero":          {n + `"ttl":"0s"}`, []string{"/ttl"}, true},
		"path elsewhere":    {n + `"allowedPaths":[{"path":"/v1/x","method":"GET"}]}`, []string{"/allowedPaths/0/path"}, true},
		"empty model":       {n + `"allowedModels":[""]}`, []string{"/allowedModels/0"}, true},
		"reason alone":      {n + `"revokedReason":"x"}`, []string{"/revokedReason"}, true},
		"null for revoked":  {n + `"revoked":null}`, []string{"/revoked"}, true},
		"unknown field":     {n + `"userid":"x"}`, []string{"/userid"}, true},
		"many faults":       {`{"name":1,"ttl":2,"tags":3,"x":4}`, []string{"/name", "/tags", "/ttl", "/x"}, true},
		"faults of all":     {n + `"ttl":"x","costLimitInUsdUnit":"d","keyIds":["x"]}`, []string{"/costLimitInUsdOverTime", "/keyIds/0", "/ttl"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			calls := [][2]string{{"POST", usersPath}, {"PUT", usersPath}}
			if tc.patchToo {
				calls = append(calls, [2]string{"PATCH", usersPath + "/" + id}, [2]string{"PATCH", usersPath + "?userId=" + id})
			}
			for _, call := range calls {
				got := f.do(call[0], call[1], tc.body)
				pointers := got.pointers()
				slices.Sort(pointers)
				if got.status != 400 || got.str("type") != "/errors/validation" || !slices.Equal(pointers, tc.pointers) {
					t.Errorf("%s %s %s: pointers %q, want %q\n%d %s", call[0], call[1], tc.body, pointers, tc.pointers, got.status, got.text)
				}
			}
		})
	}
	if got := f.do("POST", usersPath, n+`"keyIds":["98daa3ae-961d-4253-bf6a-322a32fdca3d"]}`); !strings.Contains(got.str("detail"), "98daa3ae-961d-4253-bf6a-322a32fdca3d") {
		t.Errorf("the unknown key is not named: %s", got.text)
	}
	if list := f.do("GET", usersPath, "").list(); len(list) != 1 {
		t.Errorf("%d users, want the one that was good", len(list))
	}
}

func TestUserCreationQuery(t *testing.T) {
	f := newFixture(t)
	key := f.key(f.setting(), "").str("keyId")
	body := `{"name":"n","tags":["a","b"],"keyIds":["` + key + `"]}`
	f.want(f.do("POST", usersPath+"?tag=a&tags=a,b&keyIds="+strings.ToUpper(key), body), 200)
	for query, parameter := range map[string]string{
		"?tag=c": "tag", "?tags=a,c": "tags", "?keyIds=98daa3ae-961d-4253-bf6a-322a32fdca3d": "keyIds", "?provider=openai": "provider", "?user=x": "user",
	} {
		got := f.want(f.do("POST", usersPath+query, body), 400)
		if got.str("type") != "/errors/bad-query" || !slices.Equal(got.pointers(), []string{parameter}) {
			t.Errorf("%s: %s", query, got.text)
		}
	}
}

func TestListUsers(t *testing.T) {
	f := newFixture(t)
	setting := f.setting()
	one, two := f.key(setting, "").str("keyId"), f.key(setting, "").str("keyId")
	var ids []string
	for _, extra := range []string{
		`"userId":"spike","tags":["a","b"],"keyIds":["` + one + `","` + two + `"]`, `"userId":"faye","tags":["a"],"keyIds":["` + two + `"]`, `"userId":"spike"`,
	} {
		ids = append(ids, f.user(extra).str("id"))
	}
	for query, want := range map[string][]int{
		"":                               {2, 1, 0},
		"?userIds=spike":                 {2, 0},
		"?userIds=spike,faye":            {2, 1, 0},
		"?userIds=Spike":                 {},
		"?tags=a":                        {1, 0},
		"?tags=a&tags=b":                 {0},
		"?keyIds={1},{2}":                {1, 0},
		"?keyIds={1}":                    {0},
		"?keyIds=x":                      {},
		"?keyIds=&userIds=&tags=":        {2, 1, 0},
		"?limit=1&offset=1":              {1},
		"?limit=0":                       {2, 1, 0},
		"?userIds=spike&tags=a&limit=10": {0},
	} {
		query = strings.NewReplacer("{1}", one, "{2}", two).Replace(query)
		got := f.want(f.do("GET", usersPath+query, "", as(viewerKey)), 200)
		found := []int{}
		for i := range got.list() {
			found = append(found, slices.Index(ids, got.at(i, "id").(string)))
		}
		if !slices.Equal(found, want) {
			t.Errorf("%s: users %v, want %v", query, found, want)
		}
	}
	for query, parameter := range map[string]string{"?limit=1001": "limit", "?limit=-1": "limit", "?offset=x": "offset", "?userId=x": "userId", "?tags=%0a": "tags"} {
		got := f.want(f.do("GET", usersPath+query, ""), 400)
		if got.str("type") != "/errors/bad-query" || !slices.Equal(got.pointers(), []string{parameter}) {
			t.Errorf("%s: %s", query, got.text)
		}
	}
}

func TestPatchUserByName(t *testing.T) {
	f := newFixture(t)
	one := f.user(`"userId":"spike","tags":["a","b"]`).str("id")
	two := f.user(`"userId":"spike","tags":["b"]`).str("id")
	three := f.user(`"userId":"faye","tags":["c"]`).str("id")
	for query, want := range map[string]string{
		"?userId=spike&tags=a,b": one, "?tags=a": one, "?userId=faye": three, "?tags=c": three,
	} {
		got := f.want(f.do("PATCH", usersPath+query, `{"costLimitInUsd":2}`), 200)
		if got.str("id") != want || got.at("costLimitInUsd") != 2.0 || got.header.Get("ETag") == "" {
			t.Errorf("%s changed %s", query, got.text)
		}
	}
	for _, query := range []string{"?userId=spike", "?tags=b", "?userId=spike&tags=b"} {
		got := f.want(f.do("PATCH", usersPath+query, `{"costLimitInUsd":9}`), 409)
		if !strings.Contains(got.str("detail"), one) || !strings.Contains(got.str("detail"), two) || strings.Contains(got.text, three) {
			t.Errorf("%s does not name the users: %s", query, got.text)
		}
	}
	for _, query := range []string{"?userId=nobody", "?userId=faye&tags=a"} {
		f.want(f.do("PATCH", usersPath+query, `{"costLimitInUsd":9}`), 404)
	}
	for _, query := range []string{"", "?userId=", "?tags=", "?id=" + one} {
		f.want(f.do("PATCH", usersPath+query, `{"costLimitInUsd":9}`), 400)
	}
	f.want(f.do("PATCH", usersPath+"?userId=faye", `{}`, header("If-Match", `"1"`)), 412)
	for _, u := range []string{one, two, three} {
		if got := f.do("GET", usersPath+"/"+u, ""); got.at("costLimitInUsd") == 9.0 {
			t.Errorf("a refused change was made: %s", got.text)
		}
	}
}

func TestUserExpiry(t *testing.T) {
	f := newFixture(t)
	path := usersPath + "/" + f.user(`"ttl":"1h"`).str("id")
	f.advance(time.Hour - time.Second)
	if got := f.do("GET", path, ""); got.at("revoked") != false {
		t.Errorf("a second early: %s", got.text)
	}
	f.advance(time.Second)
	if got := f.do("GET", path, ""); got.at("revoked") != true || got.str("revokedReason") != "expired" {
		t.Errorf("at its ttl: %s", got.text)
	}
	if got := f.do("GET", usersPath, ""); got.at(0, "revoked") != true {
		t.Errorf("in the list: %s", got.text)
	}
	f.want(f.do("PATCH", path, `{"revoked":false}`), 400)
	if got := f.want(f.do("PATCH", path, `{"ttl":"2d"}`), 200); got.at("revoked") != false || got.at("expiresAt") != float64(f.clock().Add(48*time.Hour).Unix()) {
		t.Errorf("with a new ttl: %s", got.text)
	}
}

func TestUserConditionalWritesAndDeletion(t *testing.T) {
	f := newFixture(t)
	made := f.user("")
	path := usersPath + "/" + made.str("id")
	tag := made.header.Get("ETag")
	changed := f.want(f.do("PATCH", path, `{"revoked":true,"revokedReason":"left"}`, header("If-Match", tag)), 200)
	if changed.str("revokedReason") != "left" || changed.header.Get("ETag") == tag {
		t.Errorf("changed: %s, ETag %s", changed.text, changed.header.Get("ETag"))
	}
	f.want(f.do("PATCH", path, `{"revoked":false}`, header("If-Match", tag)), 412)
	f.want(f.do("DELETE", path, "", header("If-Match", tag)), 412)
	f.want(f.do("DELETE", path, "", header("If-Match", changed.header.Get("ETag"))), 200)
	for _, id := range []string{made.str("id"), "98daa3ae-961d-4253-bf6a-322a32fdca3d", "x", "%00"} {
		for method, body := range map[string]string{http.MethodGet: "", http.MethodPatch: "{}", http.MethodDelete: ""} {
			f.want(f.do(method, usersPath+"/"+id, body), 404)
		}
	}
}

// An admin key that is limited to tags must reach nobody else's end users: not
// their objects, not their keys, and not their tags, which would bind them.
func TestScopedAdminAndUsers(t *testing.T) {
	f := newFixture(t)
	setting := f.setting()
	mine, theirs := f.key(setting, `"tags":["team-a"]`).str("keyId"), f.key(setting, `"tags":["team-b"]`).str("keyId")
	foreign := f.user(`"userId":"spike","tags":["team-b"]`).str("id")
	shared := f.user(`"userId":"faye","tags":["team-a","team-b"],"keyIds":["` + theirs + `"]`)
	me := as(scopedKey)
	own := f.user(`"userId":"spike","tags":["team-a"],"keyIds":["`+mine+`"]`, me).str("id")

	got := f.want(f.do("GET", usersPath, "", me), 200)
	if len(got.list()) != 2 || got.at(0, "id") != own || got.at(1, "id") != shared.str("id") {
		t.Errorf("list: %s", got.text)
	}
	for method, body := range map[string]string{http.MethodGet: "", http.MethodPatch: `{"revoked":true}`, http.MethodDelete: ""} {
		f.want(f.do(method, usersPath+"/"+foreign, body, me), 404)
	}
	if got := f.want(f.do("PATCH", usersPath+"?userId=spike", `{"revoked":true}`, me), 200); got.str("id") != own {
		t.Errorf("changed %s", got.text)
	}
	f.want(f.do("POST", usersPath, `{"name":"n"}`, me), 403)
	f.want(f.do("PATCH", usersPath+"/"+own, `{"tags":[]}`, me), 403)
	for body, pointer := range map[string]string{
		`{"name":"n","tags":["team-a","team-b"]}`:                    "/tags/1",
		`{"name":"n","tags":["team-a"],"keyIds":["` + theirs + `"]}`: "/keyIds/0",
	} {
		for _, got := range []answer{f.do("POST", usersPath, body, me), f.do("PATCH", usersPath+"/"+own, body, me)} {
			if got.status != 400 || !slices.Equal(got.pointers(), []string{pointer}) {
				t.Errorf("%s: %d %s", body, got.status, got.text)
			}
		}
	}
	// What it has already may be sent back.
	f.want(f.do("PATCH", usersPath+"/"+shared.str("id"), shared.text, me), 200)
	if u, err := f.store.User(t.Context(), foreign); err != nil || u.Revoked {
		t.Errorf("the other team's user is %+v, %v", u, err)
	}
}
