package main

import (
	"context"

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
