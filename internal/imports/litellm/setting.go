package litellm

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bricks-gateway/bricks/internal/imports"
)

// setting finds or makes the setting of a credential at an address. name is the
// model that it is first for.
func (c *catalogue) setting(name, provider, key, base, version string, getenv func(string) string) *setting {
	place, twins := strings.Join([]string{provider, base, version, name}, " "), 0
	for _, s := range c.settings {
		if s.provider == provider && s.reference == key && s.base == base && s.version == version {
			return s
		}
		if s.place == place {
			twins++
		}
	}
	// The credential is not in the id, which is no secret.
	o := &imports.Object{Kind: imports.Setting, ID: imports.NewID(Source, imports.Setting, fmt.Sprintf("%s %d", place, twins))}
	s := &setting{object: o, provider: provider, reference: key, base: base, version: version, place: place,
		values: map[string]any{}, modelMap: map[string]string{}}
	value := func(field, text string) string {
		name, ok := strings.CutPrefix(text, "os.environ/")
		if !ok {
			return text
		}
		if text = getenv(name); text == "" {
			o.Lose("litellm_params."+field, "is the variable "+name+", which is not set where the import runs")
		}
		return text
	}
	url := value("api_base", base)
	if provider != "azure" {
		// LiteLLM's bases end in the API's version, which paths here begin with.
		url = strings.TrimSuffix(strings.TrimSuffix(url, "/"), "/v1")
	}
	for field, text := range map[string]string{"apiKey": value("api_key", key), "url": url, "apiVersion": value("api_version", version)} {
		if text != "" {
			s.values[field] = text
		}
	}
	c.settings = append(c.settings, s)
	return s
}

// finish spells what the admin API is sent.
func (s *setting) finish() {
	name := s.provider
	if len(s.models) > 0 {
		name += " (" + strings.Join(s.models[:min(3, len(s.models))], ", ") + ")"
	}
	if len(s.modelMap) > 0 {
		s.values["modelMap"] = s.modelMap
	}
	models := s.models
	if s.all {
		models = nil
	}
	s.object.Name = name
	s.object.Body = map[string]any{"name": name, "provider": s.provider, "setting": s.values, "allowedModels": models}
}

// serving are the deployments of a name; known says whether there is any.
func (c *catalogue) serving(name string) (list []deployment, known bool) {
	for _, d := range c.deployments {
		if d.name == name {
			list = append(list, d)
		}
	}
	return list, len(list) > 0
}

func sortedKeys[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }
