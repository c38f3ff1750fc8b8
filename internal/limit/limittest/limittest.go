// Package limittest is the conformance suite of limit.Limiter: every
// implementation passes the same cases.
package limittest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/limit"
)

// Clock is set by hand. Safe for concurrent use.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// Now returns the time that was set.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Ledger is what a limiter under test reads spend from.
type Ledger struct {
	mu    sync.Mutex
	spent []gateway.Event
	Err   error
}

// Add books cost for key at this time.
func (l *Ledger) Add(key string, at time.Time, cost gateway.NanoUSD) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.spent = append(l.spent, gateway.Event{KeyID: key, CreatedAt: at, Cost: cost})
}

// Spend sums what was added.
func (l *Ledger) Spend(_ context.Context, account gateway.AccountID, start, end time.Time) (sum gateway.NanoUSD, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.spent {
		if gateway.KeyAccount(e.KeyID) == account && !e.CreatedAt.Before(start) && (end.IsZero() || e.CreatedAt.Before(end)) {
			sum += e.Cost
		}
	}
	return sum, l.Err
}

// Flush has nothing to wait for.
func (l *Ledger) Flush(context.Context) error { return nil }

// World is what one case runs in.
type World struct {
	Limiter limit.Limiter
	Clock   *Clock
	Ledger  *Ledger
	ids     *atomic.Int64
}

func newWorld(t testing.TB, open Open) World {
	w := World{Clock: &Clock{now: Start}, Ledger: &Ledger{}, ids: new(atomic.Int64)}
	w.Limiter = open(t, w.Clock, w.Ledger)
	return w
}

// Open makes a limiter with this clock and ledger.
type Open func(testing.TB, *Clock, *Ledger) limit.Limiter

// Start is the time at which every case begins: 40 s before a UTC minute's end.
var Start = time.Date(2026, 2, 28, 23, 59, 20, 0, time.UTC)

// Run runs the suite.
func Run(t *testing.T, open Open) {
	for name, test := range map[string]func(*testing.T, World){
		"rate limit slides":                   rateSlides,
		"sums do not overflow":                noOverflow,
		"refused requests do not count":       refusedDoNotCount,
		"total cost never passes the limit":   costNeverPasses,
		"settling is idempotent":              settleOnce,
		"a repeated id is the same request":   sameRequest,
		"windows reset with the UTC calendar": windowsReset,
		"spend comes from the ledger":         spendFromLedger,
		"a limit set later sees all spend":    limitSetLater,
		"a broken ledger admits nobody":       brokenLedger,
		"unbounded cost is refused":           unbounded,
		"parallel requests":                   parallel,
	} {
		t.Run(name, func(t *testing.T) {
			test(t, newWorld(t, open))
		})
	}
	t.Run("model", func(t *testing.T) { runModel(t, open) })
	t.Run("rate against an exact log", func(t *testing.T) { runRates(t, open) })
}

func (w World) reserve(k *gateway.Key, cost gateway.NanoUSD) (limit.Reservation, error) {
	id := fmt.Sprint(w.ids.Add(1))
	return w.Limiter.Reserve(context.Background(), limit.Request{ID: id, Key: k, Cost: cost, Bounded: true})
}

func code(err error) string {
	if r, ok := errors.AsType[*limit.Refusal](err); ok {
		return r.Code
	}
	return fmt.Sprint(err)
}

func wantCode(t *testing.T, err error, want string) {
	t.Helper()
	if code(err) != want {
		t.Errorf("refusal = %s, want %s", code(err), want)
	}
}

func settle(t *testing.T, r limit.Reservation, cost gateway.NanoUSD) {
	t.Helper()
	if err := r.Settle(context.Background(), cost); err != nil {
		t.Fatal(err)
	}
}

