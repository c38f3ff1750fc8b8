package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sync/errgroup"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/store"
)

// midnight is where the events of the reports begin.
var midnight = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// reportEvents are n random events over four days, of all kinds.
func reportEvents(r *rand.Rand, n int) []*gateway.Event {
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	tags := [][]string{nil, {"a"}, {"a", "b"}, {"b", "a"}, {"c"}}
	var events []*gateway.Event
	for i := range n {
		e := &gateway.Event{
			ID: eventID(i), CreatedAt: midnight.Add(time.Duration(r.Int64N(int64(96 * time.Hour)))).Truncate(time.Microsecond),
			KeyID: pick("k1", "k2", "k3"), RequestModel: pick("m1", "m2"), ResponseModel: pick("", "", "m2", "m2-2026"),
			UserID: pick("", "u1", "u2"), CustomID: pick("", "c1", "c2", "c3"), Tags: tags[r.IntN(len(tags))],
			Status: []int{200, 200, 200, 201, 302, 400, 429, 499, 502}[r.IntN(9)], Operation: "chat", Action: pick("", "allowed", "redacted"),
			Cost: gateway.NanoUSD(r.Int64N(1e9)), Latency: time.Duration(r.Int64N(1<<r.IntN(34))) * time.Microsecond,
			Usage: gateway.Usage{InputTokens: r.Int64N(1000), OutputTokens: r.Int64N(1000)}, PriceStatus: gateway.Priced,
		}
		if r.IntN(4) == 0 { // where hours and days meet
			e.CreatedAt = e.CreatedAt.Truncate(time.Hour).Add(time.Duration(r.IntN(3)-1) * time.Microsecond)
		}
		switch r.IntN(12) {
		case 0:
			e.Operation, e.Cost, e.Usage, e.Latency = store.OperationCorrection, -e.Cost, gateway.Usage{}, 0
		case 1:
			e.Action = "charged"
		case 2:
			e.Action = "retried"
		case 3:
			e.Status, e.RefusedCount, e.RefusalCode = 429, 1+r.IntN(40), "rate_limit_exceeded"
		}
		events = append(events, e)
	}
	return events
}

// oracle computes a report from the events themselves.
func oracle(events []*gateway.Event, f store.ReportFilter) *store.Report {
	sums := map[store.ReportPoint]*store.Sums{}
	var latencies []time.Duration
	for at := f.Start; len(f.Groups) == 0 && at.Before(f.End); at = at.Add(f.Increment) {
		sums[store.ReportPoint{Time: at}] = &store.Sums{}
	}
	for _, e := range events {
		if e.CreatedAt.Before(f.Start) || !e.CreatedAt.Before(f.End) || !chosen(e, f) {
			continue
		}
		at := f.Start
		for !at.Add(f.Increment).After(e.CreatedAt) {
			at = at.Add(f.Increment)
		}
		p := store.ReportPoint{Time: at}
		for _, g := range f.Groups {
			switch g {
			case store.GroupKey:
				p.KeyID = e.KeyID
			case store.GroupModel:
				p.Model = modelOf(e)
			case store.GroupUser:
				p.UserID = e.UserID
			case store.GroupCustomID:
				p.CustomID = e.CustomID
			}
		}
		if sums[p] == nil {
			sums[p] = &store.Sums{}
		}
		u := sums[p]
		u.Cost += e.Cost
		u.InputTokens += e.Usage.InputTokens
		u.OutputTokens += e.Usage.OutputTokens
		if e.Operation == store.OperationCorrection || e.Action == "charged" || e.Action == "retried" {
			continue
		}
		u.Requests += int64(max(1, e.RefusedCount))
		u.Latency += e.Latency
		if e.Status/100 == 2 {
			u.Successes++
		}
		if e.Latency > 0 {
			latencies = append(latencies, e.Latency)
		}
	}
	r := &store.Report{}
	for p, u := range sums {
		p.Sums = *u
		r.Points = append(r.Points, p)
	}
	slices.SortFunc(r.Points, func(a, b store.ReportPoint) int {
		if c := a.Time.Compare(b.Time); c != 0 {
			return c
		}
		return slices.Compare([]string{a.KeyID, a.Model, a.UserID, a.CustomID}, []string{b.KeyID, b.Model, b.UserID, b.CustomID})
	})
	slices.Sort(latencies)
	if n := len(latencies); n > 0 {
		r.Median, r.P99 = latencies[(n+1)/2-1], latencies[(n*99+99)/100-1]
	}
	return r
}

