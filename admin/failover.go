package admin

import (
	"context"
	"net/http"
	"reflect"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/provider"
)

const failoverPath = "/api/routes"

// routeParams are what a provider's path needs beyond the setting.
type routeParams struct {
	DeploymentID string `json:"deploymentId,omitempty" maxLength:"256" doc:"The deployment, where the provider's path names one."`
	APIVersion   string `json:"apiVersion,omitempty" maxLength:"64" doc:"The version of the API, where the provider's query names one."`
	Path         string `json:"path,omitempty" maxLength:"256" doc:"The path of a custom provider's route_configs that is called; absent: the one that ends in /chat/completions or /embeddings."`
}

// routeStep is one model of a route.
type routeStep struct {
	Provider string           `json:"provider" minLength:"1" maxLength:"64" doc:"Whose model it is: a provider of the gateway's own, or a custom provider that speaks OpenAI's API. All steps of a route must speak the same API."`
	Model    string           `json:"model" minLength:"1" maxLength:"256" doc:"The model that is asked, in place of the client's."`
	Retries  optional[int64]  `json:"retries,omitzero" minimum:"0" maximum:"5" doc:"Tries after the first; null: none."`
	Params   routeParams      `json:"params,omitzero"`
	Timeout  optional[string] `json:"timeout,omitzero" maxLength:"64" pattern:"^\\+?(([0-9]+(\\.[0-9]*)?|\\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))*$" doc:"How long a try may take to the first byte of its answer, such as 5s or 1m30s; null or empty: 5m."`
}

type cacheConfig struct {
	Enabled bool             `json:"enabled" doc:"Keep complete answers, and give them again to equal requests of the same key."`
	TTL     optional[string] `json:"ttl,omitzero" maxLength:"64" pattern:"^\\+?(([0-9]+(\\.[0-9]*)?|\\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))*$" doc:"How long an answer is kept, at most 720h; null or empty: 168h."`
}

// RouteReadOnly are the members of an answer that a request may send back.
type RouteReadOnly struct {
	ID             any `json:"id,omitempty" readOnly:"true"`
	CreatedAt      any `json:"createdAt,omitempty" readOnly:"true"`
	UpdatedAt      any `json:"updatedAt,omitempty" readOnly:"true"`
	Unacknowledged any `json:"unacknowledged,omitempty" readOnly:"true"`
}

type failoverCreate struct {
	Name      string           `json:"name" minLength:"1" maxLength:"256" pattern:"^[^\\x00-\\x1f\\x7f-\\x9f]*[^\\s\\x00-\\x1f\\x7f-\\x9f][^\\x00-\\x1f\\x7f-\\x9f]*$" doc:"A name for people."`
	Path      string           `json:"path" minLength:"1" maxLength:"512" pattern:"^(/|(/[A-Za-z0-9_:-][A-Za-z0-9_.:-]*)+)$" doc:"Below /api/route, with a leading slash. No two routes share one."`
	Steps     []routeStep      `json:"steps" minItems:"1" maxItems:"10" nullable:"false" doc:"Called in this order until one answers."`
	KeyIDs    []string         `json:"keyIds" maxItems:"1000" nullable:"false" maxLength:"64" doc:"Keys that may call the route."`
	Cache     cacheConfig      `json:"cacheConfig"`
	Operation optional[string] `json:"operation,omitzero" enum:"chat,embeddings" doc:"What the route is for; null: a body with messages is chat, one with input embeddings."`
	RouteReadOnly
}

type failoverPatch struct {
	Name      string                `json:"name,omitempty" minLength:"1" maxLength:"256" pattern:"^[^\\x00-\\x1f\\x7f-\\x9f]*[^\\s\\x00-\\x1f\\x7f-\\x9f][^\\x00-\\x1f\\x7f-\\x9f]*$" doc:"A name for people."`
	Path      string                `json:"path,omitempty" minLength:"1" maxLength:"512" pattern:"^(/|(/[A-Za-z0-9_:-][A-Za-z0-9_.:-]*)+)$" doc:"Below /api/route, with a leading slash."`
	Steps     optional[[]routeStep] `json:"steps,omitzero" minItems:"1" maxItems:"10" nullable:"false" doc:"All steps anew."`
	KeyIDs    optional[[]string]    `json:"keyIds,omitzero" maxItems:"1000" maxLength:"64" doc:"All keys anew; null or empty: none."`
	Cache     optional[cacheConfig] `json:"cacheConfig,omitzero" nullable:"false"`
	Operation optional[string]      `json:"operation,omitzero" enum:"chat,embeddings" doc:"What the route is for; null: the body decides."`
	RouteReadOnly
}

