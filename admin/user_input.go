package admin

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/store"
)

// maxUserID is the longest name of an end user that a request may give, in bytes.
const maxUserID = 256

// UserFields are the members that create and change a user alike. The name is
// exported because huma passes over embedded types that are not.
type UserFields struct {
	Tags   optional[[]string] `json:"tags,omitzero" maxItems:"100" minLength:"1" maxLength:"256" doc:"The user is bound under every key that shares one of them."`
	KeyIDs optional[[]string] `json:"keyIds,omitzero" maxItems:"1000" maxLength:"64" doc:"Keys under which the user is bound whatever their tags are."`
	UserID optional[string]   `json:"userId,omitzero" maxLength:"256" doc:"What requests call this end user. Empty, null or left out at creation: the id of the object."`

	Revoked       optional[bool]   `json:"revoked,omitzero" nullable:"false" doc:"Whether the user is refused. Not null: that must not bring a user back by accident."`
	RevokedReason optional[string] `json:"revokedReason,omitzero" maxLength:"1024" doc:"Why it is revoked; for people."`
	TTL           optional[string] `json:"ttl,omitzero" maxLength:"64" pattern:"^([0-9]+[smhd])*$" doc:"How long the user may be served, in s, m, h, d, such as 1h30m. It counts from creation; a changed one counts from the change."`

	CostLimitInUSD         optional[usd]    `json:"costLimitInUsd,omitzero" minimum:"0.000000001" maximum:"9223372036" doc:"Most that the user may ever spend."`
	CostLimitInUSDOverTime optional[usd]    `json:"costLimitInUsdOverTime,omitzero" minimum:"0.000000001" maximum:"9223372036" doc:"Most that the user may spend in one unit of time. Goes with costLimitInUsdUnit."`
	CostLimitInUSDUnit     optional[string] `json:"costLimitInUsdUnit,omitzero" enum:"m,h,d,mo" doc:"Minute, hour, day or month of the UTC calendar."`
	RateLimitOverTime      optional[int64]  `json:"rateLimitOverTime,omitzero" minimum:"1" maximum:"9007199254740991" format:"limit" doc:"Most requests in any window of one unit. Goes with rateLimitUnit."`
	RateLimitUnit          optional[string] `json:"rateLimitUnit,omitzero" enum:"s,m,h,d" doc:"Second, minute, hour or day."`
	MaxParallelRequests    optional[int64]  `json:"maxParallelRequests,omitzero" minimum:"1" maximum:"1000000" format:"limit" doc:"Most requests at the same time."`

	AllowedPaths  optional[[]pathRule] `json:"allowedPaths,omitzero" maxItems:"1000" doc:"Paths that may be called; empty: all."`
	AllowedModels optional[[]string]   `json:"allowedModels,omitzero" maxItems:"1000" minLength:"1" maxLength:"256" doc:"Models that may be asked for; empty: all."`
}

// UserReadOnly are the members of an answer that a request may send back.
type UserReadOnly struct {
	ID             any             `json:"id,omitempty" readOnly:"true"`
	CreatedAt      any             `json:"createdAt,omitempty" readOnly:"true"`
	UpdatedAt      any             `json:"updatedAt,omitempty" readOnly:"true"`
	ExpiresAt      json.RawMessage `json:"expiresAt,omitempty" readOnly:"true"`
	Unacknowledged any             `json:"unacknowledged,omitempty" readOnly:"true"`
}

type userCreate struct {
	Name string `json:"name" minLength:"1" maxLength:"256" pattern:"^[^\\x00-\\x1f\\x7f-\\x9f]*[^\\s\\x00-\\x1f\\x7f-\\x9f][^\\x00-\\x1f\\x7f-\\x9f]*$" doc:"A name for people."`
	UserFields
	UserReadOnly
}

type userPatch struct {
	Name string `json:"name,omitempty" minLength:"1" maxLength:"256" pattern:"^[^\\x00-\\x1f\\x7f-\\x9f]*[^\\s\\x00-\\x1f\\x7f-\\x9f][^\\x00-\\x1f\\x7f-\\x9f]*$" doc:"A name for people."`
	UserFields
	UserReadOnly
}

// userChange is a change of a user with all that must be looked up for it, so
// that nothing is read inside the store's transaction.
type userChange struct {
	fields *UserFields
	shared keyChange // what users have in common with keys, by the same rules
	scope  []string  // tags that the caller is limited to
	known  []string  // those of the named keys that exist and that the caller sees
	faults []fault
}

