package configcache

import (
	"testing"

	"github.com/bricks-gateway/bricks/internal/gateway"
	configv1 "github.com/bricks-gateway/bricks/proto/config/v1"
)

// An answer that was read before the news, and comes after it, counts for
// nothing; nor does one about an end user that was forgotten meanwhile, because
// nobody would be told when it stops being true.
func TestAnOlderAnswerNeverReplacesANewerOne(t *testing.T) {
	c := New(Options{})
	c.connected.Store(true)
	u := endUser{userID: "spike", keyID: "k"}
	tell := func(revision int64, revoked bool) {
		c.apply(&configv1.ConfigUpdate{Revision: revision, Users: []*configv1.MatchingUsers{
			{EndUser: u.proto(), Users: []*configv1.User{{Id: "u", Revoked: revoked}}},
		}})
	}
	tell(5, false)
	if _, known := c.lookupUser(u); known {
		t.Error("an answer is kept that nobody follows")
	}
	c.userQuestions.pending[u] = &question{done: make(chan struct{})}
	tell(5, true)
	tell(4, false)
	users, err := c.Users(t.Context(), &gateway.Key{ID: "k"}, "spike")
	if err != nil || len(users) != 1 || !users[0].Revoked {
		t.Errorf("users = %+v, %v; want the revoked one", users, err)
	}
}
