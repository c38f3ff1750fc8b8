package admin

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

// events writes five events, a minute apart, the first at the clock's time. The
// even ones are of keyA and tag a, the odd ones of keyB and tag b.
func (f *fixture) events(keyA, keyB string) {
	f.t.Helper()
	var list []*gateway.Event
	for i := range 5 {
		e := &gateway.Event{ID: uuid.NewString(), CreatedAt: f.clock().Add(time.Duration(i) * time.Minute), KeyID: keyA, Tags: []string{"team-a"},
			Provider: "openai", Path: "/api/providers/openai/v1/chat/completions", Method: "POST", Operation: "chat", Status: 200,
			RequestModel: "gpt-4o", ResponseModel: "gpt-4o-2024-08-06", Cost: gateway.NanoUSD(123456789 * (5 - i)), PriceStatus: gateway.Priced,
			Usage:   gateway.Usage{InputTokens: 8, OutputTokens: 16, CacheReadTokens: 3, CacheWrite5mTokens: 1, CacheWrite1hTokens: 1, ReasoningTokens: 2},
			Latency: 160*time.Millisecond + 400*time.Microsecond, TimeToFirstToken: 100 * time.Microsecond, Attempts: 1, CustomID: fmt.Sprint("c", i),
			UserID: "u", Action: "allowed", Metadata: `{"n":1}`, Request: []byte(`{"a":1}`)}
		if i%2 == 1 {
			e.KeyID, e.Tags, e.Action = keyB, []string{"team-b"}, "blocked"
		}
		list = append(list, e)
	}
	if err := f.store.WriteEvents(f.t.Context(), list); err != nil {
		f.t.Fatal(err)
	}
}

const (
	keyA = "11111111-1111-4111-8111-111111111111"
	keyB = "22222222-2222-4222-8222-222222222222"
)

func customIDs(list any) string {
	var out strings.Builder
	items, _ := list.([]any)
	for _, e := range items {
		out.WriteString(strings.TrimPrefix(e.(map[string]any)["custom_id"].(string), "c"))
	}
	return out.String()
}

func TestEventFields(t *testing.T) {
	f := newFixture(t)
	f.events(keyA, keyB)
	got := f.want(f.do("GET", "/api/events?customId=c4", ""), 200)
	for name, want := range map[string]any{
		"created_at": float64(f.clock().Add(4 * time.Minute).Unix()), "key_id": keyA, "model": "gpt-4o-2024-08-06", "provider": "openai", "status": 200.0,
		"prompt_token_count": 8.0, "completion_token_count": 16.0, "latency_in_ms": 160.0, "time_to_first_token_in_ms": 1.0,
		"path": "/api/providers/openai/v1/chat/completions", "method": "POST", "custom_id": "c4", "user_id": "u", "action": "allowed",
		"cached_token_count": 3.0, "cache_write_token_count": 2.0, "reasoning_token_count": 2.0, "attempts": 1.0, "estimated": false, "price_status": "priced",
		"request": base64.StdEncoding.EncodeToString([]byte(`{"a":1}`)), "response": nil,
	} {
		if got.at(0, name) != want {
			t.Errorf("%s: got %v, want %v", name, got.at(0, name), want)
		}
	}
	if !strings.Contains(got.text, `"cost_in_usd":0.123456789,`) || got.at(0, "metadata", "n") != 1.0 || got.at(0, "tags", 0) != "team-a" {
		t.Errorf("event: %s", got.text)
	}
}

