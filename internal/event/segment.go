package event

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// segment is one file, named by a number that grows and its salt. It goes when
// references, the finals and intents in it that still matter, are none.
type segment struct {
	path       string
	salt       salt
	file       *os.File
	size       int64
	references int
	unsynced   bool
}

const extension = ".spool"

func segmentName(number int64, s salt) string {
	return fmt.Sprintf("%019d-%s%s", number, hex.EncodeToString(s[:]), extension)
}

// parseSegmentName reads what segmentName wrote.
func parseSegmentName(name string) (number int64, s salt, ok bool) {
	base := strings.TrimSuffix(name, extension)
	digits, text, _ := strings.Cut(base, "-")
	if _, err := fmt.Sscanf(digits, "%d", &number); err != nil {
		return 0, s, false
	}
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != saltSize {
		return 0, s, false
	}
	return number, salt(raw), true
}

// append writes one record with one write(2). It needs s.mu.
func (s *Spool) append(b []byte) (at int64, err error) {
	if s.current == nil || s.current.size+int64(len(b)) > s.o.SegmentSize && s.current.size > 0 {
		if err := s.rotate(); err != nil {
			return 0, err
		}
	}
	g := s.current
	stamp(b, g.salt)
	if _, err := g.file.WriteAt(b, g.size); err != nil {
		// What is there of the record must not come back after a restart: the
		// caller refuses the request.
		return 0, errors.Join(fmt.Errorf("write spool: %w", err), g.file.Truncate(g.size))
	}
	if s.o.FsyncInterval < 0 {
		if err := g.file.Sync(); err != nil {
			// The kernel may have dropped the pages: nothing more goes in here.
			err = errors.Join(fmt.Errorf("sync spool: %w", err), g.file.Truncate(g.size))
			s.older, s.current = append(s.older, g), nil
			return 0, err
		}
	} else if !g.unsynced {
		g.unsynced = true
		s.unsynced = append(s.unsynced, g)
	}
	at = g.size
	g.size += int64(len(b))
	s.size += int64(len(b))
	return at, nil
}

// rotate begins a new segment. It needs s.mu.
func (s *Spool) rotate() error {
	s.number = max(s.number+1, time.Now().UnixNano())
	g := &segment{}
	_, _ = rand.Read(g.salt[:]) // never fails
	g.path = filepath.Join(s.dir, segmentName(s.number, g.salt))
	var err error
	if g.file, err = os.OpenFile(g.path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600); err != nil {
		return fmt.Errorf("begin spool segment: %w", err)
	}
	s.newFile = true
	if s.o.FsyncInterval < 0 {
		s.newFile = false
		if err := syncDir(s.lock); err != nil {
			return errors.Join(err, g.file.Close(), os.Remove(g.path))
		}
	}
	if s.current != nil {
		s.older = append(s.older, s.current)
		s.collect()
	}
	s.current = g
	return nil
}

// collect deletes the older segments that nothing refers to. It needs s.mu.
func (s *Spool) collect() {
	kept := s.older[:0]
	for _, g := range s.older {
		if g.references > 0 {
			kept = append(kept, g)
			continue
		}
		_ = g.file.Close() // all of it is in the sink
		if err := os.Remove(g.path); err != nil && !errors.Is(err, os.ErrNotExist) {
			s.o.Logger.Error("spool segment not removed", slog.String("path", g.path), slog.Any("error", err))
		}
		s.size -= g.size
	}
	clear(s.older[len(kept):])
	s.older = kept
}

// Sync forces what is written to disk. Run does so every FsyncInterval.
func (s *Spool) Sync() error {
	s.mu.Lock()
	segments, newFile := s.unsynced, s.newFile
	s.unsynced, s.newFile = nil, false
	for _, g := range segments {
		g.unsynced = false
	}
	s.mu.Unlock()
	// Outside the lock: a slow disk must not hold requests up. A segment that
	// was closed meanwhile is with the sink, or synced by Close.
	var errs []error
	for _, g := range segments {
		if err := g.file.Sync(); err != nil && !errors.Is(err, os.ErrClosed) {
			errs = append(errs, fmt.Errorf("sync spool: %w", err))
		}
	}
	if newFile {
		errs = append(errs, syncDir(s.lock))
	}
	err := errors.Join(errs...)
	if err != nil {
		s.mu.Lock()
		s.stats.WriteErrors++
		s.mu.Unlock()
	}
	return err
}

func syncDir(dir *os.File) error {
	if err := dir.Sync(); err != nil && !errors.Is(err, os.ErrClosed) {
		return fmt.Errorf("sync spool directory: %w", err)
	}
	return nil
}
