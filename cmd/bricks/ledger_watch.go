package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/limit"
)

// watchInterval is how often some of the counters are compared with the ledger.
const watchInterval = time.Minute

// watchBatch is how many accounts are compared at once: each is a sum over its
// events.
const watchBatch = 50

// ledgerWatch compares counters of money with the ledger in the background. One
// that is wrong is said so, and read anew before the next request is admitted.
type ledgerWatch struct {
	limiter limit.Limiter
	ledger  limit.Ledger
	logger  *slog.Logger

	checked, wrong prometheus.Counter
	difference     prometheus.Gauge
	seen           map[gateway.AccountID]bool // in this round over all accounts
}

func newLedgerWatch(l limit.Limiter, ledger limit.Ledger, logger *slog.Logger, r prometheus.Registerer) *ledgerWatch {
	w := &ledgerWatch{
		limiter: l, ledger: ledger, logger: logger, seen: map[gateway.AccountID]bool{},
		checked: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "bricks_ledger_checked_accounts_total", Help: "Accounts whose counters were compared with the events."}),
		wrong: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "bricks_ledger_wrong_counters_total", Help: "Counters that differed from the sum of the events. They were read anew."}),
		difference: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "bricks_ledger_difference_usd", Help: "Sum of the differences, without their signs, that the last comparison found."}),
	}
	r.MustRegister(w.checked, w.wrong, w.difference)
	return w
}

// run compares until ctx ends.
func (w *ledgerWatch) run(ctx context.Context) error {
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		if err := w.compare(ctx); err != nil && !errors.Is(err, context.Canceled) {
			w.logger.Warn("counters not compared with the ledger", "error", err)
		}
	}
}

func (w *ledgerWatch) compare(ctx context.Context) error {
	taken := map[gateway.AccountID]bool{}
	accounts, differences, err := limit.Verify(ctx, w.limiter, w.ledger, func(id gateway.AccountID) bool {
		if !taken[id] && (w.seen[id] || len(taken) == watchBatch) {
			return false
		}
		taken[id] = true
		return true
	})
	if err != nil {
		return err
	}
	w.checked.Add(float64(accounts))
	if accounts < watchBatch {
		clear(w.seen) // all were seen: begin anew
	}
	for id := range taken {
		w.seen[id] = true
	}
	var sum gateway.NanoUSD
	for _, d := range differences {
		w.wrong.Inc()
		sum = limit.Add(sum, max(d.Counted-d.Ledger, d.Ledger-d.Counted))
		w.logger.Error("a counter differs from the ledger and is read anew", "account", d.Account,
			"window", d.Window, "counted_usd", d.Counted.String(), "ledger_usd", d.Ledger.String())
		if err := w.limiter.Recount(ctx, d.Account); err != nil {
			return err
		}
	}
	w.difference.Set(float64(sum) / float64(gateway.USD))
	return nil
}