// A policy's events are found by what it did and tell what it found.
func TestEventsOfPolicies(t *testing.T) {
	f := newFixture(t)
	var list []*gateway.Event
	for i, action := range []string{"allowed", "warned", "redacted", "blocked"} {
		e := &gateway.Event{ID: uuid.NewString(), CreatedAt: f.clock().Add(time.Duration(i) * time.Minute), KeyID: keyA, CustomID: action, Action: action, PolicyID: "p", PriceStatus: gateway.Free}
		if action != "allowed" {
			e.Findings = map[string]int64{"email": int64(i), "regex": 7}
		}
		list = append(list, e)
	}
	list = append(list, &gateway.Event{ID: uuid.NewString(), CreatedAt: f.clock(), KeyID: keyA, Action: "blocked", PolicyID: "other", PriceStatus: gateway.Free})
	if err := f.store.WriteEvents(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	span := fmt.Sprintf("/api/v2/events?policyIds=p&start=%d&end=%d&actions=", f.clock().Unix(), f.clock().Add(time.Hour).Unix())
	for i, action := range []string{"allowed", "warned", "redacted", "blocked"} {
		got := f.want(f.do("GET", span+action, ""), 200)
		if len(got.at("events").([]any)) != 1 || got.at("events", 0, "custom_id") != action {
			t.Errorf("%s: %s", action, got.text)
		}
		found, has := got.at("events", 0, "policy_findings").(map[string]any)
		if has != (i > 0) || has && (found["email"] != float64(i) || found["regex"] != 7.0 || len(found) != 2) {
			t.Errorf("%s: findings %v", action, found)
		}
	}
	if got := f.want(f.do("GET", span+"warned,redacted,blocked", ""), 200); len(got.at("events").([]any)) != 3 {
		t.Errorf("three actions: %s", got.text)
	}
}

func TestListEvents(t *testing.T) {
	f := newFixture(t)
	f.events(keyA, keyB)
	start := f.clock().Unix()
	for query, want := range map[string]string{
		"": "43210",
		fmt.Sprintf("keyIds=%s&start=%d&end=%d", keyA, start, start+240):          "20", // the end is not part of it
		fmt.Sprintf("keyIds=%s,%s&start=%d&end=%d", keyA, keyB, start, start+240): "3210",
		fmt.Sprintf("start=%d", start+60):                                         "4321",
		fmt.Sprintf("keyIds=none&start=%d&end=%d", start, start+240):              "",
		"customId=c2":      "2",
		"limit=2&offset=1": "32",
		"keyIds=":          "43210",
	} {
		if got := customIDs(f.want(f.do("GET", "/api/events?"+query, "", as(viewerKey)), 200).body); got != want {
			t.Errorf("%s: events %q, want %q", query, got, want)
		}
	}
	for query, want := range map[string][]string{
		"keyIds=" + keyA:                   {"start", "end"},
		"keyIds=" + keyA + "&start=1":      {"end"},
		"start=2&end=1":                    {"start"},
		"start=x&end=-1&limit=1001&what=1": {"end", "limit", "start", "what"},
		"start=1&start=2":                  {"start"},
		"start=1/1":                        {"start"},
		"start=0x10":                       {"start"},
		"start=9999999999999999999":        {"start"},
	} {
		got := f.want(f.do("GET", "/api/events?"+query, ""), 400)
		pointers := got.pointers()
		if len(want) > 2 {
			slices.Sort(pointers)
		}
		if got.str("type") != "/errors/bad-query" || !slices.Equal(pointers, want) {
			t.Errorf("%s: %v, want %v: %s", query, pointers, want, got.text)
		}
	}
}

func TestSearchEvents(t *testing.T) {
	f := newFixture(t)
	f.events(keyA, keyB)
	span := fmt.Sprintf(`"start":%d,"end":%d`, f.clock().Unix(), f.clock().Add(time.Hour).Unix())
	for name, tc := range map[string]struct {
		query, body string
		want        string
		count       any
	}{
		"all":            {"", "", "43210", nil},
		"key":            {"keyIds=" + keyB, `"keyIds":["` + keyB + `"]`, "31", nil},
		"tag":            {"tags=team-a", `"tags":["team-a"]`, "420", nil},
		"two tags":       {"tags=team-a,team-b", `"tags":["team-a","team-b"]`, "", nil},
		"custom ids":     {"customIds=c1&customIds=c2", `"customIds":["c1","c2"]`, "21", nil},
		"user":           {"userIds=u", `"userIds":["u"]`, "43210", nil},
		"no such user":   {"userIds=v", `"userIds":["v"]`, "", nil},
		"action":         {"actions=blocked", `"actions":["blocked"]`, "31", nil},
		"policy":         {"policyIds=p", `"policyIds":["p"]`, "", nil},
		"cheapest first": {"costOrder=asc", `"costOrder":"asc"`, "43210", nil},
		"dearest first":  {"costOrder=desc", `"costOrder":"desc"`, "01234", nil},
		"oldest first":   {"dateOrder=asc", `"dateOrder":"asc"`, "01234", nil},
		"page and count": {"limit=2&offset=2&returnCount=true", `"limit":2,"offset":2,"returnCount":true`, "21", 5.0},
		"empty filters":  {"keyIds=&tags=", `"keyIds":[],"tags":null`, "43210", nil},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.body != "" {
				tc.body = "," + tc.body
			}
			query := strings.NewReplacer(`"`, "", ",", "&", ":", "=").Replace(span) + "&" + tc.query
			for how, got := range map[string]answer{
				"GET":  f.want(f.do("GET", "/api/v2/events?"+query, ""), 200),
				"POST": f.want(f.do("POST", "/api/v2/events", "{"+span+tc.body+"}", as(viewerKey)), 200),
			} {
				if ids := customIDs(got.at("events")); ids != tc.want || got.at("count") != tc.count {
					t.Errorf("%s: %q %v, want %q %v", how, ids, got.at("count"), tc.want, tc.count)
				}
			}
		})
	}
	for body, want := range map[string][]string{
		`{}`:                                   {"/end", "/start"},
		`{"start":2,"end":1}`:                  {"/start"},
		`{"start":1,"end":null}`:               {"/end"},
		`{` + span + `,"limit":1001}`:          {"/limit"},
		`{` + span + `,"actions":["denied"]}`:  {"/actions/0"},
		`{` + span + `,"costOrder":"upwards"}`: {"/costOrder"},
		`{` + span + `,"user":"x"}`:            {"/user"},
	} {
		pointers := f.want(f.do("POST", "/api/v2/events", body), 400).pointers()
		slices.Sort(pointers)
		if !slices.Equal(pointers, want) {
			t.Errorf("%s: %v, want %v", body, pointers, want)
		}
	}
	if got := f.want(f.do("GET", "/api/v2/events", ""), 400).pointers(); len(got) != 2 {
		t.Errorf("faults %v, want start and end", got)
	}
}

