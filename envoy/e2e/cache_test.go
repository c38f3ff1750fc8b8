package e2e

import (
	"bytes"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/testenv"
)

// TestCache is what routes that keep answers do, on one gateway.
func TestCache(t *testing.T) {
	e := newFaultEnv(t, testenv.Options{Env: []string{"CACHE_ANSWER_BYTES=20000"}})
	for name, test := range map[string]func(*testing.T, *faultEnv){
		"a hit is the same bytes, free, and counts for the rate": cacheHit,
		"any other request misses":                               cacheKeys,
		"only whole good answers are kept":                       cacheWhole,
		"checks run before the cache":                            cacheChecks,
		"an entry ends by its time":                              cacheTTL,
		"a purge, and any change, begins anew":                   cachePurge,
		"a client may go past it":                                cachePast,
		"equal requests share one answer":                        cacheShared,
		"who leads may leave":                                    cacheLeaderLeaves,
		"a failure is not shared":                                cacheFailure,
		"little time is not spent on waiting":                    cacheLittleTime,
		"a lowered maximum is not kept":                          cacheLowered,
	} {
		t.Run(name, func(t *testing.T) { test(t, e) })
	}
	e.checkLedger(t)
}

// cachedRoute makes a route that keeps answers, for the env's key and more.
func (e *routeEnv) cachedRoute(path, ttl string, steps []testenv.Object, keys ...testenv.Key) string {
	ids := []string{e.key.ID}
	for _, k := range keys {
		ids = append(ids, k.ID)
	}
	id, _ := e.Do(http.MethodPost, "/api/routes", testenv.Object{
		"name": path, "path": path, "steps": steps, "keyIds": ids, "cacheConfig": testenv.Object{"enabled": true, "ttl": ttl},
	})["id"].(string)
	return id
}

// upstreamCalls are all upstreams' calls since before.
func (e *routeEnv) upstreamCalls() (n int) {
	for _, calls := range e.calls() {
		n += calls
	}
	return n
}

// cached is "hit", "miss" or empty.
func cached(a answer) string { return a.header.Get("X-Bricks-Cache") }

func cacheHit(t *testing.T, e *faultEnv) {
	key := e.routeKey(testenv.Object{"rateLimitOverTime": 10, "rateLimitUnit": "h", "costLimitInUsd": 1, "shouldLogResponse": true})
	e.cachedRoute("/hit", "", []testenv.Object{step(0, nil)}, key)
	for i, body := range []string{anyChat, `{"stream":true,` + hello + `}`, `{"stream":true,"stream_options":{"include_usage":true},` + hello + `}`} {
		before := e.upstreamCalls()
		first := e.post(t, "/api/route/hit", body, bearer(key)...)
		second := e.post(t, "/api/routes/hit", body, bearer(key)...)
		if first.status != 200 || second.status != 200 || cached(first) != "miss" || cached(second) != "hit" || !bytes.Equal(first.body, second.body) || len(first.body) == 0 {
			t.Fatalf("%s:\nfirst %v %v\nsecond %v %v", body, first.header, first, second.header, second)
		}
		if n := e.upstreamCalls() - before; n != 1 {
			t.Errorf("%s: %d calls", body, n)
		}
		for _, name := range []string{"Content-Type", "X-Bricks-Provider"} {
			if first.header.Get(name) != second.header.Get(name) || first.header.Get(name) == "" {
				t.Errorf("%s: %q, then %q", name, first.header.Get(name), second.header.Get(name))
			}
		}
		if age, err := strconv.Atoi(second.header.Get("Age")); err != nil || age > 10 || first.header.Get("Age") != "" {
			t.Errorf("age %q, then %q", first.header.Get("Age"), second.header.Get("Age"))
		}
		if left := second.header.Get("X-Ratelimit-Remaining-Requests"); left != strconv.Itoa(8-2*i) {
			t.Errorf("%s requests are left after %d", left, 2*i+2)
		}
		if first.eventID() == second.eventID() || second.header.Get("X-Bricks-Attempts") != "0" {
			t.Errorf("hit has %v", second.header)
		}
		paid, free := e.AwaitEvent(key, first.eventID()), e.AwaitEvent(key, second.eventID())
		if paid.Cost == "0" || paid.Action != "allowed" {
			t.Errorf("first event %+v", paid)
		}
		if free.Cost != "0" || free.Action != "cached" || free.PriceStatus != "free" || free.Status != 200 || free.InputTokens != 0 || free.OutputTokens != 0 ||
			free.Model != paid.Model || free.Provider != "openai" || free.RouteID != paid.RouteID || free.Attempts != 0 || free.Path != "/api/routes/hit" {
			t.Errorf("hit's event %+v", free)
		}
		if found := e.Events(url.Values{"keyIds": {key.ID}, "actions": {"cached"}}); len(found) != i+1 || found[0].ID != free.ID {
			t.Errorf("events with the action cached: %+v", found)
		}
		if !bytes.Equal(free.Response, second.body) {
			t.Errorf("kept with the event: %q", free.Response)
		}
	}
}

