package event_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bricks-gateway/bricks/internal/event"
	"github.com/bricks-gateway/bricks/internal/gateway"
)

// away is a sink that takes nothing.
type away struct{}

func (away) WriteEvents(context.Context, []*gateway.Event) error { return errors.New("away") }

func TestADiskThatFailsRefusesIntentsAndKeepsFinals(t *testing.T) {
	s := open(t, t.TempDir(), event.Options{})
	if err := errors.Join(s.Intent(example("running")), s.Intent(example("other"))); err != nil {
		t.Fatal(err)
	}
	repair, err := s.BreakDisk()
	if err != nil {
		t.Fatal(err)
	}
	if s.Intent(example("refused")) == nil {
		t.Error("an intent that was not written let its request through")
	}
	if s.Final(example("running")) == nil {
		t.Error("a final that was not written passed for written")
	}
	if st := s.Stats(); st.Waiting != 1 || st.WriteErrors != 2 {
		t.Errorf("stats = %+v, want 1 waiting, 2 write errors", st)
	}
	repair()
	if err := s.Final(example("other")); err != nil {
		t.Error(err)
	}
	var l ledger
	deliverAll(t, s, &l)
	if len(l.events) != 2 || l.events["refused"] != nil {
		t.Errorf("delivered %v, want running and other", l.events)
	}
}

func TestASinkTakesWhatTheDiskRefuses(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, event.Options{})
	if err := s.Intent(example("1")); err != nil {
		t.Fatal(err)
	}
	repair, err := s.BreakDisk()
	if err != nil {
		t.Fatal(err)
	}
	if s.Final(example("1")) == nil {
		t.Error("the disk is not broken")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var l ledger
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, &l) }()
	if err := s.Flush(ctx); err != nil {
		t.Errorf("Flush = %v", err)
	}
	if len(l.events) != 1 || s.Stats().Open != 0 {
		t.Errorf("%d events after the flush, %+v", len(l.events), s.Stats())
	}
	repair()
	cancel()
	if err := errors.Join(<-done, s.Close()); err != nil {
		t.Error(err)
	}
}

func TestAFullSpoolRefusesIntentsOnly(t *testing.T) {
	s := open(t, t.TempDir(), event.Options{MaxSize: 100})
	if err := s.Intent(example("1")); err != nil {
		t.Fatal(err)
	}
	if err := s.Intent(example("2")); !errors.Is(err, event.ErrFull) || !s.Stats().Full {
		t.Errorf("Intent = %v, want ErrFull", err)
	}
	if err := s.Final(example("1")); err != nil {
		t.Errorf("Final = %v", err)
	}
	var l ledger
	deliverAll(t, s, &l)
	if len(l.events) != 1 {
		t.Errorf("delivered %v", l.events)
	}
}

func TestOneProcessAtATime(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, event.Options{})
	if second, err := event.Open(dir, event.Options{}); err == nil {
		t.Errorf("opened twice: %+v", second.Stats())
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := open(t, dir, event.Options{}).Close(); err != nil {
		t.Error(err)
	}
}

func TestTextThatNoDatabaseHoldsIsMadeClean(t *testing.T) {
	s := open(t, t.TempDir(), event.Options{})
	e := &gateway.Event{ID: "1", CustomID: "a\x00b", RequestModel: "m\xff", Tags: []string{"\xc3\x28"}, Findings: map[string]int64{"a\xff": 1, "a\x00": 2, "b": 4}}
	if err := errors.Join(s.Intent(e), s.Final(e)); err != nil {
		t.Fatal(err)
	}
	var l ledger
	deliverAll(t, s, &l)
	got := l.events["1"]
	if got.CustomID != "a\uFFFDb" || got.RequestModel != "m\uFFFD" || got.Tags[0] != "\uFFFD(" {
		t.Errorf("delivered %q %q %q", got.CustomID, got.RequestModel, got.Tags)
	}
	if diff := cmp.Diff(map[string]int64{"a\uFFFD": 3, "b": 4}, got.Findings); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	if e.Tags[0] != "\xc3\x28" {
		t.Error("the caller's event was changed")
	}
}

func TestABacklogIsReadBackFromDisk(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, event.Options{})
	const n = 24 // of 1 MiB: more than is held in memory
	for i := range n {
		e := &gateway.Event{ID: fmt.Sprint(i), Request: bytes.Repeat([]byte{byte(i)}, 1<<20)}
		if err := s.Final(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, event.Options{}) // and so after a restart
	var l ledger
	deliverAll(t, s, &l)
	for i := range n {
		if e := l.events[fmt.Sprint(i)]; e == nil || len(e.Request) != 1<<20 || e.Request[0] != byte(i) {
			t.Errorf("event %d is gone or another", i)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.spool")); len(left) != 0 {
		t.Errorf("%d segments left", len(left))
	}
}

// TestDamageRevealsNoForgedRecord: the holder of a key sends a body that holds
// the bytes of a record, copied from another spool, and the disk damages the
// record around it.
func TestDamageRevealsNoForgedRecord(t *testing.T) {
	segment := func(e *gateway.Event) (path string, data []byte) {
		dir := t.TempDir()
		s := open(t, dir, event.Options{})
		if err := errors.Join(s.Final(e), s.Final(&gateway.Event{ID: "behind"}), s.Close()); err != nil {
			t.Fatal(err)
		}
		paths, _ := filepath.Glob(filepath.Join(dir, "*.spool"))
		data, err := os.ReadFile(paths[0])
		if err != nil {
			t.Fatal(err)
		}
		return paths[0], data
	}
	_, forged := segment(&gateway.Event{ID: "forged"})
	path, data := segment(&gateway.Event{ID: "carrier", Request: forged})
	data[12] ^= 1 // the carrier's checksum
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	var l ledger
	deliverAll(t, open(t, filepath.Dir(path), event.Options{}), &l)
	if len(l.events) != 1 || l.events["behind"] == nil {
		t.Errorf("delivered %v, want only what is behind", l.events)
	}
}

// TestSyncGoesOnWhileTheSinkIsAway: then the spool is all there is.
func TestSyncGoesOnWhileTheSinkIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, t.TempDir(), event.Options{})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx, away{}) }()
		time.Sleep(20 * time.Second) // of the bubble's clock: the back-off is long now
		if err := s.Final(&gateway.Event{ID: "1"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(51 * time.Millisecond)
		synctest.Wait()
		if n := s.Unsynced(); n != 0 {
			t.Errorf("%d segments are not synced", n)
		}
		cancel()
		if err := errors.Join(<-done, s.Close()); err != nil {
			t.Error(err)
		}
	})
}
