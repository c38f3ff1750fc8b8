package memory

import (
	"context"
	"sync"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/limit"
)

// reservation implements limit.Reservation.
type reservation struct {
	limiter  *Limiter
	id       string
	at       time.Time
	state    limit.State
	accounts []limit.Account // all, those without limits too
	held     []hold          // those with limits then, in the order of locking

	mu      sync.Mutex // before those of the accounts
	granted gateway.NanoUSD
	settled bool
}

func (r *reservation) At() time.Time      { return r.at }
func (r *reservation) State() limit.State { return r.state }

func (r *reservation) Granted() gateway.NanoUSD {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.granted
}

// Extend implements limit.Reservation.
func (r *reservation) Extend(_ context.Context, more gateway.NanoUSD) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.settled || more <= 0 {
		return nil
	}
	now := r.limiter.now()
	for _, h := range r.held {
		h.account.mu.Lock()
	}
	defer unlock(r.held)
	for _, h := range r.held {
		h.account.roll(now)
		for _, c := range h.costLimits() {
			if refusal := c.Refuse(more, now); refusal != nil {
				return withState(refusal, r.held, now)
			}
		}
	}
	r.granted = limit.Add(r.granted, more)
	for _, h := range r.held {
		h.account.take(r, more)
	}
	return nil
}

// Settle implements limit.Reservation.
func (r *reservation) Settle(_ context.Context, cost gateway.NanoUSD) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.settled {
		return nil
	}
	r.settled = true
	cost = max(cost, 0)
	// The accounts without limits too: a limit that was set meanwhile must see
	// what this request cost.
	for _, of := range r.accounts {
		a := r.limiter.account(of.ID, false)
		if a == nil {
			continue
		}
		r.limiter.end(r.id)
		a.mu.Lock()
		a.settle(r, cost)
		a.mu.Unlock()
	}
	return nil
}

// Book implements limit.Limiter.
func (l *Limiter) Book(_ context.Context, b limit.Booking) error {
	if !l.end(b.ID) {
		return nil
	}
	for _, id := range b.Accounts {
		if a := l.account(id, false); a != nil {
			a.mu.Lock()
			a.charge(b.At, b.Cost)
			a.mu.Unlock()
		}
	}
	return nil
}

// Standing implements limit.Limiter.
func (l *Limiter) Standing(ctx context.Context, of limit.Account) (limit.Standing, error) {
	limits := of.Limits
	if !limits.HasCost() {
		limits.CostLimit = 1 // loads what was spent
	}
	a, err := l.load(ctx, of.ID, limits)
	if err != nil {
		return limit.Standing{}, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	now := l.now()
	a.roll(now)
	s := limit.Standing{Spent: a.total, Reserved: a.totalReserved, Running: len(a.open)}
	h := hold{&of, a}
	for _, c := range h.costLimits() {
		cost := &limit.CostStanding{Limit: c.Limit, Spent: c.Spent, Reserved: c.Reserved, Remaining: max(c.Left(), 0), Reset: c.Reset}
		if c.Reset.IsZero() {
			s.Cost = cost
		} else {
			s.Window = cost
		}
	}
	if of.Limits.RateLimitOverTime > 0 {
		a.rate.configure(of.Limits)
		s.Rate = &limit.RateStanding{
			Limit: of.Limits.RateLimitOverTime, Used: a.rate.used(now), Remaining: a.rate.remaining(now),
			Reset: now.Add(a.rate.reset(now)),
		}
	}
	return s, nil
}

// Counters implements limit.Limiter.
func (l *Limiter) Counters(context.Context) ([]limit.Counter, error) {
	l.mu.Lock()
	all := make(map[gateway.AccountID]*account, len(l.accounts))
	for id, a := range l.accounts {
		all[id] = a
	}
	l.mu.Unlock()
	now := l.now()
	out := make([]limit.Counter, 0, len(all))
	for id, a := range all {
		a.mu.Lock()
		if a.loaded {
			a.roll(now)
			out = append(out, limit.Counter{
				Account: id, Total: a.total, Unit: a.unit, WindowStart: a.windowStart, Window: a.window,
				Reserved: a.totalReserved, Running: len(a.open),
			})
		}
		a.mu.Unlock()
	}
	return out, nil
}
