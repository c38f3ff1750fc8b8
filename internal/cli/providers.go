package cli

import (
	"context"
	"io"

	"github.com/alecthomas/kong"

	"github.com/bricks-gateway/bricks/internal/adminclient"
)

// Providers are the commands for custom providers.
type Providers struct {
	List   providerList   `cmd:"" help:"List custom providers, newest first."`
	Get    get            `cmd:"" help:"Show a custom provider."`
	Create providerCreate `cmd:"" help:"Create a custom provider; its paths come from --file."`
	Update providerUpdate `cmd:"" help:"Change a custom provider."`
	Delete remove         `cmd:"" help:"Delete custom providers that no setting uses."`
}

// AfterApply hands the group's kind to its commands.
func (Providers) AfterApply(k *kong.Context) error {
	k.BindTo(providers, (*objects)(nil))
	return nil
}

type providerAnswer = adminclient.CustomProviderAnswer

var providers = &kind[providerAnswer]{
	noun: "custom provider",
	columns: []column[providerAnswer]{
		{"ID", func(p providerAnswer) any { return p.Id }},
		{"PROVIDER", func(p providerAnswer) any { return p.Provider }},
		{"TAGS", func(p providerAnswer) any { return p.Tags }},
		{"PATHS", func(p providerAnswer) any { return targets(p.RouteConfigs) }},
		{"CREATED", func(p providerAnswer) any { return moment(p.CreatedAt) }},
	},
	details: []column[providerAnswer]{
		{"UPDATED", func(p providerAnswer) any { return moment(p.UpdatedAt) }},
		{"CREDENTIAL MEMBER", func(p providerAnswer) any { return p.AuthenticationParam }},
		{"CREDENTIAL HEADER", func(p providerAnswer) any { return either(p.AuthenticationHeader) }},
		{"CREDENTIAL QUERY", func(p providerAnswer) any { return either(p.AuthenticationQuery) }},
	},
	fetch: func(ctx context.Context, c *client, id string) (*providerAnswer, []byte, error) {
		return adminclient.Answer(c.GetCustomProviderWithResponse(ctx, id))
	},
	add: func(ctx context.Context, c *client, body io.Reader) (*providerAnswer, []byte, error) {
		return adminclient.Answer(c.CreateCustomProviderWithBodyWithResponse(ctx, mediaJSON, body))
	},
	change: func(ctx context.Context, c *client, id string, body io.Reader) (*providerAnswer, []byte, error) {
		return adminclient.Answer(c.UpdateCustomProviderWithBodyWithResponse(ctx, id, nil, mediaJSON, body))
	},
	remove: func(ctx context.Context, c *client, id string) (*adminclient.Deleted, []byte, error) {
		return adminclient.Answer(c.DeleteCustomProviderWithResponse(ctx, id, nil))
	},
}

func targets(routes []adminclient.RouteConfig) (texts []string) {
	for _, r := range routes {
		texts = append(texts, r.Path+" → "+r.TargetUrl)
	}
	return texts
}

type providerList struct {
	Tags     []string `name:"tag" sep:"none" placeholder:"TAG" help:"Only providers with this tag; repeated: with all of them."`
	Provider *string  `placeholder:"NAME" help:"Only the provider of this name."`
	output
}

// Run is what kong calls.
func (l *providerList) Run(ctx context.Context, e *Env) error {
	c, err := e.connect()
	if err != nil {
		return err
	}
	items, body, err := adminclient.Answer(c.ListCustomProvidersWithResponse(ctx, &adminclient.ListCustomProvidersParams{Tags: l.Tags, Provider: l.Provider}))
	return list(e, l.output, providers.columns, items, body, err)
}

type providerFields struct {
	Provider *string  `placeholder:"NAME" help:"Its name, which settings and paths have."`
	Tags     []string `name:"tag" sep:"none" placeholder:"TAG" help:"A tag to find it by; may be repeated."`
	Param    *string  `name:"authentication-param" placeholder:"NAME" help:"The member of its settings that holds the credential."`
	Header   *string  `name:"authentication-header" placeholder:"NAME" help:"The header that carries the credential as it is."`
	Query    *string  `name:"authentication-query" placeholder:"NAME" help:"The query parameter that carries the credential."`
}

func (f providerFields) body() (b adminclient.CustomProviderPatch) {
	b.Provider = f.Provider
	setList(&b.Tags, f.Tags)
	set(&b.AuthenticationParam, f.Param)
	set(&b.AuthenticationHeader, f.Header)
	set(&b.AuthenticationQuery, f.Query)
	return b
}

type providerCreate struct {
	providerFields
	file
	output
}

// Run is what kong calls.
func (c *providerCreate) Run(ctx context.Context, e *Env, o objects) error {
	return create(ctx, e, o, c.output, c.file, c.providerFields.body())
}

type providerUpdate struct {
	providerFields
	updating
}

// Run is what kong calls.
func (c *providerUpdate) Run(ctx context.Context, e *Env, o objects) error {
	return c.run(ctx, e, o, c.providerFields.body())
}
