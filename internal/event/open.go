package event

import (
	"fmt"
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
// become finals with status 502 that are incomplete, estimated and cost what was
// reserved. One process at a time may use a directory.
func Open(dir string, o Options) (*Spool, error) {
	if o.FsyncInterval == 0 {
		o.FsyncInterval = 50 * time.Millisecond
	}
	if o.SegmentSize == 0 {
		o.SegmentSize = 8 << 20
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make spool directory: %w", err)
	}
	s := &Spool{o: o, dir: dir, flushes: make(chan struct{}, 1), open: map[string]*segment{}}
	if err := s.recover(); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Spool) recover() error {
	paths, err := filepath.Glob(filepath.Join(s.dir, "*.spool"))
	if err != nil {
		return fmt.Errorf("list spool: %w", err)
	}
	slices.Sort(paths) // names are times: oldest first
	intents := map[string]queued{}
	finished := map[string]bool{}
	for _, path := range paths {
		g, err := s.load(path, intents, finished)
		if err != nil {
			return err
		}
		s.older = append(s.older, g)
	}
	for _, q := range inOrder(intents) {
		q.in.references++
		s.waiting = append(s.waiting, queued{interrupted(q.event), q.in})
		s.stats.Recovered++
	}
	s.queuedCount = int64(len(s.waiting))
	s.collect()
	return nil
}

// load reads one segment of an earlier process.
func (s *Spool) load(path string, intents map[string]queued, finished map[string]bool) (*segment, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read spool: %w", err)
	}
	g := &segment{path: path, size: int64(len(data))}
	records, torn, damaged := readRecords(data)
	if damaged > 0 {
		// Kept for a human: the good records around the damage are delivered.
		s.stats.Damaged += int64(damaged)
		quarantine := path + ".damaged"
		if err := os.WriteFile(quarantine, data, 0o600); err != nil {
			return nil, fmt.Errorf("keep damaged spool segment: %w", err)
		}
		s.o.Logger.Error("spool segment is damaged", slog.String("kept_as", quarantine), slog.Int("bytes", damaged))
	}
	if torn > 0 {
		s.o.Logger.Warn("spool segment ends in a torn record", slog.String("path", path), slog.Int("bytes", torn))
	}
	for _, r := range records {
		switch r.kind {
		case kindIntent:
			if !finished[r.event.ID] {
				intents[r.event.ID] = queued{r.event, g}
			}
		case kindFinal:
			delete(intents, r.event.ID)
			finished[r.event.ID] = true
			g.references++
			s.waiting = append(s.waiting, queued{r.event, g})
		}
	}
	return g, nil
}

func inOrder(intents map[string]queued) []queued {
	all := make([]queued, 0, len(intents))
	for _, q := range intents {
		all = append(all, q)
	}
	slices.SortFunc(all, func(a, b queued) int { return a.event.CreatedAt.Compare(b.event.CreatedAt) })
	return all
}

func interrupted(e *gateway.Event) *gateway.Event {
	e.Status = http.StatusBadGateway
	e.RefusalCode = Interrupted
	e.Incomplete, e.Estimated = true, true
	return e
}
