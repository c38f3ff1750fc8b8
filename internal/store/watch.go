package store

import (
	"context"
	"sync"
)

// channel is PostgreSQL's notification channel for administrative commits.
const channel = "bricks_changes"

// watchers wakes those who wait for commits. The zero value works.
type watchers struct {
	mu      sync.Mutex
	waiting map[chan struct{}]bool
	cancel  context.CancelFunc // ends the listener; nil before the first Watch
	done    chan struct{}      // closed when the listener has ended
	stopped bool
}

// Watch returns a channel that has a value after every administrative commit
// that this process made, and on PostgreSQL after those of others too. Several
// commits may give one value; a value may come without a commit. It is a hint,
// not a guarantee: a lost connection to PostgreSQL loses hints until it is back,
// so ask Revision now and then as well. The channel is closed when ctx ends.
func (s *Store) Watch(ctx context.Context) <-chan struct{} {
	w := &s.watchers
	wake := make(chan struct{}, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.waiting == nil {
		w.waiting = map[chan struct{}]bool{}
	}
	w.waiting[wake] = true
	if w.cancel == nil && !w.stopped {
		w.start(s.backend)
	}
	context.AfterFunc(ctx, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.waiting, wake)
		close(wake) // under the lock, so nobody sends any more
	})
	return wake
}

// start runs the listener; the caller holds mu.
func (w *watchers) start(b backend) {
	ctx, cancel := context.WithCancel(context.Background())
	w.cancel, w.done = cancel, make(chan struct{})
	go func() {
		defer close(w.done)
		b.listen(ctx, w.wake)
	}()
}

func (w *watchers) wake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.waiting {
		select {
		case c <- struct{}{}:
		default: // it has one already
		}
	}
}

// stop ends the listener and waits for it.
func (w *watchers) stop() {
	w.mu.Lock()
	w.stopped = true
	cancel, done := w.cancel, w.done
	w.mu.Unlock()
	if cancel != nil {
		cancel()
		<-done
	}
}
