package main

import (
	"log/slog"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/store"
	"github.com/bricks-gateway/bricks/internal/store/storetest"
)

func TestOldEventsAndBodiesAreDeleted(t *testing.T) {
	const day = 24 * time.Hour
	db := storetest.SQLite(t)
	event := func(id string, days int) *gateway.Event {
		return &gateway.Event{ID: id, CreatedAt: time.Now().Add(-time.Duration(days) * day), KeyID: "k", Cost: 2, Request: []byte("{}")}
	}
	if err := db.WriteEvents(t.Context(), []*gateway.Event{event("new", 0), event("older", 5), event("old", 20)}); err != nil {
		t.Fatal(err)
	}
	s := newSystem(config{EventRetention: period(10 * day), BodyRetention: period(2 * day)}, "", false, slog.New(slog.DiscardHandler))
	s.db = db
	if err := s.startRetention(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer s.stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	var left []*gateway.Event
	for deadline := time.After(20 * time.Second); len(left) != 2; {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%d events are left, want 2", len(left))
		}
		var err error
		if left, _, err = db.Events(t.Context(), store.EventFilter{}); err != nil {
			t.Fatal(err)
		}
	}
	if left[0].Request == nil || left[1].Request != nil {
		t.Errorf("bodies: %q of today, %q of five days ago", left[0].Request, left[1].Request)
	}
	if sum, err := db.Spend(t.Context(), gateway.KeyAccount("k"), time.Time{}, time.Time{}); err != nil || sum != 6 {
		t.Errorf("spent %d (%v), want 6", sum, err)
	}
}

func TestNothingIsDeletedByDefault(t *testing.T) {
	s := newSystem(defaults(), "", false, slog.New(slog.DiscardHandler))
	if err := s.startRetention(t.Context()); err != nil || len(s.stops) != 0 {
		t.Errorf("%v, %d parts run", err, len(s.stops))
	}
}
