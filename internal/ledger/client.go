package ledger

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/bricks-gateway/bricks/internal/event"
	"github.com/bricks-gateway/bricks/internal/gateway"
	eventv1 "github.com/bricks-gateway/bricks/proto/event/v1"
	ledgerv1 "github.com/bricks-gateway/bricks/proto/ledger/v1"
)

// Client speaks to a Server. Safe for concurrent use.
//
// Its errors have kind Invalid when trying again is of no use, and Unavailable
// when it may help.
type Client struct{ remote ledgerv1.LedgerClient }

var _ event.Sink = (*Client)(nil)

// NewClient returns a client on conn.
func NewClient(conn grpc.ClientConnInterface) *Client {
	return &Client{ledgerv1.NewLedgerClient(conn)}
}

// WriteEvents returns nil once the store has committed events.
func (c *Client) WriteEvents(ctx context.Context, events []*gateway.Event) error {
	r := &ledgerv1.WriteEventsRequest{Events: make([]*eventv1.Event, 0, len(events))}
	for _, e := range events {
		r.Events = append(r.Events, event.ToProto(e))
	}
	_, err := c.remote.WriteEvents(ctx, r)
	return explain("write events", err)
}

// Spend sums what the account's events in [start, end) cost; a zero time is open.
func (c *Client) Spend(ctx context.Context, account gateway.AccountID, start, end time.Time) (gateway.NanoUSD, error) {
	r, err := c.remote.Spend(ctx, &ledgerv1.SpendRequest{
		Account: string(account), StartUs: toMicros(start), EndUs: toMicros(end),
	})
	if err != nil {
		return 0, explain("sum spend", err)
	}
	return gateway.NanoUSD(r.Cost), nil
}

// PendingJob reports whether work is yet to be charged whose state stands at the
// path of the provider, or below it.
func (c *Client) PendingJob(ctx context.Context, provider, path string) (bool, error) {
	r, err := c.remote.PendingJob(ctx, &ledgerv1.PendingJobRequest{Provider: provider, Path: path})
	if err != nil {
		return false, explain("look for a pending job", err)
	}
	return r.Pending, nil
}

func explain(doing string, err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("%s: %w", doing, err)
	switch status.Code(err) {
	case codes.InvalidArgument:
		return &gateway.Error{Kind: gateway.Invalid, Message: "the control plane refuses it for good", Err: err}
	case codes.Unavailable, codes.DeadlineExceeded:
		return &gateway.Error{Kind: gateway.Unavailable, Message: "the control plane is not available", Err: err}
	}
	return err
}
