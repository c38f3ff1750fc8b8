package cli

import (
	"context"
	"io"

	"github.com/alecthomas/kong"

	"github.com/bricks-gateway/bricks/internal/adminclient"
)

// Keys are the commands for the gateway's own keys.
type Keys struct {
	List     keyList   `cmd:"" help:"List keys, newest first."`
	Get      get       `cmd:"" help:"Show a key."`
	Create   keyCreate `cmd:"" help:"Create a key. Its secret is shown this once."`
	Update   keyUpdate `cmd:"" help:"Change a key."`
	Revoke   keyRevoke `cmd:"" help:"Refuse a key's requests from now on; update --no-revoked takes it back."`
	Rotate   keyRotate `cmd:"" help:"Give a key a new secret, which is shown this once."`
	Standing keySpend  `cmd:"" help:"Show what a key spent, and how its limits stand."`
	Delete   remove    `cmd:"" help:"Delete keys; their events stay."`
}

// AfterApply hands the group's kind to its commands.
func (Keys) AfterApply(k *kong.Context) error {
	k.BindTo(keys, (*objects)(nil))
	return nil
}

type keyAnswer = adminclient.KeyAnswer

var keys = &kind[keyAnswer]{
	noun: "key",
	hint: func(k keyAnswer) string { return keepSecret(k.Key != nil && !k.IsKeyNotHashed) },
	columns: []column[keyAnswer]{
		{"ID", func(k keyAnswer) any { return k.KeyId }},
		{"NAME", func(k keyAnswer) any { return k.Name }},
		{"TAGS", func(k keyAnswer) any { return k.Tags }},
		{"STATE", keyState},
		{"COST LIMIT", func(k keyAnswer) any {
			return costLimits(k.CostLimitInUsd, k.CostLimitInUsdOverTime, k.CostLimitInUsdUnit)
		}},
		{"RATE LIMIT", func(k keyAnswer) any { return rateText(k.RateLimitOverTime, k.RateLimitUnit) }},
		{"EXPIRES", func(k keyAnswer) any { return at(k.ExpiresAt) }},
		{"CREATED", func(k keyAnswer) any { return moment(k.CreatedAt) }},
	},
	details: []column[keyAnswer]{
		{"UPDATED", func(k keyAnswer) any { return moment(k.UpdatedAt) }},
		{"REVOKED FOR", func(k keyAnswer) any { return k.RevokedReason }},
		{"MAX PARALLEL", func(k keyAnswer) any { return either(k.MaxParallelRequests) }},
		{"SETTINGS", func(k keyAnswer) any { return k.SettingIds }},
		{"MODELS", func(k keyAnswer) any { return k.AllowedModels }},
		{"PATHS", func(k keyAnswer) any { return pathTexts(k.AllowedPaths) }},
		{"POLICY", func(k keyAnswer) any { return k.PolicyId }},
		{"OLD SECRET UNTIL", func(k keyAnswer) any { return at(k.OldKeyValidUntil) }},
		{"SECRET", func(k keyAnswer) any { return either(k.Key) }},
	},
	fetch: func(ctx context.Context, c *client, id string) (*keyAnswer, []byte, error) {
		return adminclient.Answer(c.GetKeyWithResponse(ctx, id))
	},
	add: func(ctx context.Context, c *client, body io.Reader) (*keyAnswer, []byte, error) {
		return adminclient.Answer(c.CreateKeyWithBodyWithResponse(ctx, mediaJSON, body))
	},
	change: func(ctx context.Context, c *client, id string, body io.Reader) (*keyAnswer, []byte, error) {
		return adminclient.Answer(c.UpdateKeyWithBodyWithResponse(ctx, id, nil, mediaJSON, body))
	},
	remove: func(ctx context.Context, c *client, id string) (*adminclient.Deleted, []byte, error) {
		return adminclient.Answer(c.DeleteKeyWithResponse(ctx, id, nil))
	},
}

func keyState(k keyAnswer) any { return state(k.Revoked, k.RevokedReason) }

// state says whether a key or a user works. A reason of one word, such as expired,
// says it best.
func state(revoked bool, reason string) string {
	switch {
	case !revoked:
		return "active"
	case reason == "expired":
		return reason
	}
	return "revoked"
}

func pathTexts(rules []adminclient.PathRule) (texts []string) {
	for _, r := range rules {
		texts = append(texts, r.Method+" "+r.Path)
	}
	return texts
}

