package processor

import (
	"sync"
	"time"
)

// A step that failed for failuresInARow requests within failureSpan is skipped,
// but for one probe every probeInterval, until one of them succeeds.
const (
	failuresInARow = 5
	failureSpan    = 30 * time.Second
	probeInterval  = time.Second
)

// maxWatched bounds the steps with failures that are remembered.
const maxWatched = 10_000

// stepID is one step of a route with one setting. A changed route starts anew.
type stepID struct {
	route    string
	revision int64
	position int
	setting  string
}

// health remembers which steps fail. It is a processor's own experience: no
// request depends on it being complete. Safe for concurrent use.
type health struct {
	now func() time.Time

	mu    sync.Mutex
	steps map[stepID]*stepHealth
}

type stepHealth struct {
	failures  []time.Time // in a row, the last failuresInARow at most
	down      bool
	nextProbe time.Time
	rest      time.Time // the provider asked to be left alone until then
}

func newHealth() *health {
	return &health{now: time.Now, steps: map[stepID]*stepHealth{}}
}

// usable reports whether a request may take the step now. For a step that is
// down it says yes to one request in each probeInterval.
func (h *health) usable(id stepID) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.steps[id]
	if s == nil || !s.down {
		return true
	}
	now := h.now()
	if now.Before(s.nextProbe) {
		return false
	}
	s.nextProbe = now.Add(probeInterval)
	return true
}

// succeeded forgets the step's failures.
func (h *health) succeeded(id stepID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.steps, id)
}

// failed notes that a request found no answer at the step.
func (h *health) failed(id stepID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s, now := h.watch(id), h.now()
	s.failures = append(s.failures, now)
	if n := len(s.failures); n > failuresInARow {
		s.failures = s.failures[n-failuresInARow:]
	}
	if !s.down && len(s.failures) == failuresInARow && now.Sub(s.failures[0]) <= failureSpan {
		s.down, s.nextProbe = true, now.Add(probeInterval)
	}
}

// leaveAlone makes resting say yes for d.
func (h *health) leaveAlone(id stepID, d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.watch(id).rest = h.now().Add(d)
}

// resting reports whether the provider asked for a pause that is not over.
func (h *health) resting(id stepID) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.steps[id]
	return s != nil && h.now().Before(s.rest)
}

// down is how many steps are skipped now.
func (h *health) down() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for _, s := range h.steps {
		if s.down {
			n++
		}
	}
	return n
}

// watch needs h.mu.
func (h *health) watch(id stepID) *stepHealth {
	s := h.steps[id]
	if s == nil {
		if len(h.steps) >= maxWatched { // routes that changed or are gone
			clear(h.steps)
		}
		s = &stepHealth{}
		h.steps[id] = s
	}
	return s
}
