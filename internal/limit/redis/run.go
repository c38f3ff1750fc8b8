package redis

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

// Run renews this replica's reservations, takes part in the readings of others
// and delivers what was retained, until ctx is over. It is called once.
func (l *Limiter) Run(ctx context.Context) error {
	l.running.Store(true)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return l.beats(ctx) })
	group.Go(func() error { return l.upkeep(ctx) })
	group.Go(func() error { return every(ctx, time.Second, l.endDoubts) })
	err := group.Wait()
	l.leave(ctx)
	return err
}

// every calls f until ctx is over, d after it has returned.
func every(ctx context.Context, d time.Duration, f func(context.Context)) error {
	for {
		f(ctx)
		if pause(ctx, d) != nil {
			return nil // told to stop
		}
	}
}

// beats are sent whatever else is to be done: a replica that does not beat is
// taken for dead.
func (l *Limiter) beats(ctx context.Context) error {
	var joining sync.WaitGroup
	defer joining.Wait()
	busy := make(chan struct{}, 1)
	return every(ctx, beatEvery, func(ctx context.Context) {
		if !l.breaker.probe() {
			return
		}
		if l.unfit.Load() != nil {
			_ = l.Check(ctx) // it may be mended
		}
		wanted, err := l.beat(ctx)
		if err != nil || len(wanted) == 0 {
			return
		}
		select {
		case busy <- struct{}{}:
		default:
			return // the next beat sees what is wanted again
		}
		joining.Go(func() {
			defer func() { <-busy }()
			ctx, cancel := context.WithTimeout(ctx, ledgerTimeout)
			defer cancel()
			if err := l.join(ctx, wanted); err != nil && l.logLine.allow() {
				l.o.Logger.Error("another replica waits in vain for this one's events", slog.Any("error", err))
			}
		})
	})
}

// upkeep renews, and makes good what failed.
func (l *Limiter) upkeep(ctx context.Context) error {
	renewed := time.Now()
	return every(ctx, beatEvery, func(ctx context.Context) {
		if l.members.sinceBeat() > 2*beatEvery+l.o.Timeout {
			return // away
		}
		if l.isSuspect() {
			if l.recover(ctx) != nil {
				return
			}
			renewed = time.Now()
		} else if l.deliver(ctx) != nil {
			return
		}
		if time.Since(renewed) >= l.o.Lease/3 && l.renew(ctx) == nil {
			renewed = time.Now()
		}
		l.forgetCharged()
	})
}

func (m *membership) sinceBeat() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return time.Since(m.at)
}

func (l *Limiter) isSuspect() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.suspect || !l.breaker.closed()
}

// recover brings Redis up to date after it failed: is it still fit, what is open,
// what was settled meanwhile, and what it may have lost. Then requests are let
// to it again.
func (l *Limiter) recover(ctx context.Context) error {
	l.mu.Lock()
	l.suspect = false
	l.mu.Unlock()
	err := l.Check(ctx)
	if err == nil {
		err = l.renew(ctx)
	}
	if err == nil {
		err = l.deliver(ctx)
	}
	if err == nil {
		err = l.recountCharged(ctx)
	}
	if err != nil {
		l.mu.Lock()
		l.suspect = true
		l.mu.Unlock()
		return err
	}
	if l.breaker.close() {
		l.o.Logger.Info("Redis can be asked again")
	}
	return nil
}

// deliver does what was retained, in order, and recounts what could not be.
func (l *Limiter) deliver(ctx context.Context) error {
	for {
		op, ok := l.retain.take()
		if !ok {
			break
		}
		if op = l.try(ctx, backgroundTimeout, op); len(op.accounts) > 0 {
			l.retain.putBack(op)
			return errors.New("redis: a settlement could not be delivered")
		}
	}
	ids, all := l.retain.toRecount()
	if all {
		counters, err := l.Counters(ctx)
		if err != nil {
			l.retain.recountAll()
			return err
		}
		for _, c := range counters {
			ids = append(ids, c.Account)
		}
	}
	for i, id := range ids {
		if err := l.Recount(ctx, id); err != nil {
			l.retain.mu.Lock()
			l.retain.giveUp(operation{accounts: ids[i:]})
			l.retain.mu.Unlock()
			return err
		}
	}
	return nil
}

