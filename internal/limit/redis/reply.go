package redis

import (
	"strconv"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/limit"
)

// answer is what reserve.lua and extend.lua say.
type answer struct {
	verdict string
	account int // which account the verdict is about, from 0
	granted gateway.NanoUSD
	at, now time.Time
	members []string   // where the rate logs hold the admission
	stands  []snapshot // before the call
}

// snapshot is how an account stood.
type snapshot struct {
	state                      string
	total, held, window, wheld gateway.NanoUSD
	unit                       gateway.Unit
	start, finish              time.Time
	running, used              int64
	newest                     time.Time // of the rate log
	wait                       time.Duration
}

// fields reads the strings of one reply; a reply that is too short yields zeros
// and is noticed by ok.
type fields struct {
	list []any
	ok   bool
}

func (f *fields) next() any {
	if len(f.list) == 0 {
		f.ok = false
		return nil
	}
	v := f.list[0]
	f.list = f.list[1:]
	return v
}

func (f *fields) text() string {
	s, ok := f.next().(string)
	f.ok = f.ok && ok
	return s
}

// int saturates: sums in Redis may be larger than int64.
func (f *fields) int() int64 {
	switch v := f.next().(type) {
	case int64:
		return v
	case string:
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil && n == 0 {
			f.ok = false
		}
		return n
	}
	f.ok = false
	return 0
}

func (f *fields) money() gateway.NanoUSD { return gateway.NanoUSD(f.int()) }

func (f *fields) time() time.Time {
	if µs := f.int(); µs != 0 {
		return time.UnixMicro(µs).UTC()
	}
	return time.Time{}
}

func listOf(v any) *fields {
	list, ok := v.([]any)
	return &fields{list, ok}
}

func parseAnswer(reply any) (answer, error) {
	f := listOf(reply)
	a := answer{verdict: f.text(), account: int(f.int()) - 1, granted: f.money(), at: f.time(), now: f.time()}
	for m := listOf(f.next()); len(m.list) > 0; {
		a.members = append(a.members, m.text())
	}
	for len(f.list) > 0 {
		s := listOf(f.next())
		a.stands = append(a.stands, snapshot{
			state: s.text(), total: s.money(), held: s.money(), unit: gateway.Unit(s.text()), start: s.time(), finish: s.time(),
			window: s.money(), wheld: s.money(), running: s.int(), used: s.int(), newest: s.time(),
			wait: time.Duration(s.int()) * time.Microsecond,
		})
		f.ok = f.ok && s.ok
	}
	if !f.ok {
		return a, malformed(reply)
	}
	return a, nil
}

// admit adds what one admission takes.
func (s *snapshot) admit(granted gateway.NanoUSD, at time.Time) {
	s.held = limit.Add(s.held, granted)
	s.wheld = limit.Add(s.wheld, granted)
	s.running++
	s.used++
	if at.After(s.newest) {
		s.newest = at
	}
}

func (s *snapshot) costLimits(a limit.Account) []limit.CostLimit {
	var out []limit.CostLimit
	if a.Limits.CostLimit > 0 {
		out = append(out, limit.CostLimit{
			Scope: a.Label + " total cost limit", Limit: a.Limits.CostLimit, Spent: s.total, Reserved: s.held,
		})
	}
	if a.Limits.CostLimitOverTime > 0 {
		out = append(out, limit.CostLimit{
			Scope: a.Label + " cost limit per " + string(a.Limits.CostLimitUnit),
			Limit: a.Limits.CostLimitOverTime, Spent: s.window, Reserved: s.wheld, Reset: s.finish,
		})
	}
	return out
}

// reset is how long until nothing of the rate limit is used.
func (s *snapshot) reset(l gateway.Limits, now time.Time) time.Duration {
	if s.used == 0 {
		return 0
	}
	return s.newest.Add(limit.Length(l.RateLimitUnit)).Sub(now)
}

func (s *snapshot) stateOf(a limit.Account, now time.Time) (own limit.State) {
	if a.Limits.RateLimitOverTime > 0 {
		own.HasRate, own.RateLimit = true, a.Limits.RateLimitOverTime
		own.RateRemaining = max(0, a.Limits.RateLimitOverTime-s.used)
		own.RateReset = s.reset(a.Limits, now)
	}
	for _, c := range s.costLimits(a) {
		own.Tighten(limit.State{HasCost: true, CostRemaining: max(c.Left(), 0)})
	}
	return own
}

// refusal turns a verdict about the account into what the client is told; nil
// for a verdict that is none.
func (a *answer) refusal(of limit.Account, least gateway.NanoUSD) *limit.Refusal {
	s := &a.stands[a.account]
	switch a.verdict {
	case "parallel":
		return limit.RefuseParallel(of.Label, of.Limits)
	case "rate":
		return limit.RefuseRate(of.Label, of.Limits, s.wait, a.now)
	case "total", "window":
		for _, c := range s.costLimits(of) {
			if r := c.Refuse(least, a.now); r != nil {
				return r
			}
		}
	}
	return nil
}
