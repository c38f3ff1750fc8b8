package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/store"
)

// accountEvents are random events with accounts, a few of them pending.
func accountEvents(r *rand.Rand, n int) []*gateway.Event {
	events := reportEvents(r, n)
	for i, e := range events {
		e.Accounts = []gateway.AccountID{gateway.UserAccount(fmt.Sprint("u", r.IntN(3))), "default:k:u"}[:r.IntN(3)]
		e.Request, e.Response = []byte("request"), []byte("response")
		if i%50 == 0 {
			e.PriceStatus, e.Cost = gateway.Pending, 0
		}
	}
	return events
}

// charged is what an account spent by the events themselves.
func charged(events []*gateway.Event, account gateway.AccountID, start, end time.Time) (sum gateway.NanoUSD) {
	for _, e := range events {
		its := gateway.KeyAccount(e.KeyID) == account || slices.Contains(e.Accounts, account)
		if its && !e.CreatedAt.Before(start) && (end.IsZero() || e.CreatedAt.Before(end)) {
			sum += e.Cost
		}
	}
	return sum
}

var accounts = []gateway.AccountID{gateway.KeyAccount("k1"), gateway.KeyAccount("k2"), gateway.UserAccount("u0"), gateway.UserAccount("u2"), "default:k:u", "user:nobody"}

// dropAll deletes in steps until nothing is left to delete.
func dropAll(t *testing.T, s *store.Store, before time.Time) (dropped int) {
	t.Helper()
	for {
		n, err := s.DropEvents(t.Context(), before, 37)
		must(t, err)
		if dropped += n; n == 0 {
			return dropped
		}
	}
}

func retentionDrops(t *testing.T, s *store.Store) {
	r := rand.New(rand.NewPCG(11, 12))
	events := accountEvents(r, 700)
	must(t, s.WriteEvents(t.Context(), events))
	horizon := midnight.Add(48 * time.Hour)
	want, pending := 0, 0
	for _, e := range events {
		if e.CreatedAt.Before(horizon) && e.PriceStatus == gateway.Pending {
			pending++
		} else if e.CreatedAt.Before(horizon) {
			want++
		}
	}
	// In the middle of a day: that day stays.
	if got := dropAll(t, s, horizon.Add(13*time.Hour)); got != want {
		t.Errorf("deleted %d events, want %d", got, want)
	}
	old, _, err := s.Events(t.Context(), store.EventFilter{End: horizon})
	must(t, err)
	if len(old) != pending || pending == 0 {
		t.Errorf("%d old events are left, want the %d pending ones", len(old), pending)
	}
	spentAsBefore := func(events []*gateway.Event) {
		t.Helper()
		for _, a := range accounts {
			spentBy(t, s, a, time.Time{}, time.Time{}, charged(events, a, time.Time{}, time.Time{}))
			for range 5 {
				start := midnight.Add(time.Duration(r.IntN(90)) * time.Hour)
				end := start.Add(time.Duration(r.IntN(50)) * time.Hour)
				spentBy(t, s, a, start, end, charged(events, a, start, end))
			}
		}
	}
	spentAsBefore(events)

	// Late ones of days that are gone count, and go in their turn.
	late := accountEvents(r, 100)
	for i, e := range late {
		e.ID, e.PriceStatus = fmt.Sprint("late ", i), gateway.Priced
	}
	events = append(events, late...)
	must(t, s.WriteEvents(t.Context(), late))
	spentAsBefore(events)
	reportsAsBefore(t, s, r, events, horizon)
	dropAll(t, s, horizon)
	spentAsBefore(events)
	reportsAsBefore(t, s, r, events, horizon)
	if n := dropAll(t, s, midnight); n != 0 {
		t.Errorf("an earlier time deleted %d", n)
	}
	reportsAsBefore(t, s, r, events, horizon)
	_, err = s.DropEvents(t.Context(), horizon, 0)
	wantKind(t, err, gateway.Invalid)
}

