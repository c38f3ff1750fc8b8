// Package limit decides whether a request may go on, and for how much: rate
// limits, cost limits and parallel requests of keys and users.
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

// Account is one holder of limits that a request is charged to.
type Account struct {
	ID     gateway.AccountID
	Label  string // in messages: "key", "user"
	Limits gateway.Limits
}

// Request is one request that asks to go on.
type Request struct {
	ID       string    // the event's id; a repeated id is the same request
	Accounts []Account // all of them must admit it; none comes twice
	// Cost is the most that the request can cost, and Least what that can be
	// brought down to: Cost itself when it cannot. A request that costs nothing
	// is never refused for money.
	Cost, Least gateway.NanoUSD
}

// Limiter admits requests. Implementations are safe for concurrent use. An
// error that is no *Refusal means that the limits cannot be checked: the caller
// must refuse.
type Limiter interface {
	// Exhausted returns a *Refusal when a limit is used up already, and consumes
	// nothing. It is asked before a body is read. Cost limits are looked at only
	// with money.
	Exhausted(ctx context.Context, accounts []Account, money bool) error
	// Reserve consumes one request of every rate limit and the same money of
	// every cost limit, all or nothing: Cost, or what is left if that is at least
	// Least. A refused request consumes nothing.
	Reserve(ctx context.Context, r Request) (Reservation, error)
	// Book charges what was spent outside of a reservation of this process: a
	// request that a killed process had let through, or a correction. Booking an
	// id again changes nothing.
	Book(ctx context.Context, b Booking) error
	// Standing is how the limits of an account stand now.
	Standing(ctx context.Context, a Account) (Standing, error)
	// Counters returns what is counted now, for a comparison with the ledger.
	Counters(ctx context.Context) ([]Counter, error)
	// Recount forgets what is counted of an account's money: it is read from the
	// ledger before the next request is admitted.
	Recount(ctx context.Context, id gateway.AccountID) error
}

// Reservation is what one admitted request holds. Its methods are safe for
// concurrent use.
type Reservation interface {
	// At is the instant that decides which windows the request counts in.
	At() time.Time
	// Granted is how much the request may cost.
	Granted() gateway.NanoUSD
	// Extend reserves more money, all or nothing; a *Refusal when a limit has no
	// room for it.
	Extend(ctx context.Context, more gateway.NanoUSD) error
	// Settle replaces the reserved cost by the actual one and ends the request.
	// Settling again changes nothing.
	Settle(ctx context.Context, cost gateway.NanoUSD) error
	// State is how the limits stood when the reservation was made.
	State() State
}

// Booking is money spent outside of a reservation. Cost may be negative.
type Booking struct {
	ID       string
	Accounts []gateway.AccountID
	Cost     gateway.NanoUSD
	At       time.Time
}

// Ledger is where spend is derived from: the events.
type Ledger interface {
	// Spend sums what events charged to the account cost that were created in
	// [start, end). Zero times leave that side open.
	Spend(ctx context.Context, account gateway.AccountID, start, end time.Time) (gateway.NanoUSD, error)
	// Flush waits until every final event written so far counts in Spend.
	Flush(ctx context.Context) error
}

// State is what answers tell their clients about limits: the tightest of each
// kind.
type State struct {
	HasRate       bool
	RateLimit     int64
	RateRemaining int64
	RateReset     time.Duration // until the limit is whole again
	HasCost       bool
	CostRemaining gateway.NanoUSD // reservations taken off
}

// Tighten takes over what is tighter in o.
func (s *State) Tighten(o State) {
	if o.HasRate && (!s.HasRate || o.RateRemaining < s.RateRemaining) {
		s.HasRate, s.RateLimit, s.RateRemaining, s.RateReset = true, o.RateLimit, o.RateRemaining, o.RateReset
	}
	if o.HasCost && (!s.HasCost || o.CostRemaining < s.CostRemaining) {
		s.HasCost, s.CostRemaining = true, o.CostRemaining
	}
}

// Standing is how an account stands. A limit that is not set is nil.
type Standing struct {
	Spent    gateway.NanoUSD // ever
	Reserved gateway.NanoUSD // by running requests
	Running  int
	Cost     *CostStanding
	Window   *CostStanding
	Rate     *RateStanding
}

// CostStanding is how one cost limit stands.
type CostStanding struct {
	Limit, Spent, Reserved, Remaining gateway.NanoUSD
	Reset                             time.Time // zero: never
}

// RateStanding is how a rate limit stands.
type RateStanding struct {
	Limit, Used, Remaining int64
	Reset                  time.Time // when the limit is whole again
}

// Counter is what is counted of one account's money.
type Counter struct {
	Account     gateway.AccountID
	Total       gateway.NanoUSD
	Unit        gateway.Unit // of the window; empty: none is counted
	WindowStart time.Time
	Window      gateway.NanoUSD
	Reserved    gateway.NanoUSD
	Running     int
}

// Refusal is the error for a request over a limit.
type Refusal struct {
	Code       string // rate_limit_exceeded, insufficient_quota, budget_reserved
	Scope      string // which limit: "key rate limit", "user total cost limit", …
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
