package e2e

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/bricks-gateway/bricks/internal/fakeprovider"
	"github.com/bricks-gateway/bricks/internal/testenv"
)

// inParallel runs f n times on so many goroutines.
func inParallel(workers, n int, f func(i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				f(int(i))
			}
		})
	}
	wg.Wait()
}

// TestRouteCredentials: six keys, each with a setting of its own at each of
// three upstreams, all of which take any of the credentials. Requests of random
// keys on random routes fail over and rotate, while credentials are changed. No
// request carries a credential that is not its key's, at that upstream, or a body
// that is not its client's.
func TestRouteCredentials(t *testing.T) {
	const keys, upstreams, routes = 6, 3, 40
	requests := number(t, "BRICKS_TEST_REQUESTS", 1000)
	secret := func(key, upstream, version int) string {
		return fmt.Sprintf("sk-of-key-%d-at-%d-version-%d-0123456789", key, upstream, version)
	}
	var all []string
	for k := range keys {
		for u := range upstreams {
			all = append(all, secret(k, u, 0), secret(k, u, 1))
		}
	}
	var fakes []*fakeprovider.Provider
	o := testenv.Options{}
	for range upstreams {
		f, err := fakeprovider.Start(fakeprovider.Options{OpenAIKeys: all})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		fakes, o.AllowUpstream = append(fakes, f), append(o.AllowUpstream, f.Address())
	}
	e := newEnv(t, o)
	e.secrets = append(e.secrets, all...)
	settings := make([][]string, keys)
	var owners []testenv.Key
	var ids []string
	for k := range keys {
		for u, f := range fakes {
			settings[k] = append(settings[k], e.CreateSetting("openai", secret(k, u, 0), f.URL(), nil))
		}
		key := e.CreateKey(settings[k], testenv.Object{"rotationEnabled": true})
		owners, ids = append(owners, key), append(ids, key.ID)
		for _, f := range fakes {
			f.Forbid(key.Secret)
		}
	}
	for r := range routes {
		e.Do(http.MethodPost, "/api/routes", testenv.Object{
			"name": "r", "path": fmt.Sprint("/r", r), "keyIds": ids, "cacheConfig": testenv.Object{"enabled": false},
			"steps": []testenv.Object{
				{"provider": "openai", "model": "fake-503", "retries": r % 3}, {"provider": "openai", "model": "fake-429"},
				{"provider": "openai", "model": "gpt-4o-mini"},
			},
		})
	}
	stop := make(chan struct{})
	var rotating sync.WaitGroup
	rotating.Go(func() {
		for i := 0; ; i++ {
			k, u := i%keys, i/keys%upstreams
			select {
			case <-stop:
				return
			default:
				e.Do(http.MethodPatch, "/api/provider-settings/"+settings[k][u], testenv.Object{"setting": testenv.Object{"apikey": secret(k, u, 1-i/keys/upstreams%2)}})
			}
		}
	})
	calls := 0
	for done := 0; done < requests; done += 1000 { // in rounds: the fakes keep every request
		inParallel(16, min(1000, requests-done), func(i int) {
			k := rand.IntN(keys)
			body := fmt.Sprintf(`{"model":"any","seed":%d,%s}`, i, hello)
			if i%2 == 0 {
				body = fmt.Sprintf(`{"model":"any","seed":%d,"stream":true,"stream_options":{"include_usage":true},%s}`, i, hello)
			}
			a, err := e.try(t.Context(), http.MethodPost, fmt.Sprint("/api/route/r", rand.IntN(routes)), body,
				append(bearer(owners[k]), "X-Owner", fmt.Sprint(k), "X-Body-Sum", sumOfBody([]byte(body)))...)
			if err != nil || a.status != 200 || a.err != nil {
				t.Errorf("got %v %v, %v", a.header, a, err)
			}
		})
		for u, f := range fakes {
			if v := f.Violations(); len(v) > 0 {
				t.Errorf("upstream %d saw what it must not see: %q", u, v)
			}
			calls += checkOwners(t, f.Requests(), func(k int) []string { return []string{secret(k, u, 0), secret(k, u, 1)} })
			f.Reset()
		}
	}
	close(stop)
	rotating.Wait()
	t.Logf("%d requests made %d calls", requests, calls)
	if calls < 2*requests {
		t.Errorf("only %d calls: it hardly failed over", calls)
	}
}

// checkOwners: every call carries a credential of its own key's setting, and the
// body that its client sent, but for the model.
func checkOwners(t *testing.T, calls []fakeprovider.Request, credentials func(key int) []string) int {
	t.Helper()
	for _, r := range calls {
		var k int
		if _, err := fmt.Sscan(r.Header.Get("X-Owner"), &k); err != nil {
			t.Fatal(err)
		}
		if got := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "); !slices.Contains(credentials(k), got) {
			t.Fatalf("a request of key %d came with %q", k, got)
		}
		if want, got := r.Header.Get("X-Body-Sum"), sumOfBody(r.Body); got != want {
			t.Fatalf("a body was changed: %s", r.Body)
		}
	}
	return len(calls)
}

