package main

import (
	"context"
	"time"

	"github.com/bricks-gateway/bricks/internal/event"
	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/limit"
)

// ledger is where limits learn what a key has spent: the store, once the spool
// has been emptied into it.
type ledger struct {
	spool *event.Spool // nil: this process writes no events
	spender
}

// spender sums what the account's events in [start, end) cost that are in the
// store: the store itself, or a control plane that has it.
type spender interface {
	Spend(ctx context.Context, account gateway.AccountID, start, end time.Time) (gateway.NanoUSD, error)
}

var _ limit.Ledger = ledger{}

// Flush waits until every final event handed in so far is in the store.
func (l ledger) Flush(ctx context.Context) error {
	if l.spool == nil {
		return nil
	}
	return l.spool.Flush(ctx)
}
