package limittest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/limit"
)

func noOverflow(t *testing.T, w World) {
	k := key("k", gateway.Limits{CostLimit: 100})
	first, second := w.mustReserve(t, 1, k), w.mustReserve(t, 1, k)
	w.settle(t, first, math.MaxInt64)
	w.settle(t, second, math.MaxInt64)
	_, err := w.reserve(1, k)
	wantCode(t, err, "insufficient_quota")
}

func costNeverPasses(t *testing.T, w World) {
	k := key("k", gateway.Limits{CostLimit: 1000})
	var wg sync.WaitGroup
	var mu sync.Mutex
	var open []limit.Reservation
	for range 200 {
		wg.Go(func() {
			r, err := w.reserve(100, k)
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
		w.settle(t, r, 60, k)
	}
	// 600 are spent: four more fit, and no fifth.
	for range 4 {
		w.settle(t, w.mustReserve(t, 100, k), 100, k)
	}
	_, err := w.reserve(1, k)
	wantCode(t, err, "insufficient_quota")
	if r, ok := errors.AsType[*limit.Refusal](err); !ok || !r.Total || r.Limit != 1000 || r.Spent != 1000 {
		t.Errorf("refusal = %+v", err)
	}
	wantCode(t, w.exhausted(k), "insufficient_quota")
}

func settleOnce(t *testing.T, w World) {
	k := key("k", gateway.Limits{CostLimit: 100})
	r := w.mustReserve(t, 50, k)
	for range 3 {
		w.settle(t, r, 40)
	}
	if _, err := w.reserve(60, k); err != nil {
		t.Errorf("settling again was charged again: %v", err)
	}
}

func sameRequest(t *testing.T, w World) {
	k := key("k", gateway.Limits{CostLimit: 100, RateLimitOverTime: 1, RateLimitUnit: gateway.Minute})
	for range 2 {
		if _, err := w.Limiter.Reserve(context.Background(), limit.Request{ID: "same", Accounts: []limit.Account{k}, Cost: 100, Least: 100}); err != nil {
			t.Fatal(err)
		}
	}
}

// chargedOnce: Envoy opens a broken stream again, after the first was settled.
func chargedOnce(t *testing.T, w World) {
	k := key("k", gateway.Limits{CostLimit: 100, RateLimitOverTime: 2, RateLimitUnit: gateway.Minute})
	for range 3 {
		r, err := w.Limiter.Reserve(context.Background(), limit.Request{ID: "same", Accounts: []limit.Account{k}, Cost: 60, Least: 60})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Settle(context.Background(), 60); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.reserve(40, k); err != nil {
		t.Errorf("a replayed request was charged again: %v", err)
	}
}

func windowsReset(t *testing.T, w World) {
	// Start is 23:59:20 on the last day of February: 40 s on, minute, hour, day
	// and month all begin anew.
	units := []gateway.Unit{gateway.Minute, gateway.Hour, gateway.Day, gateway.Month}
	account := func(u gateway.Unit) limit.Account {
		return key(string(u), gateway.Limits{CostLimitOverTime: 100, CostLimitUnit: u})
	}
	for _, unit := range units {
		k := account(unit)
		w.settle(t, w.mustReserve(t, 100, k), 100, k)
		_, err := w.reserve(1, k)
		refusal, ok := errors.AsType[*limit.Refusal](err)
		if !ok || refusal.RetryAfter != 40*time.Second || refusal.Total {
			t.Errorf("unit %s: %+v, want a retry in 40s", unit, err)
		}
	}
	w.Clock.Advance(40 * time.Second)
	for _, unit := range units {
		if _, err := w.reserve(100, account(unit)); err != nil {
			t.Errorf("unit %s: a new window refuses: %v", unit, err)
		}
	}
}

func spendFromLedger(t *testing.T, w World) {
	k := key("k", gateway.Limits{CostLimit: 100, CostLimitOverTime: 25, CostLimitUnit: gateway.Minute})
	w.Ledger.Add(k.ID, Start.Add(-time.Hour), 70)
	w.Ledger.Add(k.ID, Start.Add(-time.Second), 20)
	_, err := w.reserve(6, k) // 20 of the minute's 25 are gone
	wantCode(t, err, "insufficient_quota")
	if _, err := w.reserve(5, k); err != nil {
		t.Error(err)
	}
}

func limitSetLater(t *testing.T, w World) {
	free := key("k", gateway.Limits{})
	before, during := w.mustReserve(t, 40, free), w.mustReserve(t, 40, free)
	w.settle(t, before, 40, free)
	k := key("k", gateway.Limits{CostLimit: 100})
	w.settle(t, w.mustReserve(t, 10, k), 10, k)
	w.settle(t, during, 30, k) // let through without a limit, counts for it now
	_, err := w.reserve(21, k)
	wantCode(t, err, "insufficient_quota")
	if _, err := w.reserve(20, k); err != nil {
		t.Errorf("100 - 40 - 10 - 30 leave 20: %v", err)
	}
}

func brokenLedger(t *testing.T, w World) {
	w.Ledger.Break(errors.New("database is away"))
	k := key("k", gateway.Limits{CostLimit: 100})
	if _, err := w.reserve(1, k); err == nil {
		t.Error("admitted without knowing what was spent")
	}
	if _, err := w.reserve(0, key("r", gateway.Limits{RateLimitOverTime: 1, RateLimitUnit: gateway.Second})); err != nil {
		t.Errorf("a key without a cost limit needs no ledger: %v", err)
	}
	w.Ledger.Break(nil)
	if _, err := w.reserve(1, k); err != nil {
		t.Errorf("the ledger is back: %v", err)
	}
}

func allOrNone(t *testing.T, w World) {
	k := key("k", gateway.Limits{CostLimit: 100, RateLimitOverTime: 5, RateLimitUnit: gateway.Minute})
	u := user("u", gateway.Limits{CostLimitOverTime: 30, CostLimitUnit: gateway.Day, RateLimitOverTime: 2, RateLimitUnit: gateway.Minute})
	w.settle(t, w.mustReserve(t, 30, k, u), 20, k, u)
	_, err := w.reserve(11, k, u) // 10 of the user's 30 are left
	wantCode(t, err, "insufficient_quota")
	if r, ok := errors.AsType[*limit.Refusal](err); !ok || r.Scope != "user cost limit per d" {
		t.Errorf("refusal = %+v, want the user's", err)
	}
	// What was refused took neither money nor rate of the key: four requests and
	// 80 are left.
	for range 4 {
		if _, err := w.reserve(20, k); err != nil {
			t.Errorf("the key alone: %v", err)
		}
	}
	_, err = w.reserve(0, k, u)
	wantCode(t, err, "rate_limit_exceeded")
}

func grantsWhatIsLeft(t *testing.T, w World) {
	k, u := key("k", gateway.Limits{CostLimit: 100}), user("u", gateway.Limits{CostLimit: 60})
	r, err := w.reserveLeast(80, 50, k, u)
	if err != nil || r.Granted() != 60 {
		t.Fatalf("granted %v, %v; want the user's 60", r, err)
	}
	r, err = w.reserveLeast(80, 10, k)
	if err != nil || r.Granted() != 40 {
		t.Fatalf("granted %v, %v; want the 40 that are left", r, err)
	}
	_, err = w.reserveLeast(80, 1, k)
	wantCode(t, err, "budget_reserved")
	w.settle(t, r, 35, k)
	_, err = w.reserveLeast(80, 6, k)
	wantCode(t, err, "budget_reserved") // 5 are free, and 60 more may become so
	r, err = w.reserveLeast(80, 5, k)
	if err != nil || r.Granted() != 5 {
		t.Errorf("granted %v, %v; want 5", r, err)
	}
}

func extend(t *testing.T, w World) {
	k, u := key("k", gateway.Limits{CostLimit: 100}), user("u", gateway.Limits{CostLimit: 50})
	r := w.mustReserve(t, 20, k, u)
	if err := r.Extend(context.Background(), 20); err != nil || r.Granted() != 40 {
		t.Fatalf("granted %d, %v; want 40", r.Granted(), err)
	}
	wantCode(t, r.Extend(context.Background(), 11), "budget_reserved") // 10 of the user's are left
	if r.Granted() != 40 {
		t.Errorf("granted %d after a refusal, want 40", r.Granted())
	}
	_, err := w.reserve(61, k)
	wantCode(t, err, "budget_reserved")
	w.settle(t, r, 30, k, u)
	if _, err := w.reserve(70, k); err != nil {
		t.Errorf("100 - 30 leave 70: %v", err)
	}
}

func freeNeedsNoMoney(t *testing.T, w World) {
	k := key("k", gateway.Limits{CostLimit: 10})
	w.settle(t, w.mustReserve(t, 10, k), 12, k)
	wantCode(t, w.exhausted(k), "insufficient_quota")
	if err := w.Limiter.Exhausted(context.Background(), []limit.Account{k}, false); err != nil {
		t.Errorf("not asked for money: %v", err)
	}
	w.settle(t, w.mustReserve(t, 0, k), 0, k)
}

func bookOnce(t *testing.T, w World) {
	k := key("k", gateway.Limits{CostLimit: 100, CostLimitOverTime: 50, CostLimitUnit: gateway.Minute})
	w.settle(t, w.mustReserve(t, 10, k), 10, k)
	for i, cost := range []gateway.NanoUSD{25, -5} {
		b := limit.Booking{ID: fmt.Sprint("b", i), Accounts: []gateway.AccountID{k.ID}, Cost: cost, At: Start}
		w.Ledger.Add(k.ID, b.At, cost)
		for range 2 {
			if err := w.Limiter.Book(context.Background(), b); err != nil {
				t.Fatal(err)
			}
		}
	}
	s, err := w.Limiter.Standing(context.Background(), k)
	if err != nil || s.Spent != 30 || s.Window == nil || s.Window.Spent != 30 {
		t.Errorf("standing = %+v, %v; want 30 spent", s, err)
	}
}

func standing(t *testing.T, w World) {
	k := key("k", gateway.Limits{
		CostLimit: 100, CostLimitOverTime: 50, CostLimitUnit: gateway.Minute, RateLimitOverTime: 5, RateLimitUnit: gateway.Minute,
	})
	w.Ledger.Add(k.ID, Start.Add(-time.Hour), 7)
	w.settle(t, w.mustReserve(t, 10, k), 9, k)
	w.mustReserve(t, 20, k)
	got, err := w.Limiter.Standing(context.Background(), k)
	if err != nil {
		t.Fatal(err)
	}
	if got.Spent != 16 || got.Reserved != 20 || got.Running != 1 {
		t.Errorf("standing = %+v, want 16 spent, 20 reserved by 1", got)
	}
	if want := (limit.CostStanding{Limit: 100, Spent: 16, Reserved: 20, Remaining: 64}); got.Cost == nil || *got.Cost != want {
		t.Errorf("total = %+v, want %+v", got.Cost, want)
	}
	reset := Start.Add(40 * time.Second)
	if c := got.Window; c == nil || c.Limit != 50 || c.Spent != 9 || c.Reserved != 20 || c.Remaining != 21 || !c.Reset.Equal(reset) {
		t.Errorf("window = %+v, want 9 spent, 20 reserved, 21 remaining until %s", c, reset)
	}
	if r := got.Rate; r == nil || r.Limit != 5 || r.Used != 2 || r.Remaining != 3 || !r.Reset.Equal(Start.Add(time.Minute)) {
		t.Errorf("rate = %+v, want 2 of 5 used for a minute", r)
	}
	free, err := w.Limiter.Standing(context.Background(), key("k2", gateway.Limits{}))
	if err != nil || free.Cost != nil || free.Window != nil || free.Rate != nil {
		t.Errorf("standing without limits = %+v, %v", free, err)
	}
}

func counters(t *testing.T, w World) {
	k := key("k", gateway.Limits{CostLimitOverTime: 100, CostLimitUnit: gateway.Minute})
	w.Ledger.Add(k.ID, Start.Add(-time.Hour), 7)
	w.settle(t, w.mustReserve(t, 10, k), 9, k)
	open := w.mustReserve(t, 20, k)
	want := limit.Counter{
		Account: k.ID, Total: 16, Unit: gateway.Minute, WindowStart: Start.Truncate(time.Minute), Window: 9, Reserved: 20, Running: 1,
	}
	all, err := w.Limiter.Counters(context.Background())
	if err != nil || len(all) != 1 || !all[0].WindowStart.Equal(want.WindowStart) {
		t.Fatalf("counters = %+v, %v; want %+v", all, err, want)
	}
	all[0].WindowStart = want.WindowStart
	if all[0] != want {
		t.Errorf("counter = %+v, want %+v", all[0], want)
	}
	// A counter that went wrong is read again, with what runs.
	w.Ledger.Add(k.ID, Start, 50)
	if err := w.Limiter.Recount(context.Background(), k.ID); err != nil {
		t.Fatal(err)
	}
	_, err = w.reserve(22, k)
	wantCode(t, err, "budget_reserved")
	w.settle(t, open, 20, k)
	if _, err := w.reserve(21, k); err != nil {
		t.Errorf("100 - 9 - 50 - 20 leave 21: %v", err)
	}
}
