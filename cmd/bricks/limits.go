package main

import (
	"context"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/limit"
	"github.com/bricks-gateway/bricks/internal/limit/memory"
)

// startLimits makes the limiter, and watches what it counts.
func (s *system) startLimits(context.Context) error {
	l := ledger{s.spool, s.spend}
	s.limiter = memory.New(l, nil)
	w := newLedgerWatch(s.limiter, l, s.logger, s.registry)
	s.onStop(s.workers.start("ledger watch", w.run))
	return nil
}

// bookCorrections tells the limits of what an administrator booked behind them.
func (s *system) bookCorrections(ctx context.Context, corrections []*gateway.Event) error {
	for _, e := range corrections {
		accounts := append([]gateway.AccountID{gateway.KeyAccount(e.KeyID)}, e.Accounts...)
		if err := s.limiter.Book(ctx, limit.Booking{ID: e.ID, Accounts: accounts, Cost: e.Cost, At: e.CreatedAt}); err != nil {
			return err
		}
	}
	return nil
}
