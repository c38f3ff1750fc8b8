package limit

import (
	"fmt"
	"math"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

// Window is the UTC calendar window of a cost limit's unit that holds now:
// [start, end). Zero times for a unit that is none.
func Window(u gateway.Unit, now time.Time) (start, end time.Time) {
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

// Length is how long a rate limit's window is.
func Length(u gateway.Unit) time.Duration {
	switch u {
	case gateway.Second:
		return time.Second
	case gateway.Minute:
		return time.Minute
	case gateway.Hour:
		return time.Hour
	}
	return 24 * time.Hour
}

// Add does not overflow: a sum that wrapped around would open a limit.
func Add(a, b gateway.NanoUSD) gateway.NanoUSD {
	switch {
	case b > 0 && a > math.MaxInt64-b:
		return math.MaxInt64
	case b < 0 && a < math.MinInt64-b:
		return math.MinInt64
	}
	return a + b
}

// CostLimit is one cost limit and how it stands.
type CostLimit struct {
	Scope                  string
	Limit, Spent, Reserved gateway.NanoUSD
	Reset                  time.Time // zero: never
}

// Left is what is neither spent nor reserved; negative when more was spent.
func (c CostLimit) Left() gateway.NanoUSD { return Add(Add(c.Limit, -c.Spent), -c.Reserved) }

// Refuse returns the refusal of a request that needs at least this much, nil if
// it fits. A limit with nothing left fits nothing.
func (c CostLimit) Refuse(least gateway.NanoUSD, now time.Time) *Refusal {
	if left := c.Left(); left > 0 && least <= left {
		return nil
	}
	r := &Refusal{
		Code: "insufficient_quota", Scope: c.Scope,
		Limit: c.Limit, Spent: c.Spent, Reserved: c.Reserved, Reset: c.Reset,
	}
	r.Message = fmt.Sprintf("%s of $%s is reached: $%s spent, $%s reserved by running requests, this request needs at least $%s",
		c.Scope, c.Limit, c.Spent, c.Reserved, least)
	unspent := Add(c.Limit, -c.Spent)
	switch {
	case unspent > 0 && c.Reserved > 0 && least <= unspent:
		r.Code, r.RetryAfter = "budget_reserved", time.Second
	case c.Reset.IsZero():
		r.Total = true
	default:
		r.RetryAfter = c.Reset.Sub(now)
		r.Message += "; resets at " + c.Reset.Format(time.RFC3339)
	}
	return r
}

// RefuseRate is the refusal of a request that must wait for its rate limit.
func RefuseRate(label string, l gateway.Limits, wait time.Duration, now time.Time) *Refusal {
	return &Refusal{
		Code: "rate_limit_exceeded", Scope: label + " rate limit", RetryAfter: wait, Reset: now.Add(wait),
		Message: fmt.Sprintf("%s rate limit: %d requests per %s; try again in %s", label, l.RateLimitOverTime, l.RateLimitUnit, wait.Round(time.Millisecond)),
	}
}

// RefuseParallel is the refusal of one request too many at once.
func RefuseParallel(label string, l gateway.Limits) *Refusal {
	return &Refusal{
		Code: "rate_limit_exceeded", Scope: label + " parallel requests", RetryAfter: time.Second,
		Message: fmt.Sprintf("%s limit of parallel requests: %d at once", label, l.MaxParallelRequests),
	}
}
