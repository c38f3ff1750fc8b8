package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/bricks-gateway/bricks/internal/audit"
	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/provider"
	"github.com/bricks-gateway/bricks/internal/store"
)

// world is one object of everything, all with one tag where they carry tags.
type world struct {
	tag string
	ids map[string]string // by the group of the document; "key" and "spare" are a key and a setting that none uses
	all []string          // every id
}

func (f *fixture) world(tag string) world {
	f.t.Helper()
	w := world{tag: tag, ids: map[string]string{}}
	tags := `"tags":["` + tag + `"]`
	setting := f.setting()
	key := f.key(setting, tags).str("keyId")
	w.ids["provider settings"], w.ids["spare"], w.ids["key"] = setting, f.setting(), key
	w.ids["custom providers"] = f.want(f.custom(tag, tags), 200).str("id")
	w.ids["routes"] = f.want(f.do("POST", failoverPath, w.bodyOf("createRoute")), 200).str("id")
	w.ids["policies"] = f.policy(`"`+tag+`"`, `,"name":"p"`)
	w.ids["users"] = f.user(tags + `,"userId":"spike"`).str("id")
	w.ids["pricing"] = f.want(f.do("PUT", pricingPath+"/models/"+tag, w.bodyOf("putModelPrice")), 200).str("id")
	w.ids["admin keys"] = f.want(f.do("POST", adminKeysPath, w.bodyOf("createAdminKey")), 200).str("id")
	event := &gateway.Event{ID: uuid.NewString(), CreatedAt: f.clock(), KeyID: key, Tags: []string{tag}, PriceStatus: gateway.Priced, Cost: 7,
		Provider: "openai", RequestModel: "gpt-4o", Usage: gateway.Usage{InputTokens: 1000}}
	if err := f.store.WriteEvents(f.t.Context(), []*gateway.Event{event}); err != nil {
		f.t.Fatal(err)
	}
	w.ids["event"] = event.ID
	for _, id := range w.ids {
		w.all = append(w.all, id)
	}
	return w
}

// bodyOf is a valid body of an operation that writes; "-" for one that takes none.
func (w world) bodyOf(operation string) string {
	named := fmt.Sprintf(`"name":"changed","tags":[%q]`, w.tag)
	key := fmt.Sprintf(`{%s,"settingIds":[%q]}`, named, w.ids["provider settings"])
	user := `{` + named + `,"userId":"faye"}`
	price := `{"prices":{"input_cost_per_token":0.000001,"output_cost_per_token":0}}`
	setting := `{"provider":"openai","setting":{"apikey":"sk-9876543210fedcba"}}`
	return map[string]string{
		"createProviderSetting": setting, "putProviderSetting": setting, "updateProviderSetting": `{"name":"changed"}`, "deleteProviderSetting": "-", "testProviderSetting": "-",
		"createCustomProvider": fmt.Sprintf(`{"provider":"new","route_configs":[%s],"tags":[%q]}`, customRoute, w.tag),
		"updateCustomProvider": `{"authentication_param":"changed"}`, "deleteCustomProvider": "-",
		"createKey": key, "postKey": key, "updateKey": `{"name":"changed"}`, "deleteKey": "-", "rotateKey": `{}`,
		"createRoute": fmt.Sprintf(`{"name":"r","path":"/%s/%d","keyIds":[%q],"steps":[{"provider":"openai","model":"gpt-4o"}],%s}`, w.tag, len(w.ids), w.ids["key"], noCache),
		"updateRoute": `{"name":"changed"}`, "purgeRoute": "-", "deleteRoute": "-",
		"createPolicy": `{` + named + `}`, "updatePolicy": `{"name":"changed"}`, "deletePolicy": "-",
		"createUser": user, "putUser": user, "updateUser": `{"name":"changed"}`, "updateUserByName": `{"name":"changed"}`, "deleteUser": "-",
		"putModelPrice": price, "putSettingModelPrice": price, "deletePriceOverride": "-", "putPricePolicy": `{"unknownPricePolicy":"allow"}`,
		"rerateEvents":   `{"from":0,"to":9999999999,"apply":true}`,
		"createAdminKey": `{"name":"changed","role":"viewer"}`, "deleteAdminKey": "-",
	}[operation]
}

