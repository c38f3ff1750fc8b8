package redis_test

import (
	"math"
	"math/big"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/limit"
	"github.com/bricks-gateway/bricks/internal/limit/redis"
	"github.com/bricks-gateway/bricks/internal/testenv"
)

func client(t testing.TB) *goredis.Client {
	t.Helper()
	o, err := goredis.ParseURL(testenv.RedisURL(t))
	if err != nil {
		t.Fatal(err)
	}
	c := goredis.NewClient(o)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// TestWindowsOfTheCalendar compares the script's windows with package limit's.
func TestWindowsOfTheCalendar(t *testing.T) {
	c := client(t)
	script := goredis.NewScript(redis.AccountLua + `local s, f = window(ARGV[1], tonumber(ARGV[2])) return {int(s), int(f)}`)
	check := func(unit gateway.Unit, at time.Time) (wrong bool, got, want [2]int64) {
		pair, err := script.Run(t.Context(), c, nil, string(unit), at.UnixMicro()).Int64Slice()
		if err != nil {
			t.Fatal(err)
		}
		start, end := limit.Window(unit, at)
		got, want = [2]int64{pair[0], pair[1]}, [2]int64{start.UnixMicro(), end.UnixMicro()}
		return got != want, got, want
	}
	units := []gateway.Unit{gateway.Minute, gateway.Hour, gateway.Day, gateway.Month}
	for year := 1970; year < 2255; year++ { // µs are exact until then
		for month := time.January; month <= time.December; month++ {
			first := time.Date(year, month, 1, 0, 0, 0, 0, time.UTC)
			for _, at := range []time.Time{first, first.Add(-time.Microsecond)} {
				if at.Unix() < 0 || year%25 != 0 && month != time.March {
					continue
				}
				if wrong, got, want := check(gateway.Month, at); wrong {
					t.Fatalf("month of %s = %d, want %d", at, got, want)
				}
			}
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		at := time.UnixMicro(rapid.Int64Range(1, 9e15).Draw(rt, "at"))
		unit := rapid.SampledFrom(units).Draw(rt, "unit")
		if wrong, got, want := check(unit, at); wrong {
			rt.Fatalf("window %s of %s = %d, want %d", unit, at.UTC(), got, want)
		}
	})
}

// TestMoneyIsExact compares the script's sums with integers of any size.
func TestMoneyIsExact(t *testing.T) {
	c := client(t)
	script := goredis.NewScript(redis.AccountLua +
		`local a, b = money(ARGV[1]), money(ARGV[2]) return {text(a), text(add(a, b)), text(sub(a, b)), less(a, b) and '1' or '0'}`)
	edges := []int64{0, 1, -1, 999_999_999, 1e9, -1e9, 1e9 + 1, 1<<53 - 1, 1 << 53, 1<<53 + 1, -1<<53 - 1, math.MaxInt64, math.MinInt64, math.MaxInt64 - 1}
	number := rapid.OneOf(rapid.SampledFrom(edges), rapid.Int64(), rapid.Int64Range(-3e9, 3e9))
	rapid.Check(t, func(rt *rapid.T) {
		a, b := big.NewInt(number.Draw(rt, "a")), big.NewInt(number.Draw(rt, "b"))
		got, err := script.Run(t.Context(), c, nil, a.String(), b.String()).StringSlice()
		if err != nil {
			rt.Fatal(err)
		}
		less := "0"
		if a.Cmp(b) < 0 {
			less = "1"
		}
		want := []string{a.String(), new(big.Int).Add(a, b).String(), new(big.Int).Sub(a, b).String(), less}
		for i := range want {
			if got[i] != want[i] {
				rt.Fatalf("a, a+b, a-b, a<b = %v, want %v", got, want)
			}
		}
	})
}
