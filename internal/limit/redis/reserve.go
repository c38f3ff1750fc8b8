package redis

import (
	"context"
	"errors"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/limit"
)

// Exhausted implements limit.Limiter.
func (l *Limiter) Exhausted(ctx context.Context, accounts []limit.Account, money bool) error {
	held := bound(accounts)
	if len(held) == 0 {
		return nil
	}
	_, err := l.ask(ctx, held, question{mode: "look", money: money})
	if isLost(err) {
		return l.exhaustedLost(ctx, held, money, err)
	}
	return err
}

// Reserve implements limit.Limiter.
func (l *Limiter) Reserve(ctx context.Context, q limit.Request) (limit.Reservation, error) {
	q.Cost = max(q.Cost, 0)
	q.Least = min(max(q.Least, 0), q.Cost)
	r := &reservation{limiter: l, id: q.ID, granted: q.Cost, accounts: q.Accounts, held: bound(q.Accounts)}
	if len(r.held) == 0 {
		r.at = l.now().Truncate(time.Microsecond)
		return r, nil
	}
	got, err := l.ask(ctx, r.held, question{mode: "take", id: q.ID, cost: q.Cost, least: q.Least, money: q.Cost > 0})
	if isLost(err) {
		return l.reserveLost(ctx, r, q, err)
	}
	if err != nil {
		return nil, err
	}
	r.at, r.granted, r.settled = got.at, got.granted, got.settled
	for i, a := range r.held {
		s := &got.stands[i]
		if !got.again && !got.settled {
			s.admit(got.granted, got.at)
		}
		r.state.Tighten(s.stateOf(a, got.now))
	}
	if r.settled {
		return r, nil // again, and after its end: it is charged already
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if own := l.open[q.ID]; own != nil && got.again {
		return own, nil
	}
	l.open[q.ID] = r
	l.remember(ctx, r)
	return r, nil
}

// question is what is asked of reserve.lua.
type question struct {
	mode        string // take, look or stand
	id          string
	cost, least gateway.NanoUSD
	money       bool // cost limits are looked at
}

// admission is the answer for all accounts.
type admission struct {
	granted        gateway.NanoUSD
	at, now        time.Time
	stands         []snapshot // before it
	again, settled bool
}

// maxReadings is how often one request waits for a reading of the ledger: two
// accounts, and units that change meanwhile.
const maxReadings = 8

// ask asks all accounts, and reads those from the ledger whose money is not
// counted.
func (l *Limiter) ask(ctx context.Context, held []limit.Account, q question) (admission, error) {
	for range maxReadings {
		got, unread, err := l.askOnce(ctx, held, q)
		if unread == nil || err != nil {
			return got, err
		}
		if err := l.load(ctx, unread.ID, unread.Limits.CostLimitUnit); err != nil {
			return got, err
		}
	}
	return admission{}, unavailable(errors.New("the spend is forgotten as fast as it is read"))
}

// taken is what one script took, to be given back.
type taken struct {
	accounts []limit.Account
	members  []string
	granted  gateway.NanoUSD
}

// askOnce returns the account that must be read first, if there is one.
func (l *Limiter) askOnce(ctx context.Context, held []limit.Account, q question) (admission, *limit.Account, error) {
	got := admission{granted: q.cost}
	var took []taken
	for _, group := range l.calls(held) {
		args := append(make([]any, 0, 8+7*len(group)), l.clock(), q.id, amount(got.granted), amount(q.least), duration(l.o.Lease), l.name, q.mode, flag(q.money))
		for _, a := range group {
			args = limitsOf(args, a.Limits)
		}
		reply, err := l.call(ctx, reserveScript, l.keysOfAll(group), args...)
		var a answer
		if err == nil {
			a, err = parseAnswer(reply)
		}
		if err != nil {
			if !errors.Is(err, errBreaker) && q.mode == "take" {
				took = append(took, taken{accounts: group}) // it may have been, all the same
			}
			l.takeBack(ctx, q.id, took)
			return got, nil, err
		}
		got.now, got.stands = a.now, append(got.stands, a.stands...)
		switch {
		case a.verdict == "settled":
			got.settled = true
		case a.verdict == "load":
			l.takeBack(ctx, q.id, took)
			return got, &group[a.account], nil
		case a.verdict == "again":
			got.again = true
		case a.verdict != "ok":
			l.takeBack(ctx, q.id, took)
			return got, nil, l.refuse(held, group[a.account], a, got, q.least)
		}
		if a.at.After(got.at) {
			got.at = a.at
		}
		if q.mode == "take" && a.verdict != "settled" {
			got.granted = a.granted
			took = append(took, taken{group, a.members, a.granted})
		}
	}
	l.lower(ctx, q.id, took, got.granted)
	return got, nil, nil
}

func (l *Limiter) refuse(held []limit.Account, of limit.Account, a answer, got admission, least gateway.NanoUSD) error {
	r := a.refusal(of, least)
	if r == nil {
		return unavailable(errors.New("redis: unknown verdict " + a.verdict))
	}
	for i := range got.stands {
		r.State.Tighten(got.stands[i].stateOf(held[i], a.now))
	}
	return r
}

// takeBack undoes what a refused request took of the accounts asked before.
func (l *Limiter) takeBack(ctx context.Context, id string, took []taken) {
	for _, t := range took {
		l.do(ctx, operation{kind: undone, id: id, accounts: idsOf(t.accounts), members: t.members})
	}
}

// lower gives back what the first accounts granted beyond the last.
func (l *Limiter) lower(ctx context.Context, id string, took []taken, granted gateway.NanoUSD) {
	for _, t := range took {
		if t.granted > granted {
			l.do(ctx, operation{kind: lowered, id: id, cost: granted, accounts: idsOf(t.accounts)})
		}
	}
}

func idsOf(accounts []limit.Account) []gateway.AccountID {
	out := make([]gateway.AccountID, len(accounts))
	for i, a := range accounts {
		out[i] = a.ID
	}
	return out
}
