package event_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/event"
	"github.com/bricks-gateway/bricks/internal/gateway"
)

// crowd is a ledger whose calls wait until so many of them are there at once.
type crowd struct {
	ledger
	want int
	all  chan struct{}

	mu       sync.Mutex
	now      int
	most     int
	failures map[int]error // by number of the call
	calls    int
}

func (c *crowd) WriteEvents(ctx context.Context, events []*gateway.Event) error {
	c.mu.Lock()
	c.now++
	c.calls++
	err := c.failures[c.calls]
	if c.most = max(c.most, c.now); c.now == c.want && c.all != nil {
		close(c.all)
		c.all = nil
	}
	all := c.all
	c.mu.Unlock()
	if all != nil {
		select {
		case <-all:
		case <-ctx.Done():
		}
	}
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.now--
	}()
	if err != nil {
		return err
	}
	return c.ledger.WriteEvents(ctx, events)
}

// fill queues so many events before anyone delivers them.
func fill(t *testing.T, n int, o event.Options) *event.Spool {
	t.Helper()
	s := open(t, t.TempDir(), o)
	for i := range n {
		if err := s.Final(&gateway.Event{ID: fmt.Sprint("e", i), CreatedAt: time.Unix(int64(i), 0)}); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestBatchesGoToAsManyConsumersAsAreAskedFor(t *testing.T) {
	for _, consumers := range []int{0, 1, 3} {
		sink := &crowd{want: max(1, consumers), all: make(chan struct{})}
		deliverAll(t, fill(t, 2600, event.Options{Consumers: consumers}), sink)
		if len(sink.events) != 2600 || sink.writes != 2600 || sink.most != sink.want {
			t.Errorf("%d consumers: %d events in %d writes, %d calls at once, want 2600 each once and %d", consumers, len(sink.events), sink.writes, sink.most, sink.want)
		}
	}
}

func TestABatchThatFailsBesideOthersComesAgain(t *testing.T) {
	sink := &crowd{failures: map[int]error{1: errors.New("away"), 2: &gateway.Error{Kind: gateway.Invalid}, 5: errors.New("away again")}}
	s := fill(t, 2600, event.Options{Consumers: 3})
	deliverAll(t, s, sink)
	if stats := s.Stats(); len(sink.events) != 2600 || stats.Waiting != 0 || stats.Refused != 0 {
		t.Errorf("%d events, %+v; want 2600 and none waiting or refused", len(sink.events), stats)
	}
}