func modelOf(e *gateway.Event) string {
	if e.ResponseModel != "" {
		return e.ResponseModel
	}
	return e.RequestModel
}

func chosen(e *gateway.Event, f store.ReportFilter) bool {
	in := func(list []string, value string) bool { return len(list) == 0 || slices.Contains(list, value) }
	for _, tag := range f.Tags {
		if !slices.Contains(e.Tags, tag) {
			return false
		}
	}
	return in(f.KeyIDs, e.KeyID) && in(f.Models, modelOf(e)) && in(f.UserIDs, e.UserID) && in(f.CustomIDs, e.CustomID)
}

// reportFilters are the questions of the tests, and random ones.
func reportFilters(r *rand.Rand, n int) []store.ReportFilter {
	day, all := 24*time.Hour, midnight.Add(96*time.Hour)
	filters := []store.ReportFilter{
		{Start: midnight, End: all, Increment: day},
		{Start: midnight, End: all, Increment: time.Hour, Groups: []store.Group{store.GroupModel, store.GroupKey}},
		{Start: midnight.Add(-day), End: all.Add(day), Increment: 96 * time.Hour, Groups: []store.Group{store.GroupUser, store.GroupCustomID}},
		{Start: midnight.Add(11*time.Hour + 7), End: all, Increment: day},
		{Start: midnight, End: midnight, Increment: day},
		{Start: all.Add(day), End: midnight, Increment: day},
	}
	filters[3].Start = filters[3].Start.Truncate(time.Second).Add(13 * time.Second)
	some := func(list ...string) []string {
		if r.IntN(3) > 0 {
			return nil
		}
		r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		return list[:1+r.IntN(2)]
	}
	steps := []time.Duration{day, time.Hour, 2 * time.Hour, 90 * time.Minute, 7 * time.Hour, 1001 * time.Second, 5 * day}
	for range n {
		f := store.ReportFilter{
			Start: midnight.Add(time.Duration(r.Int64N(30)) * time.Hour), Increment: steps[r.IntN(len(steps))],
			KeyIDs: some("k1", "k2", "k3"), Models: some("m1", "m2", "m2-2026"), UserIDs: some("u1", "u2", "nobody"),
			CustomIDs: some("c1", "c2"), Tags: some("a", "b", "c"),
		}
		if r.IntN(2) == 0 {
			f.Start = f.Start.Add(time.Duration(r.IntN(3600)) * time.Second)
		}
		f.End = f.Start.Add(time.Duration(r.IntN(70*3600)) * time.Second)
		if r.IntN(3) == 0 {
			f.End = f.End.Truncate(time.Hour)
		}
		for _, g := range []store.Group{store.GroupModel, store.GroupKey, store.GroupUser, store.GroupCustomID} {
			if r.IntN(3) == 0 {
				f.Groups = append(f.Groups, g)
			}
		}
		filters = append(filters, f)
	}
	return filters
}

var sameReport = cmp.Options{cmpopts.IgnoreUnexported(store.Sums{}), cmpopts.EquateEmpty()}