type keyList struct {
	Tags    []string `name:"tag" sep:"none" placeholder:"TAG" help:"Only keys with this tag; repeated: with all of them."`
	Name    *string  `placeholder:"TEXT" help:"Only keys whose name holds this."`
	Revoked *bool    `negatable:"" help:"Only revoked keys, or only the others."`
	paging
	output
}

// Run is what kong calls.
func (l *keyList) Run(ctx context.Context, e *Env) error {
	return listPages(ctx, e, l.output, l.paging, keys.columns, func(ctx context.Context, c *client, p place) (page[keyAnswer], error) {
		search := adminclient.KeySearch{}
		setList(&search.Tags, l.Tags)
		set(&search.Name, l.Name)
		set(&search.Revoked, l.Revoked)
		search.Limit.Set(p.limit)
		search.Offset.Set(p.offset)
		answer, body, err := adminclient.Answer(c.SearchKeysWithResponse(ctx, search))
		if err != nil {
			return page[keyAnswer]{}, err
		}
		text, err := memberOf(body, "keys")
		return page[keyAnswer]{items: answer.Keys, text: text, more: int64(len(answer.Keys)) == p.limit}, err
	})
}

type keyFields struct {
	limits
	Settings     []string `name:"setting" sep:"none" placeholder:"ID" help:"A provider setting to use; may be repeated, the preferred one first."`
	Policy       *string  `placeholder:"ID" help:"The policy that looks at its requests."`
	LogRequests  *bool    `negatable:"" help:"Keep request bodies in events."`
	LogResponses *bool    `negatable:"" help:"Keep answers in events."`
	RequireUser  *bool    `negatable:"" help:"Refuse requests that name no end user."`
}

func (f keyFields) body() (adminclient.KeyPatch, error) {
	b, err := f.ofKey()
	setList(&b.SettingIds, f.Settings)
	set(&b.PolicyId, f.Policy)
	set(&b.ShouldLogRequest, f.LogRequests)
	set(&b.ShouldLogResponse, f.LogResponses)
	set(&b.RequireUser, f.RequireUser)
	return b, err
}

type keyCreate struct {
	keyFields
	file
	output
}

// Run is what kong calls.
func (c *keyCreate) Run(ctx context.Context, e *Env, o objects) error {
	b, err := c.keyFields.body()
	if err != nil {
		return err
	}
	return create(ctx, e, o, c.output, c.file, b)
}

type keyUpdate struct {
	keyFields
	Revoked *bool `negatable:"" help:"Refuse its requests, or take that back."`
	updating
}

// Run is what kong calls.
func (c *keyUpdate) Run(ctx context.Context, e *Env, o objects) error {
	b, err := c.keyFields.body()
	if err != nil {
		return err
	}
	b.Revoked = c.Revoked
	return c.run(ctx, e, o, b)
}

type keyRevoke struct {
	ID     string  `arg:"" help:"Its id."`
	Reason *string `placeholder:"TEXT" help:"Why, for whoever looks at the key."`
	output
}

// Run is what kong calls.
func (c *keyRevoke) Run(ctx context.Context, e *Env, o objects) error {
	revoked := true
	b := adminclient.KeyPatch{Revoked: &revoked}
	set(&b.RevokedReason, c.Reason)
	return (&updating{ID: c.ID, output: c.output}).run(ctx, e, o, b)
}

type keyRotate struct {
	ID          string  `arg:"" help:"Its id."`
	GracePeriod *string `placeholder:"TIME" help:"How long the old secret still works: 24h; 0s: it stops at once. Else 1h."`
	output
}

// Run is what kong calls.
func (r *keyRotate) Run(ctx context.Context, e *Env) error {
	c, err := e.connect()
	if err != nil {
		return err
	}
	var b adminclient.KeyRotate
	set(&b.GracePeriod, r.GracePeriod)
	return keys.show(e, r.output)(adminclient.Answer(c.RotateKeyWithResponse(ctx, r.ID, nil, b)))
}

type keySpend struct {
	ID string `arg:"" help:"Its id."`
	output
}

// Run is what kong calls.
func (s *keySpend) Run(ctx context.Context, e *Env) error {
	c, err := e.connect()
	if err != nil {
		return err
	}
	return (&kind[adminclient.StandingAnswer]{columns: standing}).show(e, s.output)(adminclient.Answer(c.GetKeyStandingWithResponse(ctx, s.ID)))
}
