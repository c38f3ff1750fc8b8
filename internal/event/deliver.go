package event

import (
	"context"
	"log/slog"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

// Sink takes events for good. Writing an event again must change nothing: after
// a crash between its commit and our note of it, a batch comes twice.
type Sink interface {
	WriteEvents(ctx context.Context, events []*gateway.Event) error
}

const (
	batchSize    = 500
	drainTimeout = 10 * time.Second
)

// Run delivers finals to sink until ctx ends, then once more what is left, for
// at most 10 s. What the sink does not take stays in the spool. It returns nil.
func (s *Spool) Run(ctx context.Context, sink Sink) error {
	interval := s.o.FsyncInterval
	if interval < 0 {
		interval = 50 * time.Millisecond
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	wait := 0 * time.Second // back-off after the sink refused
	for ctx.Err() == nil {
		select {
		case <-tick.C:
		case <-s.flushes:
		case <-ctx.Done():
		}
		if err := s.Sync(); err != nil {
			s.o.Logger.Error("spool not synced", slog.Any("error", err))
		}
		if err := s.deliver(ctx, sink); err != nil && ctx.Err() == nil {
			wait = min(max(2*wait, 100*time.Millisecond), 5*time.Second)
			s.o.Logger.Error("events not delivered, trying again", slog.Any("error", err), slog.Duration("wait", wait))
			pause(ctx, wait)
			continue
		}
		wait = 0
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	if err := s.deliver(drain, sink); err != nil {
		s.o.Logger.Error("events stay in the spool", slog.Any("error", err), slog.Int("count", s.Stats().Waiting))
	}
	return s.Sync()
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// deliver hands over all that waits, batch by batch, in order.
func (s *Spool) deliver(ctx context.Context, sink Sink) error {
	for {
		s.retryLost()
		s.mu.Lock()
		batch := s.waiting[:min(len(s.waiting), batchSize)]
		events := make([]*gateway.Event, 0, len(batch))
		for _, q := range batch {
			if q.event != nil {
				events = append(events, q.event)
			}
		}
		s.mu.Unlock()
		if len(batch) == 0 {
			return nil
		}
		if len(events) > 0 {
			if err := sink.WriteEvents(ctx, events); err != nil {
				return err
			}
		}
		s.delivered(len(batch))
	}
}

// delivered forgets the first n of the queue.
func (s *Spool) delivered(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, q := range s.waiting[:n] {
		s.release(q.in)
	}
	clear(s.waiting[:n])
	s.waiting = s.waiting[n:]
	s.deliveredCount += int64(n)
	s.announce()
	s.collect()
}

// retryLost writes the finals that the disk refused.
func (s *Spool) retryLost() {
	s.mu.Lock()
	lost := s.lost
	s.lost = nil
	s.mu.Unlock()
	for i, e := range lost {
		if err := s.write(kindFinal, e, func(in *segment) { s.queue(e, in) }); err != nil {
			s.mu.Lock()
			s.lost = append(s.lost, lost[i:]...)
			s.mu.Unlock()
			return
		}
	}
}

// announce tells those who wait for a flush. It needs s.mu.
func (s *Spool) announce() {
	kept := s.flushed[:0]
	for _, w := range s.flushed {
		if s.deliveredCount >= w.count {
			close(w.done)
		} else {
			kept = append(kept, w)
		}
	}
	s.flushed = kept
}

func (s *Spool) wake() {
	select {
	case s.flushes <- struct{}{}:
	default:
	}
}

// Flush waits until every final handed in so far is with the sink, or ctx ends.
// Run must be running.
func (s *Spool) Flush(ctx context.Context) error {
	done := make(chan struct{})
	s.mu.Lock()
	s.flushed = append(s.flushed, flushWaiter{s.queuedCount + int64(len(s.lost)), done})
	s.announce()
	s.mu.Unlock()
	s.wake()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