// compareReports asks the store and the oracle the same questions.
func compareReports(t *testing.T, s *store.Store, r *rand.Rand, events []*gateway.Event, n int) {
	t.Helper()
	for _, f := range reportFilters(r, n) {
		f.MaxPoints = 100_000
		want := oracle(events, f)
		got, err := s.Report(t.Context(), f)
		must(t, err)
		if diff := cmp.Diff(want, got, sameReport); diff != "" {
			t.Fatalf("%s: report differs (-want +got):\n%s", describe(f), diff)
		}
		f.ExactRequests = 1 // the percentiles come from buckets now
		if got, err = s.Report(t.Context(), f); err != nil {
			t.Fatal(err)
		}
		if !near(got.Median, want.Median) || !near(got.P99, want.P99) {
			t.Fatalf("%s: percentiles %v, %v, exactly %v, %v: more than 3.2 %% off", describe(f), got.Median, got.P99, want.Median, want.P99)
		}
		got.Median, got.P99 = want.Median, want.P99
		if diff := cmp.Diff(want, got, sameReport); diff != "" {
			t.Fatalf("%s: report with buckets differs (-want +got):\n%s", describe(f), diff)
		}
	}
}

func describe(f store.ReportFilter) string {
	return strings.ReplaceAll(fmt.Sprintf("%+v", f), " +0000 UTC", "")
}

func near(got, want time.Duration) bool {
	return (got - want).Abs() <= want*32/1000
}

func reportOracle(t *testing.T, s *store.Store) {
	r := rand.New(rand.NewPCG(1, 2))
	events := reportEvents(r, 3000)
	must(t, s.WriteEvents(t.Context(), events))
	compareReports(t, s, r, events, 120)
}

// CheckReports writes random events, does what change does to the store, and then
// holds its reports against the events that it has.
func CheckReports(t *testing.T, s *store.Store, change func()) {
	r := rand.New(rand.NewPCG(5, 6))
	events := reportEvents(r, 1000)
	must(t, s.WriteEvents(t.Context(), events))
	change()
	compareReports(t, s, r, events, 30)
}

// stored are the events that the store has now.
func stored(t *testing.T, s *store.Store) []*gateway.Event {
	t.Helper()
	events, _, err := s.Events(t.Context(), store.EventFilter{})
	must(t, err)
	return events
}

// reportOperations does at random what happens to events: written, written again
// with the same id, charged later, priced again.
func reportOperations(t *testing.T, s *store.Store) {
	r := rand.New(rand.NewPCG(7, 8))
	events := reportEvents(r, 1500)
	for i, e := range events {
		if i%10 == 0 {
			e.PriceStatus, e.Cost, e.Operation, e.Action = gateway.Pending, 0, "batch", ""
		}
	}
	for step := range 120 {
		switch r.IntN(5) {
		case 0, 1, 2: // a batch, some of it for the second time and different
			var batch []*gateway.Event
			for range r.IntN(60) {
				e := *events[r.IntN(len(events))]
				if r.IntN(3) == 0 {
					e.Latency, e.Status, e.UserID = e.Latency+1000, 200, "later"
				}
				batch = append(batch, &e)
			}
			must(t, s.WriteEvents(t.Context(), batch))
		case 3:
			pending, _, err := s.PendingEvents(t.Context(), store.EventCursor{}, 5)
			must(t, err)
			for _, e := range pending {
				c := *e
				c.ID, c.Action, c.CorrelationID, c.Operation = fmt.Sprint("charge ", r.IntN(50)), gateway.ActionCharged, e.ID, "chat"
				c.CreatedAt, c.Cost, c.PriceStatus = e.CreatedAt.Add(time.Duration(r.IntN(5))*time.Hour), gateway.NanoUSD(r.IntN(1e9)), gateway.Priced
				_, _, err := s.ChargeEvent(t.Context(), store.Charge{EventID: e.ID, Status: gateway.Free, Events: []*gateway.Event{&c}})
				must(t, err)
			}
		case 4:
			start := midnight.Add(time.Duration(r.IntN(90)) * time.Hour)
			_, _, _, err := s.RerateEvents(t.Context(), store.Rerate{Start: start, End: start.Add(6 * time.Hour), Limit: 20, Apply: true,
				Price: func(*gateway.Event) (gateway.NanoUSD, bool) { return gateway.NanoUSD(r.IntN(1e9)), r.IntN(2) == 0 }})
			must(t, err)
		}
		if step%40 == 39 {
			compareReports(t, s, r, stored(t, s), 15)
		}
	}
	kinds := map[bool]int{}
	for _, e := range stored(t, s) {
		kinds[e.Operation == store.OperationCorrection && e.Cost != 0]++
	}
	if kinds[true] < 20 || kinds[false] < 500 {
		t.Errorf("the test corrects little: %v", kinds)
	}
}