// request is a valid request of the route on the objects of w. A new route that
// writes has to be given a body above.
func (w world) request(t *testing.T, rt route) (path, body string) {
	t.Helper()
	body = w.bodyOf(rt.id)
	if rt.writes() && body == "" {
		t.Fatalf("%s: this test has no request for it", rt.id)
	}
	body = strings.TrimPrefix(body, "-")
	id := w.ids[rt.group]
	if rt.id == "deleteProviderSetting" {
		id = w.ids["spare"]
	}
	path = strings.NewReplacer("{id}", id, "{keyId}", w.ids["key"], "{settingId}", w.ids["provider settings"], "{model...}", w.tag).Replace(rt.path)
	switch rt.id {
	case "listEvents":
		path += "?start=0&end=9999999999&keyIds=" + w.ids["key"]
	case "searchEvents":
		path += "?start=0&end=9999999999"
	case "postSearchEvents":
		body = `{"start":0,"end":9999999999}`
	case "searchKeys":
		body = `{}`
	case "updateUserByName":
		path += "?userId=spike"
	}
	if strings.Contains(rt.path, "{id}") && id == "" && !strings.HasPrefix(rt.path, "/api/reporting/users/") {
		t.Fatalf("%s: this test has no object for it", rt.id)
	}
	return strings.Replace(path, "/api/reporting/users/", "/api/reporting/users/"+w.ids["users"], 1), body
}

// state is all that can be changed through the API, as the store has it.
func (f *fixture) state() string {
	f.t.Helper()
	ctx := f.t.Context()
	var all strings.Builder
	read := func(objects any, err error) {
		f.t.Helper()
		text, errText := json.Marshal(objects)
		if err := errors.Join(err, errText); err != nil {
			f.t.Fatal(err)
		}
		all.Write(text)
	}
	read(f.store.Settings(ctx, nil))
	read(f.store.CustomProviders(ctx, store.CustomProviderFilter{}))
	keys, _, err := f.store.Keys(ctx, store.KeyFilter{})
	read(keys, err)
	read(f.store.Routes(ctx, nil))
	read(f.store.Policies(ctx, store.PolicyFilter{}))
	users, _, err := f.store.Users(ctx, store.UserFilter{})
	read(users, err)
	read(f.store.PriceOverrides(ctx))
	read(f.store.UnknownPricePolicy(ctx))
	read(f.store.AdminKeys(ctx))
	events, _, err := f.store.Events(ctx, store.EventFilter{})
	read(events, err)
	read(f.store.VerifyAudit(ctx, audit.Anchor{}))
	read(f.store.Revision(ctx))
	return all.String()
}

// outsider makes an admin key by the API and returns its secret.
func (f *fixture) outsider(role, tags string) string {
	f.t.Helper()
	return f.want(f.do("POST", adminKeysPath, `{"name":"outsider","role":"`+role+`","tags":[`+tags+`]}`), 200).str("key")
}

func probing(o *Options) {
	o.Probe = func(context.Context, *gateway.ProviderSetting) provider.ProbeResult {
		return provider.ProbeResult{Status: 200}
	}
}

// The requests of the tests below are good ones: made by an admin, each changes
// something and is audited.
func TestEveryRouteThatWritesIsAudited(t *testing.T) {
	if testing.Short() {
		t.Skip("makes a database for each route, one after the other: nothing for the race detector")
	}
	for _, rt := range newFixture(t).shown.routes {
		if !rt.writes() {
			continue
		}
		f := newFixture(t, probing)
		path, body := f.world("team-b").request(t, rt)
		before, audited := f.state(), len(f.audited("?limit=1000"))
		f.want(f.do(rt.method, path, body), 200)
		entries := f.audited("?limit=1000")
		if rt.id == "testProviderSetting" { // it looks only
			if f.state() != before {
				t.Errorf("%s changed something", rt.id)
			}
			continue
		}
		if len(entries) != audited+1 || (answer{body: entries[0]}).str("operation") != rt.id {
			t.Errorf("%s: %d entries, the last of them %v", rt.id, len(entries)-audited, entries[0])
		}
		if f.state() == before {
			t.Errorf("%s changed nothing", rt.id)
		}
	}
}

