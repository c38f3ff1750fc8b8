package guard_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/bricks-gateway/bricks/internal/pii"
	"github.com/bricks-gateway/bricks/internal/pii/guard"
)

// detector does what its function says.
type detector func(ctx context.Context, texts []string) error

func (d detector) Detect(ctx context.Context, texts []string, _ pii.Set) ([][]pii.Span, error) {
	if err := d(ctx, texts); err != nil {
		return nil, err
	}
	return make([][]pii.Span, len(texts)), nil
}

type fixture struct {
	*guard.Detector
	t        *testing.T
	registry *prometheus.Registry
	log      *bytes.Buffer
}

func newFixture(t *testing.T, inner detector) fixture {
	f := fixture{t: t, registry: prometheus.NewRegistry(), log: &bytes.Buffer{}}
	f.Detector = guard.New(inner, guard.Options{
		Name: "one", Timeout: 5 * time.Second, Bytes: 10, Running: 2, Waiting: 1, Failures: 3, Pause: 2 * time.Second,
		Metrics: guard.NewMetrics(f.registry), Logger: slog.New(slog.NewTextHandler(f.log, nil)),
	})
	return f
}

func (f fixture) ask(ctx context.Context) error {
	_, err := f.Detect(ctx, []string{"text"}, pii.All)
	return err
}

// metric is what the metric's lines are, without its name.
func (f fixture) metric(name string) string {
	f.t.Helper()
	w := httptest.NewRecorder()
	promhttp.HandlerFor(f.registry, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	var lines []string
	for line := range strings.Lines(w.Body.String()) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			lines = append(lines, strings.TrimSpace(rest))
		}
	}
	return strings.Join(lines, "; ")
}

func (f fixture) up(want string) {
	f.t.Helper()
	if got := f.metric("bricks_detector_up"); got != `{detector="one"} `+want {
		f.t.Errorf("up is %s, want %s", got, want)
	}
}

// outcomes checks the counter, as in "error 3 ok 1".
func (f fixture) outcomes(want string) {
	f.t.Helper()
	got := strings.NewReplacer(`{detector="one",outcome="`, "", `"}`, "", ";", "").Replace(f.metric("bricks_detector_requests_total"))
	if got != want {
		f.t.Errorf("outcomes are %s, want %s", got, want)
	}
}

var errDown = errors.New("down")

func TestASlowDetectorIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, func(ctx context.Context, _ []string) error { <-ctx.Done(); return ctx.Err() })
		start := time.Now()
		if err := f.ask(t.Context()); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 5*time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		f.outcomes("timeout 1")
	})
}

func TestTheCallersDeadlineCountsWhenItIsSooner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, func(ctx context.Context, _ []string) error { <-ctx.Done(); return ctx.Err() })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if err := f.ask(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
	})
}

func TestADetectorThatKeepsFailingIsNotAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now error
		asked := 0
		f := newFixture(t, func(context.Context, []string) error { asked++; return now })
		step := func(what string, state error, want error, wantAsked int, wantUp string) {
			t.Helper()
			now = state
			if err := f.ask(t.Context()); !errors.Is(err, want) || asked != wantAsked {
				t.Errorf("%s: %v, asked %d times; want %v, %d", what, err, asked, want, wantAsked)
			}
			f.up(wantUp)
		}
		step("well", nil, nil, 1, "1")
		step("a failure", errDown, errDown, 2, "1")
		step("two in a row", errDown, errDown, 3, "1")
		step("a success in between", nil, nil, 4, "1")
		step("one again", errDown, errDown, 5, "1")
		step("two again", errDown, errDown, 6, "1")
		step("three in a row", errDown, errDown, 7, "0")
		step("open", nil, guard.ErrOpen, 7, "0")
		time.Sleep(2*time.Second - 1)
		step("open to the end", nil, guard.ErrOpen, 7, "0")
		time.Sleep(time.Nanosecond)
		step("a probe that fails", errDown, errDown, 8, "0")
		step("open again", nil, guard.ErrOpen, 8, "0")
		time.Sleep(2 * time.Second)
		step("a probe that works", nil, nil, 9, "1")
		step("closed: one failure opens nothing", errDown, errDown, 10, "1")
		step("well again", nil, nil, 11, "1")
		f.outcomes("error 7 ok 4 open 3")
		if n := strings.Count(f.log.String(), "\n"); n != 2 || !strings.Contains(f.log.String(), "error=down") || !strings.Contains(f.log.String(), "works again") {
			t.Errorf("logged:\n%s", f.log)
		}
	})
}

func TestOneRequestTriesADetectorThatFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked, hold, stuck := 0, make(chan error), make(chan error)
		f := newFixture(t, func(context.Context, []string) error {
			switch asked++; asked {
			case 1:
				return <-stuck
			case 2, 3, 4:
				return errDown
			}
			return <-hold
		})
		go func() { _ = f.ask(t.Context()) }()
		synctest.Wait()
		for range 3 {
			_ = f.ask(t.Context())
		}
		time.Sleep(2 * time.Second)
		probe := make(chan error)
		go func() { probe <- f.ask(t.Context()) }()
		synctest.Wait() // it is under way
		start := time.Now()
		if err := f.ask(t.Context()); !errors.Is(err, guard.ErrOpen) || time.Since(start) != 0 {
			t.Errorf("a second request, after %v: %v", time.Since(start), err)
		}
		hold <- nil
		if err := <-probe; err != nil {
			t.Error(err)
		}
		f.up("1")
		stuck <- errDown // it began before
		f.up("1")
	})
}

