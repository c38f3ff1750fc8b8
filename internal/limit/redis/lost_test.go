package redis_test

import (
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/limit"
	"github.com/bricks-gateway/bricks/internal/limit/limittest"
	"github.com/bricks-gateway/bricks/internal/limit/redis"
	"github.com/bricks-gateway/bricks/internal/testenv"
)

func serverOf(r *testenv.Redis) redis.Server { return redis.Server{Addresses: []string{r.Address}} }

func rated(id string, n int64) limit.Account {
	return limit.Account{ID: gateway.KeyAccount(id), Label: "key", Limits: gateway.Limits{RateLimitOverTime: n, RateLimitUnit: gateway.Hour}}
}

// admitted is how many of n requests go on.
func (r *replica) admitted(t testing.TB, n int, a limit.Account) (count int) {
	t.Helper()
	for range n {
		x, err := r.reserve(0, a)
		if err != nil {
			if code(err) != "rate_limit_exceeded" {
				t.Fatal(err)
			}
			continue
		}
		count++
		r.settle(t, x, 0, a)
	}
	return count
}

func givenUp(t testing.TB, all ...*replica) {
	t.Helper()
	testenv.Eventually(t, patience, "Redis is given up", func() bool {
		return !slices.ContainsFunc(all, func(r *replica) bool { return !r.GivenUp() })
	})
}

func backAgain(t testing.TB, all ...*replica) {
	t.Helper()
	testenv.Eventually(t, patience, "Redis is asked again", func() bool {
		return !slices.ContainsFunc(all, func(r *replica) bool { return r.GivenUp() || r.Retained() > 0 })
	})
}

// TestRedisDown: killed, and later back without its data.
func TestRedisDown(t *testing.T) {
	server := testenv.StartRedis(t)
	all := replicas(t, 2, redis.Options{Server: serverOf(server)})
	free, k, rate := limit.Account{ID: "key:free", Label: "key"}, budget("k", 1000), rated("rate", 11)
	open := all[0].mustReserve(t, 300, k)
	running := all[1].mustReserve(t, 300, k)
	server.Kill()
	givenUp(t, all...)

	for _, r := range all {
		if x, err := r.reserve(10, free); err != nil {
			t.Errorf("a key without limits: %v", err)
		} else {
			r.settle(t, x, 10, free)
		}
		begin := time.Now()
		if _, err := r.reserve(10, k); code(err) != string(gateway.Unavailable) {
			t.Errorf("a cost limit that cannot be checked: %v", err)
		}
		if err := r.Exhausted(t.Context(), []limit.Account{k}, true); code(err) != string(gateway.Unavailable) {
			t.Errorf("a cost limit that cannot be checked: %v", err)
		}
		if d := time.Since(begin); d > 50*time.Millisecond {
			t.Errorf("refused after %v", d)
		}
		if x, err := r.reserve(0, k); err != nil {
			t.Errorf("what costs nothing needs no money: %v", err)
		} else {
			r.settle(t, x, 0, k)
		}
	}
	first, second := all[0].admitted(t, 20, rate), all[1].admitted(t, 20, rate)
	if first+second != 11 || min(first, second) != 5 {
		t.Errorf("two replicas admitted %d and %d of 11, want shares of 5 and 6", first, second)
	}
	none := rated("none", 1)
	if n := all[0].admitted(t, 2, none) + all[1].admitted(t, 2, none); n != 1 {
		t.Errorf("two replicas admitted %d of 1", n)
	}
	all[0].settle(t, open, 250, k) // Redis never heard of it
	if all[0].Retained() == 0 {
		t.Error("nothing was retained")
	}

	server.Restart()
	backAgain(t, all...)
	for _, r := range all {
		if got := r.standing(t, k); got.Spent != 250 || got.Reserved != 300 || got.Running != 1 {
			t.Errorf("after its return %+v, want 250 spent and the running request's 300", got)
		}
	}
	all[1].settle(t, running, 300, k)
	testenv.Eventually(t, patience, "the sums are the ledger's", func() bool { return all[0].standing(t, k).Spent == 550 })
}

