package memory

import (
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/limit"
)

const (
	// exactUpTo is the largest limit for which every admission is kept by itself.
	exactUpTo = 1000
	// subBuckets is into how many parts the window of a larger limit is cut.
	subBuckets = 256
)

// rate is a log of admissions over a sliding window.
//
// Beyond exactUpTo, admissions within one part of the window are kept together
// and leave when the last of them does: no window admits more than the limit,
// and a burst that comes back exactly one window later finds room.
type rate struct {
	limit  int64
	length time.Duration
	log    []admissions // oldest first
	sum    int64
}

type admissions struct {
	first, last time.Time
	count       int64
}

// configure makes r fit the account's limit. What was admitted before still counts.
func (r *rate) configure(l gateway.Limits) {
	r.limit, r.length = l.RateLimitOverTime, limit.Length(l.RateLimitUnit)
}

// idle reports whether nothing of the window is used.
func (r *rate) idle(now time.Time) bool { return r.used(now) == 0 }

// forget drops what has left the window.
func (r *rate) forget(now time.Time) {
	i := 0
	for i < len(r.log) && !now.Before(r.log[i].last.Add(r.length)) {
		r.sum -= r.log[i].count
		i++
	}
	if r.log = r.log[i:]; len(r.log) == 0 {
		r.log = nil // an idle key costs no memory
	}
}

func (r *rate) used(now time.Time) int64 {
	r.forget(now)
	return r.sum
}

func (r *rate) remaining(now time.Time) int64 { return max(0, r.limit-r.used(now)) }

// add counts n admissions.
func (r *rate) add(now time.Time, n int64) {
	r.forget(now)
	r.sum += n
	if last := len(r.log) - 1; last >= 0 {
		newest := &r.log[last]
		if now.Before(newest.last) {
			now = newest.last // a clock that steps back must not reorder the log
		}
		if now.Equal(newest.last) || r.limit > exactUpTo && now.Before(newest.first.Add(r.length/subBuckets)) {
			newest.last = now
			newest.count += n
			return
		}
	}
	r.log = append(r.log, admissions{now, now, n})
}

// wait is how long until n more fit; 0: now.
func (r *rate) wait(now time.Time, n int64) time.Duration {
	excess := r.used(now) + n - 1 - r.limit
	if excess < 0 {
		return 0
	}
	for _, a := range r.log {
		if excess -= a.count; excess < 0 {
			return a.last.Add(r.length).Sub(now)
		}
	}
	return r.length // limits are at least 1, and n no more than that
}

// reset is how long until nothing of the window is used.
func (r *rate) reset(now time.Time) time.Duration {
	if len(r.log) == 0 {
		return 0
	}
	return r.log[len(r.log)-1].last.Add(r.length).Sub(now)
}
