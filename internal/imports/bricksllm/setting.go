package bricksllm

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"

	"github.com/bricks-gateway/bricks/internal/imports"
)

// identity takes the id and the times, and makes the object.
func identity(r *imports.Record, kind imports.Kind) (o *imports.Object, id string) {
	r.Take("id", &id)
	r.Drop("created_at", "updated_at")
	return &imports.Object{Kind: kind, ID: imports.NewID(Source, kind, id)}, id
}

func customProvider(r *imports.Record) *imports.Object {
	o, _ := identity(r, imports.CustomProvider)
	var param string
	var routes []json.RawMessage
	r.Take("provider", &o.Name)
	r.Take("route_configs", &routes) // the admin API takes the same members
	r.Take("authentication_param", &param)
	o.Body = map[string]any{"provider": o.Name, "route_configs": routes, "authentication_param": param}
	return o
}

func (d *database) setting(r *imports.Record) *imports.Object {
	o, id := identity(r, imports.Setting)
	d.settings[id] = true
	var provider string
	var models []string
	var values map[string]string
	var costs costMap
	r.Take("name", &o.Name)
	r.Take("provider", &provider)
	r.Take("setting", &values)
	r.Take("allowed_models", &models)
	r.Take("cost_map", &costs)
	o.Body = map[string]any{"name": o.Name, "provider": provider, "setting": values, "allowedModels": models}
	costs.into(o)
	if o.Name == "" {
		o.Name = provider
	}
	return o
}

// costMap holds dollars for 1000 tokens, by model.
type costMap struct {
	Prompt     map[string]json.Number `json:"promptCostPerModel"`
	Completion map[string]json.Number `json:"completionCostPerModel"`
	Embeddings map[string]json.Number `json:"embeddingsCostPerModel"`
}

// into gives the setting its prices. A model with half a price is a loss: here
// the other half would be free.
func (c costMap) into(o *imports.Object) {
	o.Prices = map[string]imports.Prices{}
	price := func(model, field string, thousand json.Number) {
		dollars, ok := imports.Decimal(thousand)
		if !ok {
			o.Lose("cost_map", "has a price for "+model+" that is no number")
			return
		}
		if o.Prices[model] == nil {
			o.Prices[model] = imports.Prices{}
		}
		dollars.Quo(dollars, big.NewRat(1000, 1))
		text := strings.TrimRight(dollars.FloatString(15), "0")
		o.Prices[model][field] = json.Number(strings.TrimSuffix(text, "."))
	}
	for _, model := range slices.Sorted(maps.Keys(c.Prompt)) {
		if _, ok := c.Completion[model]; !ok {
			o.Lose("cost_map", fmt.Sprintf("prices prompts of %s and not its completions; add a price for them", model))
		}
		price(model, "input_cost_per_token", c.Prompt[model])
	}
	for _, model := range slices.Sorted(maps.Keys(c.Completion)) {
		if _, ok := c.Prompt[model]; !ok {
			o.Lose("cost_map", fmt.Sprintf("prices completions of %s and not its prompts; add a price for them", model))
		}
		price(model, "output_cost_per_token", c.Completion[model])
	}
	for _, model := range slices.Sorted(maps.Keys(c.Embeddings)) {
		if _, ok := c.Prompt[model]; !ok {
			price(model, "input_cost_per_token", c.Embeddings[model])
		}
	}
}

func policy(r *imports.Record) *imports.Object {
	o, _ := identity(r, imports.Policy)
	tags := []string{}
	var config, patterns, custom struct {
		Rules json.RawMessage `json:"rules"`
	}
	r.Take("name", &o.Name)
	r.Take("tags", &tags)
	r.Take("config", &config)
	r.Take("regex_config", &patterns)
	r.Take("custom_config", &custom)
	body := map[string]any{"name": o.Name, "tags": tags}
	if !imports.Empty(orNull(config.Rules)) {
		body["config"] = config
		o.Note("personal data is found by the embedded detector, where BricksLLM asked AWS Comprehend; the policy's `detectors` names others")
	}
	if !imports.Empty(orNull(patterns.Rules)) {
		body["regexConfig"] = patterns
	}
	if !imports.Empty(orNull(custom.Rules)) {
		o.Lose("custom_config", "asks a model about requests, which policies here do not; write its rules as regular expressions, or leave them out")
	}
	o.Body = body
	return o
}

func orNull(raw json.RawMessage) json.RawMessage {
	if raw == nil {
		return json.RawMessage("null")
	}
	return raw
}