func (r *retained) recountAll() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = true
}

// lossWindow is how far back writes may be lost by a failover or by a server
// that starts from its disk.
const lossWindow = 10 * time.Second

// recountCharged has the accounts read again that were charged shortly before.
func (l *Limiter) recountCharged(ctx context.Context) error {
	l.mu.Lock()
	var ids []gateway.AccountID
	for id := range l.charged {
		ids = append(ids, id)
	}
	l.mu.Unlock()
	for _, id := range ids {
		if err := l.Recount(ctx, id); err != nil {
			return err
		}
		l.mu.Lock()
		delete(l.charged, id)
		l.mu.Unlock()
	}
	return nil
}

// forgetCharged drops what is too old to be lost. While Redis is away nothing
// is dropped.
func (l *Limiter) forgetCharged() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, at := range l.charged {
		if time.Since(at) > lossWindow {
			delete(l.charged, id)
		}
	}
}

func (l *Limiter) endDoubts(ctx context.Context) {
	l.mu.Lock()
	doubts := make(map[gateway.AccountID]gateway.Unit, len(l.doubt))
	for id, unit := range l.doubt {
		doubts[id] = unit
	}
	l.mu.Unlock()
	for id, unit := range doubts {
		if !l.breaker.closed() {
			return
		}
		if err := l.check(ctx, id, unit); err != nil && ctx.Err() == nil && l.logLine.allow() {
			l.o.Logger.Warn("what an account spent could not be read again", slog.String("account", string(id)), slog.Any("error", err))
		}
	}
}

// openByAccount are this replica's reservations.
func (l *Limiter) openByAccount() map[gateway.AccountID][]*reservation {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := map[gateway.AccountID][]*reservation{}
	for _, r := range l.open {
		for _, a := range r.held {
			out[a.ID] = append(out[a.ID], r)
		}
	}
	return out
}

// renewal are the arguments of renew.lua.
func (l *Limiter) renewal(token string, open []*reservation) []any {
	args := []any{l.clock(), duration(l.o.Lease), l.name, token}
	for _, r := range open {
		args = append(args, r.id, amount(r.Granted()), micros(r.at))
	}
	return args
}

// renewAtOnce is how many reservations one script renews.
const renewAtOnce = 500

// renew moves the deadlines of this replica's reservations, in one pipeline.
func (l *Limiter) renew(ctx context.Context) error {
	open := l.openByAccount()
	if len(open) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, backgroundTimeout)
	defer cancel()
	type renewal struct {
		keys []string
		args []any
		cmd  *goredis.Cmd
	}
	var all []renewal
	pipe := l.client.Pipeline()
	for id, of := range open {
		for len(of) > 0 {
			n := min(len(of), renewAtOnce)
			r := renewal{keys: l.keysOf(id), args: l.renewal("", of[:n])}
			r.cmd = renewScript.EvalSha(ctx, pipe, r.keys, r.args...)
			all, of = append(all, r), of[n:]
		}
	}
	_, _ = pipe.Exec(ctx) // each command has its own error
	for _, r := range all {
		err := r.cmd.Err()
		if goredis.HasErrorPrefix(err, "NOSCRIPT") {
			err = renewScript.Run(ctx, l.client, r.keys, r.args...).Err()
		}
		if err := l.judge(ctx, err); err != nil {
			return err
		}
	}
	return nil
}

// leave tells the others not to wait for this replica, once its events are in
// the ledger.
func (l *Limiter) leave(ctx context.Context) {
	ctx, cancel := detached(ctx, backgroundTimeout)
	defer cancel()
	if err := l.o.Ledger.Flush(ctx); err != nil {
		l.o.Logger.Warn("stopped with events that are not in the ledger yet", slog.Any("error", err))
		return // until it lapses they wait: nothing is read that lacks these events
	}
	_ = l.deliver(ctx) // what is left is in the ledger
	l.running.Store(false)
	_ = l.judge(ctx, l.client.ZRem(ctx, l.membersKeys()[0], l.name).Err())
}
