// Package litellm reads a LiteLLM proxy for an import: its configuration file, and
// the keys as its API lists them (GET /key/list?return_full_object=true, or
// /key/info of single keys).
//
// LiteLLM names models as it likes and keeps the SHA-256 of a key's secret in
// hexadecimal. Here a provider setting holds a credential and the provider's own
// names of models; so clients ask for those from then on.
package litellm

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/bricks-gateway/bricks/internal/imports"
)

// Source names this kind of source.
const Source = "litellm"

// file is what is read of the configuration file. Everything else of it is named
// in Notes.
type file struct {
	ModelList []struct {
		ModelName string         `yaml:"model_name"`
		Params    map[string]any `yaml:"litellm_params"`
		Info      map[string]any `yaml:"model_info"`
	} `yaml:"model_list"`
	Rest map[string]any `yaml:",inline"`
}

// deployment is one model of the list: where requests for a name may go.
type deployment struct {
	name    string // as clients of LiteLLM call it
	model   string // as the provider calls it; empty: every model of the provider
	setting *setting
}

// setting is a provider setting that deployments share.
type setting struct {
	object   *imports.Object
	provider string
	values   map[string]any
	models   []string
	all      bool // a deployment stands for every model
	modelMap map[string]string
	// The credential and where it is sent, as the file spells them.
	reference, base, version string
	place                    string // names it among those of the file
}

// catalogue is what the configuration file offers.
type catalogue struct {
	deployments []deployment
	settings    []*setting
	refused     []*imports.Object // of providers that are not served here
}

// providers are LiteLLM's names of those that are served here.
var providers = map[string]string{
	"openai": "openai", "text-completion-openai": "openai", "anthropic": "anthropic", "azure": "azure", "deepinfra": "deepinfra",
	"hosted_vllm": "vllm", "vllm": "vllm",
}

// readConfig reads the file. getenv resolves os.environ/NAME.
func readConfig(text []byte, getenv func(string) string) (*catalogue, []string, error) {
	var f file
	if err := yaml.Unmarshal(text, &f); err != nil {
		return nil, nil, errors.New("the configuration file is no YAML of LiteLLM's form") // yaml's error may quote a credential
	}
	c := &catalogue{}
	for i, m := range f.ModelList {
		c.add(i, m.ModelName, m.Params, m.Info, getenv)
	}
	for _, s := range c.settings {
		s.finish()
	}
	var notes []string
	for name, section := range f.Rest {
		notes = append(notes, sectionNotes(name, section)...)
	}
	slices.Sort(notes)
	return c, notes, nil
}

// sectionNotes name what a section of the file sets, and what does it here.
func sectionNotes(name string, section any) (notes []string) {
	members, _ := section.(map[string]any)
	for member := range members {
		text := fmt.Sprintf("%s.%s is not taken over", name, member)
		switch member {
		case "master_key":
			text += ": the admin API's key is ADMIN_PASS"
		case "database_url":
			text += ": see POSTGRESQL_HOSTS"
		case "fallbacks", "context_window_fallbacks", "content_policy_fallbacks", "model_group_alias":
			text += ": make a route of the models, which clients then call by its path"
		case "cache", "cache_params":
			text += ": routes keep answers where they say so"
		}
		notes = append(notes, text)
	}
	if len(members) == 0 && section != nil {
		notes = append(notes, name+" is not taken over")
	}
	return notes
}

func (c *catalogue) add(i int, name string, params, info map[string]any, getenv func(string) string) {
	text := func(key string) string { s, _ := params[key].(string); return s }
	provider, model := split(text("model"), text("custom_llm_provider"))
	served, ok := providers[provider]
	if !ok {
		o := &imports.Object{Kind: imports.Setting, Name: name, ID: imports.NewID(Source, imports.Setting, fmt.Sprintf("model %d %s", i, name))}
		o.Lose("litellm_params.model", fmt.Sprintf("is of %q, which has no settings here; describe it as a custom provider, or as openai with its url where it speaks that API", provider))
		c.refused = append(c.refused, o)
		return
	}
	s := c.setting(name, served, text("api_key"), text("api_base"), text("api_version"), getenv)
	for _, key := range sortedKeys(params) {
		if !slices.Contains([]string{"model", "custom_llm_provider", "api_key", "api_base", "api_version"}, key) {
			s.object.Note(fmt.Sprintf("litellm_params.%s of %s is not taken over", key, name))
		}
	}
	base, _ := info["base_model"].(string)
	if _, base, ok := strings.Cut(base, "/"); served == "azure" && ok {
		s.modelMap[model] = base
	} else if served == "azure" && base != "" {
		s.modelMap[model] = base
	}
	if served == "azure" && s.modelMap[model] != "" {
		model = s.modelMap[model] // what models are allowed by
	}
	if model == "*" || model == "" {
		s.all, model = true, ""
	} else if !slices.Contains(s.models, model) {
		s.models = append(s.models, model)
	}
	c.deployments = append(c.deployments, deployment{name, model, s})
}

// split tells provider and model apart, as LiteLLM does: by the prefix, else by
// the model's well-known name.
func split(model, given string) (provider, name string) {
	prefix, rest, ok := strings.Cut(model, "/")
	switch {
	case given != "" && ok && prefix == given:
		return given, rest
	case given != "":
		return given, model
	case ok:
		return prefix, rest
	case strings.HasPrefix(model, "claude-"):
		return "anthropic", model
	case model == "*":
		return "*", model
	}
	return "openai", model
}
