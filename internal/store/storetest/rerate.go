package storetest

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/store"
)

// costs are what a test wants events to cost now.
type costs map[string]gateway.NanoUSD

func (c costs) price(e *gateway.Event) (gateway.NanoUSD, bool) {
	cost, ok := c[e.ID]
	return cost, ok
}

// rerateAll goes through all pages.
func rerateAll(t *testing.T, s *store.Store, start, end time.Time, c costs, apply bool) (seen []string, corrections []*gateway.Event) {
	t.Helper()
	r := store.Rerate{Start: start, End: end, Limit: 2, Price: c.price, Apply: apply}
	for {
		page, made, next, err := s.RerateEvents(t.Context(), r)
		must(t, err)
		for _, one := range page {
			seen = append(seen, one.Event.ID)
		}
		corrections = append(corrections, made...)
		if r.After = next; next == (store.EventCursor{}) {
			return seen, corrections
		}
	}
}

func rerate(t *testing.T, s *store.Store) {
	var events []*gateway.Event
	for i, e := range []gateway.Event{
		{Cost: 100, PriceStatus: gateway.Priced},
		{Cost: 0, PriceStatus: gateway.Unpriced},
		{Cost: 0, PriceStatus: gateway.Free},
		{Cost: 300, PriceStatus: gateway.Priced},
		{Cost: 500, PriceStatus: gateway.Priced},
	} {
		e.ID, e.KeyID, e.CreatedAt, e.Operation = eventID(i), "k", at(i/2), "chat"
		events = append(events, &e)
	}
	full := fullEvent("full")
	full.CreatedAt, full.KeyID = at(7), "other"
	must(t, s.WriteEvents(t.Context(), append(events, full)))
	spent := func(want gateway.NanoUSD) {
		t.Helper()
		if got, err := s.Spend(t.Context(), gateway.KeyAccount("k"), at(0), at(2)); err != nil || got != want {
			t.Errorf("spent %d (%v), want %d", got, err, want)
		}
	}
	now := costs{eventID(0): 150, eventID(1): 40, eventID(2): 7, eventID(3): 300, eventID(4): 1}

	seen, _ := rerateAll(t, s, at(0), at(2), now, false)
	wantList(t, "looked at, without the free one and what is outside", seen, eventID(0), eventID(1), eventID(3))
	spent(400)
	_, made := rerateAll(t, s, at(0), at(2), now, true)
	if len(made) != 2 {
		t.Errorf("%d corrections, want 2: of the dearer one and of the one without a price", len(made))
	}
	spent(490)
	if seen, made = rerateAll(t, s, at(0), at(2), now, true); len(made) != 0 || len(seen) != 3 {
		t.Errorf("a second time: looked at %v, corrected %d", seen, len(made))
	}
	spent(490)
	// There and back: each is a correction of its own.
	for _, cost := range []gateway.NanoUSD{120, 150, 120} {
		now[eventID(0)] = cost
		rerateAll(t, s, at(0), at(2), now, true)
		spent(340 + cost)
	}
	delete(now, eventID(0))
	rerateAll(t, s, at(0), at(2), now, true)
	spent(460) // what cannot be priced keeps its cost

	_, made = rerateAll(t, s, at(7), at(8), costs{"full": 1_000_000_000}, true)
	want := *full
	want.ID, want.Operation, want.CorrelationID = made[0].ID, store.OperationCorrection, "full"
	want.Cost, want.PriceStatus, want.Usage = -8_000_000_001, gateway.Priced, gateway.Usage{}
	want.Latency, want.TimeToFirstToken, want.Attempts, want.RefusedCount = 0, 0, 0, 0
	want.Request, want.Response, want.Findings = nil, nil, nil
	all, _, err := s.Events(t.Context(), store.EventFilter{KeyIDs: []string{"other"}, CostOrder: "asc", Limit: 1})
	must(t, err)
	if diff := cmp.Diff([]*gateway.Event{&want}, all, same); diff != "" || made[0].ID == "full" {
		t.Errorf("correction differs (-want +got):\n%s", diff)
	}
}

func rerateConcurrent(t *testing.T, s *store.Store) {
	now := costs{}
	var events []*gateway.Event
	for i := range 20 {
		e := &gateway.Event{ID: eventID(i), KeyID: "k", CreatedAt: at(i), PriceStatus: gateway.Priced, Cost: 10}
		events, now[e.ID] = append(events, e), 13
	}
	must(t, s.WriteEvents(t.Context(), events))
	var group errgroup.Group
	var told atomic.Int64
	for range 4 {
		group.Go(func() error {
			_, made, _, err := s.RerateEvents(t.Context(), store.Rerate{Start: at(0), End: at(99), Limit: 100, Price: now.price, Apply: true})
			told.Add(int64(len(made)))
			return err
		})
	}
	must(t, group.Wait())
	if told.Load() != 20 {
		t.Errorf("told of %d corrections, made 20: who counts them would be wrong", told.Load())
	}
	if got, err := s.Spend(t.Context(), gateway.KeyAccount("k"), time.Time{}, time.Time{}); err != nil || got != 260 {
		t.Errorf("spent %d (%v), want 260", got, err)
	}
}
