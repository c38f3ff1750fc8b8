package event_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/bricks-gateway/bricks/internal/event"
	"github.com/bricks-gateway/bricks/internal/gateway"
	eventv1 "github.com/bricks-gateway/bricks/proto/event/v1"
)

// picky refuses, for good, every batch that holds one of these ids.
type picky struct {
	ledger
	never []string
}

func (p *picky) WriteEvents(ctx context.Context, events []*gateway.Event) error {
	for _, e := range events {
		if slices.Contains(p.never, e.ID) {
			return &gateway.Error{Kind: gateway.Invalid, Message: "no such event"}
		}
	}
	return p.ledger.WriteEvents(ctx, events)
}

func refusedIDs(t *testing.T, dir string) (ids []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "events.refused"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var e eventv1.Event
		if err := protojson.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		ids = append(ids, e.Id)
	}
	return ids
}

func TestARefusedEventIsSetAsideAndHoldsUpNobody(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, event.Options{})
	for i := range 20 {
		if err := s.Final(example(fmt.Sprintf("%02d", i))); err != nil {
			t.Fatal(err)
		}
	}
	sink := &picky{never: []string{"03", "19"}}
	deliverAll(t, s, sink)
	if len(sink.events) != 18 || sink.events["03"] != nil || sink.events["19"] != nil {
		t.Errorf("delivered %d events, want all but 03 and 19", len(sink.events))
	}
	if got := refusedIDs(t, dir); !slices.Equal(got, []string{"03", "19"}) {
		t.Errorf("set aside %v, want 03 and 19", got)
	}
	if st := s.Stats(); st.Refused != 2 || st.Waiting != 0 {
		t.Errorf("stats = %+v, want 2 refused, 0 waiting", st)
	}
	if info, err := os.Stat(filepath.Join(dir, "events.refused")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("file of refused events: %v, %v", info, err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.spool")); len(left) != 0 {
		t.Errorf("segments were kept: %v", left)
	}
}

func TestAnEventThatNeitherDiskNorSinkTakesHoldsUpNobody(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, event.Options{})
	if err := s.Intent(example("running")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.BreakDisk(); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"a", "never", "b"} {
		if s.Final(example(id)) == nil {
			t.Fatal("the disk is not broken")
		}
	}
	sink := &picky{never: []string{"never"}}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, sink) }()
	if err := s.Flush(ctx); err != nil {
		t.Errorf("Flush = %v", err)
	}
	cancel()
	<-done
	if len(sink.events) != 2 {
		t.Errorf("delivered %v, want a and b", sink.events)
	}
	if got := refusedIDs(t, dir); !slices.Equal(got, []string{"never"}) {
		t.Errorf("set aside %v", got)
	}
}

// A sink that is away is no refusal, whatever it holds.
func TestASinkThatIsAwayIsAskedAgain(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, event.Options{})
	if err := s.Final(example("1")); err != nil {
		t.Fatal(err)
	}
	sink := &ledger{fail: 2}
	deliverAll(t, s, sink)
	if _, err := os.Stat(filepath.Join(dir, "events.refused")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an event was set aside: %v", err)
	}
	if sink.writes != 3 {
		t.Errorf("%d writes, want 3", sink.writes)
	}
}
