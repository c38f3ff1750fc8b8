package memory

import (
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

// exactUpTo is the largest limit that is kept as an exact log of admissions.
const exactUpTo = 100

// subBuckets is how many parts a window of a larger limit has. The oldest part
// counts whole, so no window admits more than the limit, and less than one part
// in 128 of the traffic is refused too early.
const subBuckets = 128

// rate is a sliding window of admissions.
type rate struct {
	limit  int64
	length time.Duration

	log []time.Time // oldest first; used up to exactUpTo

	counts [subBuckets + 1]int64
	newest int64 // number of the newest sub-bucket since the epoch
	sum    int64
}

func length(u gateway.Unit) time.Duration {
	switch u {
	case gateway.Second:
		return time.Second
	case gateway.Minute:
		return time.Minute
	case gateway.Hour:
		return time.Hour
	}
	return 24 * time.Hour
}

// rateFor makes a.rate fit the key's limit. A changed limit keeps what was
// admitted where the window's shape allows it.
func (a *account) rateFor(k *gateway.Key) {
	w := length(k.RateLimitUnit)
	if a.rate == nil || a.rate.length != w || (a.rate.limit <= exactUpTo) != (k.RateLimitOverTime <= exactUpTo) {
		a.rate = &rate{length: w}
	}
	a.rate.limit = k.RateLimitOverTime
}

func (r *rate) exact() bool { return r.limit <= exactUpTo }

func (r *rate) part() time.Duration { return r.length / subBuckets }

// forget drops what has left the window.
func (r *rate) forget(now time.Time) {
	if r.exact() {
		i := 0
		for i < len(r.log) && !now.Before(r.log[i].Add(r.length)) {
			i++
		}
		r.log = r.log[i:]
		return
	}
	current := now.UnixNano() / int64(r.part())
	for steps := 0; r.newest < current && steps <= subBuckets; steps++ {
		r.newest++
		slot := &r.counts[r.newest%int64(len(r.counts))]
		r.sum -= *slot
		*slot = 0
	}
	r.newest = max(r.newest, current)
}

func (r *rate) used(now time.Time) int64 {
	r.forget(now)
	if r.exact() {
		return int64(len(r.log))
	}
	return r.sum
}

func (r *rate) remaining(now time.Time) int64 { return max(0, r.limit-r.used(now)) }

func (r *rate) add(now time.Time) {
	r.forget(now)
	if r.exact() {
		r.log = append(r.log, now)
		return
	}
	r.counts[r.newest%int64(len(r.counts))]++
	r.sum++
}

// wait is how long until one more request fits; 0: now.
func (r *rate) wait(now time.Time) time.Duration {
	if r.used(now) < r.limit {
		return 0
	}
	if r.exact() {
		// After a lowered limit more than one has to leave.
		return r.log[len(r.log)-int(r.limit)].Add(r.length).Sub(now)
	}
	excess := r.sum - r.limit
	for n := r.newest - subBuckets; n <= r.newest; n++ {
		if excess -= r.counts[((n%int64(len(r.counts)))+int64(len(r.counts)))%int64(len(r.counts))]; excess < 0 {
			return max(time.Unix(0, (n+subBuckets+1)*int64(r.part())).Sub(now), time.Millisecond)
		}
	}
	return r.length
}

// reset is how long until nothing of the window is used.
func (r *rate) reset(now time.Time) time.Duration {
	if r.exact() {
		if len(r.log) == 0 {
			return 0
		}
		return r.log[len(r.log)-1].Add(r.length).Sub(now)
	}
	return time.Unix(0, (r.newest+subBuckets+1)*int64(r.part())).Sub(now)
}
