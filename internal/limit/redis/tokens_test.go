package redis_test

import (
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/limit"
	"github.com/bricks-gateway/bricks/internal/limit/limittest"
	"github.com/bricks-gateway/bricks/internal/limit/redis"
	"github.com/bricks-gateway/bricks/internal/testenv"
)

func tokenWindows(s redis.Server) limittest.OpenTokens {
	return func(t testing.TB, c *limittest.Clock, tokens int64, length time.Duration) limit.TokenWindow {
		return start(t, redis.Options{Server: s, Ledger: &limittest.Ledger{}, Now: c.Now, Timeout: 10 * time.Second}).TokenWindow(tokens, length)
	}
}

func TestTokenWindow(t *testing.T) { limittest.RunTokens(t, tokenWindows(server(t))) }

func TestTokenWindowOnACluster(t *testing.T) {
	limittest.RunTokens(t, tokenWindows(clusterOf(testenv.StartRedisCluster(t))))
}

// TestTokenWindowOfReplicas: two processes count together, and share the limit
// out when Redis is away.
func TestTokenWindowOfReplicas(t *testing.T) {
	server := testenv.StartRedis(t)
	all := replicas(t, 2, redis.Options{Server: serverOf(server), Timeout: 10 * time.Second})
	a, b := all[0].TokenWindow(1000, time.Hour), all[1].TokenWindow(1000, time.Hour)
	take := func(w *redis.TokenWindow, n int64, want string) {
		t.Helper()
		got := ""
		if err := w.Take(t.Context(), "anna", n); err != nil {
			got = code(err)
		}
		if got != want {
			t.Errorf("%d tokens: %q, want %q", n, got, want)
		}
	}
	take(a, 300, "")
	take(b, 700, "")
	take(a, 1, "rate_limit_exceeded")
	server.Kill()
	givenUp(t, all...)
	// Half each: the first has 200 of its 500 left, the second has taken more.
	take(a, 200, "")
	take(a, 1, "rate_limit_exceeded")
	take(b, 1, "rate_limit_exceeded")
	server.Restart()
	backAgain(t, all...)
	take(b, 1000, "") // Redis came back without its data
}

// TestTokenWindowWhenRedisIsLost: as the rate limits.
func TestTokenWindowWhenRedisIsLost(t *testing.T) {
	for lost, want := range map[redis.WhenLost]string{redis.Closed: string(gateway.Unavailable), redis.Open: ""} {
		server := testenv.StartRedis(t)
		r := replicas(t, 1, redis.Options{Server: serverOf(server), LostRate: lost})[0]
		w := r.TokenWindow(10, time.Hour)
		server.Kill()
		givenUp(t, r)
		got := ""
		if err := w.Take(t.Context(), "anna", 10); err != nil {
			got = code(err)
		}
		if got != want {
			t.Errorf("%s: %q, want %q", lost, got, want)
		}
	}
}
