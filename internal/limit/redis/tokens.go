package redis

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"

	"github.com/bricks-gateway/bricks/internal/limit"
	"github.com/bricks-gateway/bricks/internal/limit/memory"
)

// TokenWindow implements limit.TokenWindow for all replicas together. While Redis
// cannot be asked it does as Options.LostRate says.
type TokenWindow struct {
	l      *Limiter
	limit  int64
	length time.Duration
	local  *memory.TokenWindow // what this replica admitted, for when Redis is away
}

var _ limit.TokenWindow = (*TokenWindow)(nil)

// TokenWindow returns a window of so many tokens in l's Redis.
func (l *Limiter) TokenWindow(tokens int64, length time.Duration) *TokenWindow {
	return &TokenWindow{l: l, limit: tokens, length: length, local: memory.NewTokenWindow(tokens, length, l.o.Now)}
}

// Take implements limit.TokenWindow.
func (w *TokenWindow) Take(ctx context.Context, user string, n int64) error {
	if n > w.limit {
		return limit.RefuseTokens(n, w.limit, w.length, 0)
	}
	if n <= 0 {
		return nil
	}
	wait, err := w.count(ctx, user, n, false)
	switch {
	case isLost(err):
		return w.takeLost(user, n, err)
	case err != nil:
		return err
	case wait > 0:
		return limit.RefuseTokens(n, w.limit, w.length, wait)
	}
	w.remember(ctx, user, n)
	return nil
}

// Add implements limit.TokenWindow.
func (w *TokenWindow) Add(ctx context.Context, user string, n int64) error {
	if n <= 0 {
		return nil
	}
	w.remember(ctx, user, n)
	_, err := w.count(ctx, user, n, true)
	return err
}

// count runs the script. With force the tokens count whether or not they fit.
func (w *TokenWindow) count(ctx context.Context, user string, n int64, force bool) (wait time.Duration, err error) {
	name := sha256.Sum256([]byte(user))
	base := w.l.o.Prefix + "{tokens:" + hex.EncodeToString(name[:16]) + "}:"
	reply, err := w.l.call(ctx, tokensScript, []string{base + "r", base + "c"},
		w.l.clock(), rand.Text(), strconv.FormatInt(n, 10), strconv.FormatInt(w.limit, 10), duration(w.length), flag(force))
	if err != nil {
		return 0, err
	}
	text, _ := reply.(string)
	us, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, malformed(reply)
	}
	return time.Duration(us) * time.Microsecond, nil
}

// takeLost answers Take while Redis is away. This replica's share is of what it
// admitted itself, before and since.
func (w *TokenWindow) takeLost(user string, n int64, cause error) error {
	switch w.l.o.LostRate {
	case Open:
		return nil
	case Closed:
		return unavailable(cause)
	}
	share := w.l.members.share(w.l.name, w.limit)
	if n > share { // and not more than the limit: another time it may fit
		return limit.RefuseTokens(n, w.limit, w.length, time.Second)
	}
	return w.local.TakeOf(share, user, n)
}

// remember counts what Redis admitted in this process too, so that its share is
// known the moment Redis goes away.
func (w *TokenWindow) remember(ctx context.Context, user string, n int64) {
	if w.l.o.LostRate == Local {
		_ = w.local.Add(ctx, user, n) // too many users: refused there when it matters
	}
}
