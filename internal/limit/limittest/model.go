package limittest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/limit"
)

// model says in the plainest words what a limiter does: it keeps every request
// and counts anew each time.
type model struct {
	accounts []limit.Account // a key and a user
	requests []*modelRequest
}

type modelRequest struct {
	at             time.Time
	accounts       []limit.Account
	reserved, cost gateway.NanoUSD
	settled        bool
	real           limit.Reservation
}

func (r *modelRequest) charges(id gateway.AccountID) bool {
	for _, a := range r.accounts {
		if a.ID == id {
			return true
		}
	}
	return false
}

// sums counts what was created since start.
func (m *model) sums(id gateway.AccountID, start time.Time) (spent, reserved gateway.NanoUSD) {
	for _, r := range m.requests {
		switch {
		case r.at.Before(start) || !r.charges(id):
		case r.settled:
			spent += r.cost
		default:
			reserved += r.reserved
		}
	}
	return spent, reserved
}

// want is the code of the refusal of a request, "" if it is admitted, and then
// what it is granted.
func (m *model) want(now time.Time, cost, least gateway.NanoUSD, accounts []limit.Account) (code string, granted gateway.NanoUSD) {
	granted = cost
	codes := map[gateway.AccountID]string{}
	for _, a := range accounts {
		codes[a.ID] = m.wantRate(now, a)
		for _, c := range m.limitsOf(a, now) {
			if codes[a.ID] == "" && cost > 0 {
				codes[a.ID] = c.refuse(least)
			}
			if cost > 0 {
				granted = min(granted, c.max-c.spent-c.reserved)
			}
		}
	}
	for _, a := range m.accounts { // of several refusals the first account's counts
		if codes[a.ID] != "" {
			return codes[a.ID], 0
		}
	}
	return "", granted
}

func (m *model) wantRate(now time.Time, a limit.Account) string {
	running, inWindow := 0, int64(0)
	for _, r := range m.requests {
		if !r.charges(a.ID) {
			continue
		}
		if !r.settled {
			running++
		}
		if now.Sub(r.at) < time.Minute {
			inWindow++
		}
	}
	l := a.Limits
	if l.MaxParallelRequests > 0 && running >= l.MaxParallelRequests || l.RateLimitOverTime > 0 && inWindow >= l.RateLimitOverTime {
		return "rate_limit_exceeded"
	}
	return ""
}

type modelLimit struct{ max, spent, reserved gateway.NanoUSD }

func (m *model) limitsOf(a limit.Account, now time.Time) (out []modelLimit) {
	if l := a.Limits.CostLimit; l > 0 {
		spent, reserved := m.sums(a.ID, time.Time{})
		out = append(out, modelLimit{l, spent, reserved})
	}
	if l := a.Limits.CostLimitOverTime; l > 0 {
		spent, reserved := m.sums(a.ID, now.Truncate(time.Minute))
		out = append(out, modelLimit{l, spent, reserved})
	}
	return out
}

func (l modelLimit) refuse(least gateway.NanoUSD) string {
	switch {
	case l.spent+l.reserved < l.max && l.spent+l.reserved+least <= l.max:
		return ""
	case l.reserved > 0 && l.spent < l.max && l.spent+least <= l.max:
		return "budget_reserved" // when the running requests end there may be room
	}
	return "insufficient_quota"
}

// runModel compares random histories with the model.
func runModel(t *testing.T, open Open) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t, open)
		m := &model{accounts: []limit.Account{key("k", drawLimits(rt, "key")), user("u", drawLimits(rt, "user"))}}
		rt.Repeat(map[string]func(*rapid.T){
			"reserve": func(rt *rapid.T) { m.reserve(rt, w) },
			"settle":  func(rt *rapid.T) { m.settle(rt, w) },
			"extend":  func(rt *rapid.T) { m.extend(rt, w) },
			"advance": func(rt *rapid.T) {
				w.Clock.Advance(time.Duration(rapid.IntRange(1, 45_000).Draw(rt, "ms")) * time.Millisecond)
			},
			"": func(rt *rapid.T) {
				got := refused(w.exhausted(m.accounts...))
				if want, _ := m.want(w.Clock.Now(), 1, 0, m.accounts); got != want {
					rt.Fatalf("Exhausted = %q, want %q", got, want)
				}
			},
		})
	})
}