func TestWhatSaysNothingOfTheDetectorOpensNothing(t *testing.T) {
	for name, inner := range map[string]detector{
		"texts that it refuses": func(context.Context, []string) error { return pii.ErrRefused },
		"a client that leaves":  func(ctx context.Context, _ []string) error { <-ctx.Done(); return errors.New("cut off") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, inner)
				for range 10 {
					ctx, cancel := context.WithCancel(t.Context())
					time.AfterFunc(time.Second, cancel)
					if err := f.ask(ctx); err == nil || errors.Is(err, guard.ErrOpen) {
						t.Fatalf("ask = %v", err)
					}
				}
				f.up("1")
			})
		})
	}
}

func TestAProbeWhoseClientLeavesLetsTheNextTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now detector = func(context.Context, []string) error { return errDown }
		f := newFixture(t, func(ctx context.Context, texts []string) error { return now(ctx, texts) })
		for range 3 {
			_ = f.ask(t.Context())
		}
		time.Sleep(2 * time.Second)
		now = func(ctx context.Context, _ []string) error { <-ctx.Done(); return ctx.Err() }
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := f.ask(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the probe: %v", err)
		}
		f.up("0")
		now = func(context.Context, []string) error { return nil }
		if err := f.ask(t.Context()); err != nil {
			t.Errorf("the next: %v", err)
		}
		f.up("1")
	})
}

func TestCallsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		running, most, mu := 0, 0, sync.Mutex{}
		f := newFixture(t, func(context.Context, []string) error {
			mu.Lock()
			running++
			most = max(most, running)
			mu.Unlock()
			<-hold
			mu.Lock()
			running--
			mu.Unlock()
			return nil
		})
		results := make(chan error, 3)
		for range 2 { // the second time finds every place free again
			for range 3 { // two run, one waits
				go func() { results <- f.ask(t.Context()) }()
				synctest.Wait()
			}
			if err := f.ask(t.Context()); !errors.Is(err, guard.ErrBusy) {
				t.Errorf("a fourth: %v", err)
			}
			for range 3 {
				hold <- struct{}{}
				if err := <-results; err != nil {
					t.Error(err)
				}
			}
		}
		if most != 2 {
			t.Errorf("%d ran at once, want 2", most)
		}
		f.outcomes("busy 2 ok 6")
		f.up("1")
	})
}

func TestWaitingIsPartOfTheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		f := newFixture(t, func(context.Context, []string) error { <-hold; return nil }) // heeds no context
		for range 2 {
			go func() { _ = f.ask(t.Context()) }()
		}
		synctest.Wait()
		start := time.Now()
		if err := f.ask(t.Context()); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 5*time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		close(hold)
	})
}

func TestTooMuchTextIsNotSent(t *testing.T) {
	f := newFixture(t, func(_ context.Context, texts []string) error {
		if len(strings.Join(texts, "")) > 10 {
			t.Errorf("sent %q", texts)
		}
		return nil
	})
	if _, err := f.Detect(t.Context(), []string{"12345", "67890"}, pii.All); err != nil {
		t.Error(err)
	}
	if _, err := f.Detect(t.Context(), []string{"12345", "678901"}, pii.All); !errors.Is(err, guard.ErrTooLong) || !errors.Is(err, pii.ErrRefused) {
		t.Errorf("Detect = %v", err)
	}
	f.outcomes("ok 1 refused 1")
}

func TestAPanicIsAFailureAndFreesItsPlace(t *testing.T) {
	f := newFixture(t, func(context.Context, []string) error { panic("a defect") })
	for range 3 {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic was swallowed")
				}
			}()
			_ = f.ask(t.Context())
		}()
	}
	if err := f.ask(t.Context()); !errors.Is(err, guard.ErrOpen) {
		t.Errorf("ask = %v", err)
	}
	f.outcomes("error 3 open 1")
	f.up("0")
}

func TestWhatIsFoundComesThrough(t *testing.T) {
	want := [][]pii.Span{{{Start: 0, End: 4, Type: pii.Name, Score: 1}}}
	d := guard.New(fixed(want), guard.Options{Name: "one", Timeout: time.Second, Bytes: 10, Running: 1, Waiting: 1, Failures: 1, Metrics: guard.NewMetrics(nil)})
	got, err := d.Detect(t.Context(), []string{"jane"}, pii.All)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("Detect: %v\n%s", err, diff)
	}
}

type fixed [][]pii.Span

func (f fixed) Detect(context.Context, []string, pii.Set) ([][]pii.Span, error) { return f, nil }

func TestOnlyCallsThatAreMadeAreTimed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, func(context.Context, []string) error { time.Sleep(300 * time.Millisecond); return errDown })
		for range 4 {
			_ = f.ask(t.Context())
		}
		if got := f.metric("bricks_detector_duration_seconds_count"); got != `{detector="one"} 3` {
			t.Errorf("timed %s, want 3 calls", got)
		}
		if got := f.metric(`bricks_detector_duration_seconds_bucket{detector="one",le="0.25"}`); got != "0" {
			t.Errorf("%s of 300 ms took less than 250", got)
		}
	})
}
