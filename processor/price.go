package processor

import (
	"strings"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/jsonscan"
	"github.com/bricks-gateway/bricks/internal/pricing"
	"github.com/bricks-gateway/bricks/internal/provider"
)

// Prices says what requests cost. Safe for concurrent use.
type Prices interface {
	// PriceAt finds the price of a request; ok is false when there is none.
	PriceAt(pricing.Query) (p pricing.Found, ok bool)
	// ImageAt is PriceAt for an image of a quality and size; empty ones are open.
	ImageAt(q pricing.Query, quality, size string) (p pricing.Found, ok bool)
	// AnyFree reports whether a model of the provider may cost nothing.
	AnyFree(provider string) bool
	// AllowUnknown: a key with a cost limit may use models without a price.
	AllowUnknown() bool
}

// billing is what a request's body says about its price beside the tokens.
type billing struct {
	tier        string // service_tier, or "fast" for Anthropic's speed
	longCache   bool   // what is cached is kept for longer than usual
	media       bool   // the output may be more than text
	searches    int64  // the provider's own web searches, at most
	unboundable bool   // the provider runs tools as often as the model likes
}

// readBilling reads the fields that change the price.
func (c *call) readBilling(m jsonscan.Member, e *provider.Endpoint, fail func(param, message string)) {
	if m.IsNull() {
		return
	}
	ok := true
	switch m.Name {
	case "service_tier":
		var tier string
		if tier, ok = m.String(); !ok || len(tier) > maxField {
			fail("service_tier", "must be a string of at most 256 bytes")
		} else if c.tier != "fast" {
			c.tier = tier
		}
	case "speed":
		if s, _ := m.String(); s == "fast" && e.Meter == provider.MeterAnthropic {
			c.tier = s
		}
	case "prompt_cache_retention":
		kept, _ := m.String()
		c.longCache = kept != "in_memory" && kept != "in-memory"
	case "modalities", "audio":
		c.media = true
	case "web_search_options":
		c.searches = max(c.searches, 1)
	case "mcp_servers":
		c.unboundable = true
	case "tools":
		c.readTools(m, e)
	}
}

// ownTools are the tools of Responses that the client itself runs.
var ownTools = map[string]bool{
	"function": true, "custom": true, "local_shell": true, "apply_patch": true, "computer_use_preview": true, "computer": true,
}

// readTools looks for tools that the provider itself runs: each use costs a fee,
// and what it finds is read as input, again and again. Only a web search whose
// uses are counted has a bound.
func (c *call) readTools(tools jsonscan.Member, e *provider.Endpoint) {
	_ = jsonscan.Array(tools.Value, func(tool []byte) bool {
		t, _ := jsonscan.Get(tool, "type")
		kind, _ := t.String()
		switch {
		case strings.HasPrefix(kind, "web_search"), strings.HasPrefix(kind, "web_fetch"):
			most, _ := jsonscan.Get(tool, "max_uses")
			n, ok := most.Int(1 << 16)
			c.searches = min(c.searches+n, 1<<20)
			// Responses know no max_uses: nobody would keep to it.
			c.unboundable = c.unboundable || !ok || e.Meter == provider.MeterResponses
		case strings.HasPrefix(kind, "code_execution"), strings.HasPrefix(kind, "mcp"):
			c.unboundable = true
		case e.Meter == provider.MeterResponses && !ownTools[kind]:
			c.unboundable = true
		}
		return true
	})
}

// terms are those that the request asks for.
func (c *call) terms() pricing.Terms {
	return pricing.Terms{Tier: c.tier, TextOnly: !c.opaque && !c.media && !c.unseen}
}

// findPrice looks for the price of this request, answered by the given model if
// that is known.
func (x *exchange) findPrice(responseModel string) (pricing.Found, bool) {
	return x.s.o.Prices.PriceAt(x.query(responseModel))
}

// query asks for this request's price. What a deployment runs is its request's
// model already (useModel): it must not be taken for a deployment again.
func (x *exchange) query(responseModel string) pricing.Query {
	return pricing.Query{
		At: x.event.CreatedAt, SettingID: x.event.SettingID, Provider: x.event.Provider,
		Models: []string{responseModel, x.event.RequestModel}, Unlisted: provider.IsCustom(x.event.Provider),
	}
}

// setPrice turns the event's usage into money, at the prices of the tier that
// the answer reports. What was booked already is the least.
func (x *exchange) setPrice() {
	e, c := &x.event, &x.call
	if m := x.match.Endpoint.Meter; c.longCache && (m == provider.MeterOpenAI || m == provider.MeterResponses) {
		e.Usage.CacheWrite1hTokens += e.Usage.CacheWrite5mTokens
		e.Usage.CacheWrite5mTokens = 0
	}
	if x.match.Endpoint.Operation == "chat" && c.alwaysSearches() {
		e.Usage.WebSearches = max(e.Usage.WebSearches, 1)
	}
	x.priceAs(x.findPrice(e.ResponseModel))
}

// priceAs is setPrice for a price that was looked up; ok is false when there is
// none.
func (x *exchange) priceAs(price pricing.Found, ok bool) {
	e, terms := &x.event, x.call.terms()
	if reported := x.answer.reading.ServiceTier; reported != "" {
		terms.Tier = reported
	}
	if !ok || !price.Covers(e.Usage, terms) {
		e.PriceStatus = gateway.Unpriced
		return
	}
	e.PriceStatus, e.PriceTerms = gateway.Priced, terms.String()
	if price.Model != e.ResponseModel && price.Model != e.RequestModel {
		e.PriceModel = price.Model
	}
	// A tier that the price list does not know is charged at the dearest price.
	e.Estimated = e.Estimated || !price.Knows(terms)
	e.Cost = max(e.Cost, price.Cost(e.Usage, terms))
}

// alwaysSearches reports whether the call makes one web search that its usage
// does not tell of: OpenAI's search models do.
func (c *call) alwaysSearches() bool {
	return strings.Contains(c.model, "-search-") && (strings.HasPrefix(c.model, "gpt-") || c.searches > 0)
}
