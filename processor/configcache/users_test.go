package configcache_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/processor/configcache"
	configv1 "github.com/bricks-gateway/bricks/proto/config/v1"
)

// answerUsers answers about end users: "nobody…" has none, "crowd" too many, and
// everyone else one that is named after the key's first tag.
func (c *controlPlane) answerUsers(r *configv1.ConfigRequest, u *configv1.ConfigUpdate) {
	for _, e := range r.SubscribeUsers {
		c.asked["user "+e.UserId]++
		m := &configv1.MatchingUsers{EndUser: e}
		switch {
		case e.UserId == "crowd":
			m.TooMany = true
		case len(e.Tags) > 0:
			m.Users = []*configv1.User{{
				Id: e.Tags[0], Name: "n", Tags: e.Tags, KeyIds: []string{e.KeyId}, UserId: e.UserId, Revision: 7, Revoked: true, RevokedReason: "left", ExpiresAtMs: 1500,
				AllowedPaths: []*configv1.PathRule{{Path: "/p", Method: "GET"}}, AllowedModels: []string{"m"}, MaxParallelRequests: 3,
				CostLimit: 1, CostLimitOverTime: 2, CostLimitUnit: "d", RateLimitOverTime: 4, RateLimitUnit: "m",
			}}
		}
		u.Users = append(u.Users, m)
	}
}

func (c *controlPlane) userQuestions(name string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asked["user "+name]
}

func TestOneQuestionAnEndUser(t *testing.T) {
	c := &controlPlane{}
	cache, _ := connect(t, c, configcache.Options{})
	tagged, bare := &gateway.Key{ID: "k", Tags: []string{"a", "b"}}, &gateway.Key{ID: "k"}
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			users, err := cache.Users(context.Background(), tagged, "spike")
			if err != nil || len(users) != 1 || users[0].ID != "a" {
				t.Errorf("users = %v, %v", users, err)
			}
			if users, err := cache.Users(context.Background(), bare, "nobody"); err != nil || len(users) != 0 {
				t.Errorf("users of nobody = %v, %v", users, err)
			}
		})
	}
	wg.Wait()
	for _, name := range []string{"spike", "nobody"} {
		if n := c.userQuestions(name); n != 1 {
			t.Errorf("%d questions about %s, want 1", n, name)
		}
	}
	// The same name under a key with other tags is another end user.
	if users, err := cache.Users(t.Context(), bare, "spike"); err != nil || len(users) != 0 || c.userQuestions("spike") != 2 {
		t.Errorf("under another key: %v, %v after %d questions", users, err, c.userQuestions("spike"))
	}
	if _, err := cache.Users(t.Context(), bare, "crowd"); gateway.KindOf(err) != gateway.Forbidden {
		t.Errorf("too many users: %v", err)
	}
}

func TestEveryFieldOfAUserArrives(t *testing.T) {
	cache, _ := connect(t, &controlPlane{}, configcache.Options{})
	users, err := cache.Users(t.Context(), &gateway.Key{ID: "k", Tags: []string{"a"}}, "spike")
	if err != nil {
		t.Fatal(err)
	}
	u := *users[0]
	want := "{ID:a Name:n Tags:[a] KeyIDs:[k] UserID:spike CreatedAt:0001-01-01 00:00:00 +0000 UTC UpdatedAt:0001-01-01 00:00:00 +0000 UTC " +
		"Revoked:true RevokedReason:left TTL: ExpiresAt:1970-01-01 00:00:01.5 +0000 UTC CostLimit:0.000000001 CostLimitOverTime:0.000000002 CostLimitUnit:d " +
		"RateLimitOverTime:4 RateLimitUnit:m MaxParallelRequests:3 AllowedPaths:[{Path:/p Method:GET}] AllowedModels:[m] Revision:7}"
	u.ExpiresAt = u.ExpiresAt.UTC()
	if got := fmt.Sprintf("%+v", u); got != want {
		t.Errorf("user\n%s, want\n%s", got, want)
	}
}

