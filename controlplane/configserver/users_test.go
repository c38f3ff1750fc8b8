package configserver

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/store"
	configv1 "github.com/bricks-gateway/bricks/proto/config/v1"
)

func (m *memory) MatchingUsers(_ context.Context, userID, keyID string, tags []string, limit int) (out []*gateway.User, _ error) {
	m.mu.Lock()
	for _, u := range m.users {
		shared := slices.ContainsFunc(u.Tags, func(t string) bool { return slices.Contains(tags, t) })
		if u.UserID == userID && (shared || slices.Contains(u.KeyIDs, keyID)) {
			copied := *u
			out = append(out, &copied)
		}
	}
	hold := m.hold
	m.hold = nil
	m.mu.Unlock()
	slices.SortFunc(out, func(a, b *gateway.User) int { return cmp.Compare(a.ID, b.ID) })
	if hold != nil {
		gate := make(chan struct{})
		hold <- gate
		<-gate
	}
	return out[:min(limit, len(out))], nil
}

// putUser commits u; names are what it was called before and is called now.
func (f *fixture) putUser(u gateway.User, before ...string) store.Change {
	r := f.store.change(func(revision int64) {
		u.Revision = revision
		f.store.users[u.ID] = &u
	})
	return store.Change{Revision: r, Kind: store.KindUser, ID: u.ID, UserIDs: append(before, u.UserID)}
}

func (f *fixture) subscribeUsers(users ...*configv1.EndUser) {
	f.t.Helper()
	f.send(&configv1.ConfigRequest{SubscribeUsers: users})
}

func spike(tags ...string) *configv1.EndUser {
	return &configv1.EndUser{UserId: "spike", KeyId: "k", Tags: tags}
}

// matched lists the ids that the update names for its only end user.
func matched(t *testing.T, u *configv1.ConfigUpdate, want *configv1.EndUser) (ids []string) {
	t.Helper()
	if len(u.Users) != 1 || !proto.Equal(u.Users[0].EndUser, want) {
		t.Fatalf("update = %v, want one about %v", u, want)
	}
	for _, user := range u.Users[0].Users {
		ids = append(ids, user.Id)
	}
	return ids
}

func TestAnEndUserIsFollowedFromNobodyToRevokedToNobody(t *testing.T) {
	f := setup(t)
	who := spike("org", "team")
	f.subscribeUsers(who)
	u := f.next()
	if ids := matched(t, u, who); ids != nil {
		t.Fatalf("first answer = %v, want nobody", ids)
	}
	f.ack(u)

	b := f.server.Changed([]store.Change{f.putUser(gateway.User{ID: "u1", UserID: "spike", Tags: []string{"team"}})})
	u = f.next()
	if ids := matched(t, u, who); !slices.Equal(ids, []string{"u1"}) {
		t.Fatalf("after creation = %v", ids)
	}
	if late := f.wait(b, 50*time.Millisecond); !slices.Equal(late, []string{"processor-1"}) {
		t.Errorf("late = %v before the acknowledgement", late)
	}
	f.ack(u)
	if late := f.wait(b, 3*time.Second); late != nil {
		t.Errorf("late = %v after the acknowledgement", late)
	}

	f.server.Changed([]store.Change{f.putUser(gateway.User{ID: "u1", UserID: "spike", KeyIDs: []string{"k"}, Revoked: true})})
	u = f.next()
	if ids := matched(t, u, who); len(ids) != 1 || !u.Users[0].Users[0].Revoked {
		t.Fatalf("after revocation = %v", u)
	}
	// It is called something else now: who follows the old name must hear of it.
	f.server.Changed([]store.Change{f.putUser(gateway.User{ID: "u1", UserID: "faye", KeyIDs: []string{"k"}}, "spike")})
	if ids := matched(t, f.next(), who); ids != nil {
		t.Errorf("after renaming = %v", ids)
	}
}

func TestOnlyWhoFollowsAnEndUserIsTold(t *testing.T) {
	f := setup(t)
	f.subscribeUsers(spike("org"))
	f.ack(f.next())
	b := f.server.Changed([]store.Change{f.putUser(gateway.User{ID: "o", UserID: "other", Tags: []string{"org"}})})
	if late := f.wait(b, time.Second); late != nil {
		t.Errorf("late = %v for an end user that nobody follows", late)
	}
	f.send(&configv1.ConfigRequest{UnsubscribeUsers: []*configv1.EndUser{spike("org")}, SubscribeUsers: []*configv1.EndUser{spike("other-org")}})
	matched(t, f.next(), spike("other-org"))
	f.server.Changed([]store.Change{f.putUser(gateway.User{ID: "u", UserID: "spike", Tags: []string{"org"}})})
	if ids := matched(t, f.next(), spike("other-org")); ids != nil {
		t.Errorf("a user of another tag matches: %v", ids)
	}
}

