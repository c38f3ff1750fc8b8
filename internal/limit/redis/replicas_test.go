package redis_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/limit"
	"github.com/bricks-gateway/bricks/internal/limit/limittest"
	"github.com/bricks-gateway/bricks/internal/limit/redis"
	"github.com/bricks-gateway/bricks/internal/testenv"
)

const patience = 20 * time.Second

// spool is one replica's way to the ledger: what is added there is summed only
// once it was flushed.
type spool struct {
	*limittest.Ledger
	mu      sync.Mutex
	waiting []func()
	reading func() // called while the ledger is read
}

func (s *spool) Add(id gateway.AccountID, at time.Time, cost gateway.NanoUSD) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = append(s.waiting, func() { s.Ledger.Add(id, at, cost) })
}

func (s *spool) Flush(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.waiting {
		f()
	}
	s.waiting = nil
	return nil
}

func (s *spool) Spend(ctx context.Context, id gateway.AccountID, start, end time.Time) (gateway.NanoUSD, error) {
	n, err := s.Ledger.Spend(ctx, id, start, end)
	if s.reading != nil {
		s.reading()
	}
	return n, err
}

// replica is a limiter with its spool.
type replica struct {
	*redis.Limiter
	spool *spool
	ids   *atomic.Int64
}

// replicas starts n limiters on one Redis and one ledger, and returns when they
// know one another.
func replicas(t testing.TB, n int, o redis.Options) []*replica {
	t.Helper()
	if o.Prefix == "" {
		o.Prefix = fmt.Sprintf("w%d:", worlds.Add(1))
		settled(t, o.Server, o.Prefix)
	}
	ledger, ids := &limittest.Ledger{}, new(atomic.Int64)
	all := make([]*replica, n)
	for i := range all {
		s := &spool{Ledger: ledger}
		o.Ledger = s
		all[i] = &replica{start(t, o), s, ids}
	}
	testenv.Eventually(t, patience, "the replicas know one another", func() bool {
		for _, r := range all {
			if r.Replicas() != n {
				return false
			}
		}
		return true
	})
	return all
}

func (r *replica) reserve(cost gateway.NanoUSD, accounts ...limit.Account) (limit.Reservation, error) {
	return r.Reserve(context.Background(), limit.Request{ID: fmt.Sprint("r", r.ids.Add(1)), Accounts: accounts, Cost: cost, Least: cost})
}

// settle ends x as the gateway does: the event first.
func (r *replica) settle(t testing.TB, x limit.Reservation, cost gateway.NanoUSD, accounts ...limit.Account) {
	t.Helper()
	for _, a := range accounts {
		r.spool.Add(a.ID, x.At(), cost)
	}
	if err := x.Settle(context.Background(), cost); err != nil {
		t.Error(err)
	}
}

