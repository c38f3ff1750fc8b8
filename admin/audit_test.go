package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/store"
)

// audited returns the entries that a query finds.
func (f *fixture) audited(query string) []any {
	f.t.Helper()
	list, _ := f.want(f.do("GET", auditPath+query, ""), 200).at("entries").([]any)
	return list
}

func TestTheAuditLogTellsWhatWasAnswered(t *testing.T) {
	f := newFixture(t)
	made := f.want(f.do("POST", usersPath, `{"name":"ann","tags":["team-a"]}`), 200)
	id := made.str("id")
	f.want(f.do("PATCH", usersPath+"/"+id, `{"name":"bea"}`, as(scopedKey)), 200)
	f.want(f.do("DELETE", usersPath+"/"+id, ""), 200)
	list := f.audited("?objectId=" + id)
	if len(list) != 3 {
		t.Fatalf("%d entries, want 3: %v", len(list), list)
	}
	name := func(entry any, when string) any { return answer{body: entry}.at(when, "name") }
	for i, want := range []struct {
		operation     string
		before, after any
	}{{"deleteUser", "bea", nil}, {"updateUser", "ann", "bea"}, {"createUser", nil, "ann"}} {
		e := answer{body: list[i]}
		if e.str("operation") != want.operation || e.str("kind") != "user" || name(list[i], "before") != want.before || name(list[i], "after") != want.after ||
			e.at("author", "address") != "127.0.0.1" || e.at("author", "role") != "admin" || e.at("createdAt") != float64(f.now.Unix()) {
			t.Errorf("entry %d: %v", i, list[i])
		}
	}
	ann, scoped := answer{body: list[0]}.at("author", "id"), answer{body: list[1]}.at("author", "id")
	if ann == scoped || !strings.HasPrefix(fmt.Sprint(ann), "configured:") {
		t.Errorf("authors %v and %v", ann, scoped)
	}
	if got := f.audited("?author=" + fmt.Sprint(scoped)); len(got) != 1 {
		t.Errorf("%d entries by the scoped key, want 1", len(got))
	}
	first := f.want(f.do("GET", auditPath+"?limit=2", ""), 200)
	next := fmt.Sprint(first.at("next"))
	if second := f.want(f.do("GET", auditPath+"?limit=2&cursor="+next, ""), 200); second.at("entries", 0, "operation") != "createUser" || second.at("next") != nil {
		t.Errorf("the second page: %s", second.text)
	}
	if got := f.audited(fmt.Sprintf("?from=%d&to=%d", f.now.Unix(), f.now.Unix())); len(got) != 0 {
		t.Errorf("an empty range has %d entries", len(got))
	}
}

// Every secret that a client can hand in, or is handed, stays out of the log.
func TestTheAuditLogHoldsNoSecret(t *testing.T) {
	f := newFixture(t)
	id := f.want(f.do("POST", settingsPath, `{"provider":"openai","setting":{"apikey":"canary-credential-0123456789"}}`), 200).str("id")
	f.want(f.do("PATCH", settingsPath+"/"+id, `{"setting":{"apiKey":"canary-second-0123456789"}}`), 200)
	secrets := []string{f.key(id, `"key":"canary-key-0123456789"`).str("key")}
	shown := f.key(id, `"isKeyNotHashed":true`)
	secrets = append(secrets, shown.str("key"))
	secrets = append(secrets, f.want(f.do("POST", keysPath+"/"+shown.str("keyId")+"/rotate", ``), 200).str("key"))
	f.want(f.do("DELETE", keysPath+"/"+shown.str("keyId"), ""), 200)
	log := f.want(f.do("GET", auditPath, ""), 200)
	if !strings.Contains(log.text, "rotateKey") || strings.Contains(log.text, "canary") {
		t.Errorf("the log: %s", log.text)
	}
	for _, s := range secrets {
		if s != "" && strings.Contains(log.text, s) {
			t.Errorf("the log holds %q", s)
		}
	}
}

func TestVerificationSaysWhereTheLogIsBroken(t *testing.T) {
	f := newFixture(t)
	f.setting()
	f.setting()
	got := f.want(f.do("GET", auditPath+"/verification", ""), 200)
	if got.at("ok") != true || got.at("entries") != float64(2) || !strings.HasPrefix(got.str("anchor"), "2:") || got.at("broken") != nil {
		t.Errorf("a whole log: %s", got.text)
	}
	f.want(f.do("GET", auditPath+"/verification?anchor="+got.str("anchor"), ""), 200)
	other := "2:" + strings.Repeat("ab", 32)
	if got := f.want(f.do("GET", auditPath+"/verification?anchor="+other, ""), 200); got.at("ok") != false || got.at("broken") != float64(2) || got.at("entries") != float64(2) {
		t.Errorf("another anchor: %s", got.text)
	}
	f.want(f.do("GET", auditPath+"/verification?anchor=2", ""), 400)
}

// forgetful is a handler's mistake: it makes changes with a context of its own.
type forgetful struct{ Store }

func (s forgetful) CreateUser(_ context.Context, u *gateway.User) error {
	return s.Store.CreateUser(context.Background(), u)
}

func TestAHandlerThatForgetsTheAuthorChangesNothing(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.Store = forgetful{o.Store} })
	f.want(f.do("POST", usersPath, `{"name":"ann"}`), 500)
	if users, _, err := f.store.Users(t.Context(), store.UserFilter{}); err != nil || len(users) != 0 {
		t.Errorf("%d users, %v", len(users), err)
	}
}

func TestAReadingRouteCannotChangeAnything(t *testing.T) {
	f := newFixture(t)
	c := &call{api: f.shown, request: mustRequest(t), who: principal{id: "x", role: RoleAdmin}, header: http.Header{}}
	_, err := c.run(route{method: "GET", path: "/api/x", id: "x", handle: func(ctx context.Context, _ *call) (any, error) {
		return nil, f.store.CreateUser(ctx, &gateway.User{Name: "ann"})
	}}, nil)
	if users, _, errUsers := f.store.Users(t.Context(), store.UserFilter{}); err == nil || errUsers != nil || len(users) != 0 {
		t.Errorf("%v, %d users, %v", err, len(users), errUsers)
	}
}

func mustRequest(t *testing.T) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", "http://localhost/api/x", nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestViewIsAnObjectForEverything(t *testing.T) {
	for _, object := range []any{
		&gateway.ProviderSetting{APIKey: gateway.NewSecret("s")}, &gateway.CustomProvider{}, &gateway.Key{}, &gateway.Route{}, &gateway.User{},
		&gateway.Policy{}, &gateway.PriceOverride{}, gateway.AllowUnknownPrice, gateway.UnknownPricePolicy(""), &gateway.AdminKey{}, &store.Corrections{},
	} {
		var members map[string]any
		if text, err := View(object); err != nil || json.Unmarshal(text, &members) != nil || len(members) == 0 {
			t.Errorf("%T: %s, %v", object, text, err)
		}
	}
	if text, err := View(filepath.Join("a", "b")); err == nil {
		t.Errorf("something unknown: %s", text)
	}
}
