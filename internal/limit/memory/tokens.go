package memory

import (
	"context"
	"sync"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/limit"
)

// maxTokenUsers is how many users may have tokens in their window at the same
// time. Clients choose their names, so there is no end to them.
const maxTokenUsers = 100_000

// sweepEvery spares names that are made up from looking at all others each.
const sweepEvery = time.Second

// TokenWindow implements limit.TokenWindow within one process.
type TokenWindow struct {
	limit  int64
	length time.Duration
	now    func() time.Time

	mu      sync.Mutex // guards what follows
	users   map[string]*rate
	sweepAt int // number of users from which on idle ones are dropped
	swept   time.Time
}

var _ limit.TokenWindow = (*TokenWindow)(nil)

// NewTokenWindow returns a window of so many tokens. now is the clock; time.Now
// if nil.
func NewTokenWindow(tokens int64, length time.Duration, now func() time.Time) *TokenWindow {
	if now == nil {
		now = time.Now
	}
	return &TokenWindow{limit: tokens, length: length, now: now, users: map[string]*rate{}, sweepAt: minSweep}
}

// Take implements limit.TokenWindow.
func (w *TokenWindow) Take(_ context.Context, user string, n int64) error {
	return w.TakeOf(w.limit, user, n)
}

// TakeOf is Take with another limit than the window's.
func (w *TokenWindow) TakeOf(tokens int64, user string, n int64) error {
	if n > tokens {
		return limit.RefuseTokens(n, tokens, w.length, 0)
	}
	if n <= 0 {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	r, err := w.user(user, now)
	if err != nil {
		return err
	}
	r.limit = tokens
	if wait := r.wait(now, n); wait > 0 {
		return limit.RefuseTokens(n, tokens, w.length, wait)
	}
	r.add(now, n)
	return nil
}

// Add implements limit.TokenWindow.
func (w *TokenWindow) Add(_ context.Context, user string, n int64) error {
	if n <= 0 {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	r, err := w.user(user, now)
	if err != nil {
		return err
	}
	r.add(now, n)
	return nil
}

// user needs w.mu.
func (w *TokenWindow) user(name string, now time.Time) (*rate, error) {
	if r := w.users[name]; r != nil {
		return r, nil
	}
	if len(w.users) >= w.sweepAt && now.Sub(w.swept) >= sweepEvery {
		w.swept = now
		for name, r := range w.users {
			if r.idle(now) {
				delete(w.users, name)
			}
		}
		w.sweepAt = min(max(minSweep, 2*len(w.users)), maxTokenUsers)
	}
	if len(w.users) >= maxTokenUsers {
		return nil, &gateway.Error{Kind: gateway.Unavailable, Message: "more users than can be counted"}
	}
	r := &rate{limit: w.limit, length: w.length}
	w.users[name] = r
	return r, nil
}
