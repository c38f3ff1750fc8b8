package event

import (
	"context"
	"slices"
)

// rewriteLost writes the finals that the disk refused. It reports whether none
// is left.
func (s *Spool) rewriteLost() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.lost) > 0 {
		e := s.lost[0]
		// Under the lock, unlike other writes: a flush must see the event in one
		// place or the other.
		b, err := appendRecord(nil, kindFinal, e)
		if err != nil {
			return false
		}
		at, err := s.append(b)
		if err != nil {
			s.stats.WriteErrors++
			return false
		}
		s.queue(e, at, int64(len(b)))
		s.forgetLost(1)
	}
	return true
}

// deliverLost hands the finals that the disk refused to the sink.
func (s *Spool) deliverLost(ctx context.Context, sink Sink) error {
	for {
		s.mu.Lock()
		batch := slices.Clone(s.lost[:min(len(s.lost), batchCount)])
		s.mu.Unlock()
		if len(batch) == 0 {
			return nil
		}
		err := write(ctx, sink, batch)
		if refusedForGood(err) && len(batch) > 1 {
			batch = batch[:1] // the others in their turn
			err = write(ctx, sink, batch)
		}
		if refusedForGood(err) {
			err = s.setAside(batch[0], err)
		}
		if err != nil {
			return err
		}
		s.mu.Lock()
		for _, e := range batch {
			if intent := s.open[e.ID]; intent != nil {
				delete(s.open, e.ID)
				intent.references--
			}
		}
		s.forgetLost(len(batch))
		s.collect()
		s.mu.Unlock()
	}
}

// forgetLost drops the first n. It needs s.mu.
func (s *Spool) forgetLost(n int) {
	clear(s.lost[:n])
	s.lost = s.lost[n:]
	if len(s.lost) > 0 {
		return
	}
	for i := range s.flushed {
		if s.flushed[i].count == afterLost {
			s.flushed[i].count = s.queuedCount
		}
	}
	s.announce()
}

// flushWaiter wants to know when that many of the queue are delivered.
type flushWaiter struct {
	count int64
	done  chan struct{}
}

// afterLost is the count of a waiter until the lost finals are in the queue, and
// it is known where.
const afterLost = -1

// announce tells those who wait for a flush. It needs s.mu.
func (s *Spool) announce() {
	s.flushed = slices.DeleteFunc(s.flushed, func(w flushWaiter) bool {
		done := w.count != afterLost && s.deliveredCount >= w.count
		if done {
			close(w.done)
		}
		return done
	})
}

// Flush waits until every final handed in so far is with the sink, or ctx ends.
// Run must be running.
func (s *Spool) Flush(ctx context.Context) error {
	w := flushWaiter{afterLost, make(chan struct{})}
	s.mu.Lock()
	if len(s.lost) == 0 {
		w.count = s.queuedCount
	}
	s.flushed = append(s.flushed, w)
	s.announce()
	s.mu.Unlock()
	select {
	case s.flushes <- struct{}{}:
	default: // one wake-up is waiting already
	}
	select {
	case <-w.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
