package limittest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/limit"
)

// runRates compares rate limits with an exact sliding log of the same requests.
func runRates(t *testing.T, open Open) {
	shapes := map[string]func(*rand.Rand, int) time.Duration{ // time before request i
		"uniform": func(*rand.Rand, int) time.Duration { return time.Millisecond },
		"Poisson": func(r *rand.Rand, _ int) time.Duration {
			return time.Duration(r.ExpFloat64()*1000) * time.Microsecond // the finest that a clock need tell apart
		},
		"a burst a second": func(_ *rand.Rand, i int) time.Duration {
			if i%2000 == 1999 {
				return time.Second
			}
			return 0
		},
		"on and off": func(_ *rand.Rand, i int) time.Duration {
			if i%400 == 399 {
				return 700 * time.Millisecond
			}
			return 300 * time.Microsecond
		},
	}
	for name, gap := range shapes {
		for _, max := range []int64{1, 10, 100, 500, 1500} {
			t.Run(fmt.Sprint(name, " of ", max), func(t *testing.T) {
				checkRate(t, newWorld(t, open), max, gap)
			})
		}
	}
}

func checkRate(t *testing.T, w World, max int64, gap func(*rand.Rand, int) time.Duration) {
	k := key("k", gateway.Limits{RateLimitOverTime: max, RateLimitUnit: gateway.Second})
	random := rand.New(rand.NewPCG(1, 2))
	var admitted, exact []time.Time
	requests := 10_000
	if testing.Short() { // the race detector needs no more
		requests = 2500
	}
	for i := range requests {
		w.Clock.Advance(gap(random, i))
		now := w.Clock.Now()
		if !full(exact, max, now) {
			exact = append(exact, now)
		}
		r, err := w.reserve(0, k)
		if err != nil {
			continue
		}
		w.settle(t, r, 0)
		if full(admitted, max, now) {
			t.Fatalf("the second before %s admitted more than %d", now.Format("05.000000"), max)
		}
		admitted = append(admitted, now)
	}
	least := len(exact)
	if max > 100 {
		least = least * 99 / 100
	}
	if len(admitted) < least {
		t.Errorf("admitted %d; the exact log admits %d", len(admitted), len(exact))
	}
}

// full reports whether the second that ends now has max admissions or more.
func full(log []time.Time, max int64, now time.Time) bool {
	oldest := int64(len(log)) - max
	return oldest >= 0 && now.Sub(log[oldest]) < time.Second
}

func rateSlides(t *testing.T, w World) {
	k := key("k", gateway.Limits{RateLimitOverTime: 2, RateLimitUnit: gateway.Minute})
	for i := range 2 {
		r := w.mustReserve(t, 0, k)
		if s := r.State(); !s.HasRate || s.RateLimit != 2 || s.RateRemaining != int64(1-i) {
			t.Errorf("state after request %d = %+v", i+1, s)
		}
		w.Clock.Advance(10 * time.Second)
	}
	// Admitted at 0 s and 10 s; now it is 20 s, so the first leaves in 40 s.
	_, err := w.reserve(0, k)
	wantCode(t, err, "rate_limit_exceeded")
	if r, ok := errors.AsType[*limit.Refusal](err); !ok || r.RetryAfter != 40*time.Second || !r.State.HasRate || r.State.RateLimit != 2 || r.State.RateRemaining != 0 || r.State.RateReset != 50*time.Second {
		t.Errorf("refusal = %+v, want a retry after 40s and the whole limit in 50s", err)
	}
	wantCode(t, w.exhausted(k), "rate_limit_exceeded")
	w.Clock.Advance(40 * time.Second)
	w.mustReserve(t, 0, k)
	_, err = w.reserve(0, k)
	wantCode(t, err, "rate_limit_exceeded")
}

func refusedDoNotCount(t *testing.T, w World) {
	k := key("k", gateway.Limits{RateLimitOverTime: 1, RateLimitUnit: gateway.Second, CostLimit: 10})
	if _, err := w.reserve(11, k); code(err) != "insufficient_quota" {
		t.Fatalf("too dear a request: %v", err)
	}
	if _, err := w.reserve(10, k); err != nil {
		t.Errorf("the refused request took the rate: %v", err)
	}
}

func parallel(t *testing.T, w World) {
	k := key("k", gateway.Limits{MaxParallelRequests: 1})
	r := w.mustReserve(t, 0, k)
	_, err := w.reserve(0, k)
	wantCode(t, err, "rate_limit_exceeded")
	w.settle(t, r, 0, k)
	if _, err := w.reserve(0, k); err != nil {
		t.Errorf("after the first ended: %v", err)
	}
}
