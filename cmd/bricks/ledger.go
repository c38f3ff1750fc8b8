package main

import (
	"context"
	"fmt"
	"time"

	"github.com/bricks-gateway/bricks/internal/event"
	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/store"
)

// ledger answers what a key has spent. The store lags behind the spool, so the
// spool is emptied into it first.
type ledger struct {
	spool *event.Spool
	db    *store.Store
}

// Spend returns what the key has spent from start up to end.
func (l ledger) Spend(ctx context.Context, keyID string, start, end time.Time) (gateway.NanoUSD, error) {
	if err := l.spool.Flush(ctx); err != nil {
		return 0, fmt.Errorf("flush events: %w", err)
	}
	return l.db.Spend(ctx, keyID, start, end)
}
