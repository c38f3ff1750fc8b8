package storetest

import (
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/store"
)

const job = "/v1/batches/batch_1"

// pending is an event whose cost is not known yet.
func pending(id string, at time.Time) *gateway.Event {
	e := fullEvent(id)
	e.CreatedAt, e.KeyID, e.Cost, e.Usage = at, "k", 0, gateway.Usage{}
	e.PriceStatus, e.PriceTerms, e.Job = gateway.Pending, "", job
	return e
}

// chargeOf is an event that charges e.
func chargeOf(e *gateway.Event, id string, cost gateway.NanoUSD) *gateway.Event {
	c := *e
	c.ID, c.CreatedAt, c.CorrelationID, c.Action = id, e.CreatedAt.Add(time.Hour), e.ID, gateway.ActionCharged
	c.Cost, c.PriceStatus, c.PriceTerms, c.Usage = cost, gateway.Priced, "batch", gateway.Usage{InputTokens: 5}
	c.Request, c.Response = nil, nil
	return &c
}

func statusOf(t *testing.T, s *store.Store, id string) gateway.PriceStatus {
	t.Helper()
	all, _, err := s.Events(t.Context(), store.EventFilter{})
	must(t, err)
	for _, e := range all {
		if e.ID == id {
			return e.PriceStatus
		}
	}
	t.Errorf("no event %s", id)
	return ""
}

func spentBy(t *testing.T, s *store.Store, account gateway.AccountID, start, end time.Time, want gateway.NanoUSD) {
	t.Helper()
	if got, err := s.Spend(t.Context(), account, start, end); err != nil || got != want {
		t.Errorf("%s spent %d (%v), want %d", account, got, err, want)
	}
}

func pendingPages(t *testing.T, s *store.Store) {
	var events []*gateway.Event
	for i := range 5 {
		events = append(events, pending(eventID(i), at(i/2)))
	}
	events[3].PriceStatus = gateway.Unpriced
	must(t, s.WriteEvents(t.Context(), append(events, fullEvent("priced"))))
	var seen []string
	var after store.EventCursor
	for {
		page, next, err := s.PendingEvents(t.Context(), after, 2)
		must(t, err)
		for _, e := range page {
			if e.Request != nil || e.Response != nil || e.Job != job || len(e.Accounts) != 2 {
				t.Errorf("pending event %+v, want its job and accounts, and no bodies", e)
			}
		}
		seen = append(seen, eventIDs(page)...)
		if after = next; next == (store.EventCursor{}) {
			break
		}
	}
	wantList(t, "pending", seen, eventID(0), eventID(1), eventID(2), eventID(4))
	_, _, err := s.PendingEvents(t.Context(), store.EventCursor{}, 0)
	wantKind(t, err, gateway.Invalid)
}

func chargeOnce(t *testing.T, s *store.Store) {
	e := pending("e", at(0))
	must(t, s.WriteEvents(t.Context(), []*gateway.Event{e, pending("other", at(1))}))
	charges := []*gateway.Event{chargeOf(e, "c-1", 70), chargeOf(e, "c-2", 5)}
	charge := store.Charge{EventID: "e", Status: gateway.Free, Events: charges}
	made, settled, err := s.ChargeEvent(t.Context(), charge)
	must(t, err)
	if diff := cmp.Diff(charges, made, same); diff != "" || !settled {
		t.Errorf("settled %v, new events differ (-want +got):\n%s", settled, diff)
	}
	again := []*gateway.Event{chargeOf(e, "c-3", 1000)}
	if made, settled, err := s.ChargeEvent(t.Context(), store.Charge{EventID: "e", Status: gateway.Free, Events: again}); err != nil || settled || made != nil {
		t.Errorf("a second time: new %v, settled %v, %v", made, settled, err)
	}
	must(t, s.WriteEvents(t.Context(), []*gateway.Event{e})) // the spool may come again
	if got := statusOf(t, s, "e"); got != gateway.Free {
		t.Errorf("the event is %s, want free", got)
	}
	for _, account := range append([]gateway.AccountID{gateway.KeyAccount("k")}, e.Accounts...) {
		spentBy(t, s, account, time.Time{}, time.Time{}, 75)
		spentBy(t, s, account, at(3600), at(3601), 75) // when it was charged, not when it was asked for
	}
	page, _, err := s.PendingEvents(t.Context(), store.EventCursor{}, 9)
	must(t, err)
	wantList(t, "still pending", eventIDs(page), "other")

	if _, settled, err := s.ChargeEvent(t.Context(), store.Charge{EventID: "other", Status: gateway.Unpriced}); err != nil || !settled || statusOf(t, s, "other") != gateway.Unpriced {
		t.Errorf("given up: settled %v, %v, status %s", settled, err, statusOf(t, s, "other"))
	}
	_, _, err = s.ChargeEvent(t.Context(), store.Charge{EventID: "e", Status: gateway.Priced})
	wantKind(t, err, gateway.Invalid)

	seen, _ := rerateAll(t, s, at(-9), at(9999), costs{"c-1": 90}, true)
	slices.Sort(seen)
	wantList(t, "priced again", seen, "c-1", "c-2", "other")
	spentBy(t, s, gateway.KeyAccount("k"), time.Time{}, time.Time{}, 95)
}

