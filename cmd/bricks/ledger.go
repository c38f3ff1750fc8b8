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

// spender knows the events that are in the store: the store itself, or a control
// plane that has it.
type spender interface {
	// Spend sums what the account's events in [start, end) cost.
	Spend(ctx context.Context, account gateway.AccountID, start, end time.Time) (gateway.NanoUSD, error)
	// PendingJob reports whether work is yet to be charged whose state stands at
	// the path of the provider, or below it.
	PendingJob(ctx context.Context, provider, path string) (bool, error)
}

var _ limit.Ledger = ledger{}

// Flush waits until every final event handed in so far is in the store.
func (l ledger) Flush(ctx context.Context) error {
	if l.spool == nil {
		return nil
	}
	return l.spool.Flush(ctx)
}

// PendingJob looks among all events handed in so far.
func (l ledger) PendingJob(ctx context.Context, provider, path string) (bool, error) {
	if err := l.Flush(ctx); err != nil {
		return false, err
	}
	return l.spender.PendingJob(ctx, provider, path)
}
