package cache

import (
	"bytes"
	"context"
	"crypto/sha256"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	goredis "github.com/redis/go-redis/v9"

	"github.com/bricks-gateway/bricks/internal/testenv"
)

const testLimit = 8 << 10

func onRedis(t *testing.T, url string) *Redis {
	t.Helper()
	o, err := goredis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	return openRedis(t, goredis.NewClient(o))
}

func openRedis(t *testing.T, c goredis.UniversalClient) *Redis {
	t.Helper()
	r := NewRedis(RedisOptions{Client: c, Timeout: 5 * time.Second, Limit: testLimit, Logger: slog.New(slog.DiscardHandler)})
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func key(text string) Key { return NewKey(sha256.Sum256([]byte(text))) }

func entry(body string) *Entry {
	return &Entry{
		StoredAt: time.UnixMilli(1_700_000_000_123), ContentType: "text/event-stream; charset=utf-8", Body: []byte(body),
		Provider: "openai", RequestModel: "mo\"del", ResponseModel: "model-1",
	}
}

// TestStores holds both stores to the same.
func TestStores(t *testing.T) {
	t.Run("memory", func(t *testing.T) { conformance(t, func(*testing.T) Store { return NewMemory(testLimit) }) })
	t.Run("redis", func(t *testing.T) {
		server := testenv.StartRedis(t)
		conformance(t, func(t *testing.T) Store {
			server.MustDo("FLUSHALL")
			return onRedis(t, "redis://"+server.Address)
		})
	})
	t.Run("redis cluster", func(t *testing.T) {
		var addresses []string
		for _, n := range testenv.StartRedisCluster(t) {
			addresses = append(addresses, n.Address)
		}
		conformance(t, func(t *testing.T) Store {
			c := goredis.NewClusterClient(&goredis.ClusterOptions{Addrs: addresses})
			if err := c.ForEachMaster(context.Background(), func(ctx context.Context, c *goredis.Client) error { return c.FlushAll(ctx).Err() }); err != nil {
				t.Fatal(err)
			}
			return openRedis(t, c)
		})
	})
}

func conformance(t *testing.T, open func(*testing.T) Store) {
	for name, test := range map[string]func(*testing.T, *fixture){
		"what was put is found, under its key and scope alone": testFound,
		"an entry ends by its time":                            testEnds,
		"a full store drops the old":                           testFull,
		"a scope that is over keeps nothing":                   testOver,
		"an entry that is too large is not kept":               testTooLarge,
		"a second put replaces the first":                      testReplaced,
	} {
		t.Run(name, func(t *testing.T) { test(t, &fixture{t: t, Store: open(t)}) })
	}
}

type fixture struct {
	Store
	t *testing.T
}

var scope = Scope{"r", 7}

func (f *fixture) put(s Scope, k Key, e *Entry, ttl time.Duration) {
	f.t.Helper()
	if err := f.Put(context.Background(), s, k, e, ttl); err != nil {
		f.t.Fatal(err)
	}
}

// body is the entry's, or "none".
func (f *fixture) body(s Scope, k Key) string {
	f.t.Helper()
	e, err := f.Get(context.Background(), s, k)
	if err != nil {
		f.t.Fatal(err)
	}
	if e == nil {
		return "none"
	}
	return string(e.Body)
}

// waitFor polls until the entry's body is want.
func (f *fixture) waitFor(s Scope, k Key, want string) {
	f.t.Helper()
	end := time.Now().Add(5 * time.Second)
	for f.body(s, k) != want {
		if time.Now().After(end) {
			f.t.Fatalf("still %.20q, want %q", f.body(s, k), want)
		}
	}
}

func testFound(t *testing.T, f *fixture) {
	f.put(scope, key("a"), entry("body"), time.Minute)
	got, err := f.Get(context.Background(), scope, key("a"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(entry("body"), got); diff != "" {
		t.Errorf("entry differs (-want +got):\n%s", diff)
	}
	for _, other := range []struct {
		s Scope
		k Key
	}{{scope, key("b")}, {Scope{"r", 8}, key("a")}, {Scope{"r2", 7}, key("a")}} {
		if got := f.body(other.s, other.k); got != "none" {
			t.Errorf("%+v: %q", other.s, got)
		}
	}
}

func testEnds(t *testing.T, f *fixture) {
	f.put(scope, key("short"), entry("short"), 30*time.Millisecond)
	f.put(scope, key("long"), entry("long"), time.Minute)
	f.waitFor(scope, key("short"), "none")
	if got := f.body(scope, key("long")); got != "long" {
		t.Errorf("got %q", got)
	}
}

func testFull(t *testing.T, f *fixture) {
	for i := range 20 {
		f.put(scope, key(string(rune('a'+i))), entry(strings.Repeat("x", 1000)), time.Minute+time.Duration(i)*time.Second)
	}
	kept := 0
	for i := range 20 {
		if f.body(scope, key(string(rune('a'+i)))) != "none" {
			kept++
		}
	}
	// 8 KiB hold five or six of at least 1,000 bytes and some more.
	if kept < 4 || kept > 8 || f.body(scope, key("t")) == "none" || f.body(scope, key("a")) != "none" {
		t.Errorf("%d entries of 1000 bytes in 8 KiB; the last: %.5q, the first: %.5q", kept, f.body(scope, key("t")), f.body(scope, key("a")))
	}
}

func testOver(t *testing.T, f *fixture) {
	other, next := Scope{"other", 1}, Scope{"r", 8}
	f.Keep(map[string]int64{"r": 7, "other": 1})
	f.put(scope, key("a"), entry("a"), time.Minute)
	f.put(other, key("a"), entry("of another route"), time.Minute)
	f.Keep(map[string]int64{"r": 8, "other": 1})
	f.waitFor(scope, key("a"), "none")
	f.put(scope, key("late"), entry("late"), time.Minute)
	f.put(next, key("a"), entry("new"), time.Minute)
	f.put(Scope{"r", 9}, key("a"), entry("newer than was told"), time.Minute)
	for _, c := range []struct {
		s    Scope
		k    Key
		want string
	}{{scope, key("late"), "none"}, {next, key("a"), "new"}, {other, key("a"), "of another route"}, {Scope{"r", 9}, key("a"), "newer than was told"}} {
		if got := f.body(c.s, c.k); got != c.want {
			t.Errorf("%+v: %q, want %q", c.s, got, c.want)
		}
	}
	f.Keep(map[string]int64{"r": 8})
	f.waitFor(other, key("a"), "none")
}

func testTooLarge(t *testing.T, f *fixture) {
	f.put(scope, key("small"), entry("small"), time.Minute)
	f.put(scope, key("large"), entry(strings.Repeat("x", testLimit)), time.Minute)
	if small, large := f.body(scope, key("small")), f.body(scope, key("large")); small != "small" || large != "none" {
		t.Errorf("got %q and %.5q", small, large)
	}
}

func testReplaced(t *testing.T, f *fixture) {
	for range 100 { // they would not all fit
		f.put(scope, key("a"), entry(strings.Repeat("x", 1000)), time.Minute)
	}
	f.put(scope, key("b"), entry("b"), time.Minute)
	f.put(scope, key("a"), entry("second"), time.Minute)
	if a, b := f.body(scope, key("a")), f.body(scope, key("b")); a != "second" || b != "b" {
		t.Errorf("got %.10q and %q", a, b)
	}
}

func TestRedisHoldsNothingReadable(t *testing.T) {
	server := testenv.StartRedis(t)
	f := &fixture{t: t, Store: onRedis(t, "redis://"+server.Address)}
	f.put(scope, key("a"), entry("a secret answer"), time.Minute)
	c := goredis.NewClient(&goredis.Options{Addr: server.Address})
	defer c.Close() //nolint:errcheck // a test's
	ctx := context.Background()
	entries, ends := scope.names()
	all := c.HGetAll(ctx, entries).Val()
	id := key("a").id
	sealed := all[string(id[:])]
	if len(all) != 2 || sealed == "" || strings.Contains(sealed, "secret") || strings.Contains(sealed, "openai") {
		t.Fatalf("Redis holds %q", all)
	}
	for name, key := range map[string]string{"entries": entries, "ends": ends} {
		if ttl := c.PTTL(ctx, key).Val(); ttl <= 0 || ttl > time.Minute {
			t.Errorf("%s end in %v", name, ttl)
		}
	}
	// Whoever can write to Redis makes nobody read what he likes.
	other := key("b").sealed([]byte(sealed))
	for name, forged := range map[string][]byte{"cut": []byte(sealed)[:5], "another's": other, "a changed byte": flip([]byte(sealed)), "none": {}} {
		if err := c.HSet(ctx, entries, string(id[:]), forged).Err(); err != nil {
			t.Fatal(err)
		}
		if e, err := f.Get(ctx, scope, key("a")); e != nil || err == nil {
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
	r := onRedis(t, "redis://"+server.Address)
	server.Kill()
	if e, err := r.Get(context.Background(), scope, key("a")); e != nil || err == nil {
		t.Fatalf("%+v, %v", e, err)
	}
	for range 1000 { // a second of refused connections would take longer
		if _, err := r.Get(context.Background(), scope, key("a")); err != errPaused { //nolint:errorlint // as it is
			t.Fatalf("asked again: %v", err)
		}
	}
	server.Restart()
	f := &fixture{t: t, Store: r}
	end := time.Now().Add(10 * time.Second)
	for f.Put(context.Background(), scope, key("a"), entry("a"), time.Minute) != nil {
		if time.Now().After(end) {
			t.Fatal("Redis is back, and not asked")
		}
	}
	if got := f.body(scope, key("a")); got != "a" {
		t.Errorf("got %q", got)
	}
}

func BenchmarkMemoryHit(b *testing.B) {
	m := NewMemory(1 << 20)
	_ = m.Put(context.Background(), scope, key("a"), entry("body"), time.Hour)
	k := key("a")
	b.ReportAllocs()
	for b.Loop() {
		if e, _ := m.Get(context.Background(), scope, k); e == nil {
			b.Fatal("lost")
		}
	}
}
