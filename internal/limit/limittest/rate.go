package limittest

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

// runRates compares rate limits with an exact sliding log of the same requests.
func runRates(t *testing.T, open Open) {
	shapes := map[string]func(*rand.Rand, int) time.Duration{ // time before request i
		"uniform": func(*rand.Rand, int) time.Duration { return time.Millisecond },
		"Poisson": func(r *rand.Rand, _ int) time.Duration {
			return time.Duration(r.ExpFloat64() * float64(time.Millisecond))
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
	k := &gateway.Key{ID: "k", RateLimitOverTime: max, RateLimitUnit: gateway.Second}
	random := rand.New(rand.NewPCG(1, 2))
	var admitted, exact []time.Time
	for i := range 10_000 {
		w.Clock.Advance(gap(random, i))
		now := w.Clock.Now()
		if !full(exact, max, now) {
			exact = append(exact, now)
		}
		r, err := w.reserve(k, 0)
		if err != nil {
			continue
		}
		settle(t, r, 0)
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