// TestRedisRestartsWithItsData: what was settled meanwhile is charged once.
func TestRedisRestartsWithItsData(t *testing.T) {
	server := testenv.StartRedis(t, "--appendonly", "yes", "--appendfsync", "always")
	all := replicas(t, 2, redis.Options{Server: serverOf(server)})
	k := budget("k", 1000)
	first, second := all[0].mustReserve(t, 100, k), all[1].mustReserve(t, 100, k)
	server.Kill()
	givenUp(t, all...)
	all[0].settle(t, first, 60, k)
	all[1].settle(t, second, 70, k)
	if err := all[1].Book(t.Context(), limit.Booking{ID: "b", Accounts: []gateway.AccountID{k.ID}, Cost: 5, At: time.Now()}); err != nil {
		t.Error(err)
	}
	all[1].spool.Add(k.ID, time.Now(), 5)
	server.Restart()
	backAgain(t, all...)
	testenv.Eventually(t, patience, "135 are spent", func() bool {
		got := all[0].standing(t, k)
		return got.Spent == 135 && got.Reserved == 0 && got.Running == 0
	})
}

// TestRedisSlow: stopped, it takes connections and answers nothing.
func TestRedisSlow(t *testing.T) {
	server := testenv.StartRedis(t)
	all := replicas(t, 1, redis.Options{Server: serverOf(server)})
	k, rate := budget("k", 1000), rated("rate", 50)
	x := all[0].mustReserve(t, 100, k)
	all[0].mustReserve(t, 0, rate)
	server.Signal(syscall.SIGSTOP)
	defer server.Signal(syscall.SIGCONT)
	var mu sync.Mutex
	var took []time.Duration
	var wg sync.WaitGroup
	admitted := 0
	for range 20 {
		wg.Go(func() {
			for range 100 {
				begin := time.Now()
				_ = all[0].Exhausted(t.Context(), []limit.Account{k}, true)
				if _, err := all[0].reserve(10, k); code(err) != string(gateway.Unavailable) {
					t.Errorf("%v, want Unavailable", err)
				}
				d := time.Since(begin)
				_, err := all[0].reserve(0, rate)
				mu.Lock()
				took = append(took, d)
				if err == nil {
					admitted++
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	slices.Sort(took)
	p99, worst := took[len(took)*99/100], took[len(took)-1]
	t.Logf("%d refusals: median %v, p99 %v, worst %v", len(took), took[len(took)/2], p99, worst)
	if p99 > 100*time.Millisecond {
		t.Errorf("p99 = %v, want 100ms at most", p99)
	}
	if admitted != 49 { // one before it stopped
		t.Errorf("%d admitted, want 49 more of 50", admitted)
	}
	all[0].settle(t, x, 100, k)
	server.Signal(syscall.SIGCONT)
	backAgain(t, all...)
	testenv.Eventually(t, patience, "nothing is reserved", func() bool {
		got := all[0].standing(t, k)
		return got.Spent == 100 && got.Running == 0 && got.Reserved == 0
	})
}

// TestModesWithoutRedis: each choice for each kind of limit.
func TestModesWithoutRedis(t *testing.T) {
	server := testenv.StartRedis(t)
	open := replicas(t, 1, redis.Options{Server: serverOf(server), LostCost: redis.Open, LostRate: redis.Open})[0]
	closed := replicas(t, 1, redis.Options{Server: serverOf(server), LostRate: redis.Closed})[0]
	k, rate := budget("k", 1000), rated("rate", 2)
	open.mustReserve(t, 0, k)
	server.Kill()
	givenUp(t, open, closed)
	x := open.mustReserve(t, 400, k)
	if err := x.Extend(t.Context(), 100); err != nil || x.Granted() != 500 {
		t.Errorf("granted %d, %v", x.Granted(), err)
	}
	if n := open.admitted(t, 5, rate); n != 5 {
		t.Errorf("open admitted %d of 5", n)
	}
	if _, err := closed.reserve(0, rate); code(err) != string(gateway.Unavailable) {
		t.Errorf("closed: %v", err)
	}
	open.settle(t, x, 450, k)
	server.Restart()
	backAgain(t, open)
	if got := open.standing(t, k); got.Spent != 450 {
		t.Errorf("after its return %+v, want the 450 spent meanwhile", got)
	}
}

// TestUnfitRedisIsRefused: one that evicts forgets money.
func TestUnfitRedisIsRefused(t *testing.T) {
	check := func(args ...string) (string, error) {
		r := testenv.StartRedis(t, args...)
		var logs strings.Builder
		l := redis.New(redis.Options{Server: serverOf(r), Ledger: &limittest.Ledger{}, Logger: slog.New(slog.NewTextHandler(&logs, nil))})
		defer l.Close() //nolint:errcheck // a test's
		err := l.Check(t.Context())
		_, reserved := l.Reserve(t.Context(), limit.Request{ID: "r", Accounts: []limit.Account{budget("k", 10)}, Cost: 1, Least: 1})
		if err != nil && code(reserved) != string(gateway.Unavailable) {
			t.Errorf("%v: reserved all the same: %v", args, reserved)
		}
		return logs.String(), err
	}
	if _, err := check(); err != nil {
		t.Error(err)
	}
	_, err := check("--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")
	if !errors.Is(err, redis.ErrUnfit) || !strings.Contains(err.Error(), "noeviction") {
		t.Errorf("a server that evicts: %v", err)
	}
	if logs, err := check("--rename-command", "CONFIG", ""); err != nil || !strings.Contains(logs, "noeviction") {
		t.Errorf("a server without CONFIG: %v, %q", err, logs)
	}
}

// TestRedisOutOfMemory: writes fail, and nothing is admitted or evicted.
func TestRedisOutOfMemory(t *testing.T) {
	server := testenv.StartRedis(t)
	r := replicas(t, 1, redis.Options{Server: serverOf(server)})[0]
	k := budget("k", 1000)
	x := r.mustReserve(t, 100, k)
	server.MustDo("CONFIG SET maxmemory 1")
	if _, err := r.reserve(10, k); code(err) != string(gateway.Unavailable) {
		t.Errorf("%v, want Unavailable", err)
	}
	r.settle(t, x, 80, k)
	server.MustDo("CONFIG SET maxmemory 0")
	backAgain(t, r)
	if got := r.standing(t, k); got.Spent != 80 || got.Reserved != 0 {
		t.Errorf("after it %+v, want 80 spent", got)
	}
}

// TestScriptsForgottenAndServerReadOnly: retried once, then as if it were down.
func TestScriptsForgottenAndServerReadOnly(t *testing.T) {
	server := testenv.StartRedis(t)
	r := replicas(t, 1, redis.Options{Server: serverOf(server), Timeout: patient})[0]
	k := budget("k", 1e9)
	for i := range 100 {
		if i%10 == 0 {
			server.MustDo("SCRIPT FLUSH")
		}
		r.settle(t, r.mustReserve(t, 10, k), 10, k)
	}
	if err := r.Renew(t.Context()); err != nil {
		t.Error(err)
	}
	server.MustDo("REPLICAOF 127.0.0.1 1")
	if _, err := r.reserve(10, k); code(err) != string(gateway.Unavailable) {
		t.Errorf("a read-only server: %v, want Unavailable", err)
	}
	server.MustDo("REPLICAOF NO ONE")
	backAgain(t, r)
	r.settle(t, r.mustReserve(t, 10, k), 10, k)
	testenv.Eventually(t, patience, "1010 are spent", func() bool { return r.standing(t, k).Spent == 1010 })
}

// TestASlotMoves: the client follows.
func TestASlotMoves(t *testing.T) {
	nodes := testenv.StartRedisCluster(t)
	s := clusterOf(nodes)
	r := replicas(t, 1, redis.Options{Server: s, Prefix: "move:", Timeout: patient})[0]
	k := budget("k", 1000)
	r.settle(t, r.mustReserve(t, 1, k), 1, k)
	slot := nodes[0].MustDo("CLUSTER KEYSLOT move:{key:other}:m")
	to := nodes[0].MustDo("CLUSTER MYID")
	if _, err := nodes[0].Do("SET move:{key:other}:x 1"); err == nil {
		to = nodes[1].MustDo("CLUSTER MYID") // the first has it already
	}
	_, _ = nodes[0].Do("DEL move:{key:other}:x")
	for _, n := range nodes {
		n.MustDo("CLUSTER SETSLOT " + slot + " NODE " + to)
	}
	other := budget("other", 1000)
	for range 10 {
		r.settle(t, r.mustReserve(t, 10, other), 10, other)
	}
	if got := r.standing(t, other); got.Spent != 100 {
		t.Errorf("%+v, want 100 spent", got)
	}
}

func TestURLs(t *testing.T) {
	for url, want := range map[string]string{
		"redis://h:1/3": "h:1", "rediss://u:p@h": "h:6379", "redis://:p@h:1": "h:1",
	} {
		s, err := redis.ParseURL(gateway.NewSecret(url))
		if err != nil || s.Addresses[0] != want || (s.TLS != nil) != strings.HasPrefix(url, "rediss") {
			t.Errorf("%s = %+v, %v", url, s, err)
		}
	}
	for _, url := range []string{"", "h:1", "http://h", "unix:///s", "redis://:hunter2@h:port"} {
		if _, err := redis.ParseURL(gateway.NewSecret(url)); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", url, err)
		}
	}
}
