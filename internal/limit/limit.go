// Package limit decides whether a request may go on, and for how much: rate
// limits, cost limits and parallel requests of keys.
//
// Money is reserved before a call and settled once after it, so that spend
// never passes a limit however many requests run at once. Implementations live
// in their own packages and pass the same suite, limittest.
package limit

import (
	"context"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

// Request is one request that asks to go on.
type Request struct {
	ID      string // the event's id; a repeated id is the same request
	Key     *gateway.Key
	Cost    gateway.NanoUSD // the most that it can cost
	Bounded bool            // false: nobody can say what it could cost
}

// Limiter admits requests. Implementations are safe for concurrent use. An
// error that is no *Refusal means that the limits cannot be checked: the caller
// must refuse.
type Limiter interface {
	// Exhausted returns a *Refusal when key's limits are used up already, and
	// consumes nothing. It is asked before a body is read.
	Exhausted(ctx context.Context, key *gateway.Key) error
	// Reserve consumes one request of every rate limit and r.Cost of every cost
	// limit, all or nothing. A refused request consumes nothing.
	Reserve(ctx context.Context, r Request) (Reservation, error)
}

// Reservation is what one admitted request holds.
type Reservation interface {
	// Settle replaces the reserved cost by the actual one and ends the request.
	// Settling again changes nothing.
	Settle(ctx context.Context, cost gateway.NanoUSD) error
	// State is how the limits stood when the reservation was made.
	State() State
}

// State is what answers tell their clients about limits.
type State struct {
	HasRate       bool
	RateLimit     int64
	RateRemaining int64
	RateReset     time.Duration // until the limit is whole again
	HasCost       bool
	CostRemaining gateway.NanoUSD // the least of all cost limits, reservations taken off
}

// Refusal is the error for a request over a limit.
type Refusal struct {
	Code       string // rate_limit_exceeded, insufficient_quota, budget_reserved, cost_not_boundable
	Scope      string // which limit: "key rate limit", "key total cost limit", …
	Message    string // fit for the client
	RetryAfter time.Duration
	Total      bool // trying again is of no use
	Limit      gateway.NanoUSD
	Spent      gateway.NanoUSD
	Reserved   gateway.NanoUSD
	Reset      time.Time // zero: never
	State      State     // how the limits stand
}

func (r *Refusal) Error() string { return r.Message }
