package admin

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/provider"
	"github.com/bricks-gateway/bricks/internal/store"
)

const customProvidersPath = "/api/custom/providers"

// routeConfig is one path of a custom provider. All nine members must be given,
// the locations of what the path does not have as empty texts.
type routeConfig struct {
	Path                             string `json:"path" minLength:"2" maxLength:"256" pattern:"^(/[A-Za-z0-9_:-][A-Za-z0-9_.:-]*)+$" doc:"The path below /api/custom/providers/{provider}, such as /chat/completions. Unique within the provider."`
	TargetURL                        string `json:"target_url" minLength:"1" maxLength:"2048" pattern:"^[Hh][Tt][Tt][Pp][Ss]?://[^ #]*$" doc:"Where requests go. https, a public address, no user and no fragment."`
	ModelLocation                    string `json:"model_location" minLength:"1" maxLength:"256" pattern:"^([^@!{[(|*?\\\\\\x00-\\x1f]|\\\\.)*$" doc:"Where the request names its model: a gjson path of names, indexes and #."`
	RequestPromptLocation            string `json:"request_prompt_location" minLength:"1" maxLength:"256" pattern:"^([^@!{[(|*?\\\\\\x00-\\x1f]|\\\\.)*$" doc:"Where the request holds its prompt."`
	ResponseCompletionLocation       string `json:"response_completion_location" maxLength:"256" pattern:"^([^@!{[(|*?\\\\\\x00-\\x1f]|\\\\.)*$" doc:"Where the answer holds the completion; empty: it writes none."`
	StreamLocation                   string `json:"stream_location" maxLength:"256" pattern:"^([^@!{[(|*?\\\\\\x00-\\x1f]|\\\\.)*$" doc:"Where the request asks for a stream; empty: this path does not stream."`
	StreamEndWord                    string `json:"stream_end_word" maxLength:"256" doc:"The data of the last message of a stream; empty: it has no such message."`
	StreamResponseCompletionLocation string `json:"stream_response_completion_location" maxLength:"256" pattern:"^([^@!{[(|*?\\\\\\x00-\\x1f]|\\\\.)*$" doc:"Where a message of a stream holds its piece of the completion."`
	StreamMaxEmptyMessages           int64  `json:"stream_max_empty_messages" minimum:"0" maximum:"100000" doc:"A stream with more messages without data in a row is cut; 0: no bound."`
}

// CustomProviderFields are the members that create and change a custom provider
// alike. The name is exported because huma passes over embedded types that are not.
type CustomProviderFields struct {
	AuthenticationParam  optional[string]   `json:"authentication_param,omitzero" maxLength:"64" pattern:"^[!-~]*$" doc:"The member of a provider setting's setting that holds the credential; empty: the provider takes none."`
	AuthenticationHeader optional[string]   `json:"authentication_header,omitzero" maxLength:"64" pattern:"^[A-Za-z0-9-]*$" doc:"The header that carries the credential as it is; empty: Authorization, as a bearer token."`
	AuthenticationQuery  optional[string]   `json:"authentication_query,omitzero" maxLength:"64" pattern:"^[A-Za-z0-9_.-]*$" doc:"The query parameter that carries the credential, in place of a header."`
	Tags                 optional[[]string] `json:"tags,omitzero" maxItems:"100" minLength:"1" maxLength:"256" doc:"Identifiers to find the custom provider by."`
}

// CustomProviderReadOnly are the members of an answer that a request may send back.
type CustomProviderReadOnly struct {
	ID             any `json:"id,omitempty" readOnly:"true"`
	CreatedAt      any `json:"created_at,omitempty" readOnly:"true"`
	UpdatedAt      any `json:"updated_at,omitempty" readOnly:"true"`
	Unacknowledged any `json:"unacknowledged,omitempty" readOnly:"true"`
}

type customProviderCreate struct {
	Provider     string        `json:"provider" minLength:"1" maxLength:"64" pattern:"^[A-Za-z0-9][A-Za-z0-9_.-]*$" doc:"The unique name, as it stands in paths and in provider settings."`
	RouteConfigs []routeConfig `json:"route_configs" nullable:"false" minItems:"1" maxItems:"100" doc:"The paths, at least one."`
	CustomProviderFields
	CustomProviderReadOnly
}

