package event

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

// Options configures a spool.
type Options struct {
	// FsyncInterval is how often written records are forced to disk: 50 ms if 0,
	// before every return if negative.
	FsyncInterval time.Duration
	// SegmentSize is where a new file is begun, in bytes; 8 MiB if 0.
	SegmentSize int64
	// MaxSize is the size of all files from which on Intent refuses; 2 GiB if 0.
	MaxSize int64
	// Consumers is how many batches are handed to the sink at the same time; 1 if 0.
	Consumers int
	// Recovered is called by Open with every final that an earlier process left,
	// interrupted ones included. It must not keep the event.
	Recovered func(*gateway.Event)
	// Registerer takes the metrics; none are kept if nil.
	Registerer prometheus.Registerer
	Logger     *slog.Logger
}

// Stats is how a spool stands.
type Stats struct {
	Waiting     int   // finals that the sink does not have yet
	Open        int   // intents without a final
	Delivered   int64 // finals that left the queue
	Recovered   int   // intents settled as interrupted at the start
	Size        int64 // bytes of all segments
	Full        bool  // Intent refuses, see ErrFull
	Damaged     int64 // bytes that were no record, at the start
	WriteErrors int64 // failed writes and syncs
	Unreadable  int64 // finals that could not be read back; their segment is kept
	Refused     int64 // finals that the sink refused for good; they are in events.refused
	Dropped     int64 // events of refused requests given up while the disk failed
}

// Spool is safe for concurrent use.
type Spool struct {
	o       Options
	dir     string
	lock    *os.File      // the directory, locked against other processes
	flushes chan struct{} // wakes the delivery loop

	mu       sync.Mutex
	current  *segment // being written
	older    []*segment
	unsynced []*segment
	newFile  bool // the directory is to be synced too
	number   int64
	size     int64
	diskFull bool
	closed   bool

	open    map[string]*segment // intents by event id
	waiting []queued            // finals, in order
	held    int64               // bytes of the events that waiting has in memory
	lost    []*gateway.Event    // finals that could not be written yet
	stats   Stats

	queuedCount, deliveredCount int64 // of waiting, ever
	flushed                     []flushWaiter
}

// queued is a final that the sink does not have.
type queued struct {
	event      *gateway.Event // nil: read it back
	in         *segment
	at, length int64
	intent     *segment // held by its intent until it is delivered; may be nil
}

const (
	// maxHeld is how much of the queue is kept in memory. While the sink is away
	// the rest costs a few words an event, and is read back from disk.
	maxHeld = 16 << 20
	// maxLost is how many events of refused requests are kept while the disk
	// fails. What cost money, or was let through, is never given up.
	maxLost = 10_000
	// maxPooled keeps one request with a huge body from pinning its buffer.
	maxPooled = 64 << 10
)

var encodings = sync.Pool{New: func() any { b := make([]byte, 0, 1024); return &b }}

// Intent records that a request with this event is about to be let through.
// Cost is what is reserved for it: what an interrupted request is charged. A
// later intent of the same event takes the place of the earlier one. After an
// error, ErrFull among them, nothing is recorded and the caller must refuse.
func (s *Spool) Intent(e *gateway.Event) error {
	e = clean(e)
	return s.write(kindIntent, e, func(int64, int64) {
		if earlier := s.open[e.ID]; earlier != nil {
			earlier.references--
		}
		s.current.references++
		s.open[e.ID] = s.current
	})
}

// Final records how a request ended, and queues it for the sink. When the disk
// refuses, the event is kept in memory and tried again, and the error says so.
// The slices of e must not change afterwards.
func (s *Spool) Final(e *gateway.Event) error {
	e = clean(e)
	err := s.write(kindFinal, e, func(at, length int64) { s.queue(e, at, length) })
	if errors.Is(err, errTooLarge) {
		e.Request, e.Response = nil, nil // the money matters more
		err = s.write(kindFinal, e, func(at, length int64) { s.queue(e, at, length) })
	}
	if err != nil {
		s.keep(e)
	}
	return err
}

// keep holds a final that the disk refused.
func (s *Spool) keep(e *gateway.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[e.ID] == nil && e.Cost == 0 && len(s.lost) >= maxLost {
		s.stats.Dropped++
		return
	}
	s.lost = append(s.lost, e)
}

// queue needs s.mu, and that e was written to s.current just now.
func (s *Spool) queue(e *gateway.Event, at, length int64) {
	s.current.references++
	q := queued{event: e, in: s.current, at: at, length: length, intent: s.open[e.ID]}
	delete(s.open, e.ID)
	s.enqueue(q)
}

// enqueue needs s.mu.
func (s *Spool) enqueue(q queued) {
	if s.held+q.length > maxHeld {
		q.event = nil
	} else {
		s.held += q.length
	}
	s.waiting = append(s.waiting, q)
	s.queuedCount++
}

// write encodes outside the lock and appends inside it. written is called under
// the lock with the record's place in the current segment.
func (s *Spool) write(kind byte, e *gateway.Event, written func(at, length int64)) error {
	buf := encodings.Get().(*[]byte)
	defer func() {
		if cap(*buf) <= maxPooled {
			encodings.Put(buf)
		}
	}()
	var err error
	if *buf, err = appendRecord((*buf)[:0], kind, e); err != nil {
		return fmt.Errorf("encode event %s: %w", e.ID, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errors.New("event spool is closed")
	}
	if kind == kindIntent && s.full() {
		return ErrFull
	}
	at, err := s.append(*buf)
	if err != nil {
		s.stats.WriteErrors++
		return err
	}
	written(at, int64(len(*buf)))
	return nil
}

// full needs s.mu.
func (s *Spool) full() bool { return s.diskFull || s.size >= s.o.MaxSize }

// Stats returns how the spool stands now.
func (s *Spool) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stats
	st.Waiting = len(s.waiting) + len(s.lost)
	st.Open = len(s.open)
	st.Delivered = s.deliveredCount
	st.Size = s.size
	st.Full = s.full()
	return st
}

// Close syncs and closes the files. Run must have returned.
func (s *Spool) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	if s.current != nil {
		s.older, s.current = append(s.older, s.current), nil
	}
	s.collect()
	var errs []error
	for _, g := range s.older {
		errs = append(errs, g.file.Sync(), g.file.Close())
	}
	return errors.Join(append(errs, syncDir(s.lock), s.lock.Close())...)
}
