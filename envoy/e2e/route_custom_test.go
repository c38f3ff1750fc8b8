package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/testenv"
)

// TestRouteCustomSteps is what custom providers do as steps of routes, on one
// gateway.
func TestRouteCustomSteps(t *testing.T) {
	e := newCustomEnv(t)
	for name, test := range map[string]func(*testing.T, *customEnv){
		"a custom step that fails is followed":     customThenOwn,
		"a custom step answers what another fails": ownThenCustom,
		"embeddings, either way":                   customEmbeddings,
		"it costs what its price says":             customStepCost,
		"a changed target is followed at once":     customStepMoves,
		"its cluster is fetched when first needed": customStepFirst,
		"what cannot be bounded is passed over":    customStepUnbounded,
		"one that has changed is passed over":      customStepChanged,
		"one that keeps failing is skipped":        customStepHealth,
	} {
		t.Run(name, func(t *testing.T) { test(t, e) })
	}
}

// said reports whether an answer is a whole one of the fake providers'.
func said(a answer) bool {
	return a.status == 200 && a.err == nil && strings.Contains(strings.ReplaceAll(text(a.body), " ", ""), "Yousaid:hellotheregateway")
}

// customThenOwn: what fails at a custom provider is asked of OpenAI, with its
// credential and at its price: 10 tokens in and 5 out of gpt-4o-mini.
func customThenOwn(t *testing.T, e *customEnv) {
	for _, fault := range []string{"500", "429", "reset", "refused", "no such host", "error event"} {
		for _, stream := range []bool{false, true} {
			if fault == "error event" && !stream {
				continue
			}
			name, where := fmt.Sprint(fault, stream), "query"
			calls := 2
			switch fault {
			case "refused":
				where, calls = "nobody", 0
			case "no such host":
				where, calls = "nowhere", 0
			}
			e.newRoute("/first/"+strings.ReplaceAll(name, " ", "-"), []testenv.Object{alikeStep(where, testenv.Object{"retries": 1}), step(0, nil)})
			e.reset()
			e.alikes["query"].taken()
			a := e.post(t, "/api/route/first/"+strings.ReplaceAll(name, " ", "-"), fmt.Sprintf(`{"model":"any","stream":%v,%s}`, stream, hello), "X-Own-Fault", fault)
			got := len(e.alikes["query"].taken())
			if !said(a) || a.header.Get("X-Bricks-Provider") != "openai" || a.header.Get("X-Bricks-Attempts") != "3" || e.calls()[0] != 1 || got != calls {
				t.Errorf("%s: %d calls, %v %v", name, got, a.header, a)
			}
			if ev := e.event(t, a); ev.Provider != "openai" || ev.SettingID != e.up[0] || ev.Cost != "0.0000045" || ev.Attempts != 3 || ev.Incomplete {
				t.Errorf("%s: event = %+v", name, ev)
			}
		}
	}
}

// ownThenCustom: the custom provider gets the client's body but for the model,
// at its own target, and its credential where it takes it.
func ownThenCustom(t *testing.T, e *customEnv) {
	for where, query := range map[string]string{"bearer": "", "header": "", "query": "&key=alike%2Bcredential%2F0123456789"} {
		path := "/second/" + where
		e.newRoute(path, []testenv.Object{faultyStep("500", nil), alikeStep(where, nil)})
		for _, members := range []string{`"stream":false`, `"stream":true`, `"stream":true,"stream_options":{"include_usage":true}`} {
			e.alikes[where].taken()
			a := e.post(t, "/api/route"+path+"?key=mine&a=b", `{"model":"any",`+members+`,`+hello+`}`, "X-Fault", "500", "X-Case", path)
			if !said(a) || a.header.Get("X-Bricks-Provider") != "alike-"+where || a.header.Get("X-Bricks-Attempts") != "2" {
				t.Errorf("%s, %s: %v %v", where, members, a.header, a)
			}
			want := "/llm/chat?version=7" + query + ` {"model":"gpt-4o-mini",` + members + `,` + hello + `}`
			if got := e.alikes[where].taken(); len(got) != 1 || got[0] != want {
				t.Errorf("%s, %s: the custom provider got %q, want %q", where, members, got, want)
			}
			streamed, told := strings.Contains(members, "true"), members == `"stream":false` || strings.Contains(members, "usage")
			ev := e.event(t, a)
			if ev.Provider != "alike-"+where || ev.SettingID != e.settings["alike-"+where] || ev.Operation != "chat" || ev.Streamed != streamed || ev.Incomplete || ev.Estimated == told ||
				ev.PriceStatus != "unpriced" || ev.Cost != "0" || told && (ev.InputTokens != 10 || ev.OutputTokens != 5) || ev.OutputTokens == 0 {
				t.Errorf("%s, %s: event = %+v", where, members, ev)
			}
		}
		if n := len(e.faulty.seen(path)); n != 3 {
			t.Errorf("the first step was called %d times", n)
		}
	}
}

