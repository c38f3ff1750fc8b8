package admin

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/provider"
)

const settingsPath = "/api/provider-settings"

// settingValues is the member `setting`. The credential has two names in the
// public contract; both mean the same.
type settingValues struct {
	APIKey      optional[string] `json:"apiKey,omitzero" maxLength:"4096" writeOnly:"true" doc:"The provider's credential. Never shown again."`
	APIKeyAlias optional[string] `json:"apikey,omitzero" maxLength:"4096" writeOnly:"true" doc:"Another name of apiKey."`
	URL         optional[string] `json:"url,omitzero" maxLength:"2048" doc:"Where the provider is: an origin with an optional path prefix. Required for vllm; with the others, null or empty: the provider's own."`
	AuthScheme  optional[string] `json:"authScheme,omitzero" maxLength:"16" pattern:"^(bearer|x-api-key|api-key)?$" doc:"How the credential is sent: bearer, for tokens of OAuth or Entra, or x-api-key (anthropic) or api-key (azure), which null and empty mean too."`

	ResourceName optional[string]            `json:"resourceName,omitzero" maxLength:"63" pattern:"^([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)?$" doc:"azure: the resource, which is the first part of its host. Required unless url is given, which wins."`
	APIVersion   optional[string]            `json:"apiVersion,omitzero" maxLength:"32" pattern:"^([0-9]{4}-[0-9]{2}-[0-9]{2}(-[a-z0-9]+)?|preview|latest)?$" doc:"azure: the api-version of dated calls that name none."`
	ModelMap     optional[map[string]string] `json:"modelMap,omitzero" doc:"azure: the model of each deployment, for prices and allowedModels. Replaced as a whole."`

	_     struct{}       `additionalProperties:"true"` // a custom provider's authentication_param
	given map[string]any // every member, as it was given
}

// SettingFields are the members that create and change a setting alike. The
// name is exported because huma passes over embedded types that are not.
type SettingFields struct {
	Name          optional[string]   `json:"name,omitzero" maxLength:"256" doc:"A name for people."`
	AllowedModels optional[[]string] `json:"allowedModels,omitzero" maxItems:"1000" minLength:"1" maxLength:"256" doc:"Models that may be asked for; empty: all."`
}

// SettingReadOnly are the members of an answer that a request may send back.
type SettingReadOnly struct {
	ID             any `json:"id,omitempty" readOnly:"true"`
	CreatedAt      any `json:"createdAt,omitempty" readOnly:"true"`
	UpdatedAt      any `json:"updatedAt,omitempty" readOnly:"true"`
	APIKeyMask     any `json:"apiKeyMask,omitempty" readOnly:"true"`
	Unacknowledged any `json:"unacknowledged,omitempty" readOnly:"true"`
}

type settingCreate struct {
	Provider string        `json:"provider" minLength:"1" maxLength:"64" doc:"Whose credential it is: anthropic, azure, deepinfra, openai, vllm, or the name of a custom provider."`
	Setting  settingValues `json:"setting" doc:"What authenticates with the provider."`
	SettingFields
	SettingReadOnly
}

type settingPatch struct {
	Provider string        `json:"provider,omitempty" maxLength:"64" doc:"Must be what it is: a setting keeps its provider."`
	Setting  settingValues `json:"setting,omitzero" doc:"Fields to change; those left out stay."`
	SettingFields
	SettingReadOnly
}

type settingShown struct {
	URL        string `json:"url,omitempty" doc:"Where the provider is, when it is not the provider's own address."`
	AuthScheme string `json:"authScheme,omitempty" doc:"How the credential is sent, when it is not the provider's usual way."`

	ResourceName string            `json:"resourceName,omitempty" doc:"The Azure resource."`
	APIVersion   string            `json:"apiVersion,omitempty" doc:"The api-version of calls that name none."`
	ModelMap     map[string]string `json:"modelMap,omitempty" doc:"The model of each deployment."`
}

type settingAnswer struct {
	ID             string       `json:"id" format:"uuid"`
	CreatedAt      int64        `json:"createdAt" doc:"Unix seconds."`
	UpdatedAt      int64        `json:"updatedAt" doc:"Unix seconds."`
	Provider       string       `json:"provider"`
	Name           string       `json:"name"`
	Setting        settingShown `json:"setting" doc:"What is no secret."`
	APIKeyMask     string       `json:"apiKeyMask" doc:"The end of a long credential, to recognise it by."`
	AllowedModels  []string     `json:"allowedModels"`
	Unacknowledged []string     `json:"unacknowledged,omitempty" doc:"Who had not put the change in force when this was answered."`
}

type settingQuery struct {
	IDs []string `json:"ids,omitempty" doc:"Only these settings."`
}

// deleted is the answer to every DELETE.
type deleted struct {
	ID             string   `json:"id" format:"uuid"`
	Deleted        bool     `json:"deleted"`
	Unacknowledged []string `json:"unacknowledged,omitempty" doc:"Who had not put the change in force when this was answered."`
}