func rateSlides(t *testing.T, w World) {
	k := &gateway.Key{ID: "k", RateLimitOverTime: 2, RateLimitUnit: gateway.Minute}
	for i := range 2 {
		r, err := w.reserve(k, 0)
		if err != nil {
			t.Fatal(err)
		}
		if s := r.State(); !s.HasRate || s.RateLimit != 2 || s.RateRemaining != int64(1-i) {
			t.Errorf("state after request %d = %+v", i+1, s)
		}
		w.Clock.Advance(10 * time.Second)
	}
	// Admitted at 0 s and 10 s; now it is 20 s, so the first leaves in 40 s.
	_, err := w.reserve(k, 0)
	wantCode(t, err, "rate_limit_exceeded")
	if r, ok := errors.AsType[*limit.Refusal](err); !ok || r.RetryAfter != 40*time.Second || !r.State.HasRate || r.State.RateLimit != 2 || r.State.RateRemaining != 0 || r.State.RateReset != 50*time.Second {
		t.Errorf("refusal = %+v, want a retry after 40s and the whole limit in 50s", err)
	}
	wantCode(t, w.Limiter.Exhausted(context.Background(), k), "rate_limit_exceeded")
	w.Clock.Advance(40 * time.Second)
	if _, err := w.reserve(k, 0); err != nil {
		t.Errorf("after the window: %v", err)
	}
	_, err = w.reserve(k, 0)
	wantCode(t, err, "rate_limit_exceeded")
}

func noOverflow(t *testing.T, w World) {
	k := &gateway.Key{ID: "k", CostLimit: 100}
	first, err := w.reserve(k, 1)
	if err != nil {
		t.Fatal(err)
	}
	second, err := w.reserve(k, 1)
	if err != nil {
		t.Fatal(err)
	}
	settle(t, first, math.MaxInt64)
	settle(t, second, math.MaxInt64)
	_, err = w.reserve(k, 1)
	wantCode(t, err, "insufficient_quota")
}

func refusedDoNotCount(t *testing.T, w World) {
	k := &gateway.Key{ID: "k", RateLimitOverTime: 1, RateLimitUnit: gateway.Second, CostLimit: 10}
	if _, err := w.reserve(k, 11); code(err) != "insufficient_quota" {
		t.Fatalf("too dear a request: %v", err)
	}
	if _, err := w.reserve(k, 10); err != nil {
		t.Errorf("the refused request took the rate: %v", err)
	}
}

func costNeverPasses(t *testing.T, w World) {
	k := &gateway.Key{ID: "k", CostLimit: 1000}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var open []limit.Reservation
	for i := range 200 {
		wg.Go(func() {
			r, err := w.Limiter.Reserve(context.Background(), limit.Request{ID: fmt.Sprint("c", i), Key: k, Cost: 100, Bounded: true})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				open = append(open, r)
			} else if code(err) != "budget_reserved" {
				t.Errorf("refusal = %s, want budget_reserved", code(err))
			}
		})
	}
	wg.Wait()
	if len(open) != 10 {
		t.Fatalf("%d requests of 100 were admitted to a limit of 1000", len(open))
	}
	for _, r := range open {
		settle(t, r, 60)
	}
	// 600 are spent: four more fit, and no fifth.
	for range 4 {
		r, err := w.reserve(k, 100)
		if err != nil {
			t.Fatal(err)
		}
		settle(t, r, 100)
	}
	_, err := w.reserve(k, 1)
	wantCode(t, err, "insufficient_quota")
	if r, ok := errors.AsType[*limit.Refusal](err); !ok || !r.Total || r.Limit != 1000 || r.Spent != 1000 {
		t.Errorf("refusal = %+v", err)
	}
	wantCode(t, w.Limiter.Exhausted(context.Background(), k), "insufficient_quota")
}

func settleOnce(t *testing.T, w World) {
	k := &gateway.Key{ID: "k", CostLimit: 100}
	r, err := w.reserve(k, 50)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		settle(t, r, 40)
	}
	if _, err := w.reserve(k, 60); err != nil {
		t.Errorf("settling again was charged again: %v", err)
	}
}

func sameRequest(t *testing.T, w World) {
	k := &gateway.Key{ID: "k", CostLimit: 100, RateLimitOverTime: 1, RateLimitUnit: gateway.Minute}
	for range 2 {
		if _, err := w.Limiter.Reserve(context.Background(), limit.Request{ID: "same", Key: k, Cost: 100, Bounded: true}); err != nil {
			t.Fatal(err)
		}
	}
}

