package redis

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/bricks-gateway/bricks/internal/cache"
	"github.com/bricks-gateway/bricks/internal/cache/cachetest"
	"github.com/bricks-gateway/bricks/internal/testenv"
)

func open(t *testing.T, c goredis.UniversalClient) *Store {
	t.Helper()
	r := New(Options{Client: c, Timeout: 5 * time.Second, Limit: cachetest.Limit, Logger: slog.New(slog.DiscardHandler)})
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func TestRedis(t *testing.T) {
	server := testenv.StartRedis(t)
	cachetest.Run(t, func(t *testing.T) cache.Store {
		server.MustDo("FLUSHALL")
		return open(t, goredis.NewClient(&goredis.Options{Addr: server.Address}))
	})
}

func TestCluster(t *testing.T) {
	var addresses []string
	for _, n := range testenv.StartRedisCluster(t) {
		addresses = append(addresses, n.Address)
	}
	cachetest.Run(t, func(t *testing.T) cache.Store {
		c := goredis.NewClusterClient(&goredis.ClusterOptions{Addrs: addresses})
		if err := c.ForEachMaster(context.Background(), func(ctx context.Context, c *goredis.Client) error { return c.FlushAll(ctx).Err() }); err != nil {
			t.Fatal(err)
		}
		return open(t, c)
	})
}

var scope = cache.Scope{Route: "r", Revision: 7}

func TestRedisHoldsNothingReadable(t *testing.T) {
	server := testenv.StartRedis(t)
	r := open(t, goredis.NewClient(&goredis.Options{Addr: server.Address}))
	ctx, k := context.Background(), cachetest.Key("a")
	if err := r.Put(ctx, scope, k, cachetest.Entry("a secret answer"), time.Minute); err != nil {
		t.Fatal(err)
	}
	c := goredis.NewClient(&goredis.Options{Addr: server.Address})
	defer c.Close() //nolint:errcheck // a test's
	entries, ends := names(scope)
	all := c.HGetAll(ctx, entries).Val()
	sealed := all[k.Name()]
	if len(all) != 2 || sealed == "" || strings.Contains(sealed, "secret") || strings.Contains(sealed, "openai") {
		t.Fatalf("Redis holds %q", all)
	}
	for name, key := range map[string]string{"entries": entries, "ends": ends} {
		if ttl := c.PTTL(ctx, key).Val(); ttl <= 0 || ttl > time.Minute {
			t.Errorf("%s end in %v", name, ttl)
		}
	}
	// Whoever can write to Redis makes nobody read what he likes.
	for name, forged := range map[string][]byte{
		"cut": []byte(sealed)[:5], "another's": cachetest.Key("b").Seal([]byte(sealed)), "a changed byte": flip([]byte(sealed)), "none": {}, "an empty one": k.Seal(nil),
	} {
		if err := c.HSet(ctx, entries, k.Name(), forged).Err(); err != nil {
			t.Fatal(err)
		}
		if e, err := r.Get(ctx, scope, k); e != nil || err == nil {
			t.Errorf("%s: %+v, %v", name, e, err)
		}
	}
}

func flip(b []byte) []byte {
	b = bytes.Clone(b)
	b[len(b)/2] ^= 1
	return b
}

func TestALostRedisIsLeftAlone(t *testing.T) {
	server := testenv.StartRedis(t)
	r := open(t, goredis.NewClient(&goredis.Options{Addr: server.Address}))
	ctx, k := context.Background(), cachetest.Key("a")
	server.Kill()
	if e, err := r.Get(ctx, scope, k); e != nil || err == nil {
		t.Fatalf("%+v, %v", e, err)
	}
	for range 1000 { // a second of refused connections would take longer
		if _, err := r.Get(ctx, scope, k); !errors.Is(err, errPaused) {
			t.Fatalf("asked again: %v", err)
		}
	}
	server.Restart()
	testenv.Eventually(t, 10*time.Second, "Redis is asked again", func() bool {
		return r.Put(ctx, scope, k, cachetest.Entry("a"), time.Minute) == nil
	})
	if e, err := r.Get(ctx, scope, k); err != nil || e == nil || string(e.Body) != "a" {
		t.Errorf("%+v, %v", e, err)
	}
}