func TestTagScope(t *testing.T) {
	f := newFixture(t)
	setting := f.setting()
	mine := f.key(setting, `"tags":["team-a","x"]`).str("keyId")
	other := f.key(setting, `"tags":["team-b"]`).str("keyId")
	f.events(mine, other)
	me := as(scopedKey)

	if got := f.want(f.do("GET", keysPath, "", me), 200); len(got.list()) != 1 || got.at(0, "keyId") != mine {
		t.Errorf("list: %s", got.text)
	}
	if got := f.want(f.do("GET", keysPath+"?tags=team-b", "", me), 200); len(got.list()) != 0 {
		t.Errorf("list of others: %s", got.text)
	}
	if got := f.want(f.do("POST", keySearchPath, `{"returnCount":true}`, me), 200); got.at("count") != 1.0 {
		t.Errorf("search: %s", got.text)
	}
	for method, body := range map[string]string{"GET": "", "PATCH": "{}", "DELETE": ""} {
		f.want(f.do(method, keysPath+"/"+other, body, me), 404)
	}
	f.want(f.do("POST", keysPath+"/"+other+"/rotate", "{}", me), 404)
	f.want(f.do("PATCH", keysPath+"/"+mine, `{"tags":["x"]}`, me), 403)
	f.want(f.do("PATCH", keysPath+"/"+mine, `{"name":"renamed"}`, me), 200)
	f.want(f.do("PUT", keysPath, `{"name":"n","settingId":"`+setting+`"}`, me), 403)
	f.want(f.do("PUT", keysPath, `{"name":"n","settingId":"`+setting+`","tags":["team-a"]}`, me), 200)

	if got := customIDs(f.want(f.do("GET", "/api/events", "", me), 200).body); got != "420" {
		t.Errorf("events %q", got)
	}
	if got := f.want(f.do("POST", "/api/v2/events", `{"start":0,"end":253402300799,"returnCount":true}`, me), 200); got.at("count") != 3.0 {
		t.Errorf("count %v", got.at("count"))
	}
	for method, path := range map[string]string{"GET": settingsPath, "POST": settingsPath, "DELETE": settingsPath + "/" + setting, "PATCH": settingsPath + "/" + setting} {
		f.want(f.do(method, path, "{}", me), 403)
	}
	f.want(f.do("GET", "/api/xds/status?"+url.Values{}.Encode(), "", me), http.StatusForbidden)
}