// cacheWhole: what is no complete 200 is asked for again.
func cacheWhole(t *testing.T, e *faultEnv) {
	e.cachedRoute("/whole", "", []testenv.Object{faultyStep("", testenv.Object{"timeout": "5s"})})
	stream := `{"stream":true,` + hello + `}`
	for name, c := range map[string]struct {
		fault, body string
		headers     []string
	}{
		"an error":              {"500", anyChat, nil},
		"a refusal":             {"400", anyChat, nil},
		"of the credential":     {"401", anyChat, nil},
		"a cut JSON":            {"cut", anyChat, nil},
		"a cut stream":          {"cut", stream, []string{"X-Stream", "1"}},
		"a stream without end":  {"clean end", stream, nil},
		"an error event":        {"error event", stream, nil},
		"an error later":        {"", stream, []string{"X-Fake-Error-After", "3"}},
		"too large":             {"", anyChat, []string{"X-Fake-Words", "9000"}},
		"a stream that is, too": {"", stream, []string{"X-Fake-Words", "300"}},
	} {
		t.Run(name, func(t *testing.T) {
			headers := append(c.headers, "X-Fault", c.fault, "X-Case", name)
			for range 2 {
				if a := e.post(t, "/api/route/whole", c.body, headers...); cached(a) == "hit" {
					t.Errorf("kept: %v", a)
				}
			}
			if n := len(e.faulty.seen(name)); n != 2 {
				t.Errorf("%d calls, want 2", n)
			}
		})
	}
	// The same upstream, when it does not fail.
	for _, want := range []string{"miss", "hit"} {
		if a := e.post(t, "/api/route/whole", stream, "X-Case", "good"); a.status != 200 || cached(a) != want {
			t.Errorf("got %v, want a %s", a, want)
		}
	}
}

func cacheChecks(t *testing.T, e *faultEnv) {
	key := e.routeKey(testenv.Object{"rateLimitOverTime": 3, "rateLimitUnit": "h"})
	id := e.cachedRoute("/checks", "", []testenv.Object{step(0, nil)}, key)
	ask := func() answer { return e.post(t, "/api/route/checks", anyChat, bearer(key)...) }
	for i, want := range []int{200, 200, 200, 429} {
		if a := ask(); a.status != want || (cached(a) == "hit") != (i == 1 || i == 2) {
			t.Errorf("request %d: %v %v", i, a.header, a)
		}
	}
	e.Do(http.MethodPatch, "/api/key-management/keys/"+key.ID, testenv.Object{"rateLimitOverTime": 100, "rateLimitUnit": "h"})
	if a := ask(); cached(a) != "hit" {
		t.Errorf("with a higher limit: %v", a)
	}
	for _, c := range []struct {
		change testenv.Object
		status int
	}{
		{testenv.Object{"allowedModels": []string{"gpt-4o"}}, 403},
		{testenv.Object{"allowedModels": nil, "allowedPaths": []testenv.Object{{"path": "/api/route/other", "method": "POST"}}}, 403},
		{testenv.Object{"allowedPaths": nil, "revoked": true, "revokedReason": "test"}, 401},
	} {
		e.Do(http.MethodPatch, "/api/key-management/keys/"+key.ID, c.change)
		if a := ask(); a.status != c.status {
			t.Errorf("%v: %v", c.change, a)
		}
	}
	e.Do(http.MethodDelete, "/api/routes/"+id, nil)
	if a := e.post(t, "/api/route/checks", anyChat); a.status != 404 {
		t.Errorf("without the route: %v", a)
	}
}

