package memory

import (
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/limit"
)

// account is how one key stands.
type account struct {
	mu      sync.Mutex
	rate    rate
	open    map[string]*reservation // by request id
	loaded  bool
	loading chan struct{} // closed when the reading ends

	total, totalReserved   gateway.NanoUSD
	window, windowReserved gateway.NanoUSD
	unit                   gateway.Unit
	windowStart, windowEnd time.Time
}

// roll begins a new cost window when the old one is over.
func (a *account) roll(now time.Time) {
	if a.unit == "" || now.Before(a.windowEnd) {
		return
	}
	a.windowStart, a.windowEnd = window(a.unit, now)
	a.window = 0
	a.recount()
}

// recount sums what is reserved, in all and in the current window.
func (a *account) recount() {
	a.totalReserved, a.windowReserved = 0, 0
	for _, r := range a.open {
		a.totalReserved = add(a.totalReserved, r.cost)
		if !r.created.Before(a.windowStart) {
			a.windowReserved = add(a.windowReserved, r.cost)
		}
	}
}

// check returns a *limit.Refusal if cost and one more request do not fit. With
// cost 0 a limit must have something left.
func (a *account) check(k *gateway.Key, cost gateway.NanoUSD, now time.Time) error {
	a.roll(now)
	if k.RateLimitOverTime > 0 {
		a.rate.configure(k)
	}
	if r := a.refuse(k, cost, now); r != nil {
		r.State = a.state(k, now)
		return r
	}
	return nil
}

func (a *account) refuse(k *gateway.Key, cost gateway.NanoUSD, now time.Time) *limit.Refusal {
	if k.MaxParallelRequests > 0 && len(a.open) >= k.MaxParallelRequests {
		return &limit.Refusal{
			Code: "rate_limit_exceeded", Scope: "key parallel requests", RetryAfter: time.Second,
			Message: fmt.Sprintf("this key may have %d requests running at once", k.MaxParallelRequests),
		}
	}
	if k.RateLimitOverTime > 0 {
		if wait := a.rate.wait(now); wait > 0 {
			return &limit.Refusal{
				Code: "rate_limit_exceeded", Scope: "key rate limit", RetryAfter: wait, Reset: now.Add(wait),
				Message: fmt.Sprintf("this key may make %d requests per %s; try again in %s", k.RateLimitOverTime, k.RateLimitUnit, wait.Round(time.Millisecond)),
			}
		}
	}
	if k.CostLimit > 0 {
		if r := refuseCost("key total cost limit", k.CostLimit, a.total, a.totalReserved, cost, time.Time{}, now); r != nil {
			return r
		}
	}
	if k.CostLimitOverTime > 0 {
		scope := "key cost limit per " + string(k.CostLimitUnit)
		if r := refuseCost(scope, k.CostLimitOverTime, a.window, a.windowReserved, cost, a.windowEnd, now); r != nil {
			return r
		}
	}
	return nil
}

// refuseCost compares without sums that could overflow.
func refuseCost(scope string, max, spent, reserved, cost gateway.NanoUSD, reset, now time.Time) *limit.Refusal {
	left := max - spent
	if left > 0 && cost <= left-reserved && left-reserved > 0 {
		return nil
	}
	r := &limit.Refusal{Code: "insufficient_quota", Scope: scope, Limit: max, Spent: spent, Reserved: reserved, Reset: reset}
	r.Message = fmt.Sprintf("%s of $%s is reached: $%s spent, $%s reserved by running requests, this request could cost $%s", scope, max, spent, reserved, cost)
	switch {
	case left > 0 && reserved > 0 && cost <= left:
		r.Code, r.RetryAfter = "budget_reserved", time.Second
	case reset.IsZero():
		r.Total = true
	default:
		r.RetryAfter = reset.Sub(now)
		r.Message += "; resets at " + reset.Format(time.RFC3339)
	}
	return r
}

// reserve takes what check allowed.
func (a *account) reserve(l *Limiter, q limit.Request, now time.Time) *reservation {
	r := &reservation{limiter: l, account: a, keyID: q.Key.ID, id: q.ID, cost: q.Cost, created: now}
	a.open[q.ID] = r
	a.totalReserved += q.Cost
	a.windowReserved += q.Cost
	if q.Key.RateLimitOverTime > 0 {
		a.rate.add(now)
	}
	r.state = a.state(q.Key, now)
	return r
}

func (a *account) state(k *gateway.Key, now time.Time) limit.State {
	var s limit.State
	if k.RateLimitOverTime > 0 {
		s.HasRate = true
		s.RateLimit = k.RateLimitOverTime
		s.RateRemaining = a.rate.remaining(now)
		s.RateReset = a.rate.reset(now)
	}
	s.HasCost, s.CostRemaining = a.remaining(k)
	return s
}

func (a *account) remaining(k *gateway.Key) (has bool, left gateway.NanoUSD) {
	if k.CostLimit > 0 {
		has, left = true, k.CostLimit-add(a.total, a.totalReserved)
	}
	if k.CostLimitOverTime > 0 {
		inWindow := k.CostLimitOverTime - add(a.window, a.windowReserved)
		if !has || inWindow < left {
			left = inWindow
		}
		has = true
	}
	return has, max(left, 0)
}

// settle replaces r's reservation by its cost.
func (a *account) settle(r *reservation, cost gateway.NanoUSD) {
	inWindow := !r.created.Before(a.windowStart)
	if _, ok := a.open[r.id]; ok && r.account != nil {
		delete(a.open, r.id)
		a.totalReserved -= r.cost
		if inWindow {
			a.windowReserved -= r.cost
		}
	}
	if !a.loaded && a.loading == nil {
		return // whoever loads reads it from the ledger
	}
	a.total = add(a.total, cost)
	if inWindow || r.account == nil {
		a.window = add(a.window, cost)
	}
}

// add does not overflow: a sum that wrapped around would open the limit.
func add(a, b gateway.NanoUSD) gateway.NanoUSD {
	if b > math.MaxInt64-a {
		return math.MaxInt64
	}
	return a + b
}

// window is the UTC calendar window of this unit that holds now.
func window(u gateway.Unit, now time.Time) (start, end time.Time) {
	now = now.UTC()
	switch u {
	case gateway.Minute:
		start = now.Truncate(time.Minute)
		return start, start.Add(time.Minute)
	case gateway.Hour:
		start = now.Truncate(time.Hour)
		return start, start.Add(time.Hour)
	case gateway.Day:
		start = time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, time.UTC)
		return start, start.AddDate(0, 0, 1)
	case gateway.Month:
		start = time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
		return start, start.AddDate(0, 1, 0)
	}
	return time.Time{}, time.Time{}
}
