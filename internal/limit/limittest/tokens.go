package limittest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/limit"
)

// OpenTokens makes a window of so many tokens with this clock.
type OpenTokens func(t testing.TB, c *Clock, tokens int64, length time.Duration) limit.TokenWindow

// tokens is what one case of a window runs in.
type tokens struct {
	limit.TokenWindow
	clock *Clock
}

// RunTokens runs the suite of limit.TokenWindow.
func RunTokens(t *testing.T, open OpenTokens) {
	for name, test := range map[string]func(*testing.T, tokens){
		"slides":                        tokensSlide,
		"refused requests do not count": tokensRefused,
		"each user has its own":         tokensOfUsers,
		"what never fits":               tokensNeverFit,
		"what is known later counts":    tokensAdded,
		"many at once do not pass it":   tokensAtOnce,
		"no tokens always fit":          tokensOfNothing,
	} {
		t.Run(name, func(t *testing.T) {
			c := &Clock{now: Start}
			test(t, tokens{open(t, c, 1000, time.Hour), c})
		})
	}
	for _, max := range []int64{1000, 50_000} {
		t.Run(fmt.Sprint("against an exact log of ", max), func(t *testing.T) {
			c := &Clock{now: Start}
			tokensExact(t, tokens{open(t, c, max, time.Hour), c}, max)
		})
	}
}

func (w tokens) take(t *testing.T, user string, n int64, want string) *limit.Refusal {
	t.Helper()
	err := w.Take(t.Context(), user, n)
	got, r := "", (*limit.Refusal)(nil)
	if err != nil {
		got = code(err)
		r, _ = errors.AsType[*limit.Refusal](err)
	}
	if got != want {
		t.Fatalf("%d tokens of %q: %q (%v), want %q", n, user, got, err, want)
	}
	return r
}

const tooMany = "rate_limit_exceeded"

func tokensSlide(t *testing.T, w tokens) {
	w.take(t, "anna", 600, "")
	w.clock.Advance(10 * time.Minute)
	w.take(t, "anna", 400, "")
	if r := w.take(t, "anna", 1, tooMany); r.RetryAfter != 50*time.Minute || r.Total {
		t.Errorf("refusal = %+v, want a retry after 50m", r)
	}
	if r := w.take(t, "anna", 601, tooMany); r.RetryAfter != time.Hour {
		t.Errorf("refusal = %+v, want a retry when both have left", r)
	}
	w.clock.Advance(50*time.Minute - time.Microsecond)
	w.take(t, "anna", 1, tooMany)
	w.clock.Advance(time.Microsecond)
	w.take(t, "anna", 600, "")
	w.take(t, "anna", 1, tooMany)
}

func tokensRefused(t *testing.T, w tokens) {
	w.take(t, "anna", 900, "")
	for range 10 {
		w.take(t, "anna", 101, tooMany)
	}
	w.take(t, "anna", 100, "")
}

func tokensOfUsers(t *testing.T, w tokens) {
	for _, user := range []string{"anna", "ben", "", "a}b{c"} {
		w.take(t, user, 1000, "")
		w.take(t, user, 1, tooMany)
	}
}

func tokensNeverFit(t *testing.T, w tokens) {
	if r := w.take(t, "anna", 1001, tooMany); !r.Total || r.RetryAfter != 0 {
		t.Errorf("refusal = %+v, want one that no retry helps", r)
	}
	w.take(t, "anna", 1000, "")
}

func tokensAdded(t *testing.T, w tokens) {
	w.take(t, "anna", 500, "")
	if err := w.Add(t.Context(), "anna", 5000); err != nil {
		t.Fatal(err)
	}
	w.clock.Advance(time.Minute)
	if r := w.take(t, "anna", 1, tooMany); r.RetryAfter != 59*time.Minute {
		t.Errorf("refusal = %+v, want a retry after 59m", r)
	}
	w.clock.Advance(59 * time.Minute)
	w.take(t, "anna", 1000, "")
}

func tokensAtOnce(t *testing.T, w tokens) {
	var all sync.WaitGroup
	var admitted atomic.Int64
	for range 50 {
		all.Go(func() {
			if w.Take(t.Context(), "anna", 90) == nil {
				admitted.Add(90)
			}
		})
	}
	all.Wait()
	if admitted.Load() != 990 {
		t.Errorf("admitted %d tokens, want 990", admitted.Load())
	}
}

func tokensOfNothing(t *testing.T, w tokens) {
	w.take(t, "anna", 1000, "")
	w.take(t, "anna", 0, "")
}

// tokensExact: no hour has more than max, and what was refused would not have
// fitted into an hour and a 256th of it.
func tokensExact(t *testing.T, w tokens, max int64) {
	type taken struct {
		at time.Time
		n  int64
	}
	var log []taken
	since := func(d time.Duration) (sum int64) {
		edge := w.clock.Now().Add(-d)
		for i := len(log) - 1; i >= 0 && log[i].at.After(edge); i-- {
			sum += log[i].n
		}
		return sum
	}
	random := rand.New(rand.NewPCG(3, 4))
	refused := 0
	for range 3000 {
		w.clock.Advance(time.Duration(random.ExpFloat64()*float64(4*time.Minute)) / time.Microsecond * time.Microsecond)
		n := 1 + random.Int64N(max/5)
		err := w.Take(t.Context(), "anna", n)
		switch {
		case err == nil && since(time.Hour)+n > max:
			t.Fatalf("the hour before %s has %d of %d tokens", w.clock.Now(), since(time.Hour)+n, max)
		case err == nil:
			log = append(log, taken{w.clock.Now(), n})
		case code(err) != tooMany:
			t.Fatal(err)
		case since(time.Hour+time.Hour/256)+n <= max:
			t.Fatalf("%d tokens were refused, though only %d are used", n, since(time.Hour+time.Hour/256))
		default:
			refused++
		}
	}
	if refused < 100 || len(log) < 1000 {
		t.Errorf("%d admitted and %d refused: the case says little", len(log), refused)
	}
}
