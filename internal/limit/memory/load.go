package memory

import (
	"context"
	"fmt"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/limit"
)

// ledgerTimeout is how long the first request of an account may wait for its
// spend.
const ledgerTimeout = 5 * time.Second

// load returns the account with its spend read from the ledger, if money is
// limited. Concurrent callers share one reading.
func (l *Limiter) load(ctx context.Context, id gateway.AccountID, limits gateway.Limits) (*account, error) {
	for {
		a := l.account(id, true)
		a.mu.Lock()
		if a.serves(limits) {
			a.mu.Unlock()
			return a, nil
		}
		if a.dropped {
			a.mu.Unlock()
			continue
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
		start := a.beginLoading(limits.CostLimitUnit, l.now())
		a.mu.Unlock()

		total, inWindow, err := l.spent(ctx, id, limits.CostLimitUnit, start)

		a.mu.Lock()
		a.endLoading(total, inWindow, err)
		a.mu.Unlock()
		if err != nil {
			return nil, &gateway.Error{
				Kind: gateway.Unavailable, Message: "the limits cannot be checked now",
				Err: fmt.Errorf("read spend of %s: %w", id, err),
			}
		}
	}
}

// beginLoading and endLoading need a.mu.
func (a *account) beginLoading(unit gateway.Unit, now time.Time) (start time.Time) {
	a.loading, a.loaded, a.total, a.window = make(chan struct{}), false, 0, 0
	a.unit = unit
	a.windowStart, a.windowEnd = limit.Window(unit, now)
	return a.windowStart
}

func (a *account) endLoading(total, inWindow gateway.NanoUSD, err error) {
	close(a.loading)
	a.loading = nil
	if err != nil {
		return
	}
	// Settled while the ledger was read: may be in the sums too. Counting twice
	// refuses early, counting never would overspend.
	a.total = limit.Add(a.total, total)
	a.window = limit.Add(a.window, inWindow)
	a.loaded = true
	a.recount()
}

func (l *Limiter) spent(ctx context.Context, id gateway.AccountID, unit gateway.Unit, start time.Time) (total, inWindow gateway.NanoUSD, err error) {
	ctx, cancel := context.WithTimeout(ctx, ledgerTimeout)
	defer cancel()
	if err := l.ledger.Flush(ctx); err != nil {
		return 0, 0, err
	}
	if total, err = l.ledger.Spend(ctx, id, time.Time{}, time.Time{}); err != nil {
		return 0, 0, err
	}
	if unit == "" {
		return total, 0, nil
	}
	inWindow, err = l.ledger.Spend(ctx, id, start, time.Time{})
	return total, inWindow, err
}

// Recount implements limit.Limiter.
func (l *Limiter) Recount(_ context.Context, id gateway.AccountID) error {
	if a := l.account(id, false); a != nil {
		a.mu.Lock()
		a.loaded = false
		a.mu.Unlock()
	}
	return nil
}
