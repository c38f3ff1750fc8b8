package admin

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

// reasonExpired is the revokedReason of a key whose ttl is over.
const reasonExpired = "expired"

// pathRule is one allowed path of a key.
type pathRule struct {
	Path   string `json:"path" minLength:"5" maxLength:"1024" pattern:"^/api/[^\\x00-\\x20?#\\\\\\x7f-\\x9f]*$" doc:"The public path, for instance /api/providers/openai/v1/chat/completions."`
	Method string `json:"method" enum:"GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS" doc:"The HTTP method."`
}

// KeyFields are the members that create and change a key alike. The name is
// exported because huma passes over embedded types that are not.
type KeyFields struct {
	Tags optional[[]string] `json:"tags,omitzero" maxItems:"100" minLength:"1" maxLength:"256" doc:"Identifiers to find the key by."`

	Revoked       optional[bool]   `json:"revoked,omitzero" nullable:"false" doc:"Whether the key is refused. Not null: that must not bring a key back by accident."`
	RevokedReason optional[string] `json:"revokedReason,omitzero" maxLength:"1024" doc:"Why it is revoked; for people."`
	TTL           optional[string] `json:"ttl,omitzero" maxLength:"64" pattern:"^([0-9]+[smhd])*$" doc:"How long the key lives, in s, m, h, d, such as 1h30m. It counts from creation; a changed one counts from the change."`

	CostLimitInUSD         optional[usd]    `json:"costLimitInUsd,omitzero" minimum:"0.000000001" maximum:"9223372036" doc:"Most that the key may ever spend."`
	CostLimitInUSDOverTime optional[usd]    `json:"costLimitInUsdOverTime,omitzero" minimum:"0.000000001" maximum:"9223372036" doc:"Most that the key may spend in one unit of time. Goes with costLimitInUsdUnit."`
	CostLimitInUSDUnit     optional[string] `json:"costLimitInUsdUnit,omitzero" enum:"m,h,d,mo" doc:"Minute, hour, day or month of the UTC calendar."`
	RateLimitOverTime      optional[int64]  `json:"rateLimitOverTime,omitzero" minimum:"1" maximum:"9007199254740991" format:"limit" doc:"Most requests in any window of one unit. Goes with rateLimitUnit."`
	RateLimitUnit          optional[string] `json:"rateLimitUnit,omitzero" enum:"s,m,h,d" doc:"Second, minute, hour or day."`
	MaxParallelRequests    optional[int64]  `json:"maxParallelRequests,omitzero" minimum:"1" maximum:"1000000" format:"limit" doc:"Most requests at the same time."`

	SettingID     optional[string]     `json:"settingId,omitzero" maxLength:"64" deprecated:"true" doc:"The first of settingIds."`
	SettingIDs    optional[[]string]   `json:"settingIds,omitzero" maxItems:"100" maxLength:"64" doc:"Provider settings to use, in the order of preference."`
	AllowedPaths  optional[[]pathRule] `json:"allowedPaths,omitzero" maxItems:"1000" doc:"Paths that may be called; empty: all."`
	AllowedModels optional[[]string]   `json:"allowedModels,omitzero" maxItems:"1000" minLength:"1" maxLength:"256" doc:"Models that may be asked for; empty: all."`
	PolicyID      optional[string]     `json:"policyId,omitzero" maxLength:"64" doc:"The policy that looks at requests; empty or null: none."`

	ShouldLogRequest  optional[bool] `json:"shouldLogRequest,omitzero" doc:"Keep request bodies in events."`
	ShouldLogResponse optional[bool] `json:"shouldLogResponse,omitzero" doc:"Keep answers in events."`
	RotationEnabled   optional[bool] `json:"rotationEnabled,omitzero" doc:"Spread requests over the settings."`
	IsKeyNotHashed    optional[bool] `json:"isKeyNotHashed,omitzero" doc:"Keep the secret encrypted, so that an admin can see it again."`
	RequireUser       optional[bool] `json:"requireUser,omitzero" doc:"Refuse requests that name no end user."`
	AllowUnbounded    optional[bool] `json:"allowUnbounded,omitzero" doc:"Allow requests whose cost has no upper bound on a key with a cost limit."`
}

// KeyReadOnly are the members of an answer that a request may send back.
type KeyReadOnly struct {
	KeyID            any             `json:"keyId,omitempty" readOnly:"true"`
	CreatedAt        any             `json:"createdAt,omitempty" readOnly:"true"`
	UpdatedAt        any             `json:"updatedAt,omitempty" readOnly:"true"`
	ExpiresAt        json.RawMessage `json:"expiresAt,omitempty" readOnly:"true"`
	OldKeyValidUntil any             `json:"oldKeyValidUntil,omitempty" readOnly:"true"`
	Warnings         any             `json:"warnings,omitempty" readOnly:"true"`
	Unacknowledged   any             `json:"unacknowledged,omitempty" readOnly:"true"`
}