type routeStepAnswer struct {
	Provider string      `json:"provider"`
	Model    string      `json:"model"`
	Retries  int         `json:"retries"`
	Params   routeParams `json:"params"`
	Timeout  string      `json:"timeout"`
}

type cacheAnswer struct {
	Enabled bool   `json:"enabled"`
	TTL     string `json:"ttl"`
}

type failoverAnswer struct {
	ID             string            `json:"id" format:"uuid"`
	CreatedAt      int64             `json:"createdAt" doc:"Unix seconds."`
	UpdatedAt      int64             `json:"updatedAt" doc:"Unix seconds."`
	Name           string            `json:"name"`
	Path           string            `json:"path"`
	Steps          []routeStepAnswer `json:"steps"`
	KeyIDs         []string          `json:"keyIds"`
	Cache          cacheAnswer       `json:"cacheConfig"`
	Operation      string            `json:"operation,omitempty"`
	Unacknowledged []string          `json:"unacknowledged,omitempty" doc:"Who had not put the change in force when this was answered."`
}

// failoverRoutes are the API's routes for failover routes. They carry no tags,
// so that admin keys with a scope are refused.
func (a *api) failoverRoutes() []route {
	const group = "routes"
	one, answer := failoverPath+"/{id}", reflect.TypeFor[failoverAnswer]()
	return []route{
		{method: http.MethodPost, path: failoverPath, id: "createRoute", summary: "Create a route", group: group, access: writingWhole, tagged: true,
			creates: []string{failoverPath}, body: reflect.TypeFor[failoverCreate](), answer: answer, statuses: []int{409}, handle: a.createRoute},
		{method: http.MethodGet, path: failoverPath, id: "listRoutes", summary: "List routes, newest first", group: group,
			access: readingWhole, answer: reflect.TypeFor[[]failoverAnswer](), handle: a.listRoutes},
		{method: http.MethodGet, path: one, id: "getRoute", summary: "Get a route", group: group,
			access: readingWhole, tagged: true, answer: answer, statuses: []int{404}, handle: a.getRoute},
		{method: http.MethodPatch, path: one, id: "updateRoute", summary: "Change a route", group: group, access: writingWhole, tagged: true, conditional: true,
			body: reflect.TypeFor[failoverPatch](), answer: answer, statuses: []int{404, 409}, handle: a.updateRoute},
		{method: http.MethodDelete, path: one + "/cache", id: "purgeRoute", summary: "Forget the answers that a route keeps", group: group, access: writingWhole, tagged: true,
			answer: answer, statuses: []int{404}, handle: a.purgeRoute},
		{method: http.MethodDelete, path: one, id: "deleteRoute", summary: "Delete a route", group: group, access: writingWhole, conditional: true,
			answer: reflect.TypeFor[deleted](), statuses: []int{404}, handle: a.deleteRoute},
	}
}

func (a *api) createRoute(ctx context.Context, c *call) (any, error) {
	in, err := decode[failoverCreate](c)
	if err != nil {
		return nil, err
	}
	r := &gateway.Route{Name: in.Name, Path: in.Path, Operation: in.Operation.Value}
	faults := nameFaults(in.Name)
	faults = append(faults, setSteps(r, in.Steps)...)
	faults = append(faults, setKeyIDs(r, in.KeyIDs)...)
	faults = append(faults, setCache(r, in.Cache)...)
	faults = append(faults, pathFaults(r)...)
	more, err := a.stepFaults(ctx, r)
	if err != nil {
		return nil, err
	}
	if faults = append(faults, more...); len(faults) == 0 {
		if faults, err = a.unservedKeys(ctx, r); err != nil {
			return nil, err
		}
	}
	if err := badInput.faulty(faults); err != nil {
		return nil, err
	}
	if err := a.Store.CreateRoute(ctx, r); err != nil {
		return nil, err
	}
	return c.failoverAnswer(r, c.apply(ctx, r.Revision)), nil
}

func (a *api) listRoutes(ctx context.Context, _ *call) (any, error) {
	list, err := a.Store.Routes(ctx, nil)
	if err != nil {
		return nil, err
	}
	answers := []failoverAnswer{}
	for _, r := range list {
		answers = append(answers, newFailoverAnswer(r))
	}
	return answers, nil
}

func (a *api) getRoute(ctx context.Context, c *call) (any, error) {
	r, err := c.failover(ctx)
	if err != nil {
		return nil, err
	}
	return c.failoverAnswer(r, nil), nil
}