func TestAViewerCanChangeNothing(t *testing.T) {
	f := newFixture(t, probing)
	w := f.world("team-b")
	for name, key := range map[string]string{"configured": viewerKey, "made here": f.outsider("viewer", ""), "made here, with a scope": f.outsider("viewer", `"team-b"`)} {
		before := f.state()
		for _, rt := range f.shown.routes {
			path, body := w.request(t, rt)
			got := f.do(rt.method, path, body, as(key))
			if refused := got.status == 403; !refused && (rt.writes() || rt.access == readingAdmin) {
				t.Errorf("%s, %s %s: status %d %s", name, rt.method, path, got.status, got.text)
			}
			if after := f.state(); after != before {
				t.Fatalf("%s, %s %s changed something", name, rt.method, path)
			}
		}
	}
}

func TestAScopeCannotBeLeft(t *testing.T) {
	f := newFixture(t, probing)
	mine, theirs := f.world("team-a"), f.world("team-b")
	outsider := f.outsider("admin", `"team-a"`)
	for name, key := range map[string]string{"configured": scopedKey, "made here": outsider, "made here, with a narrower one": f.outsider("admin", `"team-a","x"`)} {
		before := f.state()
		for _, rt := range f.shown.routes {
			path, body := theirs.request(t, rt)
			if rt.id == "updateUserByName" {
				path += "&tags=team-b"
			}
			got := f.do(rt.method, path, body, as(key))
			switch {
			case rt.access >= readingWhole && got.status != 403:
				t.Errorf("%s, %s %s: status %d %s", name, rt.method, path, got.status, got.text)
			case rt.writes() && got.status < 400:
				t.Errorf("%s, %s %s: status %d %s", name, rt.method, path, got.status, got.text)
			}
			for _, id := range theirs.all {
				if got.status == 200 && strings.Contains(got.text, id) {
					t.Errorf("%s, %s %s shows %s of the other scope: %s", name, rt.method, path, id, got.text)
				}
			}
			if after := f.state(); after != before {
				t.Fatalf("%s, %s %s changed something", name, rt.method, path)
			}
		}
	}
	// What is its own it can change, but not give away.
	for _, one := range []string{keysPath + "/" + mine.ids["key"], policiesPath + "/" + mine.ids["policies"], usersPath + "/" + mine.ids["users"], customProvidersPath + "/" + mine.ids["custom providers"]} {
		f.want(f.do("PATCH", one, `{"tags":["team-a"]}`, as(outsider)), 200)
		before := f.state()
		for _, tags := range []string{`[]`, `null`, `["team-b"]`} {
			if got := f.do("PATCH", one, `{"tags":`+tags+`}`, as(outsider)); got.status != 403 && got.status != 400 {
				t.Errorf("PATCH %s with the tags %s: %d %s", one, tags, got.status, got.text)
			}
		}
		if f.state() != before {
			t.Errorf("%s was given away", one)
		}
	}
}

func TestAdminKeyLifeCycle(t *testing.T) {
	f := newFixture(t)
	made := f.want(f.do("POST", adminKeysPath, `{"name":"ci","role":"admin","tags":["team-a","team-a"]}`), 200)
	secret, id := made.str("key"), made.str("id")
	if len(secret) != len(adminKeyPrefix)+43 || made.str("role") != "admin" || fmt.Sprint(made.at("tags")) != "[team-a]" || made.at("createdAt") != float64(f.now.Unix()) {
		t.Errorf("made %s", made.text)
	}
	me := as(secret)
	f.want(f.do("POST", usersPath, `{"name":"ann","tags":["team-a"]}`, me), 200)
	if e := (answer{body: f.audited("")[0]}); e.at("author", "id") != "key:"+id || e.at("author", "name") != "ci" {
		t.Errorf("its change is by %v", e.at("author"))
	}
	for _, path := range []string{adminKeysPath, adminKeysPath + "/" + id, auditPath} {
		if got := f.want(f.do("GET", path, ""), 200); strings.Contains(got.text, secret) || !strings.Contains(got.text, id) {
			t.Errorf("GET %s: %s", path, got.text)
		}
	}
	f.want(f.do("DELETE", adminKeysPath+"/"+id, ""), 200)
	if got := f.do("GET", usersPath, "", me); got.status != 401 {
		t.Errorf("a revoked key: %d %s", got.status, got.text)
	}
	f.want(f.do("DELETE", adminKeysPath+"/"+id, ""), 404)
	for body, want := range map[string]int{
		`{"name":"n","role":"owner"}`: 400, `{"name":" ","role":"admin"}`: 400, `{"role":"admin"}`: 400, `{"name":"n"}`: 400,
		`{"name":"n","role":"admin","key":"chosen-by-the-client-0123456789"}`: 400, `{"name":"n","role":"admin","tags":[""]}`: 400,
	} {
		f.want(f.do("POST", adminKeysPath, body), want)
	}
}

