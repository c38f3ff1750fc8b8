package admin

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/pricing"
	"github.com/bricks-gateway/bricks/internal/provider"
)

const pricingPath = "/api/pricing"

// formatPrice is a number of dollars a unit, from 0 on and at most as fine as
// 1e-15; the pricing package checks it.
const formatPrice = "price"

// priceFields are prices by the names of the price list.
type priceFields map[string]json.Number

// Schema implements huma.SchemaProvider.
func (priceFields) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject,
		AdditionalProperties: &huma.Schema{Type: huma.TypeNumber, Format: formatPrice, Minimum: new(float64)},
		Extensions:           map[string]any{"propertyNames": map[string]any{"pattern": "^[a-z0-9_]+$"}},
		Description: "Dollars a unit by the price list's names, such as input_cost_per_token, output_cost_per_token, cache_read_input_token_cost; " +
			"with the suffixes _above_200k_tokens (any number), then _batches, _flex or _priority. What is left out is not charged, " +
			"but for parts of tokens (cached, written, reasoning, audio, image), which cost as plain ones. 0 is free."}
}

const (
	sourceEmbedded = "embedded"
	sourceOverride = "override"
)

// priceAnswer is a price in force.
type priceAnswer struct {
	Model           string      `json:"model"`
	Provider        string      `json:"provider,omitempty" doc:"As the price list names it."`
	Mode            string      `json:"mode,omitempty" doc:"What the model does: chat, embedding, …"`
	Source          string      `json:"source" enum:"embedded,override"`
	OverrideID      string      `json:"overrideId,omitempty" format:"uuid"`
	SettingID       string      `json:"settingId,omitempty" format:"uuid" doc:"Only for this provider setting."`
	MaxInputTokens  int64       `json:"maxInputTokens,omitempty" doc:"Absent: not known."`
	MaxOutputTokens int64       `json:"maxOutputTokens,omitempty" doc:"Absent: not known."`
	Prices          priceFields `json:"prices"`
}

type pricePage struct {
	Prices []priceAnswer `json:"prices"`
	Count  int           `json:"count" doc:"How many there are without limit and offset."`
}

type priceQuery struct {
	Model    optional[string] `json:"model,omitzero" maxLength:"256" doc:"Only models whose name holds this text."`
	Provider optional[string] `json:"provider,omitzero" maxLength:"64" doc:"Only models of this provider, as the price list names it."`
	Source   optional[string] `json:"source,omitzero" enum:"embedded,override" doc:"Only prices from here."`
	At       optional[int64]  `json:"at,omitzero" minimum:"0" maximum:"253402300799" doc:"Prices in force at this Unix second; absent: now."`
	Limit    optional[int64]  `json:"limit,omitzero" minimum:"0" maximum:"1000" doc:"Most prices in the answer; 0 or absent: 1000."`
	Offset   optional[int64]  `json:"offset,omitzero" minimum:"0" maximum:"1000000000" doc:"Prices to skip."`
}

type modelQuery struct {
	Provider  optional[string] `json:"provider,omitzero" maxLength:"64" doc:"The provider that is called."`
	SettingID optional[string] `json:"settingId,omitzero" maxLength:"36" doc:"The provider setting that is used."`
	At        optional[int64]  `json:"at,omitzero" minimum:"0" maximum:"253402300799" doc:"For a request at this Unix second; absent: now."`
}

