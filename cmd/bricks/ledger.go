package main

import (
	"context"
	"time"

	"github.com/bricks-gateway/bricks/internal/event"
	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/limit"
	"github.com/bricks-gateway/bricks/internal/store"
)

// ledger is where limits learn what a key has spent: the store, once the spool
// has been emptied into it.
type ledger struct {
	spool *event.Spool
	db    *store.Store
}

var _ limit.Ledger = ledger{}

// Spend is what the account's events in [start, end) cost.
func (l ledger) Spend(ctx context.Context, account gateway.AccountID, start, end time.Time) (gateway.NanoUSD, error) {
	return l.db.Spend(ctx, account, start, end)
}

// Flush waits until every final event handed in so far is in the store.
func (l ledger) Flush(ctx context.Context) error { return l.spool.Flush(ctx) }
