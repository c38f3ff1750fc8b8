package cli

import (
	"context"
	"io"

	"github.com/alecthomas/kong"

	"github.com/bricks-gateway/bricks/internal/adminclient"
)

// Users are the commands for end users.
type Users struct {
	List     userList   `cmd:"" help:"List users, newest first."`
	Get      get        `cmd:"" help:"Show a user."`
	Create   userCreate `cmd:"" help:"Create a user."`
	Update   userUpdate `cmd:"" help:"Change a user."`
	Standing userSpend  `cmd:"" help:"Show what a user spent, and how its limits stand."`
	Delete   remove     `cmd:"" help:"Delete users; their events stay."`
}

// AfterApply hands the group's kind to its commands.
func (Users) AfterApply(k *kong.Context) error {
	k.BindTo(users, (*objects)(nil))
	return nil
}

type userAnswer = adminclient.UserAnswer

var users = &kind[userAnswer]{
	noun: "user",
	columns: []column[userAnswer]{
		{"ID", func(u userAnswer) any { return u.Id }},
		{"NAME", func(u userAnswer) any { return u.Name }},
		{"USER ID", func(u userAnswer) any { return u.UserId }},
		{"TAGS", func(u userAnswer) any { return u.Tags }},
		{"STATE", func(u userAnswer) any { return state(u.Revoked, u.RevokedReason) }},
		{"COST LIMIT", func(u userAnswer) any {
			return costLimits(u.CostLimitInUsd, u.CostLimitInUsdOverTime, u.CostLimitInUsdUnit)
		}},
		{"RATE LIMIT", func(u userAnswer) any { return rateText(u.RateLimitOverTime, u.RateLimitUnit) }},
		{"CREATED", func(u userAnswer) any { return moment(u.CreatedAt) }},
	},
	details: []column[userAnswer]{
		{"UPDATED", func(u userAnswer) any { return moment(u.UpdatedAt) }},
		{"EXPIRES", func(u userAnswer) any { return at(u.ExpiresAt) }},
		{"REVOKED FOR", func(u userAnswer) any { return u.RevokedReason }},
		{"MAX PARALLEL", func(u userAnswer) any { return either(u.MaxParallelRequests) }},
		{"KEYS", func(u userAnswer) any { return u.KeyIds }},
		{"MODELS", func(u userAnswer) any { return u.AllowedModels }},
		{"PATHS", func(u userAnswer) any { return pathTexts(u.AllowedPaths) }},
	},
	fetch: func(ctx context.Context, c *client, id string) (*userAnswer, []byte, error) {
		return adminclient.Answer(c.GetUserWithResponse(ctx, id))
	},
	add: func(ctx context.Context, c *client, body io.Reader) (*userAnswer, []byte, error) {
		return adminclient.Answer(c.CreateUserWithBodyWithResponse(ctx, nil, mediaJSON, body))
	},
	change: func(ctx context.Context, c *client, id string, body io.Reader) (*userAnswer, []byte, error) {
		return adminclient.Answer(c.UpdateUserWithBodyWithResponse(ctx, id, nil, mediaJSON, body))
	},
	remove: func(ctx context.Context, c *client, id string) (*adminclient.Deleted, []byte, error) {
		return adminclient.Answer(c.DeleteUserWithResponse(ctx, id, nil))
	},
}

type userList struct {
	Tags    []string `name:"tag" sep:"none" placeholder:"TAG" help:"Only users with this tag; repeated: with all of them."`
	UserIDs []string `name:"user-id" sep:"none" placeholder:"ID" help:"Only the user that requests call this; may be repeated."`
	Keys    []string `name:"key" sep:"none" placeholder:"ID" help:"Only users of this key; may be repeated."`
	paging
	output
}

// Run is what kong calls.
func (l *userList) Run(ctx context.Context, e *Env) error {
	return listPages(ctx, e, l.output, l.paging, users.columns, func(ctx context.Context, c *client, p place) (page[userAnswer], error) {
		answer, body, err := adminclient.Answer(c.ListUsersWithResponse(ctx, &adminclient.ListUsersParams{
			Tags: l.Tags, UserIds: l.UserIDs, KeyIds: l.Keys, Limit: &p.limit, Offset: &p.offset,
		}))
		if err != nil {
			return page[userAnswer]{}, err
		}
		return page[userAnswer]{items: *answer, text: body, more: int64(len(*answer)) == p.limit}, nil
	})
}

type userFields struct {
	limits
	UserID *string  `placeholder:"ID" help:"What requests call this end user."`
	Keys   []string `name:"key" sep:"none" placeholder:"ID" help:"A key that the user's limits hold for; may be repeated."`
}

func (f userFields) body() (adminclient.UserPatch, error) {
	b, err := f.ofUser()
	set(&b.UserId, f.UserID)
	setList(&b.KeyIds, f.Keys)
	return b, err
}

type userCreate struct {
	userFields
	file
	output
}

// Run is what kong calls.
func (c *userCreate) Run(ctx context.Context, e *Env, o objects) error {
	b, err := c.userFields.body()
	if err != nil {
		return err
	}
	return create(ctx, e, o, c.output, c.file, b)
}

type userUpdate struct {
	userFields
	Revoked *bool `negatable:"" help:"Refuse its requests, or take that back."`
	updating
}

// Run is what kong calls.
func (c *userUpdate) Run(ctx context.Context, e *Env, o objects) error {
	b, err := c.userFields.body()
	if err != nil {
		return err
	}
	b.Revoked = c.Revoked
	return c.run(ctx, e, o, b)
}

type userSpend struct {
	ID string `arg:"" help:"Its id."`
	output
}

// Run is what kong calls.
func (s *userSpend) Run(ctx context.Context, e *Env) error {
	c, err := e.connect()
	if err != nil {
		return err
	}
	return (&kind[adminclient.StandingAnswer]{columns: standing}).show(e, s.output)(adminclient.Answer(c.GetUserStandingWithResponse(ctx, s.ID)))
}
