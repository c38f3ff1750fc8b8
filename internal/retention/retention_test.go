package retention_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/retention"
)

// shelf is a store that counts down, and tells what it was asked.
type shelf struct {
	mu     sync.Mutex
	events int
	bodies int
	fail   int // calls that fail first
	asked  chan string
}

func (s *shelf) drop(what string, left *int, before time.Time, limit int) (int, error) {
	s.mu.Lock()
	n := min(*left, limit)
	var err error
	if s.fail > 0 {
		s.fail--
		n, err = 0, errors.New("away")
	}
	*left -= n
	s.mu.Unlock()
	s.asked <- fmt.Sprint(what, " ", n, " before ", before.Format(time.DateTime))
	return n, err
}

func (s *shelf) DropEvents(_ context.Context, before time.Time, limit int) (int, error) {
	return s.drop("events", &s.events, before, limit)
}

func (s *shelf) DropBodies(_ context.Context, before time.Time, limit int) (int, error) {
	return s.drop("bodies", &s.bodies, before, limit)
}

func TestWhatIsTooOldIsDeletedInSteps(t *testing.T) {
	const day = 24 * time.Hour
	now := time.Date(2026, 3, 31, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		shelf   *shelf
		options retention.Options
		want    []string
	}{
		"both": {&shelf{events: 2500, bodies: 10}, retention.Options{Events: 30 * day, Bodies: day},
			[]string{"bodies 10 before 2026-03-30 12:00:00", "events 1000 before 2026-03-01 12:00:00", "events 1000 before 2026-03-01 12:00:00", "events 500 before 2026-03-01 12:00:00"}},
		"events only": {&shelf{events: 1000, bodies: 10}, retention.Options{Events: day},
			[]string{"events 1000 before 2026-03-30 12:00:00", "events 0 before 2026-03-30 12:00:00"}},
		"bodies only": {&shelf{events: 1, bodies: 1}, retention.Options{Bodies: time.Hour}, []string{"bodies 1 before 2026-03-31 11:00:00"}},
		"after a failure, with the next look": {&shelf{events: 1, fail: 1}, retention.Options{Events: day, Interval: time.Millisecond},
			[]string{"events 0 before 2026-03-30 12:00:00", "events 1 before 2026-03-30 12:00:00"}},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			var log bytes.Buffer
			c.shelf.asked = make(chan string)
			c.options.Store, c.options.Logger, c.options.Now = c.shelf, slog.New(slog.NewTextHandler(&log, nil)), func() time.Time { return now }
			if !c.options.Any() {
				t.Error("nothing is to be deleted")
			}
			done := make(chan error)
			go func() { done <- retention.Run(ctx, c.options) }()
			for _, want := range c.want {
				select {
				case got := <-c.shelf.asked:
					if got != want {
						t.Errorf("asked for %q, want %q", got, want)
					}
				case <-ctx.Done():
					t.Fatalf("not asked for %q", want)
				}
			}
			cancel()
			for {
				select {
				case <-c.shelf.asked: // with a short interval there may be more
					continue
				case err := <-done:
					if err != nil {
						t.Error(err)
					}
				}
				break
			}
			if failed := strings.Contains(log.String(), "not deleted"); failed != strings.HasPrefix(name, "after") {
				t.Errorf("log: %s", log.String())
			}
		})
	}
}

func TestNothingIsDeletedUnlessAskedFor(t *testing.T) {
	if (retention.Options{}).Any() {
		t.Error("without a time events are deleted")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := retention.Run(ctx, retention.Options{Store: &shelf{events: 1}}); err != nil { // a call would wait for ever
		t.Error(err)
	}
}
