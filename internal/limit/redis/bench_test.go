package redis_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/limit"
	"github.com/bricks-gateway/bricks/internal/limit/limittest"
	"github.com/bricks-gateway/bricks/internal/limit/redis"
)

func allLimits() gateway.Limits {
	return gateway.Limits{
		CostLimit: 1000 * gateway.USD, CostLimitOverTime: 1000 * gateway.USD, CostLimitUnit: gateway.Day,
		RateLimitOverTime: 1 << 40, RateLimitUnit: gateway.Minute,
	}
}

// BenchmarkReserveAndSettle is what a request with all limits pays: for a key,
// and for a key and a user.
func BenchmarkReserveAndSettle(b *testing.B) {
	for name, accounts := range map[string][]limit.Account{
		"key":          {{ID: "key:k", Label: "key", Limits: allLimits()}},
		"key and user": {{ID: "key:k2", Label: "key", Limits: allLimits()}, {ID: "user:u2", Label: "user", Limits: allLimits()}},
	} {
		b.Run(name, func(b *testing.B) {
			s := server(b)
			l := start(b, redis.Options{Server: s, Ledger: &limittest.Ledger{}, Timeout: time.Second})
			n := 0
			b.ReportAllocs()
			for b.Loop() {
				n++
				r, err := l.Reserve(b.Context(), limit.Request{ID: strconv.Itoa(n), Accounts: accounts, Cost: 1, Least: 1})
				if err != nil {
					b.Fatal(err)
				}
				if err := r.Settle(b.Context(), 0); err != nil {
					b.Fatal(err)
				}
			}
			_, µs := scriptCalls(b, s)
			b.ReportMetric(µs, "server-µs/call")
		})
	}
}