func pendingJob(t *testing.T, s *store.Store) {
	events := []*gateway.Event{pending("a", at(0)), pending("b", at(1)), pending("c", at(2))}
	events[0].Job, events[0].Provider = "/openai/responses/resp_1?api-version=2025-01-01", "azure"
	events[1].Job, events[1].Provider = "/v1/threads/t_1/runs/run_1", "openai"
	events[2].Job, events[2].Provider = "/v1/responses/resp_9", "openai"
	must(t, s.WriteEvents(t.Context(), events))
	expect := func(provider, path string, want bool) {
		t.Helper()
		if got, err := s.PendingJob(t.Context(), provider, path); err != nil || got != want {
			t.Errorf("%s %s: %v, %v; want %v", provider, path, got, err, want)
		}
	}
	expect("azure", "/openai/responses/resp_1", true)
	expect("openai", "/openai/responses/resp_1", false)
	expect("openai", "/v1/threads/t_1", true)
	expect("openai", "/v1/threads/t_", false)
	expect("openai", "/v1/threads/tx1", false)
	expect("openai", "/v1/responses/resp_9", true)
	expect("openai", "/v1/responses/resp_", false)
	_, _, err := s.ChargeEvent(t.Context(), store.Charge{EventID: "c", Status: gateway.Free})
	must(t, err)
	expect("openai", "/v1/responses/resp_9", false)
	expect("openai", "/v1/threads/t_1", true)
}

func chargeTwins(t *testing.T, s *store.Store) {
	first, second := pending("first", at(0)), pending("second", at(1))
	must(t, s.WriteEvents(t.Context(), []*gateway.Event{first, second}))
	for i, e := range []*gateway.Event{first, second} {
		made, settled, err := s.ChargeEvent(t.Context(), store.Charge{EventID: e.ID, Status: gateway.Free, Events: []*gateway.Event{chargeOf(e, "same", 40)}})
		must(t, err)
		if !settled || len(made) != 1-i {
			t.Errorf("%s: settled %v with %d new events, want %d", e.ID, settled, len(made), 1-i)
		}
	}
	spentBy(t, s, gateway.KeyAccount("k"), time.Time{}, time.Time{}, 40)
	if page, _, err := s.PendingEvents(t.Context(), store.EventCursor{}, 9); err != nil || len(page) != 0 {
		t.Errorf("still pending: %v, %v", eventIDs(page), err)
	}
}

func chargeConcurrent(t *testing.T, s *store.Store) {
	var events []*gateway.Event
	for i := range 8 {
		events = append(events, pending(eventID(i), at(i)))
	}
	must(t, s.WriteEvents(t.Context(), events))
	var group errgroup.Group
	var made atomic.Int64
	for i := range 16 { // two for each event, all of the same work
		e := events[i%8]
		group.Go(func() error {
			n, _, err := s.ChargeEvent(t.Context(), store.Charge{EventID: e.ID, Status: gateway.Free, Events: []*gateway.Event{chargeOf(e, "same", 3), chargeOf(e, "same too", 4)}})
			made.Add(int64(len(n)))
			return err
		})
	}
	must(t, group.Wait())
	if made.Load() != 2 {
		t.Errorf("callers were told of %d new events, want 2", made.Load())
	}
	spentBy(t, s, gateway.KeyAccount("k"), time.Time{}, time.Time{}, 7)
}