func (a *api) settingRoutes() []route {
	create := route{path: settingsPath, group: "provider settings", access: writingWhole, tagged: true, creates: []string{settingsPath},
		body: reflect.TypeFor[settingCreate](), answer: reflect.TypeFor[settingAnswer](), handle: a.createSetting}
	post, put := create, create
	post.method, post.id, post.summary = http.MethodPost, "createProviderSetting", "Create a provider setting"
	put.method, put.id, put.summary = http.MethodPut, "putProviderSetting", "Create a provider setting (same as POST)"
	one := settingsPath + "/{id}"
	return []route{
		post, put,
		{method: http.MethodGet, path: settingsPath, id: "listProviderSettings", summary: "List provider settings, newest first", group: create.group,
			access: readingWhole, query: reflect.TypeFor[settingQuery](), answer: reflect.TypeFor[[]settingAnswer](), handle: a.listSettings},
		{method: http.MethodGet, path: one, id: "getProviderSetting", summary: "Get a provider setting", group: create.group,
			access: readingWhole, tagged: true, answer: create.answer, statuses: []int{404}, handle: a.getSetting},
		{method: http.MethodPatch, path: one, id: "updateProviderSetting", summary: "Change a provider setting", group: create.group,
			access: writingWhole, tagged: true, conditional: true, body: reflect.TypeFor[settingPatch](), answer: create.answer,
			statuses: []int{404, 409}, handle: a.updateSetting},
		{method: http.MethodDelete, path: one, id: "deleteProviderSetting", summary: "Delete a provider setting that no key uses", group: create.group,
			access: writingWhole, conditional: true, answer: reflect.TypeFor[deleted](), statuses: []int{404, 409}, handle: a.deleteSetting},
		a.probeRoute(),
	}
}

func (a *api) createSetting(ctx context.Context, c *call) (any, error) {
	in, err := decode[settingCreate](c)
	if err != nil {
		return nil, err
	}
	s := &gateway.ProviderSetting{Provider: in.Provider}
	custom, err := a.customFor(ctx, in.Provider)
	if err != nil {
		return nil, err
	}
	faults := in.Setting.merge(a, s, custom)
	if custom == nil && !slices.Contains(a.Providers, in.Provider) {
		faults = append(faults, fault{Pointer: "/provider", Detail: "is not supported; this version supports " + strings.Join(a.Providers, ", ") + " and the custom providers that there are"})
	}
	in.SettingFields.merge(s)
	if err := badInput.faulty(faults); err != nil {
		return nil, err
	}
	if err := a.Store.CreateSetting(ctx, s); err != nil {
		return nil, err
	}
	return c.settingAnswer(s, c.apply(ctx, s.Revision)), nil
}

func (a *api) listSettings(ctx context.Context, c *call) (any, error) {
	in, err := decodeQuery[settingQuery](c)
	if err != nil {
		return nil, err
	}
	answers := []settingAnswer{}
	ids, none := canonicalIDs(in.IDs)
	if none {
		return answers, nil
	}
	list, err := a.Store.Settings(ctx, ids)
	if err != nil {
		return nil, err
	}
	for _, s := range list {
		answers = append(answers, newSettingAnswer(s))
	}
	return answers, nil
}

func (a *api) getSetting(ctx context.Context, c *call) (any, error) {
	s, err := c.setting(ctx)
	if err != nil {
		return nil, err
	}
	return c.settingAnswer(s, nil), nil
}

// setting reads the setting that the path names.
func (c *call) setting(ctx context.Context) (*gateway.ProviderSetting, error) {
	id, err := c.pathID("id")
	if err != nil {
		return nil, err
	}
	return c.api.Store.Setting(ctx, id)
}

func (a *api) updateSetting(ctx context.Context, c *call) (any, error) {
	id, err := c.pathID("id")
	if err != nil {
		return nil, err
	}
	in, err := decode[settingPatch](c)
	if err != nil {
		return nil, err
	}
	before, err := a.Store.Setting(ctx, id) // a setting keeps its provider
	if err != nil {
		return nil, err
	}
	custom, err := a.customFor(ctx, before.Provider)
	if err != nil {
		return nil, err
	}
	s, err := a.Store.UpdateSetting(ctx, id, func(s *gateway.ProviderSetting) error {
		if err := c.match(s.Revision); err != nil {
			return err
		}
		faults := in.Setting.merge(a, s, custom)
		if in.Provider != "" && in.Provider != s.Provider {
			faults = append(faults, fault{Pointer: "/provider", Detail: "cannot be changed; create another setting"})
		}
		in.SettingFields.merge(s)
		return badInput.faulty(faults)
	})
	if err != nil {
		return nil, err
	}
	return c.settingAnswer(s, c.apply(ctx, s.Revision)), nil
}