func (a *api) pricingRoutes() []route {
	const group = "pricing"
	override := reflect.TypeFor[overrideAnswer]()
	put := route{method: http.MethodPut, group: group, access: writingWhole, body: reflect.TypeFor[overrideBody](), answer: override, statuses: []int{404, 409}, creates: []string{pricingPath + "/overrides"}}
	global, own := put, put
	global.path, global.id, global.summary, global.handle = pricingPath+"/models/{model...}", "putModelPrice", "Set a model's price from a moment on", a.putPrice
	own.path, own.id, own.summary, own.handle = pricingPath+"/settings/{settingId}/models/{model...}", "putSettingModelPrice", "Set a model's price with one provider setting from a moment on", a.putSettingPrice
	overrides, one := pricingPath+"/overrides", pricingPath+"/overrides/{id}"
	return []route{
		{method: http.MethodGet, path: pricingPath, id: "listPrices", summary: "List the prices in force, by model", group: group,
			access: readingWhole, query: reflect.TypeFor[priceQuery](), answer: reflect.TypeFor[pricePage](), handle: a.listPrices},
		{method: http.MethodGet, path: pricingPath + "/models/{model...}", id: "getModelPrice", summary: "Get the price that a request for a model would have", group: group,
			access: readingWhole, query: reflect.TypeFor[modelQuery](), answer: reflect.TypeFor[priceAnswer](), statuses: []int{404}, handle: a.getPrice},
		global, own,
		{method: http.MethodGet, path: overrides, id: "listPriceOverrides", summary: "List price overrides, also past and future ones", group: group,
			access: readingWhole, query: reflect.TypeFor[overrideQuery](), answer: reflect.TypeFor[[]overrideAnswer](), handle: a.listOverrides},
		{method: http.MethodGet, path: one, id: "getPriceOverride", summary: "Get a price override", group: group,
			access: readingWhole, answer: override, statuses: []int{404}, handle: a.getOverride},
		{method: http.MethodDelete, path: one, id: "deletePriceOverride", summary: "Delete a price override", group: group,
			access: writingWhole, answer: reflect.TypeFor[deleted](), statuses: []int{404}, handle: a.deleteOverride},
		{method: http.MethodGet, path: pricingPath + "/policy", id: "getPricePolicy", summary: "What happens without a price", group: group,
			access: readingWhole, answer: reflect.TypeFor[pricePolicyAnswer](), handle: a.getPricePolicy},
		{method: http.MethodPut, path: pricingPath + "/policy", id: "putPricePolicy", summary: "Set what happens without a price", group: group,
			access: writingWhole, body: reflect.TypeFor[pricePolicyBody](), answer: reflect.TypeFor[pricePolicyAnswer](), handle: a.putPricePolicy},
		{method: http.MethodPost, path: pricingPath + "/rerate", id: "rerateEvents", summary: "Price past events again, and book the differences when asked to", group: group,
			access: writingWhole, body: reflect.TypeFor[rerateBody](), answer: reflect.TypeFor[rerateAnswer](), handle: a.rerate},
	}
}

// book reads the prices as they are now.
func (a *api) book(ctx context.Context) (*pricing.Book, error) {
	overrides, err := a.Store.PriceOverrides(ctx)
	if err != nil {
		return nil, err
	}
	return pricing.NewBook(pricing.Default(), overrides, ""), nil
}

func (a *api) listPrices(ctx context.Context, c *call) (any, error) {
	in, err := decodeQuery[priceQuery](c)
	if err != nil {
		return nil, err
	}
	b, err := a.book(ctx)
	if err != nil {
		return nil, err
	}
	page := pricePage{Prices: []priceAnswer{}}
	wanted := strings.ToLower(in.Model.Value)
	for _, e := range b.Entries(a.moment(in.At)) {
		answer := newPriceAnswer(e.Price)
		answer.Model, answer.SettingID = e.Model, e.SettingID
		answer.from(e.Override)
		if !strings.Contains(strings.ToLower(e.Model), wanted) || in.Provider.Value != "" && answer.Provider != in.Provider.Value ||
			in.Source.Value != "" && answer.Source != in.Source.Value {
			continue
		}
		if page.Count >= int(in.Offset.Value) && len(page.Prices) < pageSize(in.Limit.Value) {
			answer.Prices = fieldsOf(e.Price)
			page.Prices = append(page.Prices, answer)
		}
		page.Count++
	}
	return page, nil
}