func customEmbeddings(t *testing.T, e *customEnv) {
	const model, body = "text-embedding-3-small", `{"input":"hello there"}`
	only := testenv.Object{"allowedModels": []string{model}}
	good, bad := e.CreateSetting("openai", stepCredential(1), e.fakes[1].URL(), only), e.CreateSetting("openai", faultyCredential, e.faulty.URL, only)
	custom := alikeStep("header", testenv.Object{"model": model})
	named := alikeStep("header", testenv.Object{"model": model, "params": testenv.Object{"path": "/v9/embeddings"}})
	own := testenv.Object{"provider": "openai", "model": model}
	for path, c := range map[string]struct {
		openAI   string // the setting
		steps    []testenv.Object
		fault    string
		provider string
	}{
		"/embed/custom": {bad, []testenv.Object{own, custom}, "X-Fault", "alike-header"},
		"/embed/own":    {good, []testenv.Object{custom, own}, "X-Own-Fault", "openai"},
		"/embed/named":  {bad, []testenv.Object{own, named}, "X-Fault", "alike-header"},
	} {
		key := e.CreateKey([]string{c.openAI, e.settings["alike-header"]}, nil)
		e.Do(http.MethodPost, "/api/routes", testenv.Object{"name": "e", "path": path, "keyIds": []string{key.ID}, "cacheConfig": testenv.Object{"enabled": false}, "steps": c.steps})
		a := e.post(t, "/api/route"+path, body, append(bearer(key), c.fault, "500")...)
		if a.status != 200 || !strings.Contains(string(a.body), `"embedding"`) || a.header.Get("X-Bricks-Provider") != c.provider || a.header.Get("X-Bricks-Attempts") != "2" {
			t.Errorf("%s: %v %v", path, a.header, a)
		}
		if ev := e.AwaitEvent(key, a.eventID()); ev.Operation != "embeddings" || ev.Provider != c.provider || ev.Estimated || ev.InputTokens == 0 {
			t.Errorf("%s: event = %+v", path, ev)
		}
	}
	e.newRoute("/embed/alone", []testenv.Object{named})
	if a := e.post(t, "/api/route/embed/alone", anyChat); a.status != 400 {
		t.Errorf("chat: %v", a)
	}
}

// customStepCost: 10 tokens in at 1.25 and 5 out at 3.001 dollars a million, as
// the provider tells. Where it does not, our count: "hello there gateway" is 3
// tokens, and "You said: hello there gateway" is 6.
func customStepCost(t *testing.T, e *customEnv) {
	e.newRoute("/cost", []testenv.Object{faultyStep("500", nil), alikeStep("priced", nil)})
	for members, want := range map[string]struct {
		cost   json.Number
		tokens [2]int64
	}{
		`"stream":false`: {"0.000027505", [2]int64{10, 5}},
		`"stream":true,"stream_options":{"include_usage":true}`: {"0.000027505", [2]int64{10, 5}},
		`"stream":true`: {"0.000021756", [2]int64{3, 6}},
	} {
		a := e.post(t, "/api/route/cost", `{`+members+`,`+hello+`}`, "X-Fault", "500")
		if ev := e.event(t, a); !said(a) || ev.Cost != want.cost || ev.PriceStatus != "priced" || ev.Estimated != (want.tokens[0] == 3) || ev.Provider != "alike-priced" ||
			ev.InputTokens != want.tokens[0] || ev.OutputTokens != want.tokens[1] {
			t.Errorf("%s: %v, event = %+v", members, a, ev)
		}
	}
}