func (a *api) deleteSetting(ctx context.Context, c *call) (any, error) {
	s, err := c.setting(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.match(s.Revision); err != nil {
		return nil, err
	}
	revision, err := a.Store.DeleteSetting(ctx, s.ID)
	if err != nil {
		return nil, err
	}
	return deleted{ID: s.ID, Deleted: true, Unacknowledged: c.apply(ctx, revision)}, nil
}

// merge changes s field by field and returns what is wrong with the result.
// custom is the provider when it is a custom one.
func (v settingValues) merge(a *api, s *gateway.ProviderSetting, custom *gateway.CustomProvider) (faults []fault) {
	if custom != nil {
		return v.mergeCustom(custom, s)
	}
	faults = v.unknown()
	key := v.APIKey
	if v.APIKeyAlias.Set {
		if key.Set && key.Value != v.APIKeyAlias.Value {
			faults = append(faults, fault{Pointer: "/setting/apikey", Detail: "differs from apiKey, which is the same field"})
		}
		key = v.APIKeyAlias
	}
	if key.Set {
		s.APIKey = gateway.NewSecret(key.Value)
	}
	if key.Set && !visibleASCII(s.APIKey.Reveal()) {
		faults = append(faults, fault{Pointer: "/setting/apiKey", Detail: "must be printable ASCII without blanks, because it is sent in a header"})
	}
	faults = append(faults, v.mergeParams(a, s)...)
	for _, f := range provider.CheckSetting(s) {
		faults = append(faults, fault{Pointer: "/setting/" + f.Field, Detail: f.Message})
	}
	return faults
}

func (v settingValues) mergeParams(a *api, s *gateway.ProviderSetting) (faults []fault) {
	s.Params = maps.Clone(s.Params)
	if s.Params == nil {
		s.Params = map[string]string{}
	}
	for name, field := range map[string]optional[string]{
		provider.ParamURL: v.URL, provider.ParamAuthScheme: v.AuthScheme,
		provider.ParamResourceName: v.ResourceName, provider.ParamAPIVersion: v.APIVersion,
	} {
		switch {
		case field.Set && field.Value == "":
			delete(s.Params, name)
		case field.Set:
			s.Params[name] = field.Value
		}
	}
	if scheme := s.Params[provider.ParamAuthScheme]; scheme != "" && scheme == provider.UsualScheme(s.Provider) {
		delete(s.Params, provider.ParamAuthScheme)
	}
	if v.URL.Set && v.URL.Value != "" {
		if err := a.checkURL(v.URL.Value); err != nil {
			faults = append(faults, fault{Pointer: "/setting/url", Detail: err.Error()})
		}
	}
	if v.ModelMap.Set {
		delete(s.Params, provider.ParamModelMap)
		if len(v.ModelMap.Value) > 0 {
			b, err := json.Marshal(v.ModelMap.Value)
			if err != nil {
				panic(err) // strings always encode
			}
			s.Params[provider.ParamModelMap] = string(b)
		}
	}
	return faults
}

func (f SettingFields) merge(s *gateway.ProviderSetting) {
	f.Name.into(&s.Name)
	f.AllowedModels.into(&s.AllowedModels)
	s.AllowedModels = distinct(s.AllowedModels)
}

// checkURL checks the form of an upstream URL, then asks Options.CheckURL.
func (a *api) checkURL(raw string) error {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http":
		return errors.New("must be an absolute URL such as https://api.example.com/prefix")
	case u.User != nil:
		return errors.New("must not hold user information")
	case u.RawQuery != "" || u.ForceQuery || strings.Contains(raw, "#"):
		return errors.New("must not have a query or a fragment")
	}
	return a.CheckURL(raw)
}

// httpsOnly is the default of Options.CheckURL.
func httpsOnly(raw string) error {
	if !strings.HasPrefix(strings.ToLower(raw), "https://") {
		return errors.New("must be https")
	}
	return nil
}

func visibleASCII(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < 0x21 || r > 0x7e })
}

// settingAnswer shows a setting and sets its ETag.
func (c *call) settingAnswer(s *gateway.ProviderSetting, late []string) settingAnswer {
	c.header.Set("ETag", etag(s.Revision))
	answer := newSettingAnswer(s)
	answer.Unacknowledged = late
	return answer
}

func newSettingAnswer(s *gateway.ProviderSetting) settingAnswer {
	return settingAnswer{
		ID: s.ID, CreatedAt: s.CreatedAt.Unix(), UpdatedAt: s.UpdatedAt.Unix(),
		Provider: s.Provider, Name: s.Name,
		Setting:       newSettingShown(s.Params),
		APIKeyMask:    s.APIKey.Mask(),
		AllowedModels: distinct(s.AllowedModels),
	}
}

func newSettingShown(params map[string]string) settingShown {
	shown := settingShown{
		URL: params[provider.ParamURL], AuthScheme: params[provider.ParamAuthScheme],
		ResourceName: params[provider.ParamResourceName], APIVersion: params[provider.ParamAPIVersion],
	}
	if list := params[provider.ParamModelMap]; list != "" {
		_ = json.Unmarshal([]byte(list), &shown.ModelMap) // our own spelling
	}
	return shown
}
