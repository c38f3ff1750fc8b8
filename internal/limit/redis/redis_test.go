package redis_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/limit"
	"github.com/bricks-gateway/bricks/internal/limit/limittest"
	"github.com/bricks-gateway/bricks/internal/limit/redis"
	"github.com/bricks-gateway/bricks/internal/testenv"
)

var worlds atomic.Int64

// settled makes the server look as if the replicas of this prefix had known one
// another for long, so that nothing waits for others to come back.
func settled(t testing.TB, s redis.Server, prefix string) {
	t.Helper()
	c := goredis.NewUniversalClient(&goredis.UniversalOptions{Addrs: s.Addresses, TLSConfig: s.TLS})
	defer c.Close() //nolint:errcheck // a test's
	if err := c.Set(context.Background(), prefix+"{live}:epoch", 1, 0).Err(); err != nil {
		t.Fatal(err)
	}
}

// start returns a running limiter with counters of its own, if o has no prefix.
func start(t testing.TB, o redis.Options) *redis.Limiter {
	t.Helper()
	if o.Prefix == "" {
		o.Prefix = fmt.Sprintf("w%d:", worlds.Add(1))
		settled(t, o.Server, o.Prefix)
	}
	l := redis.New(o)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// conformance opens limiters whose reservations last as long as the suite lets
// its clock run.
func conformance(s redis.Server) limittest.Open {
	return func(t testing.TB, c *limittest.Clock, l *limittest.Ledger) limit.Limiter {
		return start(t, redis.Options{Server: s, Ledger: l, Now: c.Now, Lease: 1e6 * time.Second, Timeout: 10 * time.Second})
	}
}

func server(t testing.TB) redis.Server {
	t.Helper()
	s, err := redis.ParseURL(gateway.NewSecret(testenv.RedisURL(t)))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConformance(t *testing.T) {
	limittest.Run(t, conformance(server(t)))
}

func TestConformanceOnACluster(t *testing.T) {
	limittest.RunCases(t, conformance(clusterOf(testenv.StartRedisCluster(t))))
}

func clusterOf(nodes []*testenv.Redis) redis.Server {
	var s redis.Server
	for _, n := range nodes {
		s.Addresses = append(s.Addresses, n.Address)
	}
	return s
}

func TestConformanceOverTLS(t *testing.T) {
	r := testenv.StartTLSRedis(t)
	pem, err := os.ReadFile(r.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	limittest.RunCases(t, conformance(redis.Server{Addresses: []string{r.Address}, TLS: &tls.Config{RootCAs: roots}}))
}
