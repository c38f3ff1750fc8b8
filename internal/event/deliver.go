package event

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

// Sink takes events for good. Writing an event again must change nothing, even
// if it differs: after a crash between its commit and our note of it, a batch
// comes twice, or its request comes as interrupted. An error of kind Invalid says
// that trying again is of no use; any other that it may be.
type Sink interface {
	WriteEvents(ctx context.Context, events []*gateway.Event) error
}

const (
	batchInterval = 50 * time.Millisecond
	batchCount    = 500
	batchBytes    = 8 << 20
	sinkTimeout   = 30 * time.Second
	drainTimeout  = 10 * time.Second
)

// Run forces records to disk and delivers finals to sink until ctx ends, then
// once more what is left, for at most 10 s. What the sink does not take stays in
// the spool. It returns an error only if the last sync fails.
func (s *Spool) Run(ctx context.Context, sink Sink) error {
	// By itself: syncing must go on while the sink is away, when the spool is
	// all there is.
	syncing, stop := context.WithCancel(context.WithoutCancel(ctx))
	var wg sync.WaitGroup
	wg.Go(func() { s.syncLoop(syncing) })
	defer wg.Wait()
	defer stop()

	tick := time.NewTicker(batchInterval)
	defer tick.Stop()
	wait := 0 * time.Second // back-off after the sink refused
	for ctx.Err() == nil {
		select {
		case <-tick.C:
		case <-s.flushes:
		case <-ctx.Done():
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

func (s *Spool) syncLoop(ctx context.Context) {
	interval := s.o.FsyncInterval
	if interval < 0 {
		interval = time.Second // for the look at the disk's room only
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		full := nearlyFull(s.dir)
		s.mu.Lock()
		s.diskFull = full
		s.mu.Unlock()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if err := s.Sync(); err != nil {
			s.o.Logger.Error("spool not synced", slog.Any("error", err))
		}
	}
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
	if !s.rewriteLost() {
		// The disk is still broken. The sink may not be.
		if err := s.deliverLost(ctx, sink); err != nil {
			return err
		}
	}
	for {
		batches := s.nextBatches()
		if len(batches) == 0 {
			return nil
		}
		if err := s.deliverBatches(ctx, sink, batches); err != nil {
			return err
		}
	}
}

// nextBatches are the beginning of the queue, a batch for each consumer. Only the
// delivery loop takes from it.
func (s *Spool) nextBatches() (batches [][]queued) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for rest := s.waiting; len(rest) > 0 && len(batches) < max(1, s.o.Consumers); {
		n, size := 0, int64(0)
		for n < min(len(rest), batchCount) && (n == 0 || size+rest[n].length <= batchBytes) {
			size += rest[n].length
			n++
		}
		batches, rest = append(batches, rest[:n]), rest[n:]
	}
	return batches
}

// deliverBatches hands the batches over at the same time, and takes note of them
// in their order. One behind a failure may come again though the sink has it.
func (s *Spool) deliverBatches(ctx context.Context, sink Sink, batches [][]queued) error {
	outcomes := make([]outcome, len(batches))
	var wg sync.WaitGroup
	for i, batch := range batches {
		wg.Go(func() { outcomes[i] = s.try(ctx, sink, batch) })
	}
	wg.Wait()
	for i, batch := range batches {
		if err := s.settle(ctx, sink, batch, outcomes[i]); err != nil {
			return err
		}
	}
	return nil
}

// outcome is how handing over a batch went.
type outcome struct {
	events     []*gateway.Event // without the unreadable
	unreadable map[int]bool
	err        error
}

func (s *Spool) try(ctx context.Context, sink Sink, batch []queued) outcome {
	o := outcome{events: make([]*gateway.Event, 0, len(batch)), unreadable: map[int]bool{}}
	for i, q := range batch {
		e := q.event
		if e == nil {
			var err error
			if e, err = readBack(q); err != nil {
				s.o.Logger.Error("event lost, its segment is kept", slog.String("path", q.in.path), slog.Any("error", err))
				o.unreadable[i] = true
				continue
			}
		}
		o.events = append(o.events, e)
	}
	o.err = write(ctx, sink, o.events)
	return o
}

func (s *Spool) settle(ctx context.Context, sink Sink, batch []queued, o outcome) error {
	switch {
	case refusedForGood(o.err) && len(batch) > 1:
		// One of them, or a few: the others must not wait for it.
		for i := range batch {
			if err := s.deliverBatches(ctx, sink, [][]queued{batch[i : i+1]}); err != nil {
				return err
			}
		}
		return nil
	case refusedForGood(o.err):
		if err := s.setAside(o.events[0], o.err); err != nil {
			return err
		}
	case o.err != nil:
		return o.err
	}
	s.delivered(len(batch), o.unreadable)
	return nil
}

func write(ctx context.Context, sink Sink, events []*gateway.Event) error {
	if len(events) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, sinkTimeout)
	defer cancel()
	return sink.WriteEvents(ctx, events)
}

// delivered forgets the first n of the queue. The unreadable keep their segment.
func (s *Spool) delivered(n int, unreadable map[int]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, q := range s.waiting[:n] {
		if q.event != nil {
			s.held -= q.length
		}
		if q.intent != nil {
			q.intent.references--
		}
		if unreadable[i] {
			s.stats.Unreadable++
			continue
		}
		q.in.references--
	}
	clear(s.waiting[:n])
	s.waiting = s.waiting[n:]
	s.deliveredCount += int64(n)
	s.announce()
	s.collect()
}
