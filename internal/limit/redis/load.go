package redis

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

const (
	// ledgerTimeout is how long the first request of an account may wait for its
	// spend, dead replicas included.
	ledgerTimeout = 8 * time.Second
	// pollEvery is how often it is looked whether others are done.
	pollEvery = 10 * time.Millisecond
)

// load reads the account's spend from the ledger, unless it is counted already.
// Concurrent callers share one reading.
func (l *Limiter) load(ctx context.Context, id gateway.AccountID, unit gateway.Unit) error {
	done := l.loads.DoChan(string(id)+" "+string(unit), func() (any, error) {
		ctx, cancel := detached(ctx, ledgerTimeout)
		defer cancel()
		return nil, l.read(ctx, id, unit)
	})
	select {
	case r := <-done:
		return r.Err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *Limiter) read(ctx context.Context, id gateway.AccountID, unit gateway.Unit) error {
	for {
		verdict, err := l.readOnce(ctx, id, unit, "begin", "end")
		switch {
		case err != nil:
			return unavailable(fmt.Errorf("read spend of %s: %w", id, err))
		case verdict == "loaded":
			return nil
		case verdict == "doubtful":
			l.mu.Lock()
			l.doubt[id] = unit
			l.mu.Unlock()
			return nil
		}
		// busy, lost to another reader, or the window turned
		if err := pause(ctx, pollEvery); err != nil {
			return unavailable(fmt.Errorf("read spend of %s: %w", id, err))
		}
	}
}

// readOnce goes through the steps of one reading, see the package's comment.
func (l *Limiter) readOnce(ctx context.Context, id gateway.AccountID, unit gateway.Unit, begin, end string) (verdict string, err error) {
	token := uuid.NewString()
	verdict, start, err := l.step(ctx, id, begin, token, unit, 0, 0, "0")
	if err != nil || verdict != "begun" {
		return verdict, err
	}
	total, inWindow, err := l.spent(ctx, id, unit, token, start)
	if err != nil {
		after, cancel := detached(ctx, backgroundTimeout)
		defer cancel()
		_, _, _ = l.step(after, id, "abandon", token, unit, 0, 0, "0") // else the next reader waits until the token lapses
		return "", err
	}
	verdict, _, err = l.step(ctx, id, end, token, unit, total, inWindow, start)
	return verdict, err
}

// step returns load.lua's verdict and the start of the window in µs.
func (l *Limiter) step(ctx context.Context, id gateway.AccountID, step, token string, unit gateway.Unit, total, inWindow gateway.NanoUSD, start string) (string, string, error) {
	reply, err := l.run(ctx, backgroundTimeout, loadScript, l.keysOf(id),
		[]any{l.clock(), step, token, string(unit), duration(ledgerTimeout + backgroundTimeout), amount(total), amount(inWindow), start})
	if err != nil {
		return "", "", err
	}
	f := listOf(reply)
	verdict, start := f.text(), f.text()
	if !f.ok {
		return "", "", malformed(reply)
	}
	return verdict, start, nil
}

// spent makes sure that the ledger holds what every replica has settled, and
// reads it.
func (l *Limiter) spent(ctx context.Context, id gateway.AccountID, unit gateway.Unit, token, start string) (total, inWindow gateway.NanoUSD, err error) {
	if err := l.join(ctx, map[gateway.AccountID]string{id: token}); err != nil {
		return 0, 0, err
	}
	if err := l.awaitReplicas(ctx, id, token); err != nil {
		return 0, 0, err
	}
	if total, err = l.o.Ledger.Spend(ctx, id, time.Time{}, time.Time{}); err != nil || unit == "" {
		return total, 0, err
	}
	f := fields{[]any{start}, true}
	inWindow, err = l.o.Ledger.Spend(ctx, id, f.time(), time.Time{})
	return total, inWindow, err
}

// join does this replica's part of readings: all that it settled is in the
// ledger, and what it has open is reserved again.
func (l *Limiter) join(ctx context.Context, wanted map[gateway.AccountID]string) error {
	struck := map[gateway.AccountID][]string{}
	for id := range wanted {
		struck[id] = l.retain.strike(id)
	}
	err := l.o.Ledger.Flush(ctx)
	for id, ids := range struck {
		for _, event := range ids {
			op := operation{kind: charged, id: event, at: time.Unix(0, 0), accounts: []gateway.AccountID{id}, remembered: []gateway.AccountID{id}}
			if err != nil || len(l.try(ctx, backgroundTimeout, op).accounts) > 0 {
				l.retain.mu.Lock()
				l.retain.giveUp(op)
				l.retain.mu.Unlock()
			}
		}
	}
	if err != nil {
		return fmt.Errorf("flush events: %w", err)
	}
	open := l.openByAccount()
	for id, token := range wanted {
		if _, err := l.run(ctx, backgroundTimeout, renewScript, l.keysOf(id), l.renewal(token, open[id])); err != nil {
			return err
		}
	}
	return nil
}

// awaitReplicas waits until every other replica has joined the reading.
func (l *Limiter) awaitReplicas(ctx context.Context, id gateway.AccountID, token string) error {
	asked := false
	for {
		others, known := l.members.others(l.name)
		if !known {
			if _, err := l.beat(ctx); err != nil {
				return err
			}
			if others, known = l.members.others(l.name); !known {
				if err := pause(ctx, pollEvery); err != nil {
					return fmt.Errorf("wait until it is known who else counts: %w", err)
				}
				continue
			}
		}
		if len(others) == 0 {
			return nil
		}
		if !asked {
			if err := l.want(ctx, id, token); err != nil {
				return err
			}
			asked = true
			defer l.unwant(ctx, id)
		}
		missing, err := l.missing(ctx, id, token, others)
		if err != nil || len(missing) == 0 {
			return err
		}
		if err := pause(ctx, pollEvery); err != nil {
			return fmt.Errorf("wait for %d other replicas: %w", len(missing), err)
		}
	}
}

func (l *Limiter) missing(ctx context.Context, id gateway.AccountID, token string, others []string) (missing []string, err error) {
	names := make([]string, len(others))
	for i, o := range others {
		names[i] = "ack:" + o
	}
	values, err := l.client.HMGet(ctx, l.keysOf(id)[0], names...).Result()
	if err = l.judge(ctx, err); err != nil {
		return nil, err
	}
	for i, v := range values {
		if v != token {
			missing = append(missing, others[i])
		}
	}
	return missing, nil
}

// want asks the others to join the reading; they see it with their next beat.
func (l *Limiter) want(ctx context.Context, id gateway.AccountID, token string) error {
	key := l.membersKeys()[2]
	pipe := l.client.Pipeline()
	pipe.HSet(ctx, key, string(id), token)
	pipe.Expire(ctx, key, ledgerTimeout)
	_, err := pipe.Exec(ctx)
	return l.judge(ctx, err)
}

func (l *Limiter) unwant(ctx context.Context, id gateway.AccountID) {
	ctx, cancel := detached(ctx, backgroundTimeout)
	defer cancel()
	_ = l.judge(ctx, l.client.HDel(ctx, l.membersKeys()[2], string(id)).Err()) // it lapses
}

// check reads the account again while it serves, to end a doubt.
func (l *Limiter) check(ctx context.Context, id gateway.AccountID, unit gateway.Unit) error {
	ctx, cancel := context.WithTimeout(ctx, ledgerTimeout)
	defer cancel()
	verdict, err := l.readOnce(ctx, id, unit, "check", "end-check")
	if err != nil {
		return err
	}
	if verdict == "loaded" || verdict == "gone" {
		l.mu.Lock()
		delete(l.doubt, id)
		l.mu.Unlock()
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