func (c *call) newUserChange(ctx context.Context, f *UserFields, expiresAt json.RawMessage, creating bool) (*userChange, error) {
	ch := &userChange{fields: f, scope: c.who.scope, shared: keyChange{
		now: c.api.Now(), expiresAt: expiresAt, creating: creating,
		fields: &KeyFields{
			Revoked: f.Revoked, RevokedReason: f.RevokedReason, TTL: f.TTL,
			CostLimitInUSD: f.CostLimitInUSD, CostLimitInUSDOverTime: f.CostLimitInUSDOverTime, CostLimitInUSDUnit: f.CostLimitInUSDUnit,
			RateLimitOverTime: f.RateLimitOverTime, RateLimitUnit: f.RateLimitUnit, MaxParallelRequests: f.MaxParallelRequests,
			AllowedPaths: f.AllowedPaths,
		},
	}}
	ids, none := canonicalIDs(distinct(f.KeyIDs.Value))
	if none || len(ids) == 0 {
		return ch, nil
	}
	keys, _, err := c.api.Store.Keys(ctx, store.KeyFilter{IDs: distinct(ids), Tags: c.who.scope})
	for _, k := range keys {
		ch.known = append(ch.known, k.ID)
	}
	return ch, err
}

func (ch *userChange) fail(pointer, detail string) {
	ch.faults = append(ch.faults, fault{Pointer: pointer, Detail: detail})
}

// merge changes u and returns every fault of the result.
func (ch *userChange) merge(u *gateway.User) []fault {
	ch.faults = nil
	ch.mergeTags(u)
	ch.mergeKeys(u)
	f := ch.fields
	if f.UserID.Set {
		u.UserID = f.UserID.Value // the store gives one to a user without
		if len(u.UserID) > maxUserID {
			ch.fail("/userId", "must have at most "+strconv.Itoa(maxUserID)+" bytes")
		}
	}
	f.AllowedModels.into(&u.AllowedModels)
	u.AllowedModels = distinct(u.AllowedModels)
	return append(ch.faults, ch.mergeShared(u)...)
}

// mergeTags changes the tags. A tag binds the user under every key that has it,
// so a caller who is limited to some tags may not add others.
func (ch *userChange) mergeTags(u *gateway.User) {
	if !ch.fields.Tags.Set {
		return
	}
	for i, tag := range ch.fields.Tags.Value {
		if len(ch.scope) > 0 && !slices.Contains(ch.scope, tag) && !slices.Contains(u.Tags, tag) {
			ch.fail("/tags/"+strconv.Itoa(i), "this admin key is limited to the tags "+strings.Join(ch.scope, ", "))
		}
	}
	u.Tags = distinct(ch.fields.Tags.Value)
}

// mergeKeys changes the keys. One that was deleted since may stay, so that an
// answer can be sent back.
func (ch *userChange) mergeKeys(u *gateway.User) {
	if !ch.fields.KeyIDs.Set {
		return
	}
	var ids []string
	for i, text := range ch.fields.KeyIDs.Value {
		id, _ := canonicalID(text)
		if !slices.Contains(ch.known, id) && !slices.Contains(u.KeyIDs, id) {
			ch.fail("/keyIds/"+strconv.Itoa(i), "no key has the id "+strconv.Quote(text))
		}
		ids = append(ids, id)
	}
	u.KeyIDs = distinct(ids)
}

// mergeShared changes life, limits and paths by the rules for keys.
func (ch *userChange) mergeShared(u *gateway.User) []fault {
	k := gateway.Key{
		CreatedAt: u.CreatedAt, Revoked: u.Revoked, RevokedReason: u.RevokedReason, TTL: u.TTL, ExpiresAt: u.ExpiresAt,
		CostLimit: u.CostLimit, CostLimitOverTime: u.CostLimitOverTime, CostLimitUnit: u.CostLimitUnit,
		RateLimitOverTime: u.RateLimitOverTime, RateLimitUnit: u.RateLimitUnit, MaxParallelRequests: u.MaxParallelRequests,
		AllowedPaths: u.AllowedPaths,
	}
	s := &ch.shared
	s.faults = nil
	s.mergeTTL(&k)
	s.mergeRevoked(&k)
	s.mergeLimits(&k)
	s.mergePaths(&k)
	u.Revoked, u.RevokedReason, u.TTL, u.ExpiresAt = k.Revoked, k.RevokedReason, k.TTL, k.ExpiresAt
	u.CostLimit, u.CostLimitOverTime, u.CostLimitUnit = k.CostLimit, k.CostLimitOverTime, k.CostLimitUnit
	u.RateLimitOverTime, u.RateLimitUnit, u.MaxParallelRequests = k.RateLimitOverTime, k.RateLimitUnit, k.MaxParallelRequests
	u.AllowedPaths = k.AllowedPaths
	return s.faults
}

// userExpired reports whether the user's ttl is over.
func userExpired(u *gateway.User, now time.Time) bool {
	return !u.ExpiresAt.IsZero() && !now.Before(u.ExpiresAt)
}
