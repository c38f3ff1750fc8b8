package storetest

import (
	"cmp"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/store"
)

func eventRoundTrip(t *testing.T, s *store.Store) {
	want := []*gateway.Event{fullEvent("full"), {ID: "empty", CreatedAt: at(-1)}}
	full(t, *want[0])
	must(t, s.WriteEvents(t.Context(), want))
	got, _, err := s.Events(t.Context(), store.EventFilter{})
	must(t, err)
	if diff := gocmp.Diff(want, got, same); diff != "" {
		t.Errorf("events differ (-want +got):\n%s", diff)
	}
	if got[1].Request != nil || got[1].Response != nil {
		t.Errorf("bodies that were not kept came back as %v, %v", got[1].Request, got[1].Response)
	}
	must(t, s.WriteEvents(t.Context(), nil))
	wantKind(t, s.WriteEvents(t.Context(), []*gateway.Event{{}}), gateway.Invalid)
}

func eventOnce(t *testing.T, s *store.Store) {
	first, other := fullEvent("e"), fullEvent("e")
	other.Cost = 1
	must(t, s.WriteEvents(t.Context(), []*gateway.Event{first, other, first}))
	must(t, s.WriteEvents(t.Context(), []*gateway.Event{other, fullEvent("new")}))
	got, total, err := s.Events(t.Context(), store.EventFilter{Count: true, DateOrder: "asc"})
	must(t, err)
	wantList(t, "events", eventIDs(got), "e", "new")
	if total != 2 || got[0].Cost != first.Cost {
		t.Errorf("%d events, cost %v; want 2 and the first one's %v", total, got[0].Cost, first.Cost)
	}
}

// eventOverlap writes the same batches from several writers at once, forwards
// and backwards, as after a lost answer: nobody may wait for ever or write twice.
func eventOverlap(t *testing.T, s *store.Store) {
	const events = 200
	var forwards []*gateway.Event
	for i := range events {
		e := fullEvent(eventID(i))
		e.Cost = 1
		forwards = append(forwards, e)
	}
	backwards := slices.Clone(forwards)
	slices.Reverse(backwards)
	var group errgroup.Group
	for range 2 {
		group.Go(func() error { return s.WriteEvents(t.Context(), forwards) })
		group.Go(func() error { return s.WriteEvents(t.Context(), backwards) })
	}
	must(t, group.Wait())
	if sum, err := s.Spend(t.Context(), gateway.KeyAccount("key"), time.Time{}, time.Time{}); err != nil || sum != events {
		t.Errorf("sum is %d (%v), want %d", sum, err, events)
	}
}

// eventText writes what a client may send in a header or a JSON string. A
// batch that can never be written would hold up all events after it.
func eventText(t *testing.T, s *store.Store) {
	for i, bad := range []string{"\x00", "\xff\xfe", "a\x00b\xc3", "\xed\xa0\x80"} {
		e := fullEvent(eventID(i))
		e.CustomID, e.UserID, e.Metadata, e.RequestModel, e.Path, e.Tags = bad, bad, bad, bad, bad, []string{bad}
		e.Findings = map[string]int64{bad: 1}
		must(t, s.WriteEvents(t.Context(), []*gateway.Event{e}))
		got, _, err := s.Events(t.Context(), store.EventFilter{CustomIDs: []string{bad}, Tags: []string{bad}})
		must(t, err)
		if !slices.Contains(eventIDs(got), e.ID) {
			t.Errorf("event with %q is not found by it", bad)
		}
	}
}

func eventFilters(t *testing.T, s *store.Store) {
	var events []*gateway.Event
	for i, e := range []gateway.Event{
		{KeyID: "k1", UserID: "u1", CustomID: "c1", Tags: []string{"a", "b"}, Cost: 30, PolicyID: "p1", Action: "allowed"},
		{KeyID: "k1", UserID: "u2", CustomID: "c2", Tags: []string{"b"}, Cost: 10, PolicyID: "p2", Action: "blocked"},
		{KeyID: "k2", UserID: "u1", CustomID: "c3", Cost: 20, Action: "redacted"},
		{KeyID: "k2", Cost: 20},
	} {
		e.ID, e.CreatedAt = eventID(i), at(i)
		events = append(events, &e)
	}
	must(t, s.WriteEvents(t.Context(), events))
	for _, c := range []struct {
		name   string
		filter store.EventFilter
		want   []int
		total  int
	}{
		{"all, newest first", store.EventFilter{Count: true}, []int{3, 2, 1, 0}, 4},
		{"oldest first", store.EventFilter{DateOrder: "asc"}, []int{0, 1, 2, 3}, 0},
		{"dearest first, then newest", store.EventFilter{CostOrder: "desc"}, []int{0, 3, 2, 1}, 0},
		{"cheapest first, then oldest", store.EventFilter{CostOrder: "asc", DateOrder: "asc"}, []int{1, 2, 3, 0}, 0},
		{"page", store.EventFilter{Limit: 2, Offset: 1, Count: true}, []int{2, 1}, 4},
		{"keys", store.EventFilter{KeyIDs: []string{"k1", "k9"}, Count: true}, []int{1, 0}, 2},
		{"users", store.EventFilter{UserIDs: []string{"u1"}}, []int{2, 0}, 0},
		{"custom ids", store.EventFilter{CustomIDs: []string{"c1", "c3"}}, []int{2, 0}, 0},
		{"policies", store.EventFilter{PolicyIDs: []string{"p2"}}, []int{1}, 0},
		{"actions", store.EventFilter{Actions: []string{"allowed", "blocked"}}, []int{1, 0}, 0},
		{"tag", store.EventFilter{Tags: []string{"b"}}, []int{1, 0}, 0},
		{"all tags", store.EventFilter{Tags: []string{"a", "b"}}, []int{0}, 0},
		{"half-open range", store.EventFilter{Start: at(1), End: at(3), Count: true}, []int{2, 1}, 2},
		{"open end", store.EventFilter{Start: at(2)}, []int{3, 2}, 0},
		{"together", store.EventFilter{KeyIDs: []string{"k1"}, UserIDs: []string{"u2"}, Tags: []string{"b"}, End: at(9)}, []int{1}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, total, err := s.Events(t.Context(), c.filter)
			must(t, err)
			var want []string
			for _, n := range c.want {
				want = append(want, eventID(n))
			}
			wantList(t, "events", eventIDs(got), want...)
			if total != c.total {
				t.Errorf("total %d, want %d", total, c.total)
			}
		})
	}
	_, _, err := s.Events(t.Context(), store.EventFilter{CostOrder: "cost; DROP TABLE events"})
	wantKind(t, err, gateway.Invalid)
}

