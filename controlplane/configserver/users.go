package configserver

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/store"
	configv1 "github.com/bricks-gateway/bricks/proto/config/v1"
)

const (
	// maxEndUsers bounds the end users of one update, as maxKeys does keys.
	maxEndUsers = 256
	// maxMatches is how many users may bind one end user. All their limits would
	// be looked at for each request.
	maxMatches = 100
	// maxMatchesSize bounds them in bytes, because lists of paths may be long, and
	// maxUsersSize those of all end users of one update. The sum stays below
	// gRPC's limit of 4 MiB: an update above it would end the stream for all.
	maxMatchesSize = 256 << 10
	maxUsersSize   = 1 << 20
)

// endUser is whom a processor follows; tags are joined, since a slice is no map
// key. The store has no NUL in them.
type endUser struct{ userID, keyID, tags string }

const tagSeparator = "\x00"

func (u endUser) tagList() []string {
	if u.tags == "" {
		return nil
	}
	return strings.Split(u.tags, tagSeparator)
}

// followedUsers is what one stream follows, by user id: a change names that.
type followedUsers map[string]map[endUser]bool

func (f followedUsers) add(u endUser) {
	if f[u.userID] == nil {
		f[u.userID] = map[endUser]bool{}
	}
	f[u.userID][u] = true
}

func (f followedUsers) remove(u endUser) {
	if delete(f[u.userID], u); len(f[u.userID]) == 0 {
		delete(f, u.userID)
	}
}

// subscribeUsers needs x.mu.
func (x *stream) subscribeUsers(r *configv1.ConfigRequest) {
	for _, p := range r.SubscribeUsers {
		u := endUser{p.GetUserId(), p.GetKeyId(), strings.Join(p.GetTags(), tagSeparator)}
		if !x.followedUsers[u.userID][u] {
			x.endUsers++
		}
		x.followedUsers.add(u)
		x.askedUsers[u] = true
	}
	for _, p := range r.UnsubscribeUsers {
		u := endUser{p.GetUserId(), p.GetKeyId(), strings.Join(p.GetTags(), tagSeparator)}
		if x.followedUsers[u.userID][u] {
			x.endUsers--
		}
		x.followedUsers.remove(u)
		delete(x.askedUsers, u)
		delete(x.dirtyUsers, u)
	}
}

// markUsers notes the end users that c may be about. It needs x.mu.
func (x *stream) markUsers(c store.Change) (touched bool) {
	for _, id := range c.UserIDs {
		for u := range x.followedUsers[id] {
			x.dirtyUsers[u] = true
			delete(x.askedUsers, u)
			touched = true
		}
	}
	return touched
}

// takeUsers moves end users out of the dirty sets: changes before answers. It
// needs x.mu.
func (x *stream) takeUsers() (taken []endUser) {
	for _, set := range []map[endUser]bool{x.dirtyUsers, x.askedUsers} {
		for u := range set {
			if len(taken) == maxEndUsers {
				x.poke()
				return taken
			}
			taken = append(taken, u)
			delete(set, u)
		}
	}
	return taken
}

// putBackUsers marks end users dirty that did not get into an update.
func (x *stream) putBackUsers(users []endUser) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, u := range users {
		if x.followedUsers[u.userID][u] {
			x.dirtyUsers[u] = true
		}
	}
}

// addUsers adds the users that match each end user, and returns the end users
// that it has no room for.
func (x *stream) addUsers(ctx context.Context, u *configv1.ConfigUpdate, endUsers []endUser) (left []endUser, err error) {
	size := 0
	for i, e := range endUsers {
		if size > maxUsersSize {
			return endUsers[i:], nil
		}
		users, err := x.s.Store.MatchingUsers(ctx, e.userID, e.keyID, e.tagList(), maxMatches+1)
		if err != nil {
			return nil, fmt.Errorf("match users: %w", err)
		}
		p := &configv1.MatchingUsers{EndUser: &configv1.EndUser{UserId: e.userID, KeyId: e.keyID, Tags: e.tagList()}}
		for _, user := range users {
			p.Users = append(p.Users, userToProto(user))
		}
		if len(users) > maxMatches || proto.Size(p) > maxMatchesSize {
			x.s.logger.Warn("too many users match one end user, its requests are refused",
				slog.String("user_id", e.userID), slog.String("key_id", e.keyID))
			p.Users, p.TooMany = nil, true
		}
		u.Users = append(u.Users, p)
		size += proto.Size(p)
	}
	return nil, nil
}

func userToProto(u *gateway.User) *configv1.User {
	p := &configv1.User{
		Id: u.ID, Name: u.Name, Tags: u.Tags, KeyIds: u.KeyIDs, UserId: u.UserID, Revision: u.Revision,
		Revoked: u.Revoked, RevokedReason: u.RevokedReason, AllowedModels: u.AllowedModels,
		MaxParallelRequests: int64(u.MaxParallelRequests),
		CostLimit:           int64(u.CostLimit),
		CostLimitOverTime:   int64(u.CostLimitOverTime), CostLimitUnit: string(u.CostLimitUnit),
		RateLimitOverTime: u.RateLimitOverTime, RateLimitUnit: string(u.RateLimitUnit),
	}
	if !u.ExpiresAt.IsZero() {
		p.ExpiresAtMs = u.ExpiresAt.UnixMilli()
	}
	for _, r := range u.AllowedPaths {
		p.AllowedPaths = append(p.AllowedPaths, &configv1.PathRule{Path: r.Path, Method: r.Method})
	}
	return p
}
