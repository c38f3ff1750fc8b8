package redis

import "context"

// What the tests in package redis_test look at.
var AccountLua = accountLua

// Renew renews as Run does.
func (l *Limiter) Renew(ctx context.Context) error { return l.renew(ctx) }

// Retained is how many settlements wait.
func (l *Limiter) Retained() int { return l.retain.size() }

// GivenUp reports whether Redis is not asked.
func (l *Limiter) GivenUp() bool { return !l.breaker.closed() }

// Replicas are those that the last beat knew.
func (l *Limiter) Replicas() int {
	l.members.mu.Lock()
	defer l.members.mu.Unlock()
	return len(l.members.live)
}
