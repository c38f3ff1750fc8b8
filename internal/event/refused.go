package event

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

// refusedName is the file, beside the segments, of the events that the sink
// refused for good: one JSON object a line. A person has to look at them.
const refusedName = "events.refused"

func refusedForGood(err error) bool { return gateway.KindOf(err) == gateway.Invalid }

// setAside keeps an event that the sink will never take, so that it holds up
// none behind it. After a crash the same event may come again.
func (s *Spool) setAside(e *gateway.Event, reason error) error {
	line, err := protojson.Marshal(toProto(e))
	if err != nil {
		return fmt.Errorf("keep refused event: %w", err)
	}
	path := filepath.Join(s.dir, refusedName)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("keep refused event: %w", err)
	}
	_, err = f.Write(append(line, '\n'))
	if err := errors.Join(err, f.Sync(), f.Close(), syncDir(s.lock)); err != nil {
		return fmt.Errorf("keep refused event: %w", err)
	}
	s.mu.Lock()
	s.stats.Refused++
	s.mu.Unlock()
	s.o.Logger.Error("event refused for good", slog.String("event_id", e.ID), slog.String("kept_in", path), slog.Any("error", reason))
	return nil
}