// customStepMoves: a request that follows the answer to a change goes the new
// way, each time to a cluster that Envoy may not have yet.
func customStepMoves(t *testing.T, e *customEnv) {
	e.addAlike("alike-moving", "bearer", e.alikes["bearer"].address())
	e.key = e.routeKey(nil)
	e.newRoute("/moves", []testenv.Object{alikeStep("moving", testenv.Object{"timeout": "2s"}), step(0, nil)})
	places := []*alike{e.alikes["bearer"], e.fresh}
	for i := range 6 {
		to, from := places[(i+1)%2], places[i%2]
		begin := time.Now()
		e.Do(http.MethodPatch, "/api/custom/providers/"+e.ids["alike-moving"], testenv.Object{"route_configs": alikeRoutes(to.address())})
		from.taken()
		a := e.post(t, "/api/route/moves", anyChat)
		if took := time.Since(begin); !said(a) || a.header.Get("X-Bricks-Attempts") != "1" || len(to.taken()) != 1 || len(from.taken()) != 0 || took > time.Second {
			t.Errorf("change %d, after %v: %v %v", i, took, a.header, a)
		}
	}
}

// customStepFirst: many requests meet at a cluster that Envoy does not have,
// some by the route and some directly. Each arrives once.
func customStepFirst(t *testing.T, e *customEnv) {
	e.addAlike("alike-first", "bearer", e.fresh.address())
	e.key = e.routeKey(nil)
	e.newRoute("/fetch", []testenv.Object{alikeStep("first", nil), step(0, nil)})
	for round := range 2 { // the second after Envoy dropped the cluster
		const n = 20
		e.fresh.taken()
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				path, body := "/api/route/fetch", anyChat
				if i%4 == 3 {
					path, body = "/api/custom/providers/alike-first/v9/chat/completions", helloChat
				}
				if a := e.post(t, path, body); !said(a) || i%4 != 3 && a.header.Get("X-Bricks-Attempts") != "1" {
					t.Errorf("round %d, request %d: %v %v", round, i, a.header, a)
				}
			})
		}
		wg.Wait()
		if got := len(e.fresh.taken()); got != n {
			t.Errorf("round %d: the custom provider got %d requests, want %d", round, got, n)
		}
		if round == 1 {
			return
		}
		patch := func(address string) {
			e.Do(http.MethodPatch, "/api/custom/providers/"+e.ids["alike-first"], testenv.Object{"route_configs": alikeRoutes(address)})
		}
		patch(e.alikes["bearer"].address())
		testenv.Eventually(t, 10*time.Second, "Envoy drops the cluster", func() bool {
			return !strings.Contains(e.clusters(t), "custom/http/"+e.fresh.address())
		})
		patch(e.fresh.address())
	}
}