// reportConcurrent writes the same batches from several writers at once,
// forwards and backwards.
func reportConcurrent(t *testing.T, s *store.Store) {
	r := rand.New(rand.NewPCG(9, 10))
	events := reportEvents(r, 800)
	var group errgroup.Group
	for range 4 {
		order := r.Perm(len(events))
		group.Go(func() error {
			for batch := range slices.Chunk(order, 100) {
				var list []*gateway.Event
				for _, i := range batch {
					list = append(list, events[i])
				}
				if err := s.WriteEvents(t.Context(), list); err != nil {
					return err
				}
			}
			return nil
		})
	}
	must(t, group.Wait())
	compareReports(t, s, r, events, 20)
}

// reportLong writes what is too long for an index: a batch that could not be
// written would hold up all events after it.
func reportLong(t *testing.T, s *store.Store) {
	random := rand.New(rand.NewPCG(17, 18))
	long := func() string {
		var b strings.Builder
		for b.Len() < 20_000 { // random, because PostgreSQL compresses
			fmt.Fprintf(&b, "%x", random.Uint64())
		}
		return b.String()
	}
	var events []*gateway.Event
	tags := []string{long(), long()}
	for i := range 3 {
		events = append(events, &gateway.Event{ID: eventID(i), CreatedAt: midnight, KeyID: "k", ResponseModel: long(), Tags: tags, Latency: time.Millisecond})
	}
	must(t, s.WriteEvents(t.Context(), events))
	f := store.ReportFilter{Start: midnight, End: midnight.Add(time.Hour), Increment: time.Hour, Groups: []store.Group{store.GroupModel}, Tags: tags[1:], MaxPoints: 9}
	got, err := s.Report(t.Context(), f)
	must(t, err)
	if diff := cmp.Diff(oracle(events, f), got, sameReport); diff != "" {
		t.Errorf("report differs (-want +got):\n%.400s", diff)
	}
}

func reportRefused(t *testing.T, s *store.Store) {
	ok := store.ReportFilter{Start: midnight, End: midnight.Add(time.Hour), Increment: time.Minute, MaxPoints: 60}
	_, err := s.Report(t.Context(), ok)
	must(t, err)
	for name, change := range map[string]func(*store.ReportFilter){
		"more increments than points": func(f *store.ReportFilter) { f.MaxPoints = 59 },
		"half a second":               func(f *store.ReportFilter) { f.Increment = time.Second / 2 },
		"no increment":                func(f *store.ReportFilter) { f.Increment = 0 },
		"a start between seconds":     func(f *store.ReportFilter) { f.Start = f.Start.Add(1) },
		"an unknown group":            func(f *store.ReportFilter) { f.Groups = []store.Group{"1; DROP TABLE events"} },
	} {
		f := ok
		change(&f)
		_, err := s.Report(t.Context(), f)
		if gateway.KindOf(err) != gateway.Invalid {
			t.Errorf("%s: %v, want it to be invalid", name, err)
		}
	}
	var events []*gateway.Event
	for i := range 61 {
		events = append(events, &gateway.Event{ID: eventID(i), KeyID: eventID(i), CreatedAt: midnight})
	}
	must(t, s.WriteEvents(t.Context(), events))
	ok.Groups = []store.Group{store.GroupKey}
	_, err = s.Report(t.Context(), ok)
	wantKind(t, err, gateway.Invalid)
	ok.MaxPoints = 61
	_, err = s.Report(t.Context(), ok)
	must(t, err)
}