// eventPaging goes through the events by the place of the last one seen, in every
// order, and with equal times and costs.
func eventPaging(t *testing.T, s *store.Store) {
	var events []*gateway.Event
	for i := range 23 {
		events = append(events, &gateway.Event{ID: eventID(i * 7 % 23), CreatedAt: at(i / 3), Cost: gateway.NanoUSD(i % 4), KeyID: "k",
			Request: []byte("12345"), Response: []byte("67890")})
	}
	must(t, s.WriteEvents(t.Context(), events))
	for _, c := range []store.EventFilter{
		{}, {DateOrder: "asc"}, {CostOrder: "asc"}, {CostOrder: "desc"}, {CostOrder: "asc", DateOrder: "asc"}, {CostOrder: "desc", DateOrder: "asc"},
	} {
		want := slices.SortedFunc(slices.Values(events), func(a, b *gateway.Event) int {
			byCost, byDate := cmp.Compare(a.Cost, b.Cost), cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
			if c.CostOrder == "desc" {
				byCost = -byCost
			}
			if c.DateOrder != "asc" {
				byDate = -byDate
			}
			if c.CostOrder == "" {
				return byDate
			}
			return cmp.Or(byCost, byDate)
		})
		c.Limit, c.Count = 4, true
		var got []*gateway.Event
		for {
			page, total, err := s.Events(t.Context(), c)
			must(t, err)
			if total != 23 {
				t.Fatalf("total %d, want 23", total)
			}
			if got = append(got, page...); len(page) < c.Limit {
				break
			}
			last := page[len(page)-1]
			c.Behind = &store.EventPlace{Cost: last.Cost, CreatedAt: last.CreatedAt, ID: last.ID}
		}
		wantList(t, "pages in order "+c.CostOrder+", "+c.DateOrder, eventIDs(got), eventIDs(want)...)
	}
	for _, c := range []struct{ most, want int }{{1, 1}, {10, 2}, {25, 3}, {1000, 23}} {
		if got, _, err := s.Events(t.Context(), store.EventFilter{MaxBytes: c.most}); err != nil || len(got) != c.want {
			t.Errorf("with room for %d bytes: %d events (%v), want %d", c.most, len(got), err, c.want)
		}
	}
	if got, _, err := s.Events(t.Context(), store.EventFilter{Bodiless: true, MaxBytes: 1}); err != nil || len(got) != 23 || got[0].Request != nil || got[0].Response != nil {
		t.Errorf("without bodies: %d events (%v), want 23", len(got), err)
	}
}

func spend(t *testing.T, s *store.Store) {
	var events []*gateway.Event
	for i := range 4 {
		events = append(events, &gateway.Event{ID: eventID(i), KeyID: "k", CreatedAt: at(i), Cost: gateway.NanoUSD(1) << (20 * i)})
	}
	events = append(events, &gateway.Event{ID: "other", KeyID: "other", CreatedAt: at(1), Cost: 7})
	must(t, s.WriteEvents(t.Context(), events))
	for _, c := range []struct {
		name       string
		start, end time.Time
		want       gateway.NanoUSD
	}{
		{"all", time.Time{}, time.Time{}, 1 + 1<<20 + 1<<40 + 1<<60},
		{"start is in, end is not", at(1), at(3), 1<<20 + 1<<40},
		{"a microsecond later", at(1).Add(time.Microsecond), at(3).Add(time.Microsecond), 1<<40 + 1<<60},
		{"nothing", at(7), time.Time{}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := s.Spend(t.Context(), gateway.KeyAccount("k"), c.start, c.end)
			if err != nil || got != c.want {
				t.Errorf("got %d (%v), want %d", got, err, c.want)
			}
		})
	}
}