type customProviderPatch struct {
	Provider     string                  `json:"provider,omitempty" maxLength:"64" doc:"Must be what it is: a custom provider keeps its name."`
	RouteConfigs optional[[]routeConfig] `json:"route_configs,omitzero" nullable:"false" minItems:"1" maxItems:"100" doc:"All paths, in place of those there were."`
	CustomProviderFields
	CustomProviderReadOnly
}

type customProviderAnswer struct {
	ID                   string        `json:"id" format:"uuid"`
	CreatedAt            int64         `json:"created_at" doc:"Unix seconds."`
	UpdatedAt            int64         `json:"updated_at" doc:"Unix seconds."`
	Provider             string        `json:"provider"`
	RouteConfigs         []routeConfig `json:"route_configs"`
	AuthenticationParam  string        `json:"authentication_param"`
	AuthenticationHeader string        `json:"authentication_header,omitempty"`
	AuthenticationQuery  string        `json:"authentication_query,omitempty"`
	Tags                 []string      `json:"tags"`
	Unacknowledged       []string      `json:"unacknowledged,omitempty" doc:"Who had not put the change in force when this was answered."`
}

type customProviderQuery struct {
	IDs      []string `json:"ids,omitempty" doc:"Only these custom providers."`
	Tags     []string `json:"tags,omitempty" doc:"Only those that carry all of these tags."`
	Provider string   `json:"provider,omitempty" doc:"Only the one of this name."`
}

func (a *api) customProviderRoutes() []route {
	const group = "custom providers"
	one, answer := customProvidersPath+"/{id}", reflect.TypeFor[customProviderAnswer]()
	return []route{
		{method: http.MethodPost, path: customProvidersPath, id: "createCustomProvider", summary: "Create a custom provider", group: group,
			access: writing, tagged: true, creates: []string{customProvidersPath}, body: reflect.TypeFor[customProviderCreate](), answer: answer, statuses: []int{409}, handle: a.createCustomProvider},
		{method: http.MethodGet, path: customProvidersPath, id: "listCustomProviders", summary: "List custom providers, newest first", group: group,
			query: reflect.TypeFor[customProviderQuery](), answer: reflect.TypeFor[[]customProviderAnswer](), handle: a.listCustomProviders},
		{method: http.MethodGet, path: one, id: "getCustomProvider", summary: "Get a custom provider", group: group,
			tagged: true, answer: answer, statuses: []int{404}, handle: a.getCustomProvider},
		{method: http.MethodPatch, path: one, id: "updateCustomProvider", summary: "Change a custom provider", group: group,
			access: writing, tagged: true, conditional: true, body: reflect.TypeFor[customProviderPatch](), answer: answer,
			statuses: []int{404, 409}, handle: a.updateCustomProvider},
		{method: http.MethodDelete, path: one, id: "deleteCustomProvider", summary: "Delete a custom provider that no setting uses", group: group,
			access: writing, conditional: true, answer: reflect.TypeFor[deleted](), statuses: []int{404, 409}, handle: a.deleteCustomProvider},
	}
}

func (a *api) createCustomProvider(ctx context.Context, c *call) (any, error) {
	in, err := decode[customProviderCreate](c)
	if err != nil {
		return nil, err
	}
	p := &gateway.CustomProvider{Provider: in.Provider}
	var faults []fault
	if err := provider.CheckCustomName(in.Provider); err != nil {
		faults = append(faults, fault{Pointer: "/provider", Detail: err.Error()})
	}
	faults = append(faults, a.mergeRoutes(p, in.RouteConfigs)...)
	faults = append(faults, in.CustomProviderFields.merge(p)...)
	if err := badInput.faulty(faults); err != nil {
		return nil, err
	}
	if err := c.mayLeaveCustom(p); err != nil {
		return nil, err
	}
	if err := a.Store.CreateCustomProvider(ctx, p); err != nil {
		return nil, err
	}
	return c.customAnswer(p, c.apply(ctx, p.Revision)), nil
}

func (a *api) listCustomProviders(ctx context.Context, c *call) (any, error) {
	in, err := decodeQuery[customProviderQuery](c)
	if err != nil {
		return nil, err
	}
	answers := []customProviderAnswer{}
	ids, none := canonicalIDs(in.IDs)
	if none {
		return answers, nil
	}
	list, err := a.Store.CustomProviders(ctx, store.CustomProviderFilter{IDs: ids, Tags: c.who.scoped(in.Tags), Provider: in.Provider})
	if err != nil {
		return nil, err
	}
	for _, p := range list {
		answers = append(answers, newCustomAnswer(p))
	}
	return answers, nil
}

