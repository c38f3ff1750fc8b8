package redis

import (
	"context"
	"time"

	"github.com/bricks-gateway/bricks/internal/limit"
)

// exhaustedLost answers Exhausted while Redis is away.
func (l *Limiter) exhaustedLost(ctx context.Context, held []limit.Account, money bool, cause error) error {
	shares, err := l.withoutRedis(held, money, cause)
	if err != nil || len(shares) == 0 {
		return err
	}
	return l.local.Exhausted(ctx, shares, false)
}

// reserveLost answers Reserve while Redis is away.
func (l *Limiter) reserveLost(ctx context.Context, r *reservation, q limit.Request, cause error) (limit.Reservation, error) {
	shares, err := l.withoutRedis(r.held, q.Cost > 0, cause)
	if err != nil {
		return nil, err
	}
	r.lost, r.at = true, l.now().Truncate(time.Microsecond)
	if len(shares) > 0 {
		if r.local, err = l.local.Reserve(ctx, limit.Request{ID: q.ID, Accounts: shares}); err != nil {
			return nil, err
		}
		r.state = r.local.State()
	}
	return r, nil
}

// withoutRedis returns the accounts with this replica's share of their limits,
// or why the request cannot go on.
func (l *Limiter) withoutRedis(held []limit.Account, money bool, cause error) ([]limit.Account, error) {
	var shares []limit.Account
	for _, a := range held {
		if money && hasCost(a) && l.o.LostCost != Open {
			return nil, unavailable(cause)
		}
		if a.Limits.RateLimitOverTime <= 0 && a.Limits.MaxParallelRequests <= 0 {
			continue
		}
		switch l.o.LostRate {
		case Open:
			continue
		case Closed:
			return nil, unavailable(cause)
		}
		part, refusal := l.shareOf(a)
		if refusal != nil {
			return nil, refusal
		}
		shares = append(shares, part)
	}
	return shares, nil
}

// shareOf is the account with this replica's part of its rate. A part of nothing
// refuses.
func (l *Limiter) shareOf(a limit.Account) (limit.Account, error) {
	part := limit.Account{ID: a.ID, Label: a.Label}
	if a.Limits.RateLimitOverTime > 0 {
		n := l.members.share(l.name, a.Limits.RateLimitOverTime)
		if n == 0 {
			return part, limit.RefuseRate(a.Label, a.Limits, time.Second, l.now())
		}
		part.Limits.RateLimitOverTime, part.Limits.RateLimitUnit = n, a.Limits.RateLimitUnit
	}
	if a.Limits.MaxParallelRequests > 0 {
		n := l.members.share(l.name, int64(a.Limits.MaxParallelRequests))
		if n == 0 {
			return part, limit.RefuseParallel(a.Label, a.Limits)
		}
		part.Limits.MaxParallelRequests = int(n)
	}
	return part, nil
}

// unbounded is a rate that refuses nothing.
const unbounded = 1 << 40

// remember counts an admission by Redis in this process too, so that its share
// is known the moment Redis goes away.
func (l *Limiter) remember(ctx context.Context, r *reservation) {
	if l.o.LostRate != Local {
		return
	}
	var accounts []limit.Account
	for _, a := range r.held {
		if a.Limits.RateLimitOverTime > 0 || a.Limits.MaxParallelRequests > 0 {
			a.Limits.CostLimit, a.Limits.CostLimitOverTime, a.Limits.CostLimitUnit, a.Limits.MaxParallelRequests = 0, 0, "", unbounded
			if a.Limits.RateLimitOverTime > 0 {
				a.Limits.RateLimitOverTime = unbounded
			}
			accounts = append(accounts, a)
		}
	}
	if len(accounts) == 0 {
		return
	}
	if local, err := l.local.Reserve(ctx, limit.Request{ID: r.id, Accounts: accounts}); err == nil { // refuses nothing
		r.local = local
	}
}