func drawLimits(rt *rapid.T, of string) gateway.Limits {
	l := gateway.Limits{
		CostLimit:           gateway.NanoUSD(rapid.IntRange(0, 100).Draw(rt, of+" cost limit")),
		CostLimitOverTime:   gateway.NanoUSD(rapid.IntRange(0, 40).Draw(rt, of+" cost limit per minute")),
		RateLimitOverTime:   int64(rapid.IntRange(0, 8).Draw(rt, of+" rate limit per minute")),
		RateLimitUnit:       gateway.Minute,
		MaxParallelRequests: rapid.IntRange(0, 4).Draw(rt, of+" parallel requests"),
	}
	if l.CostLimitOverTime > 0 {
		l.CostLimitUnit = gateway.Minute
	}
	return l
}

func refused(err error) string {
	if err == nil {
		return ""
	}
	return code(err)
}

func (m *model) reserve(rt *rapid.T, w World) {
	cost := gateway.NanoUSD(rapid.IntRange(0, 30).Draw(rt, "cost"))
	least := min(cost, gateway.NanoUSD(rapid.IntRange(0, 30).Draw(rt, "least")))
	accounts := m.accounts[:rapid.IntRange(1, 2).Draw(rt, "accounts")]
	want, granted := m.want(w.Clock.Now(), cost, least, accounts)
	real, err := w.reserveLeast(cost, least, accounts...)
	if got := refused(err); got != want {
		rt.Fatalf("reserve %d, at least %d = %q, want %q", cost, least, got, want)
	}
	if err != nil {
		return
	}
	if real.Granted() != granted {
		rt.Fatalf("reserve %d, at least %d: granted %d, want %d", cost, least, real.Granted(), granted)
	}
	m.requests = append(m.requests, &modelRequest{at: w.Clock.Now(), accounts: accounts, reserved: granted, real: real})
}

func (m *model) draw(rt *rapid.T) *modelRequest {
	if len(m.requests) == 0 {
		rt.Skip("no request")
	}
	return rapid.SampledFrom(m.requests).Draw(rt, "request")
}

// settle ends any request; one that has ended already must not change.
func (m *model) settle(rt *rapid.T, w World) {
	r := m.draw(rt)
	cost := gateway.NanoUSD(rapid.IntRange(0, 35).Draw(rt, "actual cost")) // more than reserved, too
	if !r.settled {
		for _, a := range r.accounts {
			w.Ledger.Add(a.ID, r.at, cost)
		}
		r.settled, r.cost = true, cost
	}
	if err := r.real.Settle(context.Background(), cost); err != nil {
		rt.Fatal(fmt.Errorf("settle: %w", err))
	}
}

// extend asks for more money for any request; one that has ended gets none and
// needs none.
func (m *model) extend(rt *rapid.T, w World) {
	r := m.draw(rt)
	more := gateway.NanoUSD(rapid.IntRange(1, 20).Draw(rt, "more"))
	want := ""
	if !r.settled {
		// The limits of the order of accounts, and of the window that runs now.
		for _, a := range m.accounts {
			for _, c := range m.limitsOf(a, w.Clock.Now()) {
				if r.charges(a.ID) && want == "" {
					want = c.refuse(more)
				}
			}
		}
	}
	if got := refused(r.real.Extend(context.Background(), more)); got != want {
		rt.Fatalf("extend by %d = %q, want %q", more, got, want)
	}
	if want == "" && !r.settled {
		r.reserved += more
	}
}

func (r *modelRequest) String() string {
	return fmt.Sprintf("%s reserved %d cost %d settled %t", r.at.Format("15:04:05.000"), r.reserved, r.cost, r.settled)
}