func windowsReset(t *testing.T, w World) {
	// Start is 23:59:20 on the last day of February: 40 s on, minute, hour, day
	// and month all begin anew.
	for _, unit := range []gateway.Unit{gateway.Minute, gateway.Hour, gateway.Day, gateway.Month} {
		k := &gateway.Key{ID: string(unit), CostLimitOverTime: 100, CostLimitUnit: unit}
		r, err := w.reserve(k, 100)
		if err != nil {
			t.Fatal(err)
		}
		settle(t, r, 100)
		_, err = w.reserve(k, 1)
		refusal, ok := errors.AsType[*limit.Refusal](err)
		if !ok || refusal.RetryAfter != 40*time.Second || refusal.Total {
			t.Errorf("unit %s: %+v, want a retry in 40s", unit, err)
		}
	}
	w.Clock.Advance(40 * time.Second)
	for _, unit := range []gateway.Unit{gateway.Minute, gateway.Hour, gateway.Day, gateway.Month} {
		k := &gateway.Key{ID: string(unit), CostLimitOverTime: 100, CostLimitUnit: unit}
		if _, err := w.reserve(k, 100); err != nil {
			t.Errorf("unit %s: a new window refuses: %v", unit, err)
		}
	}
}

func spendFromLedger(t *testing.T, w World) {
	w.Ledger.Add("k", Start.Add(-time.Hour), 70)
	w.Ledger.Add("k", Start.Add(-time.Second), 20)
	k := &gateway.Key{ID: "k", CostLimit: 100, CostLimitOverTime: 25, CostLimitUnit: gateway.Minute}
	_, err := w.reserve(k, 6) // 20 of the minute's 25 are gone
	wantCode(t, err, "insufficient_quota")
	if _, err := w.reserve(k, 5); err != nil {
		t.Error(err)
	}
}

func limitSetLater(t *testing.T, w World) {
	free := &gateway.Key{ID: "k"}
	before, err := w.reserve(free, 0)
	if err != nil {
		t.Fatal(err)
	}
	during, err := w.reserve(free, 0)
	if err != nil {
		t.Fatal(err)
	}
	w.Ledger.Add("k", Start, 40)
	settle(t, before, 40)
	k := &gateway.Key{ID: "k", CostLimit: 100}
	r, err := w.reserve(k, 10)
	if err != nil {
		t.Fatal(err)
	}
	settle(t, r, 10)
	settle(t, during, 30) // let through without a limit, counts for it now
	_, err = w.reserve(k, 21)
	wantCode(t, err, "insufficient_quota")
	if _, err := w.reserve(k, 20); err != nil {
		t.Errorf("100 - 40 - 10 - 30 leave 20: %v", err)
	}
}

func brokenLedger(t *testing.T, w World) {
	w.Ledger.Err = errors.New("database is away")
	k := &gateway.Key{ID: "k", CostLimit: 100}
	if _, err := w.reserve(k, 1); err == nil {
		t.Error("admitted without knowing what was spent")
	}
	if _, err := w.reserve(&gateway.Key{ID: "r", RateLimitOverTime: 1, RateLimitUnit: gateway.Second}, 0); err != nil {
		t.Errorf("a key without a cost limit needs no ledger: %v", err)
	}
	w.Ledger.Err = nil
	if _, err := w.reserve(k, 1); err != nil {
		t.Errorf("the ledger is back: %v", err)
	}
}

func unbounded(t *testing.T, w World) {
	q := limit.Request{ID: "u", Key: &gateway.Key{ID: "k", CostLimit: 100}}
	_, err := w.Limiter.Reserve(context.Background(), q)
	wantCode(t, err, "cost_not_boundable")
	q.Key.AllowUnbounded = true
	if _, err := w.Limiter.Reserve(context.Background(), q); err != nil {
		t.Errorf("allowed: %v", err)
	}
}

func parallel(t *testing.T, w World) {
	k := &gateway.Key{ID: "k", MaxParallelRequests: 1}
	r, err := w.reserve(k, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.reserve(k, 0)
	wantCode(t, err, "rate_limit_exceeded")
	settle(t, r, 0)
	if _, err := w.reserve(k, 0); err != nil {
		t.Errorf("after the first ended: %v", err)
	}
}
