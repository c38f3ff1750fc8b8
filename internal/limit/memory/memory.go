// Package memory limits keys within one process: exact, and gone with it. What
// a key has spent is read from the ledger before the key is admitted, so a
// restart forgets no money; rate windows start empty.
//
// Only one processor may run with it: two would each admit the whole limit.
package memory

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/limit"
)

// Ledger is where spend is derived from.
type Ledger interface {
	// Spend sums what events of account cost that were created in [start, end).
	// Zero times leave that side open.
	Spend(ctx context.Context, account gateway.AccountID, start, end time.Time) (gateway.NanoUSD, error)
	// Flush waits until every final event written so far counts in Spend.
	Flush(ctx context.Context) error
}

// ledgerTimeout is how long the first request of a key may wait for its spend.
const ledgerTimeout = 5 * time.Second

// Limiter implements limit.Limiter. Events must be written before their
// reservation is settled, or a limit set meanwhile could miss them.
type Limiter struct {
	ledger Ledger
	now    func() time.Time

	mu       sync.Mutex // guards the map only
	accounts map[string]*account
}

var _ limit.Limiter = (*Limiter)(nil)

// New returns a limiter. now is the clock; time.Now if nil.
func New(l Ledger, now func() time.Time) *Limiter {
	if now == nil {
		now = time.Now
	}
	return &Limiter{ledger: l, now: now, accounts: map[string]*account{}}
}

func limited(k *gateway.Key) bool {
	return hasCost(k) || k.RateLimitOverTime > 0 || k.MaxParallelRequests > 0
}

func hasCost(k *gateway.Key) bool { return k.CostLimit > 0 || k.CostLimitOverTime > 0 }

// Exhausted implements limit.Limiter.
func (l *Limiter) Exhausted(ctx context.Context, key *gateway.Key) error {
	if !limited(key) {
		return nil
	}
	a, err := l.load(ctx, key)
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.check(key, 0, l.now())
}

// Reserve implements limit.Limiter.
func (l *Limiter) Reserve(ctx context.Context, r limit.Request) (limit.Reservation, error) {
	if !limited(r.Key) {
		return &reservation{limiter: l, keyID: r.Key.ID}, nil
	}
	r.Cost = max(r.Cost, 0)
	if hasCost(r.Key) && !r.Bounded && !r.Key.AllowUnbounded {
		return nil, &limit.Refusal{
			Code: "cost_not_boundable", Scope: "key cost limit", Total: true,
			Message: "what this request could cost cannot be bounded, and this key has a cost limit",
		}
	}
	a, err := l.load(ctx, r.Key)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if open, ok := a.open[r.ID]; ok {
		return open, nil // the same request again
	}
	now := l.now()
	if err := a.check(r.Key, r.Cost, now); err != nil {
		return nil, err
	}
	return a.reserve(l, r, now), nil
}

// account returns the key's account, if it has one.
func (l *Limiter) account(keyID string, create bool) *account {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.accounts[keyID]
	if a == nil && create {
		a = &account{open: map[string]*reservation{}}
		l.accounts[keyID] = a
	}
	return a
}

// load returns the account with its spend read from the ledger, if the key has
// a cost limit. Concurrent callers share one reading.
func (l *Limiter) load(ctx context.Context, key *gateway.Key) (*account, error) {
	a := l.account(key.ID, true)
	if !hasCost(key) {
		return a, nil
	}
	for {
		a.mu.Lock()
		if a.loaded && a.unit == key.CostLimitUnit {
			a.mu.Unlock()
			return a, nil
		}
		if wait := a.loading; wait != nil {
			a.mu.Unlock()
			select {
			case <-wait:
				continue
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		done := make(chan struct{})
		a.loading, a.loaded, a.total, a.window = done, false, 0, 0
		a.unit = key.CostLimitUnit
		a.windowStart, a.windowEnd = window(key.CostLimitUnit, l.now())
		start := a.windowStart
		a.mu.Unlock()

		total, inWindow, err := l.spent(ctx, key, start)

		a.mu.Lock()
		a.loading = nil
		if err == nil {
			// Settled while we read: may be in the sums too. Counting twice
			// refuses early, counting never would overspend.
			a.total = add(a.total, total)
			a.window = add(a.window, inWindow)
			a.loaded = true
			a.recount()
		}
		close(done)
		a.mu.Unlock()
		if err != nil {
			return nil, &gateway.Error{
				Kind: gateway.Unavailable, Message: "the limits of this key cannot be checked now",
				Err: fmt.Errorf("read spend of key %s: %w", key.ID, err),
			}
		}
	}
}

func (l *Limiter) spent(ctx context.Context, key *gateway.Key, start time.Time) (total, inWindow gateway.NanoUSD, err error) {
	ctx, cancel := context.WithTimeout(ctx, ledgerTimeout)
	defer cancel()
	if err := l.ledger.Flush(ctx); err != nil {
		return 0, 0, err
	}
	if total, err = l.ledger.Spend(ctx, gateway.KeyAccount(key.ID), time.Time{}, time.Time{}); err != nil {
		return 0, 0, err
	}
	if key.CostLimitUnit == "" {
		return total, 0, nil
	}
	inWindow, err = l.ledger.Spend(ctx, gateway.KeyAccount(key.ID), start, time.Time{})
	return total, inWindow, err
}

// reservation implements limit.Reservation.
type reservation struct {
	limiter *Limiter
	account *account // nil: the key had no limit then
	keyID   string
	id      string
	cost    gateway.NanoUSD
	created time.Time
	state   limit.State
	settled bool // guarded by the account's lock
}

func (r *reservation) State() limit.State { return r.state }

// Settle implements limit.Reservation.
func (r *reservation) Settle(_ context.Context, cost gateway.NanoUSD) error {
	a := r.account
	if a == nil {
		// A limit that was set meanwhile must see this request's cost.
		if a = r.limiter.account(r.keyID, false); a == nil {
			return nil
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if r.settled {
		return nil
	}
	r.settled = true
	a.settle(r, max(cost, 0))
	return nil
}