// customStepUnbounded: with a cost limit, a custom step needs a price and a
// maximum of the client's own.
func customStepUnbounded(t *testing.T, e *customEnv) {
	key := e.routeKey(testenv.Object{"costLimitInUsd": 5})
	e.newRoute("/bound", []testenv.Object{alikeStep("priced", nil), step(0, nil)}, key)
	e.newRoute("/unpriced", []testenv.Object{alikeStep("query", nil), step(0, nil)}, key)
	e.newRoute("/alone", []testenv.Object{alikeStep("priced", nil)}, key)
	const bounded = `{"max_tokens":100,` + hello + `}`
	for _, c := range []struct{ path, body, provider string }{
		{"bound", anyChat, "openai"}, {"bound", bounded, "alike-priced"}, {"unpriced", bounded, "openai"}, {"alone", bounded, "alike-priced"},
		{"bound", `{"max_completion_tokens":100,` + hello + `}`, "alike-priced"}, {"bound", `{"max_tokens":null,` + hello + `}`, "openai"},
	} {
		if a := e.post(t, "/api/route/"+c.path, c.body, bearer(key)...); !said(a) || a.header.Get("X-Bricks-Provider") != c.provider || a.header.Get("X-Bricks-Attempts") != "1" {
			t.Errorf("%s %s: %v %v, want %s", c.path, c.body, a.header, a, c.provider)
		}
	}
	a := e.post(t, "/api/route/alone", anyChat, bearer(key)...)
	if got := decodeError(t, a); a.status != 403 || got.Error.Code == nil || *got.Error.Code != "cost_not_boundable" {
		t.Errorf("got %v, want cost_not_boundable", a)
	}
	open := e.routeKey(testenv.Object{"costLimitInUsd": 5, "allowUnbounded": true})
	e.newRoute("/open", []testenv.Object{alikeStep("priced", nil)}, open)
	e.alikes["bearer"].taken()
	a = e.post(t, "/api/route/open", anyChat, bearer(open)...)
	if got := e.alikes["bearer"].taken(); !said(a) || len(got) != 1 || got[0] != "/llm/chat?version=7 "+helloChat {
		t.Errorf("allowUnbounded: %v; the custom provider got %q", a, got)
	}
	// A tenth of a cent: what is asked for costs more, so less is asked for.
	poor := e.routeKey(testenv.Object{"costLimitInUsd": 0.001})
	e.newRoute("/poor", []testenv.Object{alikeStep("priced", nil)}, poor)
	e.alikes["bearer"].taken()
	a = e.post(t, "/api/route/poor", `{"max_tokens":100000,`+hello+`}`, bearer(poor)...)
	if got := e.alikes["bearer"].taken(); !said(a) || len(got) != 1 || strings.Contains(got[0], "100000") || !strings.Contains(got[0], `"max_tokens":`) {
		t.Errorf("%v; the custom provider got %q", a, got)
	}
}

// customStepChanged: a step that its custom provider no longer fits is passed
// over, and can be called again once it does.
func customStepChanged(t *testing.T, e *customEnv) {
	e.addAlike("alike-changing", "bearer", e.alikes["bearer"].address())
	e.key = e.routeKey(nil)
	e.newRoute("/changing", []testenv.Object{alikeStep("changing", nil), step(0, nil)})
	id := e.newRoute("/changing/alone", []testenv.Object{alikeStep("changing", nil)})
	good := alikeRoutes(e.alikes["bearer"].address())
	elsewhere := alikeRoutes(e.alikes["bearer"].address())
	elsewhere[0]["model_location"] = "engine"
	for _, c := range []struct {
		routes   []testenv.Object
		provider string
		alone    int
	}{{good, "alike-changing", 200}, {elsewhere, "openai", 400}, {elsewhere[:1], "openai", 503}, {good[1:], "openai", 400}, {good, "alike-changing", 200}} {
		e.Do(http.MethodPatch, "/api/custom/providers/"+e.ids["alike-changing"], testenv.Object{"route_configs": c.routes})
		if a := e.post(t, "/api/route/changing", anyChat); !said(a) || a.header.Get("X-Bricks-Provider") != c.provider {
			t.Errorf("%v %v, want %s", a.header, a, c.provider)
		}
		if a := e.post(t, "/api/route/changing/alone", anyChat); a.status != c.alone {
			t.Errorf("alone: %v, want %d", a, c.alone)
		}
		e.Do(http.MethodPatch, "/api/routes/"+id, testenv.Object{"name": "still to be changed"})
	}
}

// customStepHealth: five failures in a row, and the step is passed over.
func customStepHealth(t *testing.T, e *customEnv) {
	e.newRoute("/custom/health", []testenv.Object{alikeStep("bearer", nil), step(0, nil)})
	e.alikes["bearer"].taken()
	begin := time.Now()
	for range 20 {
		if a := e.post(t, "/api/route/custom/health", anyChat, "X-Own-Fault", "500"); !said(a) {
			t.Errorf("got %v", a)
		}
	}
	if calls, most := len(e.alikes["bearer"].taken()), 5+int(time.Since(begin)/time.Second)+1; calls < 5 || calls > most {
		t.Errorf("the failing step was called %d times, want 5 to %d", calls, most)
	}
	all := metrics(t, e.faultEnv)
	if !strings.Contains(all, `bricks_route_attempts_total{outcome="failed",provider="custom"}`) || strings.Contains(all, "alike-") {
		t.Errorf("metrics name no custom attempts, or a custom provider:\n%s", all)
	}
}
