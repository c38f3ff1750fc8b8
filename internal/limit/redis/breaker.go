package redis

import (
	"sync"
	"time"
)

// breaker stops asking a Redis that does not answer. The zero value is closed.
type breaker struct {
	mu       sync.Mutex
	failures int // in a row
	open     bool
	tried    time.Time // the last failure, or probe
}

const (
	tolerated  = 5 // failures in a row before it opens
	probeEvery = beatEvery
)

// closed reports whether Redis may be asked.
func (b *breaker) closed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.open
}

// probe is closed, and true now and then while open.
func (b *breaker) probe() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open && time.Since(b.tried) < probeEvery {
		return false
	}
	b.tried = time.Now()
	return true
}

// success ends a row of failures. It does not close an open breaker.
func (b *breaker) success() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.open {
		b.failures = 0
	}
}

// close lets requests to Redis again. It reports whether it was open.
func (b *breaker) close() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	was := b.open
	b.failures, b.open = 0, false
	return was
}

// failure reports whether it opened the breaker.
func (b *breaker) failure() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failures++
	b.tried = time.Now()
	if b.open || b.failures < tolerated {
		return false
	}
	b.open = true
	return true
}

// throttle lets one pass a second.
type throttle struct {
	mu   sync.Mutex
	last time.Time
}

func (t *throttle) allow() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if time.Since(t.last) < time.Second {
		return false
	}
	t.last = time.Now()
	return true
}
