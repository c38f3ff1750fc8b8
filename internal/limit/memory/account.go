package memory

import (
	"sync"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/limit"
)

// account is how one key or user stands.
type account struct {
	mu      sync.Mutex
	rate    rate
	open    map[string]*reservation // by request id
	loaded  bool
	loading chan struct{} // closed when the reading ends
	dropped bool          // no longer in the map: get it again

	total, totalReserved   gateway.NanoUSD
	window, windowReserved gateway.NanoUSD
	unit                   gateway.Unit
	windowStart, windowEnd time.Time
}

// serves reports whether the account can be asked about these limits.
func (a *account) serves(l gateway.Limits) bool {
	return !a.dropped && (!l.HasCost() || a.loaded && a.unit == l.CostLimitUnit)
}

func (a *account) dropIfIdle(now time.Time) bool {
	a.dropped = len(a.open) == 0 && a.loading == nil && a.rate.idle(now)
	return a.dropped
}

// roll begins a new cost window when the old one is over.
func (a *account) roll(now time.Time) {
	if a.unit == "" || now.Before(a.windowEnd) {
		return
	}
	a.windowStart, a.windowEnd = limit.Window(a.unit, now)
	a.window = 0
	a.recount()
}

// recount sums what is reserved, in all and in the current window.
func (a *account) recount() {
	a.totalReserved, a.windowReserved = 0, 0
	for _, r := range a.open {
		a.totalReserved = limit.Add(a.totalReserved, r.granted)
		if !r.at.Before(a.windowStart) {
			a.windowReserved = limit.Add(a.windowReserved, r.granted)
		}
	}
}

// take changes what r has reserved by this much.
func (a *account) take(r *reservation, amount gateway.NanoUSD) {
	a.totalReserved = limit.Add(a.totalReserved, amount)
	if !r.at.Before(a.windowStart) {
		a.windowReserved = limit.Add(a.windowReserved, amount)
	}
}

// settle ends r, which holds this much.
func (a *account) settle(r *reservation, cost gateway.NanoUSD) {
	if a.open[r.id] == r {
		delete(a.open, r.id)
		a.take(r, -r.granted)
	}
	a.charge(r.at, cost)
}

// charge counts money spent at this time.
func (a *account) charge(at time.Time, cost gateway.NanoUSD) {
	if !a.loaded && a.loading == nil {
		return // whoever loads reads it from the ledger
	}
	a.total = limit.Add(a.total, cost)
	if !at.Before(a.windowStart) {
		a.window = limit.Add(a.window, cost)
	}
}

// refuse returns the refusal of one more request that needs at least this much.
func (h hold) refuse(now time.Time, least gateway.NanoUSD, money bool) *limit.Refusal {
	a, l := h.account, h.Limits
	a.roll(now)
	if l.MaxParallelRequests > 0 && len(a.open) >= l.MaxParallelRequests {
		return limit.RefuseParallel(h.Label, l)
	}
	if l.RateLimitOverTime > 0 {
		a.rate.configure(l)
		if wait := a.rate.wait(now, 1); wait > 0 {
			return limit.RefuseRate(h.Label, l, wait, now)
		}
	}
	if !money {
		return nil
	}
	for _, c := range h.costLimits() {
		if r := c.Refuse(least, now); r != nil {
			return r
		}
	}
	return nil
}

func (h hold) costLimits() []limit.CostLimit {
	a, l := h.account, h.Limits
	var both [2]limit.CostLimit
	out := both[:0]
	if l.CostLimit > 0 {
		out = append(out, limit.CostLimit{
			Scope: h.Label + " total cost limit", Limit: l.CostLimit, Spent: a.total, Reserved: a.totalReserved,
		})
	}
	if l.CostLimitOverTime > 0 {
		out = append(out, limit.CostLimit{
			Scope: h.Label + " cost limit per " + string(l.CostLimitUnit),
			Limit: l.CostLimitOverTime, Spent: a.window, Reserved: a.windowReserved, Reset: a.windowEnd,
		})
	}
	return out
}

// remaining is what the tightest cost limit leaves.
func (h hold) remaining() (has bool, left gateway.NanoUSD) {
	for _, c := range h.costLimits() {
		if l := max(c.Left(), 0); !has || l < left {
			has, left = true, l
		}
	}
	return has, left
}

// reserve takes what refuse allowed.
func (h hold) reserve(r *reservation) {
	a := h.account
	a.open[r.id] = r
	a.take(r, r.granted)
	if h.Limits.RateLimitOverTime > 0 {
		a.rate.add(r.at, 1)
	}
}

func stateOf(held []hold, now time.Time) (s limit.State) {
	for _, h := range held {
		var own limit.State
		if h.Limits.RateLimitOverTime > 0 {
			h.account.rate.configure(h.Limits)
			own.HasRate = true
			own.RateLimit = h.Limits.RateLimitOverTime
			own.RateRemaining = h.account.rate.remaining(now)
			own.RateReset = h.account.rate.reset(now)
		}
		own.HasCost, own.CostRemaining = h.remaining()
		s.Tighten(own)
	}
	return s
}

func withState(r *limit.Refusal, held []hold, now time.Time) *limit.Refusal {
	for _, h := range held {
		h.account.roll(now)
	}
	r.State = stateOf(held, now)
	return r
}