// failover reads the route that the path names.
func (c *call) failover(ctx context.Context) (*gateway.Route, error) {
	id, err := c.pathID("id")
	if err != nil {
		return nil, err
	}
	return c.api.Store.Route(ctx, id)
}

// updateRoute looks the keys up before the store's transaction, against the
// route as it is then; a route that changes meanwhile is a conflict.
func (a *api) updateRoute(ctx context.Context, c *call) (any, error) {
	in, err := decode[failoverPatch](c)
	if err != nil {
		return nil, err
	}
	next, err := c.failover(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.match(next.Revision); err != nil {
		return nil, err
	}
	faults := in.merge(next)
	faults = append(faults, pathFaults(next)...)
	if in.Steps.Set || in.Operation.Set { // a custom provider that has changed stands in the way of no other change
		more, err := a.stepFaults(ctx, next)
		if err != nil {
			return nil, err
		}
		faults = append(faults, more...)
	}
	if len(faults) == 0 && (in.Steps.Set || in.KeyIDs.Set || in.Operation.Set) {
		if faults, err = a.unservedKeys(ctx, next); err != nil {
			return nil, err
		}
	}
	if err := badInput.faulty(faults); err != nil {
		return nil, err
	}
	r, err := a.Store.UpdateRoute(ctx, next.ID, func(r *gateway.Route) error {
		if r.Revision != next.Revision {
			return conflict.with("the route was changed at the same time; read it again")
		}
		*r = *next
		return nil
	})
	if err != nil {
		return nil, err
	}
	return c.failoverAnswer(r, c.apply(ctx, r.Revision)), nil
}

// purgeRoute makes the route a new version, which nothing is kept of yet.
func (a *api) purgeRoute(ctx context.Context, c *call) (any, error) {
	id, err := c.pathID("id")
	if err != nil {
		return nil, err
	}
	r, err := a.Store.UpdateRoute(ctx, id, func(*gateway.Route) error { return nil })
	if err != nil {
		return nil, err
	}
	return c.failoverAnswer(r, c.apply(ctx, r.Revision)), nil
}

func (in *failoverPatch) merge(r *gateway.Route) (faults []fault) {
	if in.Name != "" {
		r.Name = in.Name
		faults = nameFaults(in.Name)
	}
	if in.Path != "" {
		r.Path = in.Path
	}
	in.Operation.into(&r.Operation)
	if in.Steps.Set {
		faults = append(faults, setSteps(r, in.Steps.Value)...)
	}
	if in.KeyIDs.Set {
		faults = append(faults, setKeyIDs(r, in.KeyIDs.Value)...)
	}
	if in.Cache.Set {
		faults = append(faults, setCache(r, in.Cache.Value)...)
	}
	return faults
}

func (a *api) deleteRoute(ctx context.Context, c *call) (any, error) {
	r, err := c.failover(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.match(r.Revision); err != nil {
		return nil, err
	}
	revision, err := a.Store.DeleteRoute(ctx, r.ID)
	if err != nil {
		return nil, err
	}
	return deleted{ID: r.ID, Deleted: true, Unacknowledged: c.apply(ctx, revision)}, nil
}

// failoverAnswer shows a route and sets its ETag.
func (c *call) failoverAnswer(r *gateway.Route, late []string) failoverAnswer {
	c.header.Set("ETag", etag(r.Revision))
	answer := newFailoverAnswer(r)
	answer.Unacknowledged = late
	return answer
}

func newFailoverAnswer(r *gateway.Route) failoverAnswer {
	answer := failoverAnswer{
		ID: r.ID, CreatedAt: r.CreatedAt.Unix(), UpdatedAt: r.UpdatedAt.Unix(), Name: r.Name, Path: r.Path,
		Steps: []routeStepAnswer{}, KeyIDs: distinct(r.KeyIDs), Operation: r.Operation,
		Cache: cacheAnswer{Enabled: r.Cache.Enabled, TTL: r.Cache.TTL},
	}
	if answer.Cache.TTL == "" {
		answer.Cache.TTL = defaultCacheTTL
	}
	for _, s := range r.Steps {
		shown := routeStepAnswer{
			Provider: s.Provider, Model: s.Model, Retries: s.Retries, Timeout: s.TimeoutText,
			Params: routeParams{DeploymentID: s.Params[paramDeployment], APIVersion: s.Params[paramAPIVersion], Path: s.Params[provider.ParamPath]},
		}
		if shown.Timeout == "" {
			shown.Timeout = defaultStepTimeout
		}
		answer.Steps = append(answer.Steps, shown)
	}
	return answer
}
