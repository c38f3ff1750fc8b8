// Package limittest is the conformance suite of limit.Limiter: every
// implementation passes the same cases.
package limittest

import (
	"context"
	"errors"
	"fmt"
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
	spent []entry
	err   error
}

type entry struct {
	account gateway.AccountID
	at      time.Time
	cost    gateway.NanoUSD
}

// Add books cost for the account at this time.
func (l *Ledger) Add(account gateway.AccountID, at time.Time, cost gateway.NanoUSD) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.spent = append(l.spent, entry{account, at, cost})
}

// Break makes every reading fail with err; nil mends it.
func (l *Ledger) Break(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = err
}

// Spend sums what was added.
func (l *Ledger) Spend(_ context.Context, account gateway.AccountID, start, end time.Time) (sum gateway.NanoUSD, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.spent {
		if e.account == account && !e.at.Before(start) && (end.IsZero() || e.at.Before(end)) {
			sum += e.cost
		}
	}
	return sum, l.err
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
	RunCases(t, open)
	t.Run("rate against an exact log", func(t *testing.T) { runRates(t, open) })
}

// RunCases runs the suite without its 200,000 requests against rate limits, for
// a second transport of an implementation.
func RunCases(t *testing.T, open Open) {
	for name, test := range map[string]func(*testing.T, World){
		"rate limit slides":                   rateSlides,
		"sums do not overflow":                noOverflow,
		"refused requests do not count":       refusedDoNotCount,
		"total cost never passes the limit":   costNeverPasses,
		"settling is idempotent":              settleOnce,
		"a repeated id is the same request":   sameRequest,
		"a repeated id is charged once":       chargedOnce,
		"windows reset with the UTC calendar": windowsReset,
		"spend comes from the ledger":         spendFromLedger,
		"a limit set later sees all spend":    limitSetLater,
		"a broken ledger admits nobody":       brokenLedger,
		"parallel requests":                   parallel,
		"all accounts or none":                allOrNone,
		"what is left is granted":             grantsWhatIsLeft,
		"a reservation can grow":              extend,
		"what is free needs no money":         freeNeedsNoMoney,
		"a booking counts once":               bookOnce,
		"standing":                            standing,
		"counters are the ledger's sums":      counters,
	} {
		t.Run(name, func(t *testing.T) {
			test(t, newWorld(t, open))
		})
	}
	t.Run("model", func(t *testing.T) { runModel(t, open) })
}

// key is an account with these limits.
func key(id string, l gateway.Limits) limit.Account {
	return limit.Account{ID: gateway.KeyAccount(id), Label: "key", Limits: l}
}

func user(id string, l gateway.Limits) limit.Account {
	return limit.Account{ID: gateway.UserAccount(id), Label: "user", Limits: l}
}

// reserve asks for cost under a new id.
func (w World) reserve(cost gateway.NanoUSD, accounts ...limit.Account) (limit.Reservation, error) {
	return w.reserveLeast(cost, cost, accounts...)
}

func (w World) reserveLeast(cost, least gateway.NanoUSD, accounts ...limit.Account) (limit.Reservation, error) {
	id := fmt.Sprint("r", w.ids.Add(1))
	return w.Limiter.Reserve(context.Background(), limit.Request{ID: id, Accounts: accounts, Cost: cost, Least: least})
}

func (w World) mustReserve(t *testing.T, cost gateway.NanoUSD, accounts ...limit.Account) limit.Reservation {
	t.Helper()
	r, err := w.reserve(cost, accounts...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// settle ends r as the gateway does: the event first.
func (w World) settle(t *testing.T, r limit.Reservation, cost gateway.NanoUSD, accounts ...limit.Account) {
	t.Helper()
	for _, a := range accounts {
		w.Ledger.Add(a.ID, r.At(), cost)
	}
	if err := r.Settle(context.Background(), cost); err != nil {
		t.Fatal(err)
	}
}

func (w World) exhausted(a ...limit.Account) error {
	return w.Limiter.Exhausted(context.Background(), a, true)
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
