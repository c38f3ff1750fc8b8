package e2e

import (
	"bytes"
	"net/http"
	"testing"

	"github.com/bricks-gateway/bricks/internal/testenv"
)

// TestCacheOverTwoProcessors: what one keeps the other gives, and a purge is
// for both.
func TestCacheOverTwoProcessors(t *testing.T) {
	r := newRolesOnRedis(t, 2) // the admin API waits for both
	first := r.at(r.startProcessor(r.planes[0]))
	second := r.at(r.startNamed("second", r.planes[1]))
	k := r.CreateKey([]string{r.setting}, nil)
	id, _ := r.Do(http.MethodPost, "/api/routes", testenv.Object{
		"name": "r", "path": "/r", "keyIds": []string{k.ID}, "cacheConfig": testenv.Object{"enabled": true},
		"steps": []testenv.Object{{"provider": "openai", "model": "gpt-4o-mini"}},
	})["id"].(string)
	for _, body := range []string{anyChat, `{"stream":true,` + hello + `}`} {
		for round, begin := range []func(){func() {}, func() { r.Do(http.MethodDelete, "/api/routes/"+id+"/cache", nil) }} {
			begin()
			r.fake.Reset()
			one := first.post(t, "/api/route/r", body, bearer(k)...)
			two := second.post(t, "/api/route/r", body, bearer(k)...)
			if cached(one) != "miss" || cached(two) != "hit" || !bytes.Equal(one.body, two.body) || one.status != 200 || len(r.fake.Requests()) != 1 {
				t.Errorf("round %d: %v %v, then %v %v", round, one.header, one, two.header, two)
			}
		}
	}
}

// TestCacheWithoutRedis: a lost cache costs calls, and fails nothing.
func TestCacheWithoutRedis(t *testing.T) {
	server := testenv.StartRedis(t)
	e := newRouteEnv(t, countingIn(server))
	e.cachedRoute("/r", "", []testenv.Object{step(0, nil)})
	ask := func() answer { return e.post(t, "/api/route/r", anyChat) }
	if first, second := ask(), ask(); cached(first) != "miss" || cached(second) != "hit" {
		t.Fatalf("got %v, then %v", first, second)
	}
	server.Kill()
	for range 3 {
		if a := ask(); a.status != 200 || cached(a) != "miss" {
			t.Errorf("without Redis: %v %v", a.header, a)
		}
	}
	server.Restart()
	testenv.Eventually(t, waitForEvents, "answers are kept again", func() bool { return cached(ask()) == "hit" })
}

// TestStrictPrivacyKeepsNothing: neither does a gateway that is told to have no
// room for answers.
func TestStrictPrivacyKeepsNothing(t *testing.T) {
	for name, o := range map[string]testenv.Options{
		"strict": {Args: []string{"-p", "strict"}}, "no room": {Env: []string{"CACHE_BYTES=0"}},
	} {
		t.Run(name, func(t *testing.T) {
			e := newRouteEnv(t, o)
			e.cachedRoute("/r", "", []testenv.Object{step(0, nil)})
			for range 2 {
				if a := e.post(t, "/api/route/r", anyChat); a.status != 200 || cached(a) != "" {
					t.Errorf("got %v %v", a.header, a)
				}
			}
			if n := e.upstreamCalls(); n != 2 {
				t.Errorf("%d calls, want 2", n)
			}
		})
	}
}