func (a *api) getCustomProvider(ctx context.Context, c *call) (any, error) {
	p, err := c.customProvider(ctx)
	if err != nil {
		return nil, err
	}
	return c.customAnswer(p, nil), nil
}

// customProvider reads the one that the path names, if the caller may see it.
func (c *call) customProvider(ctx context.Context) (*gateway.CustomProvider, error) {
	id, err := c.pathID("id")
	if err != nil {
		return nil, err
	}
	p, err := c.api.Store.CustomProvider(ctx, id)
	if err != nil {
		return nil, err
	}
	return p, c.customVisible(p)
}

// customVisible hides what is outside of the caller's scope: to it, there is none.
func (c *call) customVisible(p *gateway.CustomProvider) error {
	if !c.who.sees(p.Tags) {
		return notFound.with("nothing has this id")
	}
	return nil
}

// mayLeaveCustom refuses a write after which p would be out of the writer's own scope.
func (c *call) mayLeaveCustom(p *gateway.CustomProvider) error {
	if c.who.sees(p.Tags) {
		return nil
	}
	return forbidden.with("this admin key is limited to custom providers that carry the tags " + strings.Join(c.who.scope, ", "))
}

func (a *api) updateCustomProvider(ctx context.Context, c *call) (any, error) {
	id, err := c.pathID("id")
	if err != nil {
		return nil, err
	}
	in, err := decode[customProviderPatch](c)
	if err != nil {
		return nil, err
	}
	p, err := a.Store.UpdateCustomProvider(ctx, id, func(p *gateway.CustomProvider, settings []*gateway.ProviderSetting) error {
		if err := errors.Join(c.customVisible(p), c.match(p.Revision)); err != nil {
			return err
		}
		before := p.Routes
		var faults []fault
		if in.Provider != "" && in.Provider != p.Provider {
			faults = append(faults, fault{Pointer: "/provider", Detail: "cannot be changed; create another custom provider"})
		}
		if in.RouteConfigs.Set {
			faults = append(faults, a.mergeRoutes(p, in.RouteConfigs.Value)...)
		}
		faults = append(faults, in.CustomProviderFields.merge(p)...)
		if err := badInput.faulty(faults); err != nil {
			return err
		}
		for _, s := range settings {
			if p.AuthenticationParam != "" && s.APIKey.Empty() {
				return conflict.with("provider setting " + s.ID + " holds no credential; with an authentication_param it needs one")
			}
		}
		return errors.Join(c.mayLead(before, p.Routes, settings), c.mayLeaveCustom(p))
	})
	if err != nil {
		return nil, err
	}
	return c.customAnswer(p, c.apply(ctx, p.Revision)), nil
}

// mayLead keeps a key with a tag scope, which may not touch settings, from
// sending their credentials elsewhere.
func (c *call) mayLead(before, after []gateway.CustomRoute, settings []*gateway.ProviderSetting) error {
	if len(c.who.scope) == 0 || len(settings) == 0 {
		return nil
	}
	known := map[provider.Origin]bool{}
	for _, r := range before {
		if t, err := provider.ParseTarget(r.TargetURL); err == nil {
			known[t.Origin] = true
		}
	}
	for _, r := range after {
		if t, err := provider.ParseTarget(r.TargetURL); err != nil || !known[t.Origin] {
			return forbidden.with("provider settings use this custom provider: an admin key that is limited to tags cannot lead their credentials to another origin")
		}
	}
	return nil
}

