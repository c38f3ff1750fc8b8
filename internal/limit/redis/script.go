package redis

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

var (
	//go:embed lua/account.lua
	accountLua string
	//go:embed lua/rate.lua
	rateLua string
	//go:embed lua/reserve.lua
	reserveLua string
	//go:embed lua/extend.lua
	extendLua string
	//go:embed lua/settle.lua
	settleLua string
	//go:embed lua/undo.lua
	undoLua string
	//go:embed lua/renew.lua
	renewLua string
	//go:embed lua/load.lua
	loadLua string
	//go:embed lua/forget.lua
	forgetLua string
	//go:embed lua/beat.lua
	beatLua string
	//go:embed lua/tokens.lua
	tokensLua string
)

var (
	reserveScript = goredis.NewScript(accountLua + rateLua + reserveLua)
	extendScript  = goredis.NewScript(accountLua + extendLua)
	settleScript  = goredis.NewScript(accountLua + settleLua)
	undoScript    = goredis.NewScript(accountLua + rateLua + undoLua)
	renewScript   = goredis.NewScript(accountLua + renewLua)
	loadScript    = goredis.NewScript(accountLua + loadLua)
	forgetScript  = goredis.NewScript(accountLua + forgetLua)
	beatScript    = goredis.NewScript(beatLua)
	tokensScript  = goredis.NewScript(accountLua + rateLua + tokensLua)
)

// lostError says that Redis cannot be asked now.
type lostError struct{ cause error }

func (e *lostError) Error() string { return "redis: " + e.cause.Error() }
func (e *lostError) Unwrap() error { return e.cause }

func isLost(err error) bool {
	_, ok := errors.AsType[*lostError](err)
	return ok
}

var errBreaker = errors.New("it failed before and is not asked again yet")

// backgroundTimeout is for calls that no request waits for.
const backgroundTimeout = 2 * time.Second

// call runs a script on the request path. The error is a *lostError unless ctx
// is over.
func (l *Limiter) call(ctx context.Context, s *goredis.Script, keys []string, args ...any) (any, error) {
	if !l.breaker.closed() && (l.running.Load() || !l.breaker.probe()) {
		return nil, &lostError{errBreaker}
	}
	return l.run(ctx, l.o.Timeout, s, keys, args)
}

func (l *Limiter) run(ctx context.Context, timeout time.Duration, s *goredis.Script, keys []string, args []any) (any, error) {
	if unfit := l.unfit.Load(); unfit != nil {
		return nil, &lostError{*unfit}
	}
	inner, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	reply, err := s.Run(inner, l.client, keys, args...).Result()
	return reply, l.judge(ctx, err)
}

// judge notes how a call went.
func (l *Limiter) judge(ctx context.Context, err error) error {
	if err == nil {
		l.breaker.success()
		if !l.running.Load() {
			l.breaker.close() // nobody else does
		}
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err() // the request is over: this says nothing about Redis
	}
	l.metrics.errors.Inc()
	opened := l.breaker.failure()
	if opened || !timedOut(err) {
		l.mu.Lock()
		l.suspect = true
		l.mu.Unlock()
	}
	if l.logLine.allow() {
		l.o.Logger.Error("Redis cannot be asked", "error", err, "given_up", !l.breaker.closed())
	}
	return &lostError{err}
}

func timedOut(err error) bool {
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		return true
	}
	return errors.Is(err, context.DeadlineExceeded)
}

func malformed(reply any) error { return fmt.Errorf("redis: unexpected reply %v", reply) }
