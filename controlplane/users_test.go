package controlplane_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/processor/configcache"
)

func (p *plane) user(u gateway.User) *gateway.User {
	p.t.Helper()
	if err := p.db.CreateUser(p.t.Context(), &u); err != nil {
		p.t.Fatal(err)
	}
	p.apply(u.Revision)
	return &u
}

func (p *plane) updateUser(id string, change func(*gateway.User)) {
	p.t.Helper()
	u, err := p.db.UpdateUser(p.t.Context(), id, func(u *gateway.User) error { change(u); return nil })
	if err != nil {
		p.t.Fatal(err)
	}
	p.apply(u.Revision)
}

// wantUsers checks what a processor says right now, as for a request: names is
// one letter for each user, in capitals if it is revoked.
func wantUsers(t *testing.T, when string, c *configcache.Cache, k *gateway.Key, name, want string) {
	t.Helper()
	users, err := c.Users(t.Context(), k, name)
	got := ""
	for _, u := range users {
		if u.Revoked {
			got += "revoked "
		}
		got += u.Name
	}
	if err != nil || got != want {
		t.Errorf("%s: users of %s = %q, %v; want %q", when, name, got, err, want)
	}
}

// Each step's effect is there as soon as Apply returns: no waiting, no polling.
func TestAUserIsInForceWhenApplyReturns(t *testing.T) {
	p := start(t)
	a, b := p.processor("a"), p.processor("b")
	k := &gateway.Key{ID: "k", Tags: []string{"org", "team"}}
	want := func(when, name, users string) {
		t.Helper()
		for _, c := range []*configcache.Cache{a, b} {
			wantUsers(t, when, c, k, name, users)
		}
	}
	want("at first", "spike", "")
	want("at first", "faye", "")
	u := p.user(gateway.User{Name: "u", UserID: "spike", Tags: []string{"team"}})
	want("created with a shared tag", "spike", "u")
	p.updateUser(u.ID, func(u *gateway.User) { u.Revoked = true })
	want("revoked", "spike", "revoked u")
	p.updateUser(u.ID, func(u *gateway.User) { u.Revoked, u.Tags = false, []string{"other"} })
	want("with another tenant's tag", "spike", "")
	p.updateUser(u.ID, func(u *gateway.User) { u.KeyIDs = []string{"k"} })
	want("listing the key", "spike", "u")
	p.user(gateway.User{Name: "v", UserID: "spike", Tags: []string{"org"}})
	want("with a second one", "spike", "vu")
	p.updateUser(u.ID, func(u *gateway.User) { u.UserID = "faye" })
	want("called something else", "spike", "v")
	want("called something else", "faye", "u")
	k = &gateway.Key{ID: "k", Tags: []string{"team"}} // as the key is after a change of its tags
	want("with fewer tags on the key", "spike", "")
	revision, err := p.db.DeleteUser(t.Context(), u.ID)
	if err != nil {
		t.Fatal(err)
	}
	p.apply(revision)
	want("deleted", "faye", "")
}

// Lookups and a revocation race: once Apply returned, no processor may say that
// the user is good, whatever answer was under way.
func TestALateLookupNeverRevivesARevokedUser(t *testing.T) {
	p := start(t)
	k := &gateway.Key{ID: "k"}
	for i := range 50 {
		name := fmt.Sprintf("racer-%d", i)
		u := p.user(gateway.User{Name: "u", UserID: name, KeyIDs: []string{"k"}})
		c := p.processor(name)
		asked := make(chan struct{})
		go func() { defer close(asked); _, _ = c.Users(context.Background(), k, name) }()
		p.updateUser(u.ID, func(u *gateway.User) { u.Revoked = true })
		wantUsers(t, "revoked", c, k, name, "revoked u")
		<-asked
	}
}

// BenchmarkUsersThatShareATag is the first request of each of 10,000 users that
// share one tag, and a change of one of them: what a key costs must not grow
// with the users that could come with it.
func BenchmarkUsersThatShareATag(b *testing.B) {
	p := start(b)
	const n = 10_000
	k := &gateway.Key{ID: "k", Tags: []string{"org"}}
	ids := make([]string, n)
	for i := range n {
		u := gateway.User{Name: "u", UserID: fmt.Sprint("user-", i), Tags: []string{"org"}}
		if err := p.db.CreateUser(b.Context(), &u); err != nil {
			b.Fatal(err)
		}
		ids[i] = u.ID
	}
	c := p.processor("a")
	b.ResetTimer()
	for i := range b.N {
		if users, err := c.Users(b.Context(), k, fmt.Sprint("user-", i%n)); err != nil || len(users) != 1 {
			b.Fatal(users, err)
		}
	}
	b.StopTimer()
	begin := time.Now()
	for i := range 100 {
		p.updateUser(ids[i], func(u *gateway.User) { u.Name = "renamed" })
	}
	b.ReportMetric(float64(time.Since(begin).Microseconds())/100, "µs/change")
}
