package measured_test

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/limit"
	"github.com/bricks-gateway/bricks/internal/limit/limittest"
	"github.com/bricks-gateway/bricks/internal/limit/measured"
	"github.com/bricks-gateway/bricks/internal/limit/memory"
)

func TestConformance(t *testing.T) {
	limittest.Run(t, func(_ testing.TB, c *limittest.Clock, l *limittest.Ledger) limit.Limiter {
		return measured.New(memory.New(l, c.Now), prometheus.NewRegistry())
	})
}

func TestMetricsFollowAReservation(t *testing.T) {
	registry := prometheus.NewRegistry()
	l := measured.New(memory.New(&limittest.Ledger{}, nil), registry)
	reserve := func(id string, cost gateway.NanoUSD) (limit.Reservation, error) {
		return l.Reserve(t.Context(), limit.Request{ID: id, Cost: cost, Least: cost, Accounts: []limit.Account{
			{ID: "key:k", Label: "key", Limits: gateway.Limits{CostLimit: 10 * gateway.USD, RateLimitOverTime: 2, RateLimitUnit: gateway.Day}},
		}})
	}
	compare := func(reservations, dollars string) {
		t.Helper()
		want := `
# HELP bricks_reservations Reservations of requests that run now.
# TYPE bricks_reservations gauge
bricks_reservations ` + reservations + `
# HELP bricks_reserved_usd Dollars that are reserved for the requests that run now.
# TYPE bricks_reserved_usd gauge
bricks_reserved_usd ` + dollars + "\n"
		if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "bricks_reservations", "bricks_reserved_usd"); err != nil {
			t.Error(err)
		}
	}
	first, err := reserve("1", 4*gateway.USD)
	if err != nil {
		t.Fatal(err)
	}
	compare("1", "4")
	if _, err := reserve("2", 9*gateway.USD); err == nil {
		t.Error("more than the limit was reserved")
	}
	if err := first.Extend(t.Context(), gateway.USD/2); err != nil {
		t.Fatal(err)
	}
	compare("1", "4.5")
	for range 2 { // settling again changes nothing
		if err := first.Settle(t.Context(), gateway.USD); err != nil {
			t.Fatal(err)
		}
		compare("0", "0")
	}
}

func TestRefusalsAreCountedByWhatRefusedAndNameNoUser(t *testing.T) {
	registry := prometheus.NewRegistry()
	l := measured.New(memory.New(&limittest.Ledger{}, nil), registry)
	refuse := func(label string, limits gateway.Limits, running, cost gateway.NanoUSD) {
		t.Helper()
		account := limit.Account{ID: gateway.AccountID(label), Label: label, Limits: limits}
		for i, c := range []gateway.NanoUSD{running, cost} {
			_, err := l.Reserve(t.Context(), limit.Request{ID: label + string(rune('a'+i)), Cost: c, Least: c, Accounts: []limit.Account{account}})
			if refused := err != nil; refused != (i == 1) {
				t.Errorf("%s, request %d: %v", label, i, err)
			}
		}
	}
	refuse("key", gateway.Limits{RateLimitOverTime: 1, RateLimitUnit: gateway.Day}, 0, 0)
	refuse(`user "ann total cost limit"`, gateway.Limits{MaxParallelRequests: 1}, 0, 0)
	refuse(`user "key"`, gateway.Limits{CostLimit: 10}, 10, 1)
	refuse(`user "bob"`, gateway.Limits{CostLimitOverTime: 10, CostLimitUnit: gateway.Month}, 10, 1)
	const want = `
# HELP bricks_limit_refusals_total Requests over a limit, by the refusal's code, whose limit it is (key, user) and which (rate, parallel, cost, window_cost).
# TYPE bricks_limit_refusals_total counter
bricks_limit_refusals_total{code="budget_reserved",holder="user",limit="cost"} 1
bricks_limit_refusals_total{code="budget_reserved",holder="user",limit="window_cost"} 1
bricks_limit_refusals_total{code="rate_limit_exceeded",holder="key",limit="rate"} 1
bricks_limit_refusals_total{code="rate_limit_exceeded",holder="user",limit="parallel"} 1
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "bricks_limit_refusals_total"); err != nil {
		t.Error(err)
	}
}
