package storetest

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/store"
)

func topKeys(t *testing.T, s *store.Store) {
	r := rand.New(rand.NewPCG(3, 4))
	events := reportEvents(r, 600)
	must(t, s.WriteEvents(t.Context(), events))
	made := map[string]int{}
	for i, k := range []gateway.Key{
		{ID: "k1", Name: "One", Tags: []string{"a"}}, {ID: "k2", Name: "two", Tags: []string{"a", "b"}, Revoked: true},
		{ID: "k3", Name: "three"}, {ID: "idle", Name: "one idle"}, {ID: "idle too", Name: "idle too"},
	} {
		addKey(t, s, k)
		made[k.ID] = i
	}
	yes := true
	for _, c := range []struct {
		name   string
		filter store.KeyFilter
		among  []string
	}{
		{"all", store.KeyFilter{}, []string{"k1", "k2", "k3", "idle", "idle too"}},
		{"least first", store.KeyFilter{Ascending: true}, []string{"k1", "k2", "k3", "idle", "idle too"}},
		{"a page", store.KeyFilter{Limit: 2, Offset: 1}, []string{"k1", "k2", "k3", "idle", "idle too"}},
		{"ids", store.KeyFilter{IDs: []string{"k1", "idle", "nobody"}}, []string{"k1", "idle"}},
		{"tags", store.KeyFilter{Tags: []string{"a"}}, []string{"k1", "k2"}},
		{"name", store.KeyFilter{Name: "ONE"}, []string{"k1", "idle"}},
		{"revoked", store.KeyFilter{Revoked: &yes}, []string{"k2"}},
	} {
		for range 10 {
			start := midnight.Add(time.Duration(r.IntN(60*3600)) * time.Second)
			end := start.Add(time.Duration(r.IntN(40*3600)) * time.Second)
			if r.IntN(2) == 0 {
				start, end = start.Truncate(time.Hour), end.Truncate(time.Hour)
			}
			cost := map[string]gateway.NanoUSD{}
			for _, e := range events {
				if !e.CreatedAt.Before(start) && e.CreatedAt.Before(end) {
					cost[e.KeyID] += e.Cost
				}
			}
			want := slices.SortedFunc(slices.Values(c.among), func(a, b string) int {
				byCost := cmp.Compare(cost[b], cost[a])
				if c.filter.Ascending {
					byCost = -byCost
				}
				return cmp.Or(byCost, cmp.Compare(made[b], made[a]))
			})
			want = want[c.filter.Offset:]
			if c.filter.Limit > 0 {
				want = want[:c.filter.Limit]
			}
			top, err := s.TopKeys(t.Context(), c.filter, start, end)
			must(t, err)
			var got []string
			for _, one := range top {
				got = append(got, one.Key.ID)
				if one.Cost != cost[one.Key.ID] {
					t.Errorf("%s: key %s spent %d, want %d", c.name, one.Key.ID, one.Cost, cost[one.Key.ID])
				}
			}
			wantList(t, c.name, got, want...)
		}
	}
}

func seenIDs(t *testing.T, s *store.Store) {
	for i, e := range []gateway.Event{
		{KeyID: "k", UserID: "u2", CustomID: "c1", Tags: []string{"a"}}, {KeyID: "k", UserID: "u1", CustomID: "c1"},
		{KeyID: "k", UserID: "u2"}, {KeyID: "k"}, {KeyID: "k", UserID: "u3"}, {KeyID: "other", UserID: "u4", CustomID: "c2"},
	} {
		e.ID, e.CreatedAt = eventID(i), at(i)
		must(t, s.WriteEvents(t.Context(), []*gateway.Event{&e}))
	}
	for _, c := range []struct {
		name   string
		filter store.SeenFilter
		want   []string
	}{
		{"users", store.SeenFilter{KeyID: "k", Group: store.GroupUser, Limit: 9}, []string{"u1", "u2", "u3"}},
		{"custom ids", store.SeenFilter{KeyID: "k", Group: store.GroupCustomID, Limit: 9}, []string{"c1"}},
		{"first page", store.SeenFilter{KeyID: "k", Group: store.GroupUser, Limit: 2}, []string{"u1", "u2"}},
		{"next page", store.SeenFilter{KeyID: "k", Group: store.GroupUser, Limit: 2, After: "u2"}, []string{"u3"}},
		{"tags", store.SeenFilter{KeyID: "k", Group: store.GroupUser, Limit: 9, Tags: []string{"a"}}, []string{"u2"}},
		{"no such key", store.SeenFilter{KeyID: "nobody", Group: store.GroupUser, Limit: 9}, nil},
	} {
		got, err := s.SeenIDs(t.Context(), c.filter)
		must(t, err)
		wantList(t, c.name, got, c.want...)
	}
	_, err := s.SeenIDs(t.Context(), store.SeenFilter{Group: store.GroupKey, Limit: 1})
	wantKind(t, err, gateway.Invalid)
	_, err = s.SeenIDs(t.Context(), store.SeenFilter{Group: store.GroupUser})
	wantKind(t, err, gateway.Invalid)
}