// reportsAsBefore holds reports against all events, those deleted before horizon
// too. Of these the hour is known, and the latencies of whole days.
func reportsAsBefore(t *testing.T, s *store.Store, r *rand.Rand, events []*gateway.Event, horizon time.Time) {
	t.Helper()
	var known []*gateway.Event
	for _, e := range events {
		if e.CreatedAt.Before(horizon) {
			copied := *e
			copied.CreatedAt = e.CreatedAt.Truncate(time.Hour)
			e = &copied
		}
		known = append(known, e)
	}
	for range 60 {
		f := store.ReportFilter{
			Start: midnight.Add(time.Duration(r.IntN(60)) * time.Hour), Increment: time.Duration(1+r.IntN(30)) * time.Hour,
			Groups: []store.Group{store.GroupModel, store.GroupKey}[:r.IntN(3)], MaxPoints: 10_000,
		}
		f.End = f.Start.Add(time.Duration(r.IntN(60)) * time.Hour)
		if r.IntN(2) == 0 {
			f.Tags = []string{"a"}
		}
		days := false
		switch r.IntN(4) {
		case 0:
			days, f.Start, f.End = true, f.Start.Truncate(24*time.Hour), f.End.Truncate(24*time.Hour)
		case 1:
			f.Start, f.End = f.Start.Add(time.Duration(r.IntN(5000))*time.Second), f.End.Add(time.Duration(r.IntN(5000))*time.Second)
		case 2:
			f.Start, f.Increment = f.Start.Add(time.Duration(r.IntN(5000))*time.Second), time.Duration(1000+r.IntN(9000))*time.Second
		}
		want := oracle(known, f)
		got, err := s.Report(t.Context(), f)
		must(t, err)
		if days && (!near(got.Median, want.Median) || !near(got.P99, want.P99)) {
			t.Fatalf("%s: percentiles %v, %v, exactly %v, %v", describe(f), got.Median, got.P99, want.Median, want.P99)
		}
		got.Median, got.P99 = want.Median, want.P99
		if diff := cmp.Diff(want, got, sameReport); diff != "" {
			t.Fatalf("%s: report differs (-want +got):\n%s", describe(f), diff)
		}
	}
}

// retentionUnderWay looks at the ledger and at reports while events are deleted.
func retentionUnderWay(t *testing.T, s *store.Store) {
	r := rand.New(rand.NewPCG(13, 14))
	events := accountEvents(r, 600)
	must(t, s.WriteEvents(t.Context(), events))
	done := make(chan struct{})
	var group errgroup.Group
	group.Go(func() error {
		defer close(done)
		for {
			n, err := s.DropEvents(t.Context(), midnight.Add(72*time.Hour), 20)
			if err != nil || n == 0 {
				return err
			}
		}
	})
	for looking := true; looking; {
		select {
		case <-done:
			looking = false
		default:
		}
		for _, a := range accounts[:4] {
			spentBy(t, s, a, time.Time{}, time.Time{}, charged(events, a, time.Time{}, time.Time{}))
		}
	}
	must(t, group.Wait())
	reportsAsBefore(t, s, r, events, midnight.Add(72*time.Hour))
}

// retentionRerate prices events again whose neighbours, and some of whose
// corrections, may be gone.
func retentionRerate(t *testing.T, s *store.Store) {
	old, young := fullEvent("old"), fullEvent("young")
	old.CreatedAt, young.CreatedAt = midnight, midnight.Add(24*time.Hour)
	must(t, s.WriteEvents(t.Context(), []*gateway.Event{old, young}))
	now := costs{"old": 5, "young": 7}
	rerateAll(t, s, midnight, midnight.Add(48*time.Hour), now, true)
	n, err := s.DropEvents(t.Context(), midnight.Add(24*time.Hour), 1)
	must(t, err)
	if n != 1 {
		t.Fatalf("deleted %d, want 1 of the old event and its correction", n)
	}
	now["old"], now["young"] = 50, 70
	seen, made := rerateAll(t, s, midnight, midnight.Add(48*time.Hour), now, true)
	wantList(t, "looked at", seen, "young")
	if len(made) != 1 || made[0].Cost != 63 {
		t.Errorf("corrections %v, want one of 63", made)
	}
	spentBy(t, s, gateway.KeyAccount("key"), time.Time{}, time.Time{}, 75)
}

func retentionBodies(t *testing.T, s *store.Store) {
	r := rand.New(rand.NewPCG(15, 16))
	events := accountEvents(r, 100)
	events[3].Request, events[4].Response = nil, nil
	must(t, s.WriteEvents(t.Context(), events))
	before, want := midnight.Add(30*time.Hour), 0
	for _, e := range events {
		if e.CreatedAt.Before(before) {
			want++
		}
	}
	got := 0
	for {
		n, err := s.DropBodies(t.Context(), before, 7)
		must(t, err)
		if got += n; n == 0 {
			break
		}
	}
	for _, e := range stored(t, s) {
		if kept := e.Request != nil || e.Response != nil; kept == e.CreatedAt.Before(before) {
			t.Errorf("event of %v: bodies kept %v", e.CreatedAt, kept)
		}
	}
	if got != want || len(stored(t, s)) != 100 {
		t.Errorf("bodies of %d events deleted, want %d, and all 100 events are there", got, want)
	}
	_, err := s.DropBodies(t.Context(), before, 0)
	wantKind(t, err, gateway.Invalid)
}
