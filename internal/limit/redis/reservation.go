package redis

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/limit"
)

// reservation implements limit.Reservation.
type reservation struct {
	limiter  *Limiter
	id       string
	at       time.Time
	state    limit.State
	accounts []limit.Account   // all, those without limits too
	held     []limit.Account   // those with limits then, in the order of asking
	lost     bool              // admitted without Redis, which holds nothing of it
	local    limit.Reservation // of what this replica admitted; may be nil

	mu      sync.Mutex // not taken while l.mu is held
	granted gateway.NanoUSD
	settled bool
}

func (r *reservation) At() time.Time      { return r.at }
func (r *reservation) State() limit.State { return r.state }

func (r *reservation) Granted() gateway.NanoUSD {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.granted
}

// Extend implements limit.Reservation.
func (r *reservation) Extend(ctx context.Context, more gateway.NanoUSD) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.settled || more <= 0 {
		return nil
	}
	var err error
	if r.lost {
		err = &lostError{errBreaker}
	} else {
		err = r.extend(ctx, more)
	}
	if isLost(err) {
		if r.limiter.o.LostCost == Closed && slices.ContainsFunc(r.held, hasCost) {
			return unavailable(err)
		}
		err = nil
	}
	if err == nil {
		r.granted = limit.Add(r.granted, more)
	}
	return err
}

func hasCost(a limit.Account) bool { return a.Limits.HasCost() }

func (r *reservation) extend(ctx context.Context, more gateway.NanoUSD) error {
	for range maxReadings {
		unread, err := r.extendOnce(ctx, more)
		if unread == nil || err != nil {
			return err
		}
		if err := r.limiter.load(ctx, unread.ID, unread.Limits.CostLimitUnit); err != nil {
			return err
		}
	}
	return unavailable(errors.New("the spend is forgotten as fast as it is read"))
}

func (r *reservation) extendOnce(ctx context.Context, more gateway.NanoUSD) (*limit.Account, error) {
	l := r.limiter
	groups := l.calls(r.held)
	if len(r.held) == 0 {
		return nil, nil
	}
	var stands []snapshot
	for i, group := range groups {
		reply, err := l.call(ctx, extendScript, l.keysOfAll(group), r.extension(group, more, false)...)
		var a answer
		if err == nil {
			a, err = parseAnswer(reply)
		}
		stands = append(stands, a.stands...)
		switch {
		case err != nil:
		case a.verdict == "ok" || a.verdict == "settled":
			continue
		case a.verdict != "load":
			err = l.refuse(r.held, group[a.account], a, admission{stands: stands}, more)
		}
		for _, earlier := range groups[:i] {
			// What cannot be given back now is with the settlement.
			_, _ = l.call(ctx, extendScript, l.keysOfAll(earlier), r.extension(earlier, -more, true)...)
		}
		if err != nil {
			return nil, err
		}
		return &group[a.account], nil
	}
	return nil, nil
}

func (r *reservation) extension(group []limit.Account, more gateway.NanoUSD, force bool) []any {
	l := r.limiter
	args := []any{l.clock(), r.id, amount(more), amount(r.granted), micros(r.at), duration(l.o.Lease), l.name, flag(force)}
	for _, a := range group {
		args = limitsOf(args, a.Limits)
	}
	return args
}

// Settle implements limit.Reservation. While Redis is away the settlement is
// kept, and delivered later: that is no error.
func (r *reservation) Settle(ctx context.Context, cost gateway.NanoUSD) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.settled {
		return nil
	}
	r.settled = true
	cost = max(cost, 0)
	l := r.limiter
	l.mu.Lock()
	if l.open[r.id] == r {
		delete(l.open, r.id)
	}
	l.mu.Unlock()
	if r.local != nil {
		if err := r.local.Settle(ctx, 0); err != nil {
			return err
		}
	}
	if len(r.held) == 0 && cost == 0 {
		return nil // nothing is held, nothing is charged
	}
	// The accounts without limits too: a limit that was set meanwhile must see
	// what this request cost.
	l.charge(ctx, operation{id: r.id, cost: cost, at: r.at, accounts: idsOf(r.accounts), remembered: idsOf(r.held)})
	return nil
}

// Book implements limit.Limiter. While Redis is away the booking is kept, and
// delivered later: that is no error.
func (l *Limiter) Book(ctx context.Context, b limit.Booking) error {
	l.charge(ctx, operation{id: b.ID, cost: b.Cost, at: b.At, accounts: b.Accounts, remembered: b.Accounts})
	return nil
}

// charge does op, and notes that these accounts were charged: what a failover
// loses is read from the ledger again.
func (l *Limiter) charge(ctx context.Context, op operation) {
	op.kind = charged
	if op.cost != 0 {
		now := time.Now()
		l.mu.Lock()
		for _, id := range op.accounts {
			l.charged[id] = now
		}
		l.mu.Unlock()
	}
	l.do(ctx, op)
}
