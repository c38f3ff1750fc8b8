package limit

import (
	"context"
	"fmt"
	"time"
)

// TokenWindow bounds the prompt tokens of each user, a name that clients choose:
// no span of its length, wherever it begins, has more of them than its limit. It
// is for requests that have no account. Implementations are safe for concurrent
// use. An error that is no *Refusal means that the limit cannot be checked: the
// caller must refuse.
type TokenWindow interface {
	// Take counts n tokens of the user, or returns a *Refusal and counts nothing.
	Take(ctx context.Context, user string, n int64) error
	// Add counts tokens of a request that was let through before they were known,
	// whether or not they fit.
	Add(ctx context.Context, user string, n int64) error
}

// RefuseTokens is the refusal of a request with n tokens that must wait.
func RefuseTokens(n, limit int64, length, wait time.Duration) *Refusal {
	r := &Refusal{
		Code: "rate_limit_exceeded", Scope: "user token limit", RetryAfter: wait,
		Message: fmt.Sprintf("user token limit: %d prompt tokens in any %g minutes, and this request has %d", limit, length.Minutes(), n),
	}
	if n > limit {
		r.RetryAfter, r.Total = 0, true
		r.Message += ", which never fits"
		return r
	}
	r.Message += "; try again in " + wait.Round(time.Millisecond).String()
	return r
}