func TestAnEndUserThatCannotBeLookedUpIsUnavailable(t *testing.T) {
	k := &gateway.Key{ID: "k", Tags: []string{"a"}}
	c := &controlPlane{mute: true}
	cache, _ := connect(t, c, configcache.Options{LookupTimeout: 20 * time.Millisecond})
	for range 2 { // the second one asks again
		if _, err := cache.Users(t.Context(), k, "spike"); gateway.KindOf(err) != gateway.Unavailable {
			t.Errorf("with a mute control plane: %v", err)
		}
	}
	eventually(t, func() error {
		if n := c.userQuestions("spike"); n != 2 {
			return fmt.Errorf("%d questions, want 2", n)
		}
		return nil
	})

	c = &controlPlane{}
	cache, stop := connect(t, c, configcache.Options{StaleAfter: time.Second, LookupTimeout: 20 * time.Millisecond})
	if _, err := cache.Users(t.Context(), k, "spike"); err != nil {
		t.Fatal(err)
	}
	stop()
	eventually(t, func() error {
		if cache.Connected() {
			return fmt.Errorf("still connected")
		}
		return nil
	})
	if users, err := cache.Users(t.Context(), k, "spike"); err != nil || len(users) != 1 {
		t.Errorf("a known end user right after: %v, %v", users, err)
	}
	if _, err := cache.Users(t.Context(), k, "faye"); gateway.KindOf(err) != gateway.Unavailable {
		t.Errorf("an end user never seen: %v", err)
	}
	eventually(t, func() error {
		if _, err := cache.Users(t.Context(), k, "spike"); gateway.KindOf(err) != gateway.Unavailable {
			return fmt.Errorf("a known end user after StaleAfter = %v", err)
		}
		return nil
	})
}

// What an earlier stream said may have changed before the new one began.
func TestANewStreamAsksForEndUsersAnew(t *testing.T) {
	k := &gateway.Key{ID: "k", Tags: []string{"a"}}
	c := &controlPlane{cut: make(chan struct{})}
	cache, _ := connect(t, c, configcache.Options{})
	if _, err := cache.Users(t.Context(), k, "spike"); err != nil {
		t.Fatal(err)
	}
	c.cut <- struct{}{}
	eventually(t, func() error {
		if _, err := cache.Users(t.Context(), k, "spike"); err != nil {
			return err
		}
		if n := c.userQuestions("spike"); n < 2 {
			return fmt.Errorf("%d questions, want another one on the new stream", n)
		}
		return nil
	})
}

// A control plane that comes back only to go again must not take along what the
// processor knew.
func TestAShortStreamForgetsNobody(t *testing.T) {
	k := &gateway.Key{ID: "k", Tags: []string{"a"}}
	c := &controlPlane{cut: make(chan struct{})}
	cache, stop := connect(t, c, configcache.Options{LookupTimeout: 20 * time.Millisecond})
	if _, err := cache.Users(t.Context(), k, "spike"); err != nil {
		t.Fatal(err)
	}
	c.cut <- struct{}{}
	eventually(t, func() error {
		if c.streams.Load() < 2 || !cache.Connected() {
			return fmt.Errorf("no second stream")
		}
		return nil
	})
	stop()
	eventually(t, func() error {
		if cache.Connected() {
			return fmt.Errorf("still connected")
		}
		return nil
	})
	if users, err := cache.Users(t.Context(), k, "spike"); err != nil || len(users) != 1 {
		t.Errorf("users = %v, %v", users, err)
	}
}

func TestANewStreamAnswersWhoWaits(t *testing.T) {
	c := &controlPlane{cut: make(chan struct{}), mute: true}
	cache, _ := connect(t, c, configcache.Options{LookupTimeout: 20 * time.Second})
	answered := make(chan error, 1)
	go func() {
		_, err := cache.Users(context.Background(), &gateway.Key{ID: "k"}, "nobody")
		answered <- err
	}()
	eventually(t, func() error {
		if c.userQuestions("nobody") == 0 {
			return fmt.Errorf("not asked")
		}
		return nil
	})
	c.mu.Lock()
	c.mute = false
	c.mu.Unlock()
	c.cut <- struct{}{}
	select {
	case err := <-answered:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("no answer on the new stream")
	}
}

func TestAFloodOfEndUsersIsBounded(t *testing.T) {
	c := &controlPlane{}
	cache, _ := connect(t, c, configcache.Options{MaxEndUsers: 100})
	k := &gateway.Key{ID: "k"}
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 100 {
				if _, err := cache.Users(context.Background(), k, fmt.Sprint("nobody-", w, "-", i)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	// 800 came and 100 are remembered: an early one is asked for again, and not twice.
	const name = "nobody-0-0"
	for _, more := range []int{1, 0} {
		before := c.userQuestions(name)
		if _, err := cache.Users(t.Context(), k, name); err != nil || c.userQuestions(name) != before+more {
			t.Errorf("%s: %v after %d questions, want %d more than %d", name, err, c.userQuestions(name), more, before)
		}
	}
}
