package event_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bricks-gateway/bricks/internal/event"
	"github.com/bricks-gateway/bricks/internal/gateway"
)

// ledger is a sink that takes each id once, like the store.
type ledger struct {
	mu     sync.Mutex
	events map[string]*gateway.Event
	writes int
	fail   int // refuse so many calls after having taken the batch
}

func (l *ledger) WriteEvents(_ context.Context, events []*gateway.Event) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.events == nil {
		l.events = map[string]*gateway.Event{}
	}
	for _, e := range events {
		l.writes++
		if _, ok := l.events[e.ID]; !ok {
			l.events[e.ID] = e
		}
	}
	if l.fail > 0 {
		l.fail--
		return errors.New("connection lost before the answer")
	}
	return nil
}

func example(id string) *gateway.Event {
	return &gateway.Event{
		ID: id, CreatedAt: time.UnixMicro(1_700_000_000_123_456).UTC(), KeyID: "key", Tags: []string{"a", "b"}, SettingID: "s",
		Provider: "openai", Path: "/p", Method: "POST", Operation: "chat", Status: 200, RequestModel: "m", ResponseModel: "m-1",
		Usage: gateway.Usage{InputTokens: 1, CacheReadTokens: 2, CacheWrite5mTokens: 3, CacheWrite1hTokens: 4, OutputTokens: 5, ReasoningTokens: 6, AudioInputTokens: 7, AudioOutputTokens: 8,
			CacheReadAudioTokens: 9, ImageInputTokens: 10, ImageOutputTokens: 11, Images: 12, Milliseconds: 13, Characters: 14, Queries: 15, Pages: 16, WebSearches: 17},
		PriceModel: "hd/m", PriceTerms: "flex",
		Cost: 42, PriceStatus: gateway.Priced, Estimated: true, Incomplete: true, Latency: 3 * time.Millisecond, TimeToFirstToken: time.Millisecond,
		Attempts: 2, Streamed: true, CustomID: "c", UserID: "u", CorrelationID: "x", Metadata: "{}", Action: "allowed", PolicyID: "p", RouteID: "r",
		RefusalCode: "f", RefusedCount: 9, Request: []byte{0, 1}, Response: []byte{2}, Accounts: []gateway.AccountID{"user:u", "default:key:u"}, Job: "/v1/batches/b",
		Findings: map[string]int64{"email": 2, "regex": 1},
	}
}

func open(t testing.TB, dir string, o event.Options) *event.Spool {
	t.Helper()
	s, err := event.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// deliverAll runs the spool until all finals are in the sink, then closes it.
func deliverAll(t testing.TB, s *event.Spool, sink event.Sink) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, sink) }()
	if err := s.Flush(ctx); err != nil {
		t.Errorf("Flush = %v", err)
	}
	cancel()
	if err := errors.Join(<-done, s.Close()); err != nil {
		t.Error(err)
	}
}

func TestEveryFieldSurvivesTheSpool(t *testing.T) {
	dir := t.TempDir()
	want := example("1")
	s := open(t, dir, event.Options{})
	if err := errors.Join(s.Intent(want), s.Final(want), s.Close()); err != nil {
		t.Fatal(err)
	}
	var l ledger
	deliverAll(t, open(t, dir, event.Options{}), &l)
	if diff := cmp.Diff(want, l.events["1"]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	left, _ := filepath.Glob(filepath.Join(dir, "*"))
	if len(left) != 0 {
		t.Errorf("delivered segments were kept: %v", left)
	}
}

func TestAnIntentWithoutAFinalIsSettledAsInterrupted(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, event.Options{})
	if err := errors.Join(s.Intent(example("lost")), s.Intent(example("done")), s.Final(example("done")), s.Close()); err != nil {
		t.Fatal(err)
	}
	var l ledger
	deliverAll(t, open(t, dir, event.Options{}), &l)
	e := l.events["lost"]
	if e == nil || e.RefusalCode != event.Interrupted || e.Status != 502 || !e.Incomplete || !e.Estimated || e.Cost != 42 {
		t.Errorf("the lost request's event = %+v", e)
	}
	if e := l.events["done"]; len(l.events) != 2 || e == nil || e.RefusalCode == event.Interrupted {
		t.Errorf("the finished request's event = %+v of %d", e, len(l.events))
	}
}

// TestALaterIntentCounts: a request whose reservation has grown is booked at the
// larger one, and its first intent holds no segment back.
func TestALaterIntentCounts(t *testing.T) {
	dir := t.TempDir()
	o := event.Options{SegmentSize: 1} // each record has a segment of its own
	s := open(t, dir, o)
	grown, done := example("grown"), example("done")
	grown.Cost = 99
	if err := errors.Join(s.Intent(example("grown")), s.Intent(grown), s.Intent(done), s.Intent(done), s.Final(done)); err != nil {
		t.Fatal(err)
	}
	var l ledger
	deliverAll(t, s, &l)
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 1 {
		t.Errorf("segments left: %v, want the one of the grown intent", left)
	}
	deliverAll(t, open(t, dir, o), &l)
	if e := l.events["grown"]; len(l.events) != 2 || e == nil || e.Cost != 99 || e.RefusalCode != event.Interrupted {
		t.Errorf("the grown request's event = %+v of %d", e, len(l.events))
	}
}

