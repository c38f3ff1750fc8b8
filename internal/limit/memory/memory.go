// Package memory limits keys and users within one process: exact, and gone with
// it. What an account has spent is read from the ledger before it is admitted,
// so a restart forgets no money; rate windows start empty.
//
// Only one processor may run with it: two would each admit the whole limit.
package memory

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/limit"
)

// Limiter implements limit.Limiter. Events must be written before their
// reservation is settled, or a limit set meanwhile could miss them.
type Limiter struct {
	ledger limit.Ledger
	now    func() time.Time

	mu       sync.Mutex // guards what follows, and never waits for an account
	accounts map[gateway.AccountID]*account
	sweepAt  int // number of accounts from which on idle ones are dropped
	ended    recently
}

var _ limit.Limiter = (*Limiter)(nil)

// New returns a limiter. now is the clock; time.Now if nil.
func New(l limit.Ledger, now func() time.Time) *Limiter {
	if now == nil {
		now = time.Now
	}
	return &Limiter{ledger: l, now: now, accounts: map[gateway.AccountID]*account{}, sweepAt: minSweep}
}

// Exhausted implements limit.Limiter.
func (l *Limiter) Exhausted(ctx context.Context, accounts []limit.Account, money bool) error {
	held, err := l.lock(ctx, accounts)
	if err != nil {
		return err
	}
	defer unlock(held)
	now := l.now()
	for _, h := range held {
		if r := h.refuse(now, 0, money); r != nil {
			return withState(r, held, now)
		}
	}
	return nil
}

// Reserve implements limit.Limiter.
func (l *Limiter) Reserve(ctx context.Context, q limit.Request) (limit.Reservation, error) {
	q.Cost = max(q.Cost, 0)
	q.Least = min(max(q.Least, 0), q.Cost)
	held, err := l.lock(ctx, q.Accounts)
	if err != nil {
		return nil, err
	}
	defer unlock(held)
	now := l.now()
	for _, h := range held {
		if open, ok := h.account.open[q.ID]; ok {
			return open, nil // the same request again
		}
	}
	r := &reservation{limiter: l, id: q.ID, at: now, granted: q.Cost, accounts: q.Accounts}
	if l.hasEnded(q.ID, now) {
		r.settled = true // again, and after its end: it is charged already
		return r, nil
	}
	for _, h := range held {
		if refusal := h.refuse(now, q.Least, q.Cost > 0); refusal != nil {
			return nil, withState(refusal, held, now)
		}
		if has, left := h.remaining(); has && q.Cost > 0 {
			r.granted = min(r.granted, left)
		}
	}
	for _, h := range held {
		h.reserve(r)
	}
	r.held, r.state = held, stateOf(held, now)
	return r, nil
}

// hold is a locked account with the limits that bind a request to it.
type hold struct {
	*limit.Account
	account *account
}

// lock returns the accounts that have limits, loaded and locked in one order.
func (l *Limiter) lock(ctx context.Context, accounts []limit.Account) ([]hold, error) {
	held := make([]hold, 0, len(accounts))
	for i := range accounts {
		if accounts[i].Limits.Any() {
			held = append(held, hold{Account: &accounts[i]})
		}
	}
	if len(held) > 1 {
		slices.SortFunc(held, func(a, b hold) int { return strings.Compare(string(a.ID), string(b.ID)) })
	}
	for {
		for i := range held {
			a, err := l.load(ctx, held[i].ID, held[i].Limits)
			if err != nil {
				return nil, err
			}
			held[i].account = a
		}
		good := true
		for _, h := range held {
			h.account.mu.Lock()
			good = good && h.account.serves(h.Limits)
		}
		if good {
			return held, nil
		}
		unlock(held) // dropped or reset since it was loaded
	}
}

func unlock(held []hold) {
	for _, h := range held {
		h.account.mu.Unlock()
	}
}

// account returns the account, if there is one. With create there is.
func (l *Limiter) account(id gateway.AccountID, create bool) *account {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.accounts[id]
	if a == nil && create {
		l.sweep()
		a = &account{open: map[string]*reservation{}}
		l.accounts[id] = a
	}
	return a
}

const minSweep = 1024

// sweep drops accounts that hold nothing that the ledger does not know. It
// needs l.mu.
func (l *Limiter) sweep() {
	if len(l.accounts) < l.sweepAt {
		return
	}
	now := l.now()
	for id, a := range l.accounts {
		if a.mu.TryLock() {
			if a.dropIfIdle(now) {
				delete(l.accounts, id)
			}
			a.mu.Unlock()
		}
	}
	l.sweepAt = max(minSweep, 2*len(l.accounts))
}

func (l *Limiter) hasEnded(id string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ended.has(id, now)
}

// end notes that id is charged. It reports false when it was before.
func (l *Limiter) end(id string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ended.add(id, l.now())
}

// recently remembers ids for between one and two lifetimes.
type recently struct {
	since      time.Time
	young, old map[string]struct{}
}

// lifetime is far longer than Envoy takes to open a broken stream again.
const lifetime = 2 * time.Minute

func (r *recently) turn(now time.Time) {
	if r.young == nil || now.Sub(r.since) >= lifetime {
		r.young, r.old, r.since = map[string]struct{}{}, r.young, now
	}
}

func (r *recently) has(id string, now time.Time) bool {
	r.turn(now)
	_, young := r.young[id]
	_, old := r.old[id]
	return young || old
}

func (r *recently) add(id string, now time.Time) bool {
	if r.has(id, now) {
		return false
	}
	r.young[id] = struct{}{}
	return true
}
