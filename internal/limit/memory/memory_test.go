package memory_test

import (
	"strconv"
	"testing"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/limit"
	"github.com/bricks-gateway/bricks/internal/limit/limittest"
	"github.com/bricks-gateway/bricks/internal/limit/memory"
)

func TestConformance(t *testing.T) {
	limittest.Run(t, func(_ testing.TB, c *limittest.Clock, l *limittest.Ledger) limit.Limiter {
		return memory.New(l, c.Now)
	})
}

// BenchmarkReserveAndSettle is what a request with all limits pays.
func BenchmarkReserveAndSettle(b *testing.B) {
	l := memory.New(&limittest.Ledger{}, nil)
	accounts := []limit.Account{{ID: "key:k", Label: "key", Limits: gateway.Limits{
		CostLimit: gateway.USD, CostLimitOverTime: gateway.USD, CostLimitUnit: gateway.Day,
		RateLimitOverTime: 1 << 40, RateLimitUnit: gateway.Minute,
	}}}
	ids := make([]string, 1<<16)
	for i := range ids {
		ids[i] = strconv.Itoa(i)
	}
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		r, err := l.Reserve(b.Context(), limit.Request{ID: ids[n%len(ids)], Accounts: accounts, Cost: 1, Least: 1})
		n++
		if err != nil {
			b.Fatal(err)
		}
		if err := r.Settle(b.Context(), 0); err != nil {
			b.Fatal(err)
		}
	}
}