type keyCreate struct {
	Name string           `json:"name" minLength:"1" maxLength:"256" pattern:"^[^\\x00-\\x1f\\x7f-\\x9f]*[^\\s\\x00-\\x1f\\x7f-\\x9f][^\\x00-\\x1f\\x7f-\\x9f]*$" doc:"A name for people."`
	Key  optional[string] `json:"key,omitzero" maxLength:"256" pattern:"^([!-~]{8,})?$" doc:"The secret: at least 8 printable characters without blanks. Left out: the server makes one and shows it in this answer only."`
	KeyFields
	KeyReadOnly
}

type keyPatch struct {
	Name string           `json:"name,omitempty" minLength:"1" maxLength:"256" pattern:"^[^\\x00-\\x1f\\x7f-\\x9f]*[^\\s\\x00-\\x1f\\x7f-\\x9f][^\\x00-\\x1f\\x7f-\\x9f]*$" doc:"A name for people."`
	Key  optional[string] `json:"key,omitzero" maxLength:"256" doc:"Must be what it is: only rotate changes a secret."`
	KeyFields
	KeyReadOnly
}

// keyChange is a change of a key with all that must be looked up for it, so
// that nothing is read inside the store's transaction.
type keyChange struct {
	fields    *KeyFields
	now       time.Time
	creating  bool
	expiresAt json.RawMessage // the read-only member, as the client sent it back
	known     []string        // those of the named settings that exist
	policyID  string          // the named policy; empty: none
	policyErr error           // why it cannot be used
	faults    []fault
}

func (c *call) newKeyChange(ctx context.Context, f *KeyFields, expiresAt json.RawMessage) (*keyChange, error) {
	ch := &keyChange{fields: f, now: c.api.Now(), expiresAt: expiresAt}
	if ids, none := canonicalIDs(append(distinct(f.SettingIDs.Value), distinct([]string{f.SettingID.Value})...)); !none && len(ids) > 0 {
		list, err := c.api.Store.Settings(ctx, distinct(ids))
		if err != nil {
			return nil, err
		}
		for _, s := range list {
			ch.known = append(ch.known, s.ID)
		}
	}
	if f.PolicyID.Value != "" {
		ch.policyID = f.PolicyID.Value
		if id, ok := canonicalID(ch.policyID); ok {
			ch.policyID = id
		}
		var err error
		if ch.policyErr, err = c.checkPolicy(ctx, ch.policyID); err != nil {
			return nil, err
		}
	}
	return ch, nil
}

func (ch *keyChange) fail(pointer, detail string) {
	ch.faults = append(ch.faults, fault{Pointer: pointer, Detail: detail})
}

// merge changes k and returns every fault of the result.
func (ch *keyChange) merge(k *gateway.Key) []fault {
	f := ch.fields
	ch.faults = nil
	f.Tags.into(&k.Tags)
	k.Tags = distinct(k.Tags)
	f.AllowedModels.into(&k.AllowedModels)
	k.AllowedModels = distinct(k.AllowedModels)
	ch.mergeTTL(k)
	ch.mergeRevoked(k)
	ch.mergeLimits(k)
	ch.mergePaths(k)
	ch.mergeSettings(k)
	if f.PolicyID.Set && ch.policyID != k.PolicyID {
		k.PolicyID = ch.policyID
		if ch.policyErr != nil {
			ch.fail("/policyId", ch.policyErr.Error())
		}
	}
	f.ShouldLogRequest.into(&k.ShouldLogRequest)
	f.ShouldLogResponse.into(&k.ShouldLogResponse)
	f.RotationEnabled.into(&k.RotationEnabled)
	f.IsKeyNotHashed.into(&k.IsKeyNotHashed)
	f.RequireUser.into(&k.RequireUser)
	f.AllowUnbounded.into(&k.AllowUnbounded)
	return ch.faults
}

// mergeTTL changes the time to live. The expiresAt of an object that is sent
// back as it was read keeps the same ttl from starting anew.
func (ch *keyChange) mergeTTL(k *gateway.Key) {
	text := ch.fields.TTL
	if !text.Set || ch.sameLife(k) {
		return
	}
	k.TTL, k.ExpiresAt = text.Value, time.Time{}
	if k.RevokedReason == reasonExpired {
		k.Revoked, k.RevokedReason = false, ""
	}
	if k.TTL == "" {
		return
	}
	life, err := parseTTL(k.TTL)
	if err != nil {
		ch.fail("/ttl", err.Error())
		return
	}
	if life == 0 {
		ch.fail("/ttl", "must be more than 0 (omit it for no expiry)")
		return
	}
	from := ch.now.UTC().Truncate(time.Second)
	if ch.creating {
		from = k.CreatedAt
	}
	k.ExpiresAt = from.Add(life)
}

