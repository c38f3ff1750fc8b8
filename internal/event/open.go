package event

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

// Interrupted is the RefusalCode of events whose request was let through and
// whose end was lost with the process.
const Interrupted = "interrupted"

// Open opens the spool in dir, which it makes if need be, and takes over what
// an earlier process left: finals are queued again, and intents without a final
// become finals with status 502 (to its client the gateway broke) that are
// incomplete, estimated and cost what was reserved. It is an error if another
// process uses dir.
func Open(dir string, o Options) (*Spool, error) {
	if o.FsyncInterval == 0 {
		o.FsyncInterval = 50 * time.Millisecond
	}
	if o.SegmentSize == 0 {
		o.SegmentSize = 8 << 20
	}
	if o.MaxSize == 0 {
		o.MaxSize = 2 << 30
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Recovered == nil {
		o.Recovered = func(*gateway.Event) {}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make spool directory: %w", err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	s := &Spool{o: o, dir: dir, lock: lock, flushes: make(chan struct{}, 1), open: map[string]*segment{}}
	if err := s.recover(); err != nil {
		for _, g := range s.older {
			err = errors.Join(err, g.file.Close())
		}
		return nil, errors.Join(err, lock.Close())
	}
	if o.Registerer != nil {
		o.Registerer.MustRegister(collector{s, spoolMetrics()})
	}
	return s, nil
}

// left is what earlier processes left unfinished.
type left struct {
	intents  map[string]intent
	finished map[string]bool
}

type intent struct {
	queued
	createdAt time.Time
}

func (s *Spool) recover() error {
	paths, err := filepath.Glob(filepath.Join(s.dir, "*"+extension))
	if err != nil {
		return fmt.Errorf("list spool: %w", err)
	}
	slices.Sort(paths) // the names are numbers of one width: oldest first
	l := left{map[string]intent{}, map[string]bool{}}
	for _, path := range paths {
		if err := s.load(path, l); err != nil {
			return err
		}
	}
	all := make([]intent, 0, len(l.intents))
	for _, q := range l.intents {
		all = append(all, q)
	}
	slices.SortFunc(all, func(a, b intent) int { return a.createdAt.Compare(b.createdAt) })
	for _, q := range all {
		q.in.references++
		s.o.Recovered(q.event)
		s.enqueue(q.queued)
		s.stats.Recovered++
	}
	s.collect()
	return nil
}

// load reads one segment of an earlier process.
func (s *Spool) load(path string, l left) error {
	number, salt, ok := parseSegmentName(filepath.Base(path))
	if !ok {
		s.o.Logger.Error("file in the spool is no segment, left alone", slog.String("path", path))
		return nil
	}
	s.number = max(s.number, number)
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open spool segment: %w", err)
	}
	// The process that wrote it may have died before it synced.
	g := &segment{path: path, salt: salt, file: file, unsynced: true}
	s.unsynced = append(s.unsynced, g)
	s.older = append(s.older, g)
	data, err := io.ReadAll(file)
	if err != nil {
		return fmt.Errorf("read spool segment: %w", err)
	}
	g.size = int64(len(data))
	s.size += g.size
	records, torn, damaged := readRecords(data, salt)
	if torn > 0 {
		s.o.Logger.Warn("spool segment ends in a torn record", slog.String("path", path), slog.Int("bytes", torn))
	}
	if damaged > 0 {
		if err := s.quarantine(path, data, damaged); err != nil {
			return err
		}
	}
	for _, r := range records {
		s.take(r, g, l)
	}
	return nil
}

// take queues a final, and notes an intent until its final comes.
func (s *Spool) take(r record, g *segment, l left) {
	q := queued{event: r.event, in: g, at: r.at, length: r.length}
	switch r.kind {
	case kindIntent:
		if !l.finished[r.event.ID] {
			l.intents[r.event.ID] = intent{q, r.event.CreatedAt}
			interrupted(r.event)
		}
	case kindFinal:
		delete(l.intents, r.event.ID)
		l.finished[r.event.ID] = true
		g.references++
		s.o.Recovered(r.event)
		s.enqueue(q)
	}
}

// quarantine keeps a damaged segment for a human, beside the delivery of what
// is good in it.
func (s *Spool) quarantine(path string, data []byte, damaged int) error {
	s.stats.Damaged += int64(damaged)
	kept := path + ".damaged"
	if err := os.WriteFile(kept, data, 0o600); err != nil {
		return fmt.Errorf("keep damaged spool segment: %w", err)
	}
	s.o.Logger.Error("spool segment is damaged", slog.String("kept_as", kept), slog.Int("bytes", damaged))
	return nil
}

func interrupted(e *gateway.Event) {
	e.Status = http.StatusBadGateway
	e.RefusalCode = Interrupted
	e.Incomplete, e.Estimated = true, true
}

// readBack reads a queued final that is not in memory.
func readBack(q queued) (*gateway.Event, error) {
	data := make([]byte, q.length)
	if _, err := q.in.file.ReadAt(data, q.at); err != nil {
		return nil, fmt.Errorf("read event back: %w", err)
	}
	r, ok := decode(data, q.in.salt)
	if !ok {
		return nil, errors.New("read event back: record is damaged")
	}
	if r.kind == kindIntent {
		interrupted(r.event)
	}
	return r.event, nil
}
