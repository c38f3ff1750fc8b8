package admin

import (
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/pii"
)

// polish adds to the schemas what struct tags cannot say.
func (a *api) polish() {
	schemas := a.registry.Map()
	var bodies []*huma.Schema
	for _, rt := range a.routes {
		if rt.body != nil {
			bodies = append(bodies, resolved(a.registry, rt.body))
		}
	}
	for _, s := range schemas {
		answered := !slices.Contains(bodies, s)
		for _, p := range s.Properties {
			if p.Type == huma.TypeArray && answered {
				p.Nullable = false // lists are [] when they are empty
			}
			if p.Nullable && len(p.Enum) > 0 && !slices.Contains(p.Enum, nil) {
				p.Enum = append(p.Enum, nil)
			}
		}
	}
	for _, s := range bodies {
		a.plainBody(s)
	}
	schemas["KeyCreate"].AnyOf = []*huma.Schema{{Required: []string{"settingIds"}}, {Required: []string{"settingId"}}}
	types := []string{gateway.AllTypes}
	for t := range pii.All.Types() {
		types = append(types, t.String())
	}
	rules := schemas["PolicyConfig"].Properties["rules"]
	rules.Description += " Types: " + strings.Join(types, ", ") + "."
	rules.Extensions = map[string]any{"propertyNames": map[string]any{"enum": types}}
	schemas["SettingValues"].Description = "apiKey and apikey are two names of one field; a new setting needs it. " +
		"A setting of a custom provider holds its credential in the member that the provider's authentication_param names, and no other."
}

// noControl is every text without control characters: parseTree and queryValue
// refuse them. It is spelled so that all dialects of regular expressions read it.
const noControl = `^[^\x00-\x1f\x7f-\x9f]*$`

// plainText says of the texts in s, which holds no objects, that they have no
// control characters.
func plainText(s *huma.Schema) {
	if s.Type == huma.TypeArray {
		item := *s.Items // shared with other schemas
		plainText(&item)
		s.Items = &item
	}
	if s.Type == huma.TypeString && s.Pattern == "" && s.Format == "" && len(s.Enum) == 0 {
		s.Pattern = noControl
	}
}

// plainBody says it of all texts in a body.
func (a *api) plainBody(s *huma.Schema) {
	if s.Ref != "" {
		s = a.registry.SchemaFromRef(s.Ref)
	}
	for _, p := range s.Properties {
		a.plainBody(p)
	}
	if s.Items != nil {
		a.plainBody(s.Items)
	}
	if each, ok := s.AdditionalProperties.(*huma.Schema); ok {
		a.plainBody(each)
	}
	if s.Type == huma.TypeString {
		plainText(s)
	}
}