func cacheTTL(t *testing.T, e *faultEnv) {
	e.cachedRoute("/ttl", "2s", []testenv.Object{step(0, nil)})
	begin := time.Now()
	if a := e.post(t, "/api/route/ttl", anyChat); cached(a) != "miss" {
		t.Fatalf("got %v", a)
	}
	hits := 0
	testenv.Eventually(t, 10*time.Second, "the entry ends", func() bool {
		a := e.post(t, "/api/route/ttl", anyChat)
		if cached(a) == "hit" {
			hits++
			return false
		}
		return a.status == 200
	})
	if took := time.Since(begin); took < 1900*time.Millisecond || hits == 0 {
		t.Errorf("it ended after %v and %d hits", took, hits)
	}
}

func cachePurge(t *testing.T, e *faultEnv) {
	id := e.cachedRoute("/purge", "", []testenv.Object{step(0, nil)})
	other := `{"temperature":1,` + hello + `}`
	ask := func(body string) string { return cached(e.post(t, "/api/route/purge", body)) }
	for i, change := range []func(){
		func() { e.Do(http.MethodDelete, "/api/routes/"+id+"/cache", nil) },
		func() { e.Do(http.MethodPatch, "/api/routes/"+id, testenv.Object{"name": "another"}) },
		func() {
			e.Do(http.MethodPatch, "/api/provider-settings/"+e.up[0], testenv.Object{"setting": testenv.Object{"apikey": stepCredential(0)}})
		},
		func() {
			e.Do(http.MethodPatch, "/api/routes/"+id, testenv.Object{"cacheConfig": testenv.Object{"enabled": false}})
			if got := ask(anyChat); got != "" {
				t.Errorf("switched off: %q", got)
			}
			e.Do(http.MethodPatch, "/api/routes/"+id, testenv.Object{"cacheConfig": testenv.Object{"enabled": true}})
		},
	} {
		if got := []string{ask(anyChat), ask(anyChat), ask(other), ask(other)}; strings.Join(got, " ") != "miss hit miss hit" {
			t.Errorf("before change %d: %v", i, got)
		}
		change()
	}
	if got := []string{ask(anyChat), ask(other)}; strings.Join(got, " ") != "miss miss" {
		t.Errorf("after the last change: %v", got)
	}
	if status, body := e.Call(http.MethodDelete, "/api/routes/d9c1a7b0-43c8-4e70-a1f1-3a41fb1d7b0a/cache", nil); status != 404 {
		t.Errorf("no such route: %d %s", status, body)
	}
}

func cachePast(t *testing.T, e *faultEnv) {
	e.cachedRoute("/past", "", []testenv.Object{step(0, nil)})
	ask := func(control string) string {
		return cached(e.post(t, "/api/route/past", anyChat, "Cache-Control", control))
	}
	if got := []string{ask("no-store"), ask("max-age=0"), ask("max-age=0"), ask("no-cache"), ask("")}; strings.Join(got, " ") != "miss miss hit miss hit" {
		t.Errorf("got %v", got)
	}
}

// cacheLowered: an answer that is short for want of money is no answer to who
// has more.
func cacheLowered(t *testing.T, e *faultEnv) {
	key := e.routeKey(testenv.Object{"costLimitInUsd": 0.00002})
	e.cachedRoute("/lowered", "", []testenv.Object{step(0, nil)}, key)
	body := `{"max_tokens":1000,` + hello + `}`
	a := e.post(t, "/api/route/lowered", body, append(bearer(key), "X-Fake-Words", "5")...)
	if a.status != 200 || a.header.Get("X-Bricks-Max-Output-Tokens") == "" {
		t.Fatalf("got %v %v", a.header, a)
	}
	e.Do(http.MethodPatch, "/api/key-management/keys/"+key.ID, testenv.Object{"costLimitInUsd": 1})
	for _, want := range []string{"miss", "hit"} {
		if a := e.post(t, "/api/route/lowered", body, append(bearer(key), "X-Fake-Words", "5")...); a.status != 200 || cached(a) != want {
			t.Errorf("got %v, want a %s", a, want)
		}
	}
}
