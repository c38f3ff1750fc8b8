package redis

import (
	"context"
	"strings"
	"sync"

	goredis "github.com/redis/go-redis/v9"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/limit"
)

// Standing implements limit.Limiter.
func (l *Limiter) Standing(ctx context.Context, a limit.Account) (limit.Standing, error) {
	asked := a
	if !asked.Limits.HasCost() {
		asked.Limits.CostLimit = 1 // loads what was spent
	}
	got, err := l.ask(ctx, []limit.Account{asked}, question{mode: "stand"})
	if err != nil {
		if isLost(err) {
			err = unavailable(err)
		}
		return limit.Standing{}, err
	}
	stood := &got.stands[0]
	s := limit.Standing{Spent: stood.total, Reserved: stood.held, Running: int(stood.running)}
	for _, c := range stood.costLimits(a) {
		cost := &limit.CostStanding{Limit: c.Limit, Spent: c.Spent, Reserved: c.Reserved, Remaining: max(c.Left(), 0), Reset: c.Reset}
		if c.Reset.IsZero() {
			s.Cost = cost
		} else {
			s.Window = cost
		}
	}
	if n := a.Limits.RateLimitOverTime; n > 0 {
		s.Rate = &limit.RateStanding{
			Limit: n, Used: stood.used, Remaining: max(n-stood.used, 0), Reset: got.now.Add(stood.reset(a.Limits, got.now)),
		}
	}
	return s, nil
}

// Counters implements limit.Limiter. It asks every master.
func (l *Limiter) Counters(ctx context.Context) ([]limit.Counter, error) {
	var mu sync.Mutex
	found := map[gateway.AccountID]struct{}{}
	err := l.eachMaster(ctx, func(ctx context.Context, c *goredis.Client) error {
		scan := c.Scan(ctx, 0, l.o.Prefix+"{*}:m", 1000).Iterator()
		for scan.Next(ctx) {
			id := strings.TrimSuffix(strings.TrimPrefix(scan.Val(), l.o.Prefix+"{"), "}:m")
			mu.Lock()
			found[gateway.AccountID(id)] = struct{}{}
			mu.Unlock()
		}
		return scan.Err()
	})
	if err = l.judge(ctx, err); err != nil {
		return nil, unavailable(err)
	}
	out := make([]limit.Counter, 0, len(found))
	for id := range found {
		got, _, err := l.askOnce(ctx, []limit.Account{{ID: id}}, question{mode: "stand"})
		if err != nil {
			return nil, unavailable(err)
		}
		s := got.stands[0]
		if s.state != "loaded" {
			continue
		}
		out = append(out, limit.Counter{
			Account: id, Total: s.total, Unit: s.unit, WindowStart: s.start, Window: s.window, Reserved: s.held, Running: int(s.running),
		})
	}
	return out, nil
}

// Recount implements limit.Limiter.
func (l *Limiter) Recount(ctx context.Context, id gateway.AccountID) error {
	if _, err := l.run(ctx, backgroundTimeout, forgetScript, l.keysOf(id), []any{l.clock()}); err != nil {
		return unavailable(err)
	}
	return nil
}