func (a *api) deleteCustomProvider(ctx context.Context, c *call) (any, error) {
	p, err := c.customProvider(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.match(p.Revision); err != nil {
		return nil, err
	}
	revision, err := a.Store.DeleteCustomProvider(ctx, p.ID)
	if err != nil {
		return nil, err
	}
	return deleted{ID: p.ID, Deleted: true, Unacknowledged: c.apply(ctx, revision)}, nil
}

// mergeRoutes replaces p's routes and returns what is wrong with the new ones.
func (a *api) mergeRoutes(p *gateway.CustomProvider, configs []routeConfig) (faults []fault) {
	if len(configs) == 0 {
		return []fault{{Pointer: "/route_configs", Detail: "must have at least one item"}}
	}
	p.Routes = nil
	seen := map[string]bool{}
	for i, r := range configs {
		at := "/route_configs/" + strconv.Itoa(i)
		check := func(member string, err error) {
			if err != nil {
				faults = append(faults, fault{Pointer: at + "/" + member, Detail: err.Error()})
			}
		}
		check("path", provider.CheckCustomPath(r.Path))
		if seen[r.Path] {
			check("path", errors.New("is the path of an earlier item"))
		}
		seen[r.Path] = true
		check("target_url", a.checkTarget(r.TargetURL))
		for member, location := range map[string]string{
			"model_location": r.ModelLocation, "request_prompt_location": r.RequestPromptLocation,
			"response_completion_location": r.ResponseCompletionLocation, "stream_location": r.StreamLocation,
			"stream_response_completion_location": r.StreamResponseCompletionLocation,
		} {
			check(member, provider.CheckLocation(location))
		}
		p.Routes = append(p.Routes, gateway.CustomRoute{
			Path: r.Path, TargetURL: r.TargetURL, ModelLocation: r.ModelLocation, PromptLocation: r.RequestPromptLocation,
			CompletionLocation: r.ResponseCompletionLocation, StreamLocation: r.StreamLocation, StreamEndWord: r.StreamEndWord,
			StreamCompletionLocation: r.StreamResponseCompletionLocation, StreamMaxEmptyMessages: int(r.StreamMaxEmptyMessages),
		})
	}
	return faults
}

// checkTarget checks the form of a target_url, and its origin as that of a
// setting's url.
func (a *api) checkTarget(raw string) error {
	t, err := provider.ParseTarget(raw)
	if err != nil {
		return err
	}
	return a.CheckURL(t.Origin.Scheme + "://" + t.Origin.Authority())
}

// merge changes p and returns what is wrong with the result.
func (f CustomProviderFields) merge(p *gateway.CustomProvider) (faults []fault) {
	f.AuthenticationParam.into(&p.AuthenticationParam)
	f.AuthenticationHeader.into(&p.AuthenticationHeader)
	f.AuthenticationQuery.into(&p.AuthenticationQuery)
	f.Tags.into(&p.Tags)
	p.Tags = distinct(p.Tags)
	check := func(member, value string, by func(string) error) {
		if value == "" {
			return
		}
		if err := by(value); err != nil {
			faults = append(faults, fault{Pointer: "/" + member, Detail: err.Error()})
		} else if p.AuthenticationParam == "" {
			faults = append(faults, fault{Pointer: "/" + member, Detail: "needs an authentication_param: there is no credential to send"})
		}
	}
	check("authentication_param", p.AuthenticationParam, checkParamName)
	check("authentication_header", p.AuthenticationHeader, provider.CheckCredentialHeader)
	check("authentication_query", p.AuthenticationQuery, provider.CheckCredentialQuery)
	if p.AuthenticationHeader != "" && p.AuthenticationQuery != "" {
		faults = append(faults, fault{Pointer: "/authentication_query", Detail: "goes without authentication_header: the credential is sent once"})
	}
	return faults
}

// checkParamName says why a member of a setting may not be the credential.
func checkParamName(name string) error {
	switch {
	case !visibleASCII(name):
		return errors.New("must be printable ASCII without blanks")
	case isSettingMember(name):
		return errors.New("is a member of settings that holds no credential")
	}
	return nil
}

// customAnswer shows p and sets its ETag.
func (c *call) customAnswer(p *gateway.CustomProvider, late []string) customProviderAnswer {
	c.header.Set("ETag", etag(p.Revision))
	answer := newCustomAnswer(p)
	answer.Unacknowledged = late
	return answer
}

func newCustomAnswer(p *gateway.CustomProvider) customProviderAnswer {
	out := customProviderAnswer{
		ID: p.ID, CreatedAt: p.CreatedAt.Unix(), UpdatedAt: p.UpdatedAt.Unix(), Provider: p.Provider, RouteConfigs: []routeConfig{},
		AuthenticationParam: p.AuthenticationParam, AuthenticationHeader: p.AuthenticationHeader, AuthenticationQuery: p.AuthenticationQuery,
		Tags: distinct(p.Tags),
	}
	for _, r := range p.Routes {
		out.RouteConfigs = append(out.RouteConfigs, routeConfig{
			Path: r.Path, TargetURL: r.TargetURL, ModelLocation: r.ModelLocation, RequestPromptLocation: r.PromptLocation,
			ResponseCompletionLocation: r.CompletionLocation, StreamLocation: r.StreamLocation, StreamEndWord: r.StreamEndWord,
			StreamResponseCompletionLocation: r.StreamCompletionLocation, StreamMaxEmptyMessages: int64(r.StreamMaxEmptyMessages),
		})
	}
	return out
}
