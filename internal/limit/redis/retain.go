package redis

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

type kind int

const (
	charged kind = iota // settled or booked
	undone              // taken back
	lowered             // to cost
)

// operation is a write that must reach Redis some time. Doing it again changes
// nothing.
type operation struct {
	kind       kind
	id         string
	cost       gateway.NanoUSD
	at         time.Time
	accounts   []gateway.AccountID
	remembered []gateway.AccountID // by which the id is remembered though nothing is counted
	members    []string            // of the rate logs
	since      time.Time           // when it was retained
}

// do tries op now, and retains what is left of it.
func (l *Limiter) do(ctx context.Context, op operation) {
	ctx, cancel := detached(ctx, backgroundTimeout)
	defer cancel()
	if l.breaker.closed() || !l.running.Load() {
		if op = l.try(ctx, l.o.Timeout, op); len(op.accounts) == 0 {
			return
		}
	}
	op.since = time.Now()
	l.retain.add(op)
}

// try returns op with the accounts that it could not be done for.
func (l *Limiter) try(ctx context.Context, timeout time.Duration, op operation) operation {
	if !l.cluster {
		if l.tryOn(ctx, timeout, op, op.accounts) == nil {
			op.accounts = nil
		}
		return op
	}
	var left []gateway.AccountID
	for i, id := range op.accounts {
		part := op
		if i < len(op.members) {
			part.members = op.members[i : i+1]
		}
		if l.tryOn(ctx, timeout, part, op.accounts[i:i+1]) != nil {
			left = append(left, id)
		}
	}
	op.accounts = left
	if len(left) > 0 && len(op.members) != len(left) {
		op.members = nil
	}
	return op
}

func (l *Limiter) tryOn(ctx context.Context, timeout time.Duration, op operation, accounts []gateway.AccountID) error {
	if len(accounts) == 0 {
		return nil
	}
	var keys []string
	for _, id := range accounts {
		keys = append(keys, l.keysOf(id)...)
	}
	var err error
	switch op.kind {
	case charged:
		args := []any{l.clock(), op.id, amount(op.cost), micros(op.at)}
		for _, id := range accounts {
			args = append(args, flag(slices.Contains(op.remembered, id)))
		}
		_, err = l.run(ctx, timeout, settleScript, keys, args)
	case undone:
		args := []any{l.clock(), op.id, ""}
		for i := range accounts {
			member := op.id // where a small limit's log has it
			if i < len(op.members) {
				member = op.members[i]
			}
			args = append(args, member)
		}
		_, err = l.run(ctx, timeout, undoScript, keys, args)
	case lowered:
		_, err = l.run(ctx, timeout, undoScript, keys, []any{l.clock(), op.id, amount(op.cost)})
	}
	return err
}

const (
	maxRetained = 100_000
	// maxAge is how long a settlement is retried: Redis remembers ids for an hour
	// only, and may have done it although it did not answer.
	maxAge = 50 * time.Minute
)

// retained keeps operations, in order, while Redis is away. The zero value is
// empty.
type retained struct {
	mu      sync.Mutex
	ops     []operation
	recount map[gateway.AccountID]struct{} // of what could not be kept
	all     bool                           // even the accounts could not be kept
}

func (r *retained) add(op operation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.ops) < maxRetained {
		r.ops = append(r.ops, op)
		return
	}
	r.giveUp(op)
}

// giveUp leaves op to the ledger. It needs r.mu.
func (r *retained) giveUp(op operation) {
	if op.kind != charged {
		return // lapses by itself
	}
	if r.recount == nil {
		r.recount = map[gateway.AccountID]struct{}{}
	}
	for _, id := range op.accounts {
		if len(r.recount) < maxRetained {
			r.recount[id] = struct{}{}
		} else {
			r.all = true
		}
	}
}

func (r *retained) size() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.ops)
}

// take returns the oldest operation and removes it; false if there is none.
func (r *retained) take() (operation, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.ops) > 0 {
		op := r.ops[0]
		r.ops[0] = operation{}
		r.ops = r.ops[1:]
		if time.Since(op.since) < maxAge {
			return op, true
		}
		r.giveUp(op)
	}
	r.ops = nil
	return operation{}, false
}

func (r *retained) putBack(op operation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ops = append([]operation{op}, r.ops...)
}

// strike removes the account from all charges and returns their ids.
func (r *retained) strike(account gateway.AccountID) (ids []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.ops {
		op := &r.ops[i]
		if at := slices.Index(op.accounts, account); op.kind == charged && at >= 0 {
			op.accounts = slices.Delete(slices.Clone(op.accounts), at, at+1)
			ids = append(ids, op.id)
		}
	}
	return ids
}

// toRecount returns the accounts to be read from the ledger again, once.
func (r *retained) toRecount() (ids []gateway.AccountID, all bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id := range r.recount {
		ids = append(ids, id)
	}
	all = r.all
	r.recount, r.all = nil, false
	return ids, all
}