func (r *replica) mustReserve(t testing.TB, cost gateway.NanoUSD, accounts ...limit.Account) limit.Reservation {
	t.Helper()
	x, err := r.reserve(cost, accounts...)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func (r *replica) standing(t testing.TB, a limit.Account) limit.Standing {
	t.Helper()
	s, err := r.Standing(context.Background(), a)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func code(err error) string {
	if r, ok := errors.AsType[*limit.Refusal](err); ok {
		return r.Code
	}
	return string(gateway.KindOf(err))
}

func budget(id string, n gateway.NanoUSD) limit.Account {
	return limit.Account{ID: gateway.KeyAccount(id), Label: "key", Limits: gateway.Limits{CostLimit: n}}
}

// patient is a deadline that a busy machine does not miss by itself.
const patient = 5 * time.Second

// spendAll has clients of all replicas spend the account's budget to its end, or
// until no request would fit into enough, and returns what they spent.
func spendAll(t *testing.T, all []*replica, clients int, cost, enough gateway.NanoUSD, disturb func(spent gateway.NanoUSD), accounts ...limit.Account) gateway.NanoUSD {
	t.Helper()
	var spent atomic.Int64
	var wg sync.WaitGroup
	deadline := time.Now().Add(patience * 2)
	for i := range clients {
		r, random := all[i%len(all)], rand.New(rand.NewPCG(1, uint64(i)))
		wg.Go(func() {
			for time.Now().Before(deadline) {
				x, err := r.reserve(cost, accounts...)
				switch code(err) {
				case "insufficient_quota":
					return
				case "":
					if err != nil {
						t.Error(err)
						return
					}
				default: // reserved by others, or not available now
					if gateway.NanoUSD(spent.Load()) > enough-cost {
						return
					}
					time.Sleep(time.Millisecond)
					continue
				}
				actual := cost/2 + gateway.NanoUSD(random.Int64N(int64(cost)/2+1))
				now := gateway.NanoUSD(spent.Add(int64(actual)))
				r.settle(t, x, actual, accounts...)
				if disturb != nil {
					disturb(now)
				}
			}
			t.Error("a client was never told that the money is spent")
		})
	}
	wg.Wait()
	return gateway.NanoUSD(spent.Load())
}

// TestReplicasNeverOverspend: 200 clients at once, a budget for ten requests.
func TestReplicasNeverOverspend(t *testing.T) {
	for name, s := range servers(t) {
		t.Run(name, func(t *testing.T) {
			all := replicas(t, 2, redis.Options{Server: s, Timeout: patient})
			k, u := budget("k", 1000), budget("u", 1000)
			u.ID, u.Label = "user:u", "user"
			spent := spendAll(t, all, 200, 100, 1000, nil, k, u)
			if spent > 1000 || spent <= 900 {
				t.Errorf("spent %d of 1000 with requests of 100 at most", spent)
			}
			if got := all[0].standing(t, k); got.Spent != spent || got.Reserved != 0 || got.Running != 0 {
				t.Errorf("standing = %+v, want %d spent and nothing reserved", got, spent)
			}
		})
	}
}

func servers(t *testing.T) map[string]redis.Server {
	return map[string]redis.Server{"one server": server(t), "cluster": clusterOf(testenv.StartRedisCluster(t))}
}

// TestRateOverTwoReplicas compares with an exact log of the same requests.
func TestRateOverTwoReplicas(t *testing.T) {
	shapes := map[string]func(*rand.Rand, int) time.Duration{
		"uniform": func(*rand.Rand, int) time.Duration { return time.Millisecond },
		"Poisson": func(r *rand.Rand, _ int) time.Duration {
			return time.Duration(r.ExpFloat64()*1000) * time.Microsecond
		},
		"burst": func(_ *rand.Rand, i int) time.Duration {
			if i%400 == 399 {
				return time.Second
			}
			return 0
		},
		"on and off": func(_ *rand.Rand, i int) time.Duration {
			if i%400 == 399 {
				return 700 * time.Millisecond
			}
			return 300 * time.Microsecond
		},
	}
	s := server(t)
	for name, gap := range shapes {
		for _, most := range []int64{7, 100, 1200} {
			t.Run(fmt.Sprint(name, " of ", most), func(t *testing.T) {
				var clock atomic.Int64
				clock.Store(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).UnixMicro())
				now := func() time.Time { return time.UnixMicro(clock.Load()) }
				all := replicas(t, 2, redis.Options{Server: s, Now: now, Timeout: patient})
				k := limit.Account{ID: "key:k", Label: "key", Limits: gateway.Limits{RateLimitOverTime: most, RateLimitUnit: gateway.Second}}
				random := rand.New(rand.NewPCG(3, 4))
				var admitted, exact []time.Time
				for i := range 3000 {
					clock.Add(gap(random, i).Microseconds())
					at := now()
					if fits(exact, most, at) {
						exact = append(exact, at)
					}
					if x, err := all[random.IntN(2)].reserve(0, k); err == nil {
						if !fits(admitted, most, at) {
							t.Fatalf("the second before %s admitted more than %d", at, most)
						}
						admitted = append(admitted, at)
						if err := x.Settle(context.Background(), 0); err != nil {
							t.Fatal(err)
						}
					}
				}
				least := len(exact)
				if most > 100 {
					least = least * 99 / 100
				}
				if len(admitted) < least {
					t.Errorf("admitted %d; the exact log admits %d", len(admitted), len(exact))
				}
			})
		}
	}
}

func fits(log []time.Time, most int64, now time.Time) bool {
	oldest := int64(len(log)) - most
	return oldest < 0 || now.Sub(log[oldest]) >= time.Second
}

// TestReservationsOfADeadOwnerComeBack: 100 of them, by the clock.
func TestReservationsOfADeadOwnerComeBack(t *testing.T) {
	var clock atomic.Int64
	clock.Store(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).UnixMicro())
	o := redis.Options{Server: server(t), Now: func() time.Time { return time.UnixMicro(clock.Load()) }, Timeout: patient}
	all := replicas(t, 2, o)
	dead, alive := all[0], all[1]
	k, idle := budget("k", 1000), budget("idle", 1000)
	k.Limits.MaxParallelRequests = 100
	var held []limit.Reservation
	for i := range 100 {
		account := k
		if i >= 90 {
			account = idle
		}
		held = append(held, dead.mustReserve(t, 10, account))
	}
	kept := alive.mustReserve(t, 50, k)
	if _, err := alive.reserve(60, k); code(err) != "budget_reserved" { // 900 and 50 are held
		t.Fatalf("%v, want budget_reserved", err)
	}
	clock.Add((44 * time.Second).Microseconds())
	if err := alive.Renew(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := alive.standing(t, k); got.Reserved != 950 {
		t.Errorf("before the deadline %+v", got)
	}
	clock.Add((2 * time.Second).Microseconds())
	for _, account := range []limit.Account{k, idle} {
		want := map[gateway.AccountID]gateway.NanoUSD{k.ID: 50}[account.ID]
		if got := alive.standing(t, account); got.Reserved != want {
			t.Errorf("after the deadline %s stands at %+v, want %d reserved", account.ID, got, want)
		}
	}
	// One of them was not dead, only cut off: it is charged, and once.
	for range 2 {
		dead.settle(t, held[0], 7, k)
	}
	if got := alive.standing(t, k); got.Spent != 7 || got.Reserved != 50 {
		t.Errorf("after a late settlement %+v, want 7 spent, 50 reserved", got)
	}
	alive.settle(t, kept, 50, k)
}

// TestReservationsAreRenewed runs with short deadlines and Redis's own clock.
func TestReservationsAreRenewed(t *testing.T) {
	o := redis.Options{Server: server(t), Lease: 1500 * time.Millisecond, Prefix: "renew:", Timeout: patient}
	settled(t, o.Server, o.Prefix)
	all := replicas(t, 1, o)
	stopped := &replica{redis.New(func() redis.Options { o := o; o.Ledger = all[0].spool; return o }()), all[0].spool, all[0].ids}
	defer stopped.Close() //nolint:errcheck // a test's
	k := budget("k", 1000)
	x := all[0].mustReserve(t, 100, k)
	for range 100 {
		stopped.mustReserve(t, 5, k) // nobody renews these
	}
	begin := time.Now()
	testenv.Eventually(t, patience, "the dead owner's come back", func() bool { return all[0].standing(t, k).Reserved == 100 })
	for time.Since(begin) < 4*time.Second {
		if got := all[0].standing(t, k); got.Running < 1 || got.Reserved < 100 {
			t.Fatalf("a reservation whose owner lives lapsed: %+v", got)
		}
		time.Sleep(50 * time.Millisecond) // a watch, not a wait
	}
	all[0].settle(t, x, 100, k)
}

// TestSettlementsInAnyOrder: the same settlements and bookings, by any replica,
// any number of times, in any order, lead to the same sums.
func TestSettlementsInAnyOrder(t *testing.T) {
	all := replicas(t, 2, redis.Options{Server: server(t), Timeout: patient})
	round, want := 0, gateway.NanoUSD(0)
	k := budget("k", 1e6)
	rapid.Check(t, func(rt *rapid.T) {
		round++
		first := all[0].mustReserve(t, 0, k) // loads the account
		var ops []func() error
		for i := range rapid.IntRange(1, 6).Draw(rt, "events") {
			id := fmt.Sprint(round, ".", i)
			cost := gateway.NanoUSD(rapid.IntRange(0, 100).Draw(rt, "cost"))
			want += cost
			booked := rapid.Bool().Draw(rt, "booked")
			for n := range rapid.IntRange(1, 3).Draw(rt, "times") {
				r := all[n%2]
				if booked {
					b := limit.Booking{ID: id, Accounts: []gateway.AccountID{k.ID}, Cost: cost, At: time.Now()}
					ops = append(ops, func() error { return r.Book(context.Background(), b) })
					continue
				}
				x, err := r.Reserve(context.Background(), limit.Request{ID: id, Accounts: []limit.Account{k}, Cost: 100, Least: 100})
				if err != nil {
					rt.Fatal(err)
				}
				ops = append(ops, func() error { return x.Settle(context.Background(), cost) })
			}
		}
		for _, op := range rapid.Permutation(ops).Draw(rt, "order") {
			if err := op(); err != nil {
				rt.Fatal(err)
			}
		}
		if err := first.Settle(context.Background(), 0); err != nil {
			rt.Fatal(err)
		}
		if got := all[1].standing(t, k); got.Spent != want || got.Reserved != 0 || got.Running != 0 {
			rt.Fatalf("standing = %+v, want %d spent and nothing reserved", got, want)
		}
	})
}

// TestOneRoundTrip counts the commands that the server sees.
func TestOneRoundTrip(t *testing.T) {
	s := server(t)
	l := redis.New(redis.Options{Server: s, Ledger: &limittest.Ledger{}, Timeout: patient, Prefix: "trip:"})
	defer l.Close() //nolint:errcheck // a test's
	settled(t, s, "trip:")
	accounts := []limit.Account{{ID: "key:k", Label: "key", Limits: allLimits()}, {ID: "user:u", Label: "user", Limits: allLimits()}}
	calls := func() int {
		n, _ := scriptCalls(t, s)
		return n
	}
	reserve := func(id string) limit.Reservation {
		x, err := l.Reserve(t.Context(), limit.Request{ID: id, Accounts: accounts, Cost: 10, Least: 10})
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	settle := func(x limit.Reservation) {
		if err := x.Settle(t.Context(), 5); err != nil {
			t.Fatal(err)
		}
	}
	settle(reserve("first")) // loads accounts and scripts
	before := calls()
	x := reserve("second")
	if n := calls() - before; n != 1 {
		t.Errorf("Reserve on a key and a user made %d calls, want 1", n)
	}
	settle(x)
	if n := calls() - before; n != 2 {
		t.Errorf("with Settle %d calls, want 2", n)
	}
}

// scriptCalls is how many scripts the server has run, and how long each took it.
func scriptCalls(t testing.TB, s redis.Server) (n int, µs float64) {
	t.Helper()
	r := testenv.Redis{Address: s.Addresses[0]}
	info, err := r.Do("INFO commandstats")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(info) {
		name, figures, _ := strings.Cut(strings.TrimSpace(line), ":")
		if name != "cmdstat_evalsha" && name != "cmdstat_eval" {
			continue
		}
		var calls, total int
		if _, err := fmt.Sscanf(figures, "calls=%d,usec=%d", &calls, &total); err != nil {
			t.Fatal(err)
		}
		n, µs = n+calls, µs+float64(total)
	}
	return n, µs / float64(max(n, 1))
}
