package configcache

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
	configv1 "github.com/bricks-gateway/bricks/proto/config/v1"
)

// endUser is whom a request names, with what of its key counts for matching. A
// key whose tags change has other end users from then on.
type endUser struct{ userID, keyID, tags string }

// Tags are kept joined, since a slice is no map key. The store has no NUL in them.
const tagSeparator = "\x00"

func (u endUser) proto() *configv1.EndUser {
	p := &configv1.EndUser{UserId: u.userID, KeyId: u.keyID}
	if u.tags != "" {
		p.Tags = strings.Split(u.tags, tagSeparator)
	}
	return p
}

func endUserFromProto(p *configv1.EndUser) endUser {
	return endUser{p.GetUserId(), p.GetKeyId(), strings.Join(p.GetTags(), tagSeparator)}
}

// matches is what is known about one end user.
type matches struct {
	users    []*gateway.User // may be none
	tooMany  bool
	revision int64
	epoch    uint64
}

// userMemory holds the matches. Reading takes no lock; the rest is guarded by
// Cache.mu.
type userMemory struct {
	known sync.Map  // endUser → *matches
	order []endUser // those known, oldest first
}

// Users returns the users that bind the end user with this name under key; none
// is an answer too. The error's kind is Unavailable when that cannot be known
// now, and Forbidden when more users match than the gateway looks at.
func (c *Cache) Users(ctx context.Context, key *gateway.Key, name string) ([]*gateway.User, error) {
	u := endUser{name, key.ID, strings.Join(key.Tags, tagSeparator)}
	m, ok := c.lookupUser(u)
	if !ok {
		err := ask(ctx, c, &c.userQuestions, u, func() bool { m, ok = c.lookupUser(u); return ok },
			func() *configv1.ConfigRequest {
				return &configv1.ConfigRequest{SubscribeUsers: []*configv1.EndUser{u.proto()}}
			})
		if err != nil {
			return nil, err
		}
	}
	if err := c.Check(); err != nil {
		return nil, err
	}
	if m.tooMany {
		return nil, &gateway.Error{Kind: gateway.Forbidden, Message: "too many users match"}
	}
	return m.users, nil
}

// lookupUser finds what counts now: while a stream is up, only what was said on
// it, because an earlier one may have ended before the news.
func (c *Cache) lookupUser(u endUser) (*matches, bool) {
	v, ok := c.users.known.Load(u)
	if !ok {
		return nil, false
	}
	m := v.(*matches)
	return m, m.epoch == c.epoch.Load() || !c.connected.Load()
}

// applyUsers needs c.mu.
func (c *Cache) applyUsers(u *configv1.ConfigUpdate) {
	for _, p := range u.Users {
		m := &matches{tooMany: p.TooMany, revision: u.Revision, epoch: c.epoch.Load()}
		for _, user := range p.Users {
			m.users = append(m.users, userFromProto(user))
		}
		c.putUser(endUserFromProto(p.EndUser), m)
	}
}

// putUser stores m unless something newer is known: a late answer never revives
// a user that was revoked meanwhile.
func (c *Cache) putUser(u endUser, m *matches) {
	q, asked := c.userQuestions.pending[u]
	v, known := c.users.known.Load(u)
	if known {
		if old := v.(*matches); old.epoch == m.epoch && old.revision > m.revision {
			return
		}
	} else if !asked {
		return // forgotten meanwhile: nobody follows it any more
	}
	c.users.known.Store(u, m)
	if asked {
		close(q.done)
		delete(c.userQuestions.pending, u)
	}
	if !known {
		c.users.order = append(c.users.order, u)
		c.forgetUsers()
	}
}

// forgetUsers keeps at most Options.MaxEndUsers: the oldest goes, and is asked for
// again when it comes back.
func (c *Cache) forgetUsers() {
	for len(c.users.order) > c.o.MaxEndUsers {
		oldest := c.users.order[0]
		c.users.order = c.users.order[1:]
		if _, asked := c.userQuestions.pending[oldest]; asked {
			c.users.order = append(c.users.order, oldest) // somebody waits for news of it
			continue
		}
		c.users.known.Delete(oldest)
		c.send(&configv1.ConfigRequest{UnsubscribeUsers: []*configv1.EndUser{oldest.proto()}})
	}
}

func userFromProto(p *configv1.User) *gateway.User {
	u := &gateway.User{
		ID: p.Id, Name: p.Name, Tags: p.Tags, KeyIDs: p.KeyIds, UserID: p.UserId, Revision: p.Revision,
		Revoked: p.Revoked, RevokedReason: p.RevokedReason, AllowedModels: p.AllowedModels,
		MaxParallelRequests: int(p.MaxParallelRequests),
		CostLimit:           gateway.NanoUSD(p.CostLimit),
		CostLimitOverTime:   gateway.NanoUSD(p.CostLimitOverTime), CostLimitUnit: gateway.Unit(p.CostLimitUnit),
		RateLimitOverTime: p.RateLimitOverTime, RateLimitUnit: gateway.Unit(p.RateLimitUnit),
	}
	if p.ExpiresAtMs != 0 {
		u.ExpiresAt = time.UnixMilli(p.ExpiresAtMs)
	}
	for _, r := range p.AllowedPaths {
		u.AllowedPaths = append(u.AllowedPaths, gateway.PathRule{Path: r.Path, Method: r.Method})
	}
	return u
}
