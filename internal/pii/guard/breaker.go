package guard

import (
	"sync"
	"time"
)

// breaker is closed, open for a while, or open with one request under way that
// tries whether the detector works again.
type breaker struct {
	limit int
	pause time.Duration

	mu       sync.Mutex
	failures int       // in a row
	until    time.Time // open until then, and after that until a probe works; zero: closed
	probing  bool
}

// result is what a call tells of the detector.
type result int

const (
	failed result = iota
	worked
	unclear
)

// change is what a result does to the breaker.
type change int

const (
	unchanged change = iota
	opened
	closed
)

// refuses reports whether begin would refuse.
func (b *breaker) refuses(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.open(now)
}

func (b *breaker) open(now time.Time) bool {
	return !b.until.IsZero() && (b.probing || now.Before(b.until))
}

// begin asks for a call; end must follow when ok. probe is for end.
func (b *breaker) begin(now time.Time) (probe, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open(now) {
		return false, false
	}
	b.probing = !b.until.IsZero()
	return b.probing, true
}

// end says how a call went. Calls that began before the breaker opened may close
// it, and do not keep it open.
func (b *breaker) end(probe bool, r result, now time.Time) change {
	b.mu.Lock()
	defer b.mu.Unlock()
	if probe {
		b.probing = false
	}
	switch r {
	case worked:
		b.failures = 0
		if b.until.IsZero() {
			return unchanged
		}
		b.until = time.Time{}
		return closed
	case failed:
		b.failures++
		switch {
		case b.until.IsZero() && b.failures >= b.limit:
			b.until = now.Add(b.pause)
			return opened
		case !b.until.IsZero() && probe:
			b.until = now.Add(b.pause)
		}
	}
	return unchanged
}
