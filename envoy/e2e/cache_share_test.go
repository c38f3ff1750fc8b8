package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/testenv"
)

// together sends n equal requests at once and releases the upstream once all of
// them are in the gateway's hands.
func together(t *testing.T, e *faultEnv, n int, path, body, hold string, headers ...string) []answer {
	t.Helper()
	headers = append([]string{"X-Fake-Hold", hold}, headers...)
	before := len(e.fakes[0].Requests())
	answers := make([]answer, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { answers[i] = e.post(t, path, body, headers...) })
	}
	e.awaitShared(t, n-1)
	e.fakes[0].Release(hold)
	wg.Wait()
	if got := len(e.fakes[0].Requests()) - before; got != 1 {
		t.Errorf("%d requests reached the provider", got)
	}
	return answers
}

// awaitShared polls until n requests wait for an equal one.
func (e *faultEnv) awaitShared(t *testing.T, n int) {
	t.Helper()
	testenv.Eventually(t, waitForEvents, "requests wait for an equal one", func() bool {
		return strings.Contains(metrics(t, e), fmt.Sprintf("\nbricks_cache_waiting_requests %d\n", n))
	})
}

func cacheShared(t *testing.T, e *faultEnv) {
	key := e.routeKey(testenv.Object{"rateLimitOverTime": 100, "rateLimitUnit": "h", "costLimitInUsd": 1})
	e.cachedRoute("/shared", "", []testenv.Object{step(0, nil)}, key)
	for name, body := range map[string]string{"json": anyChat, "stream": `{"stream":true,` + hello + `}`} {
		answers := together(t, e, 20, "/api/route/shared", body, "shared "+name, bearer(key)...)
		misses := 0
		for _, a := range answers {
			if a.status != 200 || a.err != nil || !bytes.Equal(a.body, answers[0].body) || len(a.body) == 0 {
				t.Errorf("%s: %v", name, a)
			}
			if cached(a) == "miss" {
				misses++
			}
		}
		if misses != 1 {
			t.Errorf("%s: %d misses", name, misses)
		}
	}
	// 2 calls at 0.0000045 dollars each are paid, and all 40 count for the rate.
	testenv.Eventually(t, waitForEvents, "two calls are paid", func() bool { return e.spent(t, key) == 2*4500 })
	if a := e.post(t, "/api/route/shared", anyChat, append(bearer(key), "X-Fake-Hold", "shared json")...); a.header.Get("X-Ratelimit-Remaining-Requests") != "59" {
		t.Errorf("%s requests are left", a.header.Get("X-Ratelimit-Remaining-Requests"))
	}
}

// cacheLeaderLeaves: of those that wait, one takes its place.
func cacheLeaderLeaves(t *testing.T, e *faultEnv) {
	e.cachedRoute("/leaves", "", []testenv.Object{step(0, nil)})
	const hold = "leader leaves"
	before := len(e.fakes[0].Requests())
	leading, leave := context.WithCancel(t.Context())
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_, _ = e.try(leading, http.MethodPost, "/api/route/leaves", anyChat, "X-Fake-Hold", hold)
	}()
	testenv.Eventually(t, waitForEvents, "the leader is at the provider", func() bool { return len(e.fakes[0].Requests()) == before+1 })
	answers := make([]answer, 5)
	var wg sync.WaitGroup
	for i := range answers {
		wg.Go(func() { answers[i] = e.post(t, "/api/route/leaves", anyChat, "X-Fake-Hold", hold) })
	}
	e.awaitShared(t, len(answers))
	leave()
	<-gone
	testenv.Eventually(t, waitForEvents, "another one leads", func() bool { return len(e.fakes[0].Requests()) == before+2 })
	e.awaitShared(t, len(answers)-1)
	e.fakes[0].Release(hold)
	wg.Wait()
	for _, a := range answers {
		if a.status != 200 || !bytes.Equal(a.body, answers[0].body) {
			t.Errorf("got %v", a)
		}
	}
	if n := len(e.fakes[0].Requests()) - before; n != 2 {
		t.Errorf("%d calls, want 2", n)
	}
}

// cacheFailure: who waited for a call that failed makes its own.
func cacheFailure(t *testing.T, e *faultEnv) {
	e.cachedRoute("/failure", "", []testenv.Object{faultyStep("", testenv.Object{"timeout": "2s"})})
	answers := make([]answer, 5)
	var wg sync.WaitGroup
	for i := range answers {
		wg.Go(func() {
			answers[i] = e.post(t, "/api/route/failure", anyChat, "X-Fault", "timeout", "X-Case", "cache failure", "X-Request-Timeout", "10s")
		})
	}
	e.awaitShared(t, len(answers)-1)
	wg.Wait()
	for _, a := range answers {
		if a.status != 504 {
			t.Errorf("got %v", a)
		}
	}
	if n := len(e.faulty.seen("cache failure")); n != len(answers) {
		t.Errorf("%d calls, want %d", n, len(answers))
	}
}

// cacheLittleTime: half of the time that a client has is left for a call.
func cacheLittleTime(t *testing.T, e *faultEnv) {
	e.cachedRoute("/little-time", "", []testenv.Object{step(0, nil)})
	const hold = "little time"
	before := len(e.fakes[0].Requests())
	var wg sync.WaitGroup
	wg.Go(func() { e.post(t, "/api/route/little-time", anyChat, "X-Fake-Hold", hold) })
	testenv.Eventually(t, waitForEvents, "the leader is at the provider", func() bool { return len(e.fakes[0].Requests()) == before+1 })
	begin := time.Now()
	wg.Go(func() {
		a := e.post(t, "/api/route/little-time", anyChat, "X-Fake-Hold", hold, "X-Request-Timeout", "4s")
		if a.status != 200 || cached(a) != "miss" {
			t.Errorf("got %v", a)
		}
	})
	testenv.Eventually(t, waitForEvents, "the second one calls by itself", func() bool { return len(e.fakes[0].Requests()) == before+2 })
	if took := time.Since(begin); took < 1500*time.Millisecond || took > 4*time.Second {
		t.Errorf("it went on after %v, want 2 s", took)
	}
	e.fakes[0].Release(hold)
	wg.Wait()
}
