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

// model says in the plainest words what a limiter of one key does: it keeps
// every request and counts anew each time.
type model struct {
	key      *gateway.Key
	requests []*modelRequest
}

type modelRequest struct {
	at             time.Time
	reserved, cost gateway.NanoUSD
	settled        bool
	real           limit.Reservation
}

// sums counts what was created since start.
func (m *model) sums(start time.Time) (spent, reserved gateway.NanoUSD) {
	for _, r := range m.requests {
		switch {
		case r.at.Before(start):
		case r.settled:
			spent += r.cost
		default:
			reserved += r.reserved
		}
	}
	return spent, reserved
}

// want is the code of the refusal of a request, "" if it is admitted.
func (m *model) want(now time.Time, cost gateway.NanoUSD) string {
	running, inWindow := 0, int64(0)
	for _, r := range m.requests {
		if !r.settled {
			running++
		}
		if now.Sub(r.at) < time.Minute {
			inWindow++
		}
	}
	if m.key.MaxParallelRequests > 0 && running >= m.key.MaxParallelRequests {
		return "rate_limit_exceeded"
	}
	if m.key.RateLimitOverTime > 0 && inWindow >= m.key.RateLimitOverTime {
		return "rate_limit_exceeded"
	}
	if code := m.wantCost(m.key.CostLimit, time.Time{}, cost); code != "" {
		return code
	}
	return m.wantCost(m.key.CostLimitOverTime, now.Truncate(time.Minute), cost)
}

func (m *model) wantCost(max gateway.NanoUSD, start time.Time, cost gateway.NanoUSD) string {
	spent, reserved := m.sums(start)
	switch {
	case max == 0 || spent+reserved < max && spent+reserved+cost <= max:
		return ""
	case reserved > 0 && spent < max && spent+cost <= max:
		return "budget_reserved" // when the running requests end there may be room
	}
	return "insufficient_quota"
}

// runModel compares random histories with the model.
func runModel(t *testing.T, open Open) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t, open)
		m := &model{key: &gateway.Key{
			ID:                  "k",
			CostLimit:           gateway.NanoUSD(rapid.IntRange(0, 100).Draw(rt, "cost limit")),
			CostLimitOverTime:   gateway.NanoUSD(rapid.IntRange(0, 40).Draw(rt, "cost limit per minute")),
			RateLimitOverTime:   int64(rapid.IntRange(0, 8).Draw(rt, "rate limit per minute")),
			RateLimitUnit:       gateway.Minute,
			MaxParallelRequests: rapid.IntRange(0, 4).Draw(rt, "parallel requests"),
		}}
		if m.key.CostLimitOverTime > 0 {
			m.key.CostLimitUnit = gateway.Minute
		}
		rt.Repeat(map[string]func(*rapid.T){
			"reserve": func(rt *rapid.T) { m.reserve(rt, w) },
			"settle":  func(rt *rapid.T) { m.settle(rt, w) },
			"advance": func(rt *rapid.T) {
				w.Clock.Advance(time.Duration(rapid.IntRange(1, 45_000).Draw(rt, "ms")) * time.Millisecond)
			},
			"": func(rt *rapid.T) {
				if got, want := refused(w.Limiter.Exhausted(context.Background(), m.key)), m.want(w.Clock.Now(), 0); got != want {
					rt.Fatalf("Exhausted = %q, want %q", got, want)
				}
			},
		})
	})
}

func refused(err error) string {
	if err == nil {
		return ""
	}
	return code(err)
}

func (m *model) reserve(rt *rapid.T, w World) {
	cost := gateway.NanoUSD(rapid.IntRange(0, 30).Draw(rt, "cost"))
	want := m.want(w.Clock.Now(), cost)
	real, err := w.reserve(m.key, cost)
	if got := refused(err); got != want {
		rt.Fatalf("reserve %d = %q, want %q", cost, got, want)
	}
	if err == nil {
		m.requests = append(m.requests, &modelRequest{at: w.Clock.Now(), reserved: cost, real: real})
	}
}

// settle ends any request; one that has ended already must not change.
func (m *model) settle(rt *rapid.T, w World) {
	if len(m.requests) == 0 {
		rt.Skip("no request")
	}
	r := rapid.SampledFrom(m.requests).Draw(rt, "request")
	cost := gateway.NanoUSD(rapid.IntRange(0, 35).Draw(rt, "actual cost")) // more than reserved, too
	if !r.settled {
		w.Ledger.Add(m.key.ID, r.at, cost)
		r.settled, r.cost = true, cost
	}
	if err := r.real.Settle(context.Background(), cost); err != nil {
		rt.Fatal(fmt.Errorf("settle: %w", err))
	}
}

func (r *modelRequest) String() string {
	return fmt.Sprintf("%s reserved %d cost %d settled %t", r.at.Format("15:04:05.000"), r.reserved, r.cost, r.settled)
}