var modelMember = regexp.MustCompile(`"model":"[^"]*"`)

// sumOfBody is the SHA-256 of a body whose model is blanked out.
func sumOfBody(body []byte) string {
	return fmt.Sprintf("%x", sha256.Sum256(modelMember.ReplaceAll(body, []byte(`"model":""`))))
}

// TestRouteChangesUnderLoad: other routes come, change and go, each change in
// force when it is answered, and no request of this one fails.
func TestRouteChangesUnderLoad(t *testing.T) {
	e := newRouteEnv(t, testenv.Options{})
	e.newRoute("/steady", []testenv.Object{step(0, nil), step(1, nil)})
	stop, done := make(chan struct{}), make(chan int)
	go func() {
		var sent atomic.Int64
		inParallel(4, 4, func(int) {
			for {
				select {
				case <-stop:
					return
				default:
				}
				sent.Add(1)
				a, err := e.try(t.Context(), http.MethodPost, "/api/route/steady", anyChat)
				if err != nil || a.status != 200 || a.err != nil || a.header.Get("X-Bricks-Attempts") != "1" {
					t.Errorf("got %v %v, %v", a, a.header, err)
				}
			}
		})
		done <- int(sent.Load())
	}()
	want := func(path string, status int, model string) {
		t.Helper()
		a := e.post(t, "/api/route"+path, anyChat)
		if a.status != status || !strings.Contains(string(a.body), model) {
			t.Errorf("%s: got %v, want %d from %s", path, a, status, model)
		}
	}
	for i := range 30 {
		path := fmt.Sprint("/other/", i)
		id := e.newRoute(path, []testenv.Object{step(0, nil)})
		want(path, 200, "gpt-4o-mini")
		e.Do(http.MethodPatch, "/api/routes/"+id, testenv.Object{"steps": []testenv.Object{step(1, nil)}})
		want(path, 200, "gpt-4o-2024")
		e.Do(http.MethodPatch, "/api/routes/"+id, testenv.Object{"path": path + "/moved"})
		want(path, 404, "")
		want(path+"/moved", 200, "gpt-4o-2024")
		e.Do(http.MethodPatch, "/api/routes/"+id, testenv.Object{"keyIds": []string{}})
		want(path+"/moved", 404, "")
		e.Do(http.MethodDelete, "/api/routes/"+id, nil)
		want(path+"/moved", 404, "")
	}
	close(stop)
	t.Logf("%d requests met 150 changes", <-done)
}

// TestRouteNoOverspend: many requests at once on little money, whose first step
// fails after it was billed 10 tokens in and 5 out of gpt-3.5-turbo: 12,500
// nano-dollars, and 4,500 for the answer of gpt-4o-mini.
func TestRouteNoOverspend(t *testing.T) {
	e := newFaultEnv(t, testenv.Options{})
	const limit = 1_000_000
	for round := range (number(t, "BRICKS_TEST_ROUNDS", 3) + 2) / 3 {
		for name, c := range map[string]struct {
			fault  string
			stream string
		}{"billed failure": {"small bill", "true"}, "free failure": {"500", "false"}} {
			key := e.routeKey(testenv.Object{"costLimitInUsd": dollars(limit)})
			path := fmt.Sprintf("/spend/%d/%s", round, strings.ReplaceAll(name, " ", "-"))
			e.newRoute(path, []testenv.Object{faultyStep("", nil), step(0, nil)}, key)
			body := `{"max_tokens":16,"stream":` + c.stream + `,` + hello + `}`
			var answered, refused atomic.Int64
			inParallel(50, 400, func(int) {
				a, err := e.try(t.Context(), http.MethodPost, "/api/route"+path, body, append(bearer(key), "X-Fault", c.fault, "X-Case", path)...)
				switch {
				case err != nil || a.err != nil:
					t.Errorf("got %v, %v", a, err)
				case a.status == 200:
					answered.Add(1)
				case a.status == 429:
					refused.Add(1)
				case a.status != 500: // the first step's, where there was no money for the next one
					t.Errorf("got %v", a)
				}
			})
			// One by one, until nothing is left that a request could cost.
			testenv.Eventually(t, waitForEvents, "the money is gone", func() bool {
				a := e.post(t, "/api/route"+path, body, append(bearer(key), "X-Fault", c.fault, "X-Case", path)...)
				return a.status == 429 && strings.Contains(string(a.body), "insufficient_quota")
			})
			var sum int64
			testenv.Eventually(t, waitForEvents, "the counters agree with the events", func() bool {
				sum = 0
				for _, ev := range e.Events(url.Values{"keyIds": {key.ID}}) {
					sum += nanoOf(t, ev.Cost)
				}
				return sum == e.routeEnv.spent(t, key)
			})
			t.Logf("%s: %d answered, %d refused, %d spent", name, answered.Load(), refused.Load(), sum)
			if sum > limit {
				t.Errorf("%s: spent %d of %d", name, sum, limit)
			}
			if sum < limit*9/10 {
				t.Errorf("%s: %d refused, spent %d of %d: the limit was not reached", name, refused.Load(), sum, limit)
			}
		}
	}
	e.checkLedger(t)
}
