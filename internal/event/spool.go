package event

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

// Options configures a spool.
type Options struct {
	// FsyncInterval is how often written records are forced to disk: 50 ms if 0,
	// before every return if negative.
	FsyncInterval time.Duration
	// SegmentSize is where a new file is begun, in bytes; 8 MiB if 0.
	SegmentSize int64
	Logger      *slog.Logger
}

// Stats is how a spool stands.
type Stats struct {
	Waiting     int   // finals that the sink does not have yet
	Open        int   // intents without a final
	Recovered   int   // intents settled as interrupted at the start
	Damaged     int64 // bytes that were no record, at the start
	WriteErrors int64
}

// Spool is safe for concurrent use.
type Spool struct {
	o       Options
	dir     string
	flushes chan struct{} // wakes the delivery loop

	mu      sync.Mutex
	current *segment // being written
	older   []*segment
	open    map[string]*segment // intents by event id
	waiting []queued            // finals, in order
	lost    []*gateway.Event    // finals that could not be written yet
	stats   Stats
	dirty   bool
	closed  bool

	queuedCount, deliveredCount int64 // of s.waiting, ever
	flushed                     []flushWaiter
}

// flushWaiter wants to know when that many of the queue are delivered.
type flushWaiter struct {
	count int64
	done  chan struct{}
}

// segment is one file. It goes when references, the finals and intents in it
// that still matter, are none.
type segment struct {
	path       string
	file       *os.File
	size       int64
	references int
}

type queued struct {
	event *gateway.Event
	in    *segment
}

var encodings = sync.Pool{New: func() any { b := make([]byte, 0, 1024); return &b }}

// Intent records that a request with this event is about to be let through.
// Cost is what is reserved for it: what an interrupted request is charged.
func (s *Spool) Intent(e *gateway.Event) error {
	return s.write(kindIntent, e, func(in *segment) {
		in.references++
		s.open[e.ID] = in
	})
}

// Final records how a request ended, and queues it for the sink. When the disk
// refuses, the event is kept in memory and tried again, and the error says so.
func (s *Spool) Final(e *gateway.Event) error {
	kept := *e
	err := s.write(kindFinal, &kept, func(in *segment) { s.queue(&kept, in) })
	if err != nil {
		s.mu.Lock()
		s.lost = append(s.lost, &kept)
		s.mu.Unlock()
	}
	return err
}

// queue needs s.mu.
func (s *Spool) queue(e *gateway.Event, in *segment) {
	in.references++
	s.waiting = append(s.waiting, queued{e, in})
	s.queuedCount++
	if intent, ok := s.open[e.ID]; ok {
		// The intent's segment may go only after the final is delivered, and
		// delivery is in order of writing, so the intent's hold can pass on.
		delete(s.open, e.ID)
		s.waiting = append(s.waiting, queued{nil, intent})
		s.queuedCount++
	}
}

// write encodes outside the lock and appends with one write(2) inside it.
func (s *Spool) write(kind byte, e *gateway.Event, account func(*segment)) error {
	buf := encodings.Get().(*[]byte)
	defer encodings.Put(buf)
	var err error
	if *buf, err = appendRecord((*buf)[:0], kind, e); err != nil {
		return fmt.Errorf("encode event %s: %w", e.ID, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errors.New("spool is closed")
	}
	if err := s.append(*buf); err != nil {
		s.stats.WriteErrors++
		return err
	}
	account(s.current)
	return nil
}

// append needs s.mu.
func (s *Spool) append(b []byte) error {
	if s.current == nil || s.current.size+int64(len(b)) > s.o.SegmentSize && s.current.size > 0 {
		if err := s.rotate(); err != nil {
			return err
		}
	}
	if _, err := s.current.file.WriteAt(b, s.current.size); err != nil {
		return fmt.Errorf("write spool: %w", err)
	}
	if s.o.FsyncInterval < 0 {
		if err := s.current.file.Sync(); err != nil {
			return fmt.Errorf("sync spool: %w", err)
		}
	}
	s.current.size += int64(len(b))
	s.dirty = true
	return nil
}

// rotate begins a new segment. It needs s.mu.
func (s *Spool) rotate() error {
	path := filepath.Join(s.dir, fmt.Sprintf("%019d.spool", time.Now().UnixNano()))
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("begin spool segment: %w", err)
	}
	if err := syncDir(s.dir); err != nil {
		return errors.Join(err, file.Close())
	}
	if old := s.current; old != nil {
		if err := old.file.Sync(); err != nil {
			return errors.Join(fmt.Errorf("sync spool: %w", err), file.Close())
		}
		s.older = append(s.older, old)
		s.collect()
	}
	s.current = &segment{path: path, file: file}
	return nil
}

// release drops one reference. It needs s.mu.
func (s *Spool) release(in *segment) { in.references-- }

// collect deletes the older segments that nothing refers to. It needs s.mu.
func (s *Spool) collect() {
	kept := s.older[:0]
	for _, g := range s.older {
		if g.references > 0 {
			kept = append(kept, g)
			continue
		}
		if g.file != nil {
			_ = g.file.Close()
		}
		if err := os.Remove(g.path); err != nil {
			s.o.Logger.Error("spool segment not removed", slog.String("path", g.path), slog.Any("error", err))
		}
	}
	clear(s.older[len(kept):])
	s.older = kept
}

// Sync forces what is written to disk.
func (s *Spool) Sync() error {
	s.mu.Lock()
	current, dirty := s.current, s.dirty
	s.dirty = false
	s.mu.Unlock()
	if !dirty || current == nil {
		return nil
	}
	// Outside the lock: a slow disk must not hold requests up. A segment that
	// was rotated meanwhile is synced already, and closed at the most.
	if err := current.file.Sync(); err != nil && !errors.Is(err, os.ErrClosed) {
		return fmt.Errorf("sync spool: %w", err)
	}
	return nil
}

// Stats returns how the spool stands now.
func (s *Spool) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stats
	for _, q := range s.waiting {
		if q.event != nil {
			st.Waiting++
		}
	}
	st.Waiting += len(s.lost)
	st.Open = len(s.open)
	return st
}

// Close syncs and closes the files. Run must have returned.
func (s *Spool) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	var err error
	if s.current != nil {
		err = errors.Join(s.current.file.Sync(), s.current.file.Close())
		if err == nil && s.current.references == 0 {
			err = os.Remove(s.current.path)
		}
		s.current = nil
	}
	s.collect()
	return err
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("open spool directory: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}
