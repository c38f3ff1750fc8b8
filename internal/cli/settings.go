package cli

import (
	"context"
	"io"

	"github.com/alecthomas/kong"

	"github.com/bricks-gateway/bricks/internal/adminclient"
)

// Settings are the commands for provider settings. What they cannot show is the
// credential: the API never tells it again.
type Settings struct {
	List   settingList   `cmd:"" help:"List provider settings, newest first."`
	Get    get           `cmd:"" help:"Show a provider setting."`
	Create settingCreate `cmd:"" help:"Create a provider setting."`
	Update settingUpdate `cmd:"" help:"Change a provider setting."`
	Delete remove        `cmd:"" help:"Delete provider settings that no key uses."`
}

// AfterApply hands the group's kind to its commands.
func (Settings) AfterApply(k *kong.Context) error {
	k.BindTo(settings, (*objects)(nil))
	return nil
}

type settingAnswer = adminclient.SettingAnswer

var settings = &kind[settingAnswer]{
	noun: "provider setting",
	columns: []column[settingAnswer]{
		{"ID", func(s settingAnswer) any { return s.Id }},
		{"PROVIDER", func(s settingAnswer) any { return s.Provider }},
		{"NAME", func(s settingAnswer) any { return s.Name }},
		{"CREDENTIAL", func(s settingAnswer) any { return s.ApiKeyMask }},
		{"MODELS", func(s settingAnswer) any { return s.AllowedModels }},
		{"CREATED", func(s settingAnswer) any { return moment(s.CreatedAt) }},
	},
	details: []column[settingAnswer]{
		{"UPDATED", func(s settingAnswer) any { return moment(s.UpdatedAt) }},
		{"URL", func(s settingAnswer) any { return either(s.Setting.Url) }},
		{"RESOURCE NAME", func(s settingAnswer) any { return either(s.Setting.ResourceName) }},
		{"API VERSION", func(s settingAnswer) any { return either(s.Setting.ApiVersion) }},
		{"AUTH SCHEME", func(s settingAnswer) any { return either(s.Setting.AuthScheme) }},
		{"MODEL MAP", func(s settingAnswer) any { return pairs(s.Setting.ModelMap) }},
	},
	fetch: func(ctx context.Context, c *client, id string) (*settingAnswer, []byte, error) {
		return adminclient.Answer(c.GetProviderSettingWithResponse(ctx, id))
	},
	add: func(ctx context.Context, c *client, body io.Reader) (*settingAnswer, []byte, error) {
		return adminclient.Answer(c.CreateProviderSettingWithBodyWithResponse(ctx, mediaJSON, body))
	},
	change: func(ctx context.Context, c *client, id string, body io.Reader) (*settingAnswer, []byte, error) {
		return adminclient.Answer(c.UpdateProviderSettingWithBodyWithResponse(ctx, id, nil, mediaJSON, body))
	},
	remove: func(ctx context.Context, c *client, id string) (*adminclient.Deleted, []byte, error) {
		return adminclient.Answer(c.DeleteProviderSettingWithResponse(ctx, id, nil))
	},
}

type settingList struct{ output }

// Run is what kong calls.
func (l *settingList) Run(ctx context.Context, e *Env) error {
	c, err := e.connect()
	if err != nil {
		return err
	}
	items, body, err := adminclient.Answer(c.ListProviderSettingsWithResponse(ctx, nil))
	return list(e, l.output, settings.columns, items, body, err)
}

type settingFields struct {
	Provider     *string           `placeholder:"NAME" help:"openai, anthropic, azure, … or a custom provider's name."`
	Name         *string           `placeholder:"NAME" help:"A name for people."`
	Models       []string          `name:"model" sep:"none" placeholder:"MODEL" help:"A model that may be asked for; may be repeated. None: all."`
	URL          *string           `name:"url" placeholder:"URL" help:"Where the provider is, when not at its own address."`
	ResourceName *string           `placeholder:"NAME" help:"azure: the resource."`
	APIVersion   *string           `name:"api-version" placeholder:"VERSION" help:"azure: the api-version of dated calls that name none."`
	AuthScheme   *string           `placeholder:"SCHEME" help:"How the credential is sent, when not the provider's usual way: bearer."`
	ModelMap     map[string]string `mapsep:"none" placeholder:"DEPLOYMENT=MODEL" help:"azure: the model of a deployment; may be repeated."`
	secret
	CredentialMember string `default:"apikey" placeholder:"NAME" help:"The member of the setting that holds the credential: a custom provider's authentication_param."`
}

func (f settingFields) body(e *Env) (b adminclient.SettingPatch, err error) {
	b.Provider = f.Provider
	set(&b.Name, f.Name)
	setList(&b.AllowedModels, f.Models)
	var v adminclient.SettingValues
	set(&v.Url, f.URL)
	set(&v.ResourceName, f.ResourceName)
	set(&v.ApiVersion, f.APIVersion)
	set(&v.AuthScheme, f.AuthScheme)
	if len(f.ModelMap) > 0 {
		v.ModelMap.Set(f.ModelMap)
	}
	credential, err := f.read(e)
	if err != nil {
		return b, err
	}
	if credential != nil {
		v.Set(f.CredentialMember, *credential)
	}
	if given(v) {
		b.Setting = &v
	}
	return b, nil
}

// given says whether a flag has set any member of the setting.
func given(v adminclient.SettingValues) bool {
	return len(v.Url)+len(v.ResourceName)+len(v.ApiVersion)+len(v.AuthScheme)+len(v.ModelMap)+len(v.AdditionalProperties) > 0
}

type settingCreate struct {
	settingFields
	file
	output
}

// Run is what kong calls.
func (c *settingCreate) Run(ctx context.Context, e *Env, o objects) error {
	b, err := c.settingFields.body(e)
	if err != nil {
		return err
	}
	return create(ctx, e, o, c.output, c.file, b)
}

type settingUpdate struct {
	settingFields
	updating
}

// Run is what kong calls.
func (c *settingUpdate) Run(ctx context.Context, e *Env, o objects) error {
	b, err := c.settingFields.body(e)
	if err != nil {
		return err
	}
	return c.run(ctx, e, o, b)
}