func (a *api) getPrice(ctx context.Context, c *call) (any, error) {
	in, err := decodeQuery[modelQuery](c)
	if err != nil {
		return nil, err
	}
	b, err := a.book(ctx)
	if err != nil {
		return nil, err
	}
	setting, _ := canonicalID(in.SettingID.Value)
	f, ok := b.PriceAt(pricing.Query{
		At: a.moment(in.At), SettingID: setting, Provider: in.Provider.Value, Models: []string{c.request.PathValue("model")},
		Unlisted: in.Provider.Value != "" && provider.IsCustom(in.Provider.Value),
	})
	if !ok {
		return nil, notFound.with("this model has no price")
	}
	answer := newPriceAnswer(f.Price)
	answer.Model, answer.Prices = f.Model, fieldsOf(f.Price)
	answer.from(f.Override)
	if f.Listed != "" {
		answer.Model = f.Listed
	}
	return answer, nil
}

func (a *api) moment(at optional[int64]) time.Time {
	if at.Set {
		return unixTime(at.Value)
	}
	return a.Now()
}

func newPriceAnswer(p *pricing.Price) priceAnswer {
	if p == nil {
		return priceAnswer{Prices: priceFields{}}
	}
	return priceAnswer{Provider: p.Provider, Mode: p.Mode, MaxInputTokens: p.MaxInputTokens, MaxOutputTokens: p.MaxOutputTokens}
}

func (p *priceAnswer) from(override string) {
	if p.Source, p.OverrideID = sourceEmbedded, override; override != "" {
		p.Source = sourceOverride
	}
}

func fieldsOf(p *pricing.Price) priceFields {
	out := priceFields{}
	if p != nil {
		for _, f := range p.Fields() {
			out[f.Name] = json.Number(f.USD)
		}
	}
	return out
}

type pricePolicyBody struct {
	UnknownPricePolicy optional[string] `json:"unknownPricePolicy" enum:"deny,allow" doc:"deny: refuse models without a price to keys with a cost limit; allow: let them pass, unpriced. null: as the variable UNKNOWN_PRICE_POLICY says."`
	PricePolicyReadOnly
}

// PricePolicyReadOnly are the members of an answer that a request may send back.
type PricePolicyReadOnly struct {
	Source         any `json:"source,omitempty" readOnly:"true"`
	Unacknowledged any `json:"unacknowledged,omitempty" readOnly:"true"`
}

type pricePolicyAnswer struct {
	UnknownPricePolicy string   `json:"unknownPricePolicy" enum:"deny,allow"`
	Source             string   `json:"source" enum:"stored,variable" doc:"Whether it was set here or comes from UNKNOWN_PRICE_POLICY."`
	Unacknowledged     []string `json:"unacknowledged,omitempty" doc:"Who had not put the change in force when this was answered."`
}

func (a *api) getPricePolicy(ctx context.Context, _ *call) (any, error) {
	stored, err := a.Store.UnknownPricePolicy(ctx)
	if err != nil {
		return nil, err
	}
	return a.pricePolicyAnswer(stored), nil
}

func (a *api) putPricePolicy(ctx context.Context, c *call) (any, error) {
	in, err := decode[pricePolicyBody](c)
	if err != nil {
		return nil, err
	}
	policy := gateway.UnknownPricePolicy(in.UnknownPricePolicy.Value)
	revision, err := a.Store.SetUnknownPricePolicy(ctx, policy)
	if err != nil {
		return nil, err
	}
	answer := a.pricePolicyAnswer(policy)
	answer.Unacknowledged = c.apply(ctx, revision)
	return answer, nil
}

func (a *api) pricePolicyAnswer(stored gateway.UnknownPricePolicy) pricePolicyAnswer {
	if stored != "" {
		return pricePolicyAnswer{UnknownPricePolicy: string(stored), Source: "stored"}
	}
	policy := a.UnknownPrice
	if policy == "" {
		policy = gateway.DenyUnknownPrice
	}
	return pricePolicyAnswer{UnknownPricePolicy: string(policy), Source: "variable"}
}