// The lookup has read the user as good, then the user is revoked, then the
// lookup answers. The last word must be the revocation.
func TestALateLookupNeverRevivesARevokedUser(t *testing.T) {
	f := setup(t)
	f.putUser(gateway.User{ID: "u", UserID: "spike", KeyIDs: []string{"k"}})
	hold := make(chan chan struct{})
	f.store.mu.Lock()
	f.store.hold = hold
	f.store.mu.Unlock()
	f.subscribeUsers(spike())
	gate := <-hold
	b := f.server.Changed([]store.Change{f.putUser(gateway.User{ID: "u", UserID: "spike", KeyIDs: []string{"k"}, Revoked: true})})
	close(gate)
	first, second := f.next(), f.next()
	matched(t, first, spike())
	matched(t, second, spike())
	if first.Users[0].Users[0].Revoked || !second.Users[0].Users[0].Revoked || second.Revision <= first.Revision {
		t.Errorf("updates = %v then %v", first, second)
	}
	f.ack(first)
	if late := f.wait(b, 50*time.Millisecond); len(late) != 1 {
		t.Errorf("late = %v: the acknowledgement of the older update counted for the revocation", late)
	}
	f.ack(second)
	if late := f.wait(b, 3*time.Second); late != nil {
		t.Errorf("late = %v", late)
	}
}

func TestWhatCannotBeSentIsSaidToBeTooMuch(t *testing.T) {
	f := setup(t)
	for i := range maxMatches {
		f.putUser(gateway.User{ID: fmt.Sprintf("u%03d", i), UserID: "spike", Tags: []string{"org"}})
	}
	f.subscribeUsers(spike("org"))
	if u := f.next(); len(matched(t, u, spike("org"))) != maxMatches || u.Users[0].TooMany {
		t.Errorf("%d of %d users, too many: %v", len(u.Users[0].Users), maxMatches, u.Users[0].TooMany)
	}
	f.server.Changed([]store.Change{f.putUser(gateway.User{ID: "more", UserID: "spike", Tags: []string{"org"}})})
	if u := f.next(); !u.Users[0].TooMany || len(u.Users[0].Users) != 0 {
		t.Errorf("one more: %d users, too many: %v", len(u.Users[0].Users), u.Users[0].TooMany)
	}
	f.putUser(gateway.User{ID: "long", UserID: "faye", Tags: []string{"org"}, AllowedModels: []string{strings.Repeat("m", maxMatchesSize)}})
	f.subscribeUsers(&configv1.EndUser{UserId: "faye", Tags: []string{"org"}})
	if u := f.next(); !u.Users[0].TooMany {
		t.Error("a user that is too long for an update is not said to be")
	}
}

// Ten megabytes of users, or very many: the updates must fit gRPC's default limit
// of 4 MiB, and none may be left out. The barrier holds until the last one is
// there.
func TestManyUsersAtOnceArriveInUpdatesThatFit(t *testing.T) {
	t.Run("long ones", func(t *testing.T) { manyUsers(t, 100, 100<<10) })
	t.Run("short ones", func(t *testing.T) { manyUsers(t, 3*maxEndUsers, 1) })
}

func manyUsers(t *testing.T, n, size int) {
	f := setup(t)
	long := []string{strings.Repeat("m", size)}
	r := &configv1.ConfigRequest{}
	var changes []store.Change
	for i := range n {
		name := fmt.Sprintf("user-%03d", i)
		r.SubscribeUsers = append(r.SubscribeUsers, &configv1.EndUser{UserId: name, KeyId: "k"})
		changes = append(changes, f.putUser(gateway.User{ID: name, UserID: name, KeyIDs: []string{"k"}, AllowedModels: long}))
	}
	f.send(r)
	all := func() (last *configv1.ConfigUpdate) {
		seen := map[string]bool{}
		for len(seen) < n {
			last = f.next()
			if size := proto.Size(last); size > 4<<20 {
				t.Fatalf("an update has %d bytes", size)
			}
			for _, u := range last.Users {
				seen[u.EndUser.UserId] = true
			}
			if len(seen) < n {
				f.ack(last)
			}
		}
		return last
	}
	f.ack(all())
	b := f.server.Changed(changes)
	last := all()
	if late := f.wait(b, 50*time.Millisecond); len(late) != 1 {
		t.Errorf("late = %v before the last update was acknowledged", late)
	}
	f.ack(last)
	if late := f.wait(b, 3*time.Second); late != nil {
		t.Errorf("late = %v", late)
	}
}
