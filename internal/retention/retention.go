// Package retention deletes events, and the requests and answers kept with them,
// once they are as old as the operator wants them to be. How a store deletes and
// still knows what was spent is the store's business; this package knows when,
// and does it in steps so small that nobody who writes has to wait.
package retention

import (
	"context"
	"log/slog"
	"time"
)

// Store deletes at most limit events, or bodies of events, from before a time and
// returns of how many; fewer than limit are the last. Repeating a call is safe.
type Store interface {
	DropEvents(ctx context.Context, before time.Time, limit int) (int, error)
	DropBodies(ctx context.Context, before time.Time, limit int) (int, error)
}

// Options say what is kept for how long. Store and Logger are required.
type Options struct {
	Store  Store
	Logger *slog.Logger
	// Events and Bodies are how long each is kept; 0: for ever.
	Events, Bodies time.Duration
	// Interval is how often to look; 0: every hour.
	Interval time.Duration
	Now      func() time.Time // nil: time.Now
}

// Any reports whether anything is ever deleted.
func (o Options) Any() bool { return o.Events > 0 || o.Bodies > 0 }

// step is how many events go in one transaction.
const step = 1000

// Run deletes at once and then every interval until ctx ends; it returns nil. What
// fails is logged and tried again the next time.
func Run(ctx context.Context, o Options) error {
	if o.Interval == 0 {
		o.Interval = time.Hour
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	tick := time.NewTicker(o.Interval)
	defer tick.Stop()
	for {
		o.drop(ctx, "bodies", o.Bodies, o.Store.DropBodies)
		o.drop(ctx, "events", o.Events, o.Store.DropEvents)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (o Options) drop(ctx context.Context, what string, kept time.Duration, drop func(context.Context, time.Time, int) (int, error)) {
	if kept <= 0 {
		return
	}
	before, total := o.Now().Add(-kept), 0
	for n := step; n == step && ctx.Err() == nil; {
		var err error
		if n, err = drop(ctx, before, step); err != nil {
			if ctx.Err() == nil {
				o.Logger.Error("old "+what+" not deleted", slog.Any("error", err), slog.Int("deleted_before", total))
			}
			return
		}
		total += n
	}
	if total > 0 {
		o.Logger.Info("deleted old "+what, slog.Int("count", total), slog.Time("from_before", before))
	}
}
