package processor

import (
	"sync"

	"github.com/bricks-gateway/bricks/internal/cache"
)

// flights let equal requests that run at once share one answer: the first one
// leads, the others wait for what becomes of it. Safe for concurrent use.
type flights struct {
	mu      sync.Mutex
	leaders map[cache.Key]*flight
}

// flight is one request under way for all that are equal to it.
type flight struct {
	done chan struct{} // closed at the end; the rest is set before
	// entry is the answer; nil: there is none to share.
	entry *cache.Entry
	// abandoned: the leader left before it knew. Another one may lead.
	abandoned bool
}

// join returns the flight of the key, and whether the caller leads it. Who leads
// must end it.
func (f *flights) join(k cache.Key) (one *flight, leads bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if one, ok := f.leaders[k]; ok {
		return one, false
	}
	if f.leaders == nil {
		f.leaders = map[cache.Key]*flight{}
	}
	one = &flight{done: make(chan struct{})}
	f.leaders[k] = one
	return one, true
}

// end tells those who wait. It is called once, by the leader.
func (f *flights) end(k cache.Key, one *flight, entry *cache.Entry, abandoned bool) {
	one.entry, one.abandoned = entry, abandoned
	f.mu.Lock()
	delete(f.leaders, k)
	f.mu.Unlock()
	close(one.done)
}