// What the store holds cannot lock anyone out, and neither can a store that is
// away: the keys of the configuration are looked at first.
func TestTheConfiguredKeyIsAlwaysGood(t *testing.T) {
	f := newFixture(t)
	made := f.want(f.do("POST", adminKeysPath, `{"name":"n","role":"admin"}`), 200)
	f.want(f.do("DELETE", adminKeysPath+"/"+made.str("id"), "", as(made.str("key"))), 200) // even by itself
	f.want(f.do("GET", adminKeysPath, ""), 200)
	other := f.outsider("admin", "")
	if err := f.store.Close(); err != nil {
		t.Fatal(err)
	}
	f.want(f.do("GET", documentPath, ""), 200)
	f.want(f.do("GET", documentPath, "", as(other)), 503)
	f.want(f.do("GET", documentPath, "", as("wrong")), 401)
}

func TestAnOpenAPIMakesNoAdminKeys(t *testing.T) {
	f := newFixture(t, func(o *Options) { o.AdminKeys, o.Loopback = nil, true })
	got := f.want(f.do("POST", adminKeysPath, `{"name":"n","role":"admin"}`, as("")), 409)
	if !strings.Contains(got.str("detail"), "ADMIN_PASS") {
		t.Errorf("%s", got.text)
	}
	f.want(f.do("POST", usersPath, `{"name":"ann"}`, as("")), 200)
	if e := (answer{body: f.want(f.do("GET", auditPath, "", as("")), 200).at("entries", 0)}); e.at("author", "id") != "local" {
		t.Errorf("the change is by %v", e.at("author"))
	}
}

func TestRefusedRequestsAreLogged(t *testing.T) {
	var log logLines
	f := newFixture(t, func(o *Options) { o.Logger = log.logger() })
	f.do("GET", keysPath, "", as("wrong-key-that-nobody-has"))
	f.do("DELETE", keysPath+"/98daa3ae-961d-4253-bf6a-322a32fdca3d", "", as(viewerKey))
	f.do("GET", "/api/health", "")
	lines := log.lines()
	if len(lines) != 2 || lines[0]["status"] != 401.0 || lines[1]["status"] != 403.0 || lines[0]["address"] != "127.0.0.1" || lines[0]["author"] != "" ||
		!strings.HasPrefix(fmt.Sprint(lines[1]["author"]), "configured:") || lines[1]["path"] != keysPath+"/98daa3ae-961d-4253-bf6a-322a32fdca3d" {
		t.Errorf("%v", lines)
	}
	f.advance(time.Second)
	for range maxRefusalsLogged + 7 {
		f.do("GET", keysPath, "", as("wrong"))
	}
	f.advance(time.Second)
	f.do("GET", keysPath, "", as("wrong"))
	lines = log.lines()
	if n := len(lines); n != 2+20+2 || lines[n-2]["count"] != 7.0 {
		t.Errorf("%d lines, want 2, 20 of 27, how many were left out and 1; the last two are %v", n, lines[n-2:])
	}
	if text, _ := json.Marshal(lines); strings.Contains(string(text), "nobody-has") {
		t.Errorf("the log holds what was presented: %s", text)
	}
}
