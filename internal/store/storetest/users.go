package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/store"
)

func addUser(t *testing.T, s *store.Store, u gateway.User) *gateway.User {
	t.Helper()
	must(t, s.CreateUser(t.Context(), &u))
	return &u
}

func userNames(users []*gateway.User) []string {
	var names []string
	for _, u := range users {
		names = append(names, u.Name)
	}
	return names
}

func userRoundTrip(t *testing.T, s *store.Store) {
	want := &gateway.User{
		Name: "Spike?", Tags: []string{"z", "a"}, KeyIDs: []string{"k2", "k1"}, UserID: "spike@example.com", Revoked: true, RevokedReason: "expired",
		TTL: "1h30m", ExpiresAt: time.Unix(2_000_000_000, 0).UTC(),
		CostLimit: 5 * gateway.USD, CostLimitOverTime: 1, CostLimitUnit: gateway.Month, RateLimitOverTime: 7, RateLimitUnit: gateway.Second, MaxParallelRequests: 4,
		AllowedPaths: []gateway.PathRule{{Path: "/api/x", Method: "POST"}}, AllowedModels: []string{"m"},
	}
	must(t, s.CreateUser(t.Context(), want))
	full(t, *want)
	got, err := s.User(t.Context(), want.ID)
	must(t, err)
	if diff := cmp.Diff(want, got, same); diff != "" {
		t.Errorf("user differs (-want +got):\n%s", diff)
	}
	_, err = s.User(t.Context(), "nobody\x00")
	wantKind(t, err, gateway.NotFound)
	wantKind(t, s.CreateUser(t.Context(), &gateway.User{ID: want.ID}), gateway.Conflict)
	wantKind(t, s.CreateUser(t.Context(), &gateway.User{ID: "a\x00"}), gateway.Invalid)
	if unnamed := addUser(t, s, gateway.User{}); unnamed.UserID != unnamed.ID {
		t.Errorf("a user without a user id is called %q, want its id %q", unnamed.UserID, unnamed.ID)
	}
}

func userUpdate(t *testing.T, s *store.Store) {
	u := addUser(t, s, gateway.User{Name: "u", UserID: "spike", Tags: []string{"a"}})
	got, err := s.UpdateUser(t.Context(), u.ID, func(u *gateway.User) error {
		u.Name, u.Tags, u.UserID, u.Revoked = "renamed", nil, "", true
		return nil
	})
	must(t, err)
	if got.Revision != u.Revision+1 || got.UserID != u.ID {
		t.Errorf("revision %d after %d, user id %q", got.Revision, u.Revision, got.UserID)
	}
	refusal := errors.New("refused")
	_, err = s.UpdateUser(t.Context(), u.ID, func(u *gateway.User) error { u.Name = "never"; return refusal })
	if !errors.Is(err, refusal) {
		t.Errorf("got %v, want the error of change", err)
	}
	kept, err := s.User(t.Context(), u.ID)
	must(t, err)
	if diff := cmp.Diff(got, kept, same); diff != "" {
		t.Errorf("kept user differs (-want +got):\n%s", diff)
	}
	_, err = s.UpdateUser(t.Context(), "nobody", func(*gateway.User) error { return nil })
	wantKind(t, err, gateway.NotFound)
	var group errgroup.Group
	for range 4 {
		group.Go(func() error {
			_, err := s.UpdateUser(t.Context(), u.ID, func(u *gateway.User) error { u.MaxParallelRequests++; return nil })
			return err
		})
	}
	must(t, group.Wait())
	if kept, err = s.User(t.Context(), u.ID); err != nil || kept.MaxParallelRequests != 4 {
		t.Errorf("%d of 4 concurrent updates are there (%v)", kept.MaxParallelRequests, err)
	}
}