func TestTornTailAtEveryByte(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, event.Options{})
	if err := s.Final(&gateway.Event{ID: "whole"}); err != nil {
		t.Fatal(err)
	}
	whole := int(s.Stats().Size)
	if err := errors.Join(s.Final(&gateway.Event{ID: "torn"}), s.Close()); err != nil {
		t.Fatal(err)
	}
	paths, _ := filepath.Glob(filepath.Join(dir, "*.spool"))
	data, err := os.ReadFile(paths[0])
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(data) {
		cut := t.TempDir()
		if err := os.WriteFile(filepath.Join(cut, filepath.Base(paths[0])), data[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		s := open(t, cut, event.Options{})
		if s.Stats().Damaged != 0 {
			t.Errorf("cut at %d of %d: a torn tail counts as damage", n, len(data))
		}
		var l ledger
		deliverAll(t, s, &l)
		if want := n >= whole; len(l.events) > 1 || (l.events["whole"] != nil) != want {
			t.Fatalf("cut at %d of %d: delivered %v", n, len(data), l.events)
		}
	}
}

func TestABitFlipCostsOneRecordAndIsKept(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, event.Options{})
	for _, id := range []string{"one", "two", "three"} {
		if err := s.Final(&gateway.Event{ID: id, Path: strings.Repeat("x", 50)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	paths, _ := filepath.Glob(filepath.Join(dir, "*.spool"))
	data, err := os.ReadFile(paths[0])
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(paths[0], data, 0o600); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, event.Options{})
	if s.Stats().Damaged == 0 {
		t.Error("the damage is not counted")
	}
	var l ledger
	deliverAll(t, s, &l)
	if l.events["one"] == nil || l.events["two"] != nil || l.events["three"] == nil {
		t.Errorf("delivered %v, want one and three", l.events)
	}
	if kept, _ := filepath.Glob(filepath.Join(dir, "*.damaged")); len(kept) != 1 {
		t.Error("the damaged segment is not kept")
	}
}

func TestASinkThatFailsAfterItsCommitGetsTheBatchAgain(t *testing.T) {
	s := open(t, t.TempDir(), event.Options{})
	for i := range 10 {
		if err := s.Final(&gateway.Event{ID: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	l := ledger{fail: 2}
	deliverAll(t, s, &l)
	if len(l.events) != 10 || l.writes < 20 {
		t.Errorf("%d events after %d writes, want 10 and a repetition", len(l.events), l.writes)
	}
}

func TestSegmentsGoWhenTheirIntentsAreDelivered(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, event.Options{SegmentSize: 256})
	if err := s.Intent(example("long")); err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		if err := s.Final(example(fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Final(example("long")); err != nil {
		t.Fatal(err)
	}
	var l ledger
	deliverAll(t, s, &l)
	if left, _ := filepath.Glob(filepath.Join(dir, "*.spool")); len(left) != 0 || len(l.events) != 51 {
		t.Errorf("%d segments left, %d events; want 0 and 51", len(left), len(l.events))
	}
}

const spoolDir = "BRICKS_TEST_SPOOL_DIR"

// TestMain runs the writer that TestKill kills.
func TestMain(m *testing.M) {
	if dir := os.Getenv(spoolDir); dir != "" {
		s, err := event.Open(dir, event.Options{})
		for i := 0; err == nil; i++ {
			if err = s.Intent(&gateway.Event{ID: fmt.Sprintf("i%d", i)}); err != nil {
				break
			}
			fmt.Printf("i%d\n", i) // acknowledged
			if err = s.Final(&gateway.Event{ID: fmt.Sprintf("f%d", i)}); err == nil {
				fmt.Printf("f%d\n", i)
			}
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func TestKilledWriterLosesNothingItAcknowledged(t *testing.T) {
	for round := range 3 {
		dir := t.TempDir()
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), spoolDir+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var acknowledged []string
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			acknowledged = append(acknowledged, lines.Text())
			if len(acknowledged) == 1000*(round+1) {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = cmd.Wait()
		// The last line may be cut.
		if n := len(acknowledged); n > 0 {
			acknowledged = acknowledged[:n-1]
		}
		var l ledger
		deliverAll(t, open(t, dir, event.Options{}), &l)
		if l.writes != len(l.events) {
			t.Errorf("round %d: %d events were delivered %d times", round, len(l.events), l.writes)
		}
		for _, id := range acknowledged {
			if l.events[id] == nil {
				t.Fatalf("round %d: acknowledged event %s is gone (%d delivered)", round, id, len(l.events))
			}
		}
	}
}

func BenchmarkIntentAndFinal(b *testing.B) {
	s := open(b, b.TempDir(), event.Options{})
	e := example("")
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		e.ID = fmt.Sprint(i)
		if err := errors.Join(s.Intent(e), s.Final(e)); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzOpen reads segments that we did not write. The name holds the salt.
func FuzzOpen(f *testing.F) {
	f.Add([]byte("saltsalt\x05\x00\x00\x00abcdfhello"))
	f.Add([]byte("saltsalt\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		name := fmt.Sprintf("%019d-%x.spool", 1, "saltsalt")
		if err := os.WriteFile(filepath.Join(dir, name), bytes.Clone(data), 0o600); err != nil {
			t.Fatal(err)
		}
		s := open(t, dir, event.Options{})
		good := event.Events(data, [8]byte([]byte("saltsalt")))
		if s.Stats().Waiting != good {
			t.Errorf("%d of %d records are queued", s.Stats().Waiting, good)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}
