package e2e

import (
	"net/http"
	"testing"

	"github.com/bricks-gateway/bricks/internal/testenv"
)

// countingIn has the gateway count in r, with a deadline that a busy machine does
// not miss.
func countingIn(r *testenv.Redis) testenv.Options {
	return testenv.Options{Env: []string{"REDIS_URL=redis://" + r.Address, "REDIS_CALL_TIME_OUT=5s"}}
}

// The same promises as with counters in the process.
func TestKilledWithOpenReservationsInRedis(t *testing.T) {
	killedWithOpenReservations(t, countingIn(testenv.StartRedis(t)))
}

func TestBooksAgreeWithRedis(t *testing.T) { booksAgree(t, countingIn(testenv.StartRedis(t))) }

// TestRedisIsAway: what a client sees of it, before and after.
func TestRedisIsAway(t *testing.T) {
	server := testenv.StartRedis(t)
	e := newEnv(t, countingIn(server))
	free, costs := e.newKey(nil), e.newKey(testenv.Object{"costLimitInUsd": 1})
	rated := e.newKey(testenv.Object{"rateLimitOverTime": 2, "rateLimitUnit": "h"})
	status := func(k testenv.Key) int { return e.post(t, chat, limited(false), bearer(k)...).status }
	for _, k := range []testenv.Key{free, costs, rated} {
		if s := status(k); s != http.StatusOK {
			t.Errorf("with Redis: got %d", s)
		}
	}
	server.Kill()
	if s := status(free); s != http.StatusOK {
		t.Errorf("no limits: got %d", s)
	}
	if a := e.post(t, chat, limited(false), bearer(costs)...); a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
		t.Errorf("a cost limit: got %v", a)
	}
	for _, want := range []int{http.StatusOK, http.StatusTooManyRequests} {
		if s := status(rated); s != want {
			t.Errorf("the rest of a rate limit: got %d, want %d", s, want)
		}
	}
	server.Restart()
	testenv.Eventually(t, waitForEvents, "a cost limit is checked again", func() bool { return status(costs) == http.StatusOK })
}