func userChanges(t *testing.T, s *store.Store) {
	u := addUser(t, s, gateway.User{Name: "u", UserID: "before"})
	_, err := s.UpdateUser(t.Context(), u.ID, func(u *gateway.User) error { u.UserID = "after"; return nil })
	must(t, err)
	_, err = s.UpdateUser(t.Context(), u.ID, func(u *gateway.User) error { u.Revoked = true; return nil })
	must(t, err)
	e := fullEvent("e")
	e.Accounts = []gateway.AccountID{gateway.UserAccount(u.ID)}
	must(t, s.WriteEvents(t.Context(), []*gateway.Event{e}))
	revision, err := s.DeleteUser(t.Context(), u.ID)
	must(t, err)
	if revision != 4 {
		t.Errorf("deleted at revision %d, want 4", revision)
	}
	got, err := s.ChangesSince(t.Context(), 0)
	must(t, err)
	want := []store.Change{
		{Revision: 1, Kind: store.KindUser, ID: u.ID, UserIDs: []string{"before"}},
		{Revision: 2, Kind: store.KindUser, ID: u.ID, UserIDs: []string{"before", "after"}},
		{Revision: 3, Kind: store.KindUser, ID: u.ID, UserIDs: []string{"after"}},
		{Revision: 4, Kind: store.KindUser, ID: u.ID, UserIDs: []string{"after"}},
	}
	if diff := cmp.Diff(want, got, same); diff != "" {
		t.Errorf("changes differ (-want +got):\n%s", diff)
	}
	_, err = s.User(t.Context(), u.ID)
	wantKind(t, err, gateway.NotFound)
	_, err = s.DeleteUser(t.Context(), u.ID)
	wantKind(t, err, gateway.NotFound)
	if sum, err := s.Spend(t.Context(), gateway.UserAccount(u.ID), time.Time{}, time.Time{}); err != nil || sum != e.Cost {
		t.Errorf("spend of the deleted user is %v (%v), want %v", sum, err, e.Cost)
	}
}

func userFilters(t *testing.T, s *store.Store) {
	addUser(t, s, gateway.User{Name: "one", UserID: "u1", Tags: []string{"a", "b"}, KeyIDs: []string{"k1", "k2"}})
	addUser(t, s, gateway.User{Name: "two", UserID: "u2", Tags: []string{"b"}, KeyIDs: []string{"k2"}})
	addUser(t, s, gateway.User{Name: "three", UserID: "u1", Tags: []string{`"`, "b?"}})
	for _, c := range []struct {
		name   string
		filter store.UserFilter
		want   []string
		total  int
	}{
		{"all, newest first", store.UserFilter{Count: true}, []string{"three", "two", "one"}, 3},
		{"page", store.UserFilter{Limit: 1, Offset: 1, Count: true}, []string{"two"}, 3},
		{"user ids", store.UserFilter{UserIDs: []string{"u1", "u9"}, Count: true}, []string{"three", "one"}, 2},
		{"one tag", store.UserFilter{Tags: []string{"b"}}, []string{"two", "one"}, 0},
		{"all tags", store.UserFilter{Tags: []string{"b", "a"}}, []string{"one"}, 0},
		{"a tag is not a pattern", store.UserFilter{Tags: []string{`"`}}, []string{"three"}, 0},
		{"any key", store.UserFilter{KeyIDs: []string{"k1", "k9"}}, []string{"one"}, 0},
		{"either key", store.UserFilter{KeyIDs: []string{"k1", "k2"}}, []string{"two", "one"}, 0},
		{"together", store.UserFilter{UserIDs: []string{"u1"}, Tags: []string{"a"}, KeyIDs: []string{"k2"}, Count: true}, []string{"one"}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			users, total, err := s.Users(t.Context(), c.filter)
			must(t, err)
			wantList(t, "users", userNames(users), c.want...)
			if total != c.total {
				t.Errorf("total %d, want %d", total, c.total)
			}
		})
	}
	_, _, err := s.Users(t.Context(), store.UserFilter{Limit: -1})
	wantKind(t, err, gateway.Invalid)
}

func userMatches(t *testing.T, s *store.Store) {
	addUser(t, s, gateway.User{Name: "by tag", UserID: "spike", Tags: []string{"org-1", "team"}})
	addUser(t, s, gateway.User{Name: "by key", UserID: "spike", KeyIDs: []string{"k1"}})
	addUser(t, s, gateway.User{Name: "by both", UserID: "spike", Tags: []string{"org-1"}, KeyIDs: []string{"k1", "k2"}})
	addUser(t, s, gateway.User{Name: "revoked", UserID: "spike", Tags: []string{"org-1"}, Revoked: true})
	addUser(t, s, gateway.User{Name: "other tenant", UserID: "spike", Tags: []string{"org-2", ""}})
	addUser(t, s, gateway.User{Name: "nobody's", UserID: "spike"})
	addUser(t, s, gateway.User{Name: "other person", UserID: "Spike", Tags: []string{"org-1"}, KeyIDs: []string{"k1"}})
	for _, c := range []struct {
		name, user, key string
		tags            []string
		want            []string
	}{
		{"tag and key", "spike", "k1", []string{"org-1"}, []string{"revoked", "by both", "by key", "by tag"}},
		{"one tag of several", "spike", "k9", []string{"x", "team"}, []string{"by tag"}},
		{"key alone", "spike", "k2", nil, []string{"by both"}},
		{"part of a tag", "spike", "k9", []string{"org-"}, nil},
		{"key without tags that nobody lists", "spike", "k9", nil, nil},
		{"other case", "Spike", "k1", nil, []string{"other person"}},
		{"no name", "", "k1", []string{"org-1"}, nil},
		{"name with NUL", "spike\x00", "k1", []string{"org-1"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			users, err := s.MatchingUsers(t.Context(), c.user, c.key, c.tags, 10)
			must(t, err)
			wantList(t, "users", userNames(users), c.want...)
		})
	}
	users, err := s.MatchingUsers(t.Context(), "spike", "k1", []string{"org-1"}, 2)
	must(t, err)
	wantList(t, "users up to 2", userNames(users), "revoked", "by both")
}

