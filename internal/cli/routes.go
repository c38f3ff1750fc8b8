package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/bricks-gateway/bricks/internal/adminclient"
)

// Routes are the commands for routes.
type Routes struct {
	List   routeList   `cmd:"" help:"List routes, newest first."`
	Get    get         `cmd:"" help:"Show a route."`
	Create routeCreate `cmd:"" help:"Create a route."`
	Update routeUpdate `cmd:"" help:"Change a route."`
	Purge  routePurge  `cmd:"" help:"Forget the answers that a route keeps."`
	Delete remove      `cmd:"" help:"Delete routes."`
}

// AfterApply hands the group's kind to its commands.
func (Routes) AfterApply(k *kong.Context) error {
	k.BindTo(routes, (*objects)(nil))
	return nil
}

type routeAnswer = adminclient.FailoverAnswer

var routes = &kind[routeAnswer]{
	noun:  "route",
	blank: `{"cacheConfig":{"enabled":false},"keyIds":[]}`,
	columns: []column[routeAnswer]{
		{"ID", func(r routeAnswer) any { return r.Id }},
		{"NAME", func(r routeAnswer) any { return r.Name }},
		{"PATH", func(r routeAnswer) any { return r.Path }},
		{"STEPS", func(r routeAnswer) any { return stepTexts(r.Steps) }},
		{"KEEPS ANSWERS", func(r routeAnswer) any { return kept(r.CacheConfig) }},
		{"CREATED", func(r routeAnswer) any { return moment(r.CreatedAt) }},
	},
	details: []column[routeAnswer]{
		{"UPDATED", func(r routeAnswer) any { return moment(r.UpdatedAt) }},
		{"OPERATION", func(r routeAnswer) any { return either(r.Operation) }},
		{"KEYS", func(r routeAnswer) any { return r.KeyIds }},
	},
	fetch: func(ctx context.Context, c *client, id string) (*routeAnswer, []byte, error) {
		return adminclient.Answer(c.GetRouteWithResponse(ctx, id))
	},
	add: func(ctx context.Context, c *client, body io.Reader) (*routeAnswer, []byte, error) {
		return adminclient.Answer(c.CreateRouteWithBodyWithResponse(ctx, mediaJSON, body))
	},
	change: func(ctx context.Context, c *client, id string, body io.Reader) (*routeAnswer, []byte, error) {
		return adminclient.Answer(c.UpdateRouteWithBodyWithResponse(ctx, id, nil, mediaJSON, body))
	},
	remove: func(ctx context.Context, c *client, id string) (*adminclient.Deleted, []byte, error) {
		return adminclient.Answer(c.DeleteRouteWithResponse(ctx, id, nil))
	},
}

func stepTexts(steps []adminclient.RouteStepAnswer) (texts []string) {
	for _, s := range steps {
		texts = append(texts, s.Provider+":"+s.Model)
	}
	return texts
}

func kept(c adminclient.CacheAnswer) string {
	if !c.Enabled {
		return "no"
	}
	return c.Ttl
}

type routeList struct{ output }

// Run is what kong calls.
func (l *routeList) Run(ctx context.Context, e *Env) error {
	c, err := e.connect()
	if err != nil {
		return err
	}
	items, body, err := adminclient.Answer(c.ListRoutesWithResponse(ctx))
	return list(e, l.output, routes.columns, items, body, err)
}

// step is a route's step, such as openai:gpt-4o.
type step struct{ provider, model string }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *step) UnmarshalText(text []byte) error {
	provider, model, ok := strings.Cut(string(text), ":")
	if !ok {
		return fmt.Errorf("%q: must be a provider and a model, such as openai:gpt-4o", text)
	}
	*s = step{provider, model}
	return nil
}

type routeFields struct {
	Name      *string  `placeholder:"NAME" help:"A name for people."`
	Path      *string  `placeholder:"PATH" help:"Below /api/route, with a leading slash."`
	Operation *string  `placeholder:"chat|embeddings" help:"What it is for; else the body decides."`
	Steps     []step   `name:"step" sep:"none" placeholder:"PROVIDER:MODEL" help:"A step, in their order; may be repeated. Retries, timeouts and params: --file."`
	Keys      []string `name:"key" sep:"none" placeholder:"ID" help:"A key that may call it; may be repeated."`
	CacheTTL  *string  `name:"cache-ttl" placeholder:"TIME" help:"Keep answers for this long: 10m."`
}

func (f routeFields) body() (b adminclient.FailoverPatch) {
	b.Name, b.Path = f.Name, f.Path
	set(&b.Operation, f.Operation)
	setList(&b.KeyIds, f.Keys)
	for _, s := range f.Steps {
		b.Steps = append(b.Steps, adminclient.RouteStep{Provider: s.provider, Model: s.model})
	}
	if f.CacheTTL != nil {
		b.CacheConfig = &adminclient.CacheConfig{Enabled: true}
		b.CacheConfig.Ttl.Set(*f.CacheTTL)
	}
	return b
}

type routeCreate struct {
	routeFields
	file
	output
}

// Run is what kong calls.
func (c *routeCreate) Run(ctx context.Context, e *Env, o objects) error {
	return create(ctx, e, o, c.output, c.file, c.routeFields.body())
}

type routeUpdate struct {
	routeFields
	updating
}

// Run is what kong calls.
func (c *routeUpdate) Run(ctx context.Context, e *Env, o objects) error {
	return c.run(ctx, e, o, c.routeFields.body())
}

type routePurge struct {
	ID string `arg:"" help:"Its id."`
	output
}

// Run is what kong calls.
func (p *routePurge) Run(ctx context.Context, e *Env) error {
	c, err := e.connect()
	if err != nil {
		return err
	}
	return routes.show(e, p.output)(adminclient.Answer(c.PurgeRouteWithResponse(ctx, p.ID)))
}