// mergeRevoked changes revocation. A key that is read after its expiry says
// revoked with the reason "expired": sent back like that it changes nothing.
func (ch *keyChange) mergeRevoked(k *gateway.Key) {
	f := ch.fields
	over := expired(k, ch.now)
	if over && f.Revoked.Value && f.RevokedReason.Value == reasonExpired {
		return
	}
	if f.Revoked.Set {
		k.Revoked = f.Revoked.Value
		if !k.Revoked {
			k.RevokedReason = ""
		}
		if !k.Revoked && over {
			ch.fail("/revoked", "it has expired; give it another ttl, or null for none")
		}
	}
	f.RevokedReason.into(&k.RevokedReason)
	if k.RevokedReason != "" && !k.Revoked {
		ch.fail("/revokedReason", "is for what is revoked only")
	}
}

// sameLife reports whether ttl and expiresAt are those of the key: the body is
// the object as it was read.
func (ch *keyChange) sameLife(k *gateway.Key) bool {
	if ch.fields.TTL.Value != k.TTL || k.ExpiresAt.IsZero() {
		return false
	}
	return string(ch.expiresAt) == strconv.FormatInt(k.ExpiresAt.Unix(), 10)
}

func expired(k *gateway.Key, now time.Time) bool {
	return !k.ExpiresAt.IsZero() && !now.Before(k.ExpiresAt)
}

// mergeLimits changes the limits. A limit that is cleared takes its unit along.
func (ch *keyChange) mergeLimits(k *gateway.Key) {
	f := ch.fields
	const together = "is required, because the two go together"
	if f.CostLimitInUSD.Set {
		k.CostLimit = gateway.NanoUSD(f.CostLimitInUSD.Value)
	}
	if f.CostLimitInUSDOverTime.Set {
		k.CostLimitOverTime = gateway.NanoUSD(f.CostLimitInUSDOverTime.Value)
		if k.CostLimitOverTime == 0 {
			k.CostLimitUnit = ""
		}
	}
	if f.CostLimitInUSDUnit.Set {
		k.CostLimitUnit = gateway.Unit(f.CostLimitInUSDUnit.Value)
	}
	if f.RateLimitOverTime.Set {
		k.RateLimitOverTime = f.RateLimitOverTime.Value
		if k.RateLimitOverTime == 0 {
			k.RateLimitUnit = ""
		}
	}
	if f.RateLimitUnit.Set {
		k.RateLimitUnit = gateway.Unit(f.RateLimitUnit.Value)
	}
	if f.MaxParallelRequests.Set {
		k.MaxParallelRequests = int(f.MaxParallelRequests.Value)
	}
	if k.CostLimitOverTime != 0 && k.CostLimitUnit == "" {
		ch.fail("/costLimitInUsdUnit", together)
	}
	if k.CostLimitOverTime == 0 && k.CostLimitUnit != "" {
		ch.fail("/costLimitInUsdOverTime", together)
	}
	if k.RateLimitOverTime != 0 && k.RateLimitUnit == "" {
		ch.fail("/rateLimitUnit", together)
	}
	if k.RateLimitOverTime == 0 && k.RateLimitUnit != "" {
		ch.fail("/rateLimitOverTime", together)
	}
}

func (ch *keyChange) mergePaths(k *gateway.Key) {
	f := ch.fields
	if !f.AllowedPaths.Set {
		return
	}
	k.AllowedPaths = nil
	for i, rule := range f.AllowedPaths.Value {
		if !strings.HasPrefix(rule.Path, "/api/") || strings.ContainsAny(rule.Path, " ?#\\") {
			ch.fail("/allowedPaths/"+strconv.Itoa(i)+"/path", "must start with /api/ and have no blank, query or fragment")
		}
		k.AllowedPaths = append(k.AllowedPaths, gateway.PathRule(rule))
	}
}

// mergeSettings changes the settings. settingId and settingIds say the same
// thing; where one of them is empty the other one counts.
func (ch *keyChange) mergeSettings(k *gateway.Key) {
	f := ch.fields
	one, all := f.SettingID.Value, distinct(f.SettingIDs.Value)
	pointer := func(i int) string { return "/settingIds/" + strconv.Itoa(i) }
	switch {
	case one != "" && len(all) > 0 && !strings.EqualFold(one, all[0]):
		ch.fail("/settingId", "differs from the first of settingIds; give either, or both in agreement")
		return
	case one != "" && len(all) == 0:
		all, pointer = []string{one}, func(int) string { return "/settingId" }
	case len(all) == 0 && ch.creating:
		ch.fail("/settingIds", "is required: a key needs at least one provider setting")
		return
	case !f.SettingID.Set && !f.SettingIDs.Set:
		return
	}
	k.SettingIDs = nil
	for i, id := range all {
		canonical, _ := canonicalID(id)
		if !slices.Contains(ch.known, canonical) {
			ch.fail(pointer(i), "no provider setting has this id")
		}
		k.SettingIDs = append(k.SettingIDs, canonical)
	}
}