func accountSpend(t *testing.T, s *store.Store) {
	user, other, guest := gateway.UserAccount("u"), gateway.UserAccount("o"), gateway.DefaultAccount("k", "guest\x00")
	var events []*gateway.Event
	for i, accounts := range [][]gateway.AccountID{{user, other}, {user}, {guest}, nil, {user, user}} {
		events = append(events, &gateway.Event{ID: eventID(i), KeyID: "k", CreatedAt: at(i), Cost: 1 << (10 * i), Accounts: accounts})
	}
	must(t, s.WriteEvents(t.Context(), events))
	again := fullEvent(eventID(3)) // is there already: neither its cost nor its accounts count
	again.Accounts = []gateway.AccountID{user, "user:new"}
	twice := fullEvent("twice")
	twice.Accounts, twice.Cost, twice.CreatedAt = []gateway.AccountID{"user:twice"}, 5, at(0)
	second := *twice
	second.Accounts, second.Cost = []gateway.AccountID{"user:new"}, 6
	must(t, s.WriteEvents(t.Context(), append(events, again, twice, &second)))
	for _, c := range []struct {
		account    gateway.AccountID
		start, end time.Time
		want       gateway.NanoUSD
	}{
		{user, time.Time{}, time.Time{}, 1 + 1<<10 + 1<<40},
		{user, at(1), at(4), 1 << 10},
		{user, at(1).Add(time.Microsecond), time.Time{}, 1 << 40},
		{other, time.Time{}, time.Time{}, 1},
		{guest, time.Time{}, time.Time{}, 1 << 20},
		{gateway.KeyAccount("k"), time.Time{}, time.Time{}, 1 + 1<<10 + 1<<20 + 1<<30 + 1<<40},
		{"user:twice", time.Time{}, time.Time{}, 5},
		{"user:new", time.Time{}, time.Time{}, 0},
		{gateway.UserAccount("k"), time.Time{}, time.Time{}, 0},
	} {
		t.Run(fmt.Sprint(c.account, c.start.Unix()), func(t *testing.T) {
			got, err := s.Spend(t.Context(), c.account, c.start, c.end)
			if err != nil || got != c.want {
				t.Errorf("got %d (%v), want %d", got, err, c.want)
			}
		})
	}
	got, _, err := s.Events(t.Context(), store.EventFilter{KeyIDs: []string{"k"}, End: at(1)})
	must(t, err)
	if diff := cmp.Diff([]gateway.AccountID{other, user}, got[0].Accounts); diff != "" {
		t.Errorf("accounts of the event (-want +got):\n%s", diff)
	}
}

// accountOverlap writes events with shared accounts from several writers at
// once: each event is charged once, and nobody waits for ever.
func accountOverlap(t *testing.T, s *store.Store) {
	const events = 200
	var all []*gateway.Event
	for i := range events {
		e := fullEvent(eventID(i))
		e.Cost, e.Accounts = 1, []gateway.AccountID{"user:b", "user:a"}
		all = append(all, e)
	}
	var group errgroup.Group
	for i := range 4 {
		group.Go(func() error { return s.WriteEvents(t.Context(), all[i*20:]) })
		group.Go(func() error { return s.WriteEvents(t.Context(), all[:events-i*20]) })
	}
	must(t, group.Wait())
	for _, a := range []gateway.AccountID{"user:a", "user:b"} {
		if sum, err := s.Spend(t.Context(), a, time.Time{}, time.Time{}); err != nil || sum != events {
			t.Errorf("spend of %s is %d (%v), want %d", a, sum, err, events)
		}
	}
}
