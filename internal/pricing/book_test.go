package pricing_test

import (
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/pricing"
)

func override(setting, model string, from int64, input string) *gateway.PriceOverride {
	return &gateway.PriceOverride{ID: setting + model + input, SettingID: setting, Model: model, EffectiveFrom: time.Unix(from, 0),
		Prices: `{"input_cost_per_token":` + input + `,"output_cost_per_token":0}`}
}

// TestWhichPriceHolds: 1,000,000 input tokens cost as many thousandths of a
// dollar as the override's price says; the list has 2.5 dollars for gpt-4o.
func TestWhichPriceHolds(t *testing.T) {
	b := pricing.NewBook(pricing.Default(), []*gateway.PriceOverride{
		override("", "gpt-4o", 100, "1e-9"), override("", "gpt-4o", 200, "2e-9"), override("", "gpt-4o", 50, "0"),
		override("s", "gpt-4o", 150, "3e-9"),
		override("", "openai/o3", 0, "4e-9"), override("", "o3", 0, "5e-9"),
		override("", "gpt-4", 0, "6e-9"),
		override("", "in-house/llama", 0, "7e-9"),
		{Model: "broken", Prices: `{"input_cost_per_token":-1}`}, {Model: "gpt-4o-mini", Prices: `{`},
	}, "")
	const unpriced = -1
	for _, tt := range []struct {
		name, setting, provider string
		at                      int64
		models                  []string
		want                    gateway.NanoUSD // thousandths of a dollar
	}{
		{"before all overrides: the list", "", "openai", 49, []string{"gpt-4o"}, 2500},
		{"free from 50 on", "", "openai", 50, []string{"gpt-4o"}, 0},
		{"the latest that is in force", "", "openai", 199, []string{"gpt-4o"}, 1},
		{"from its moment on", "", "openai", 200, []string{"gpt-4o"}, 2},
		{"another setting", "other", "openai", 999, []string{"gpt-4o"}, 2},
		{"the setting's own, though older", "s", "openai", 999, []string{"gpt-4o"}, 3},
		{"the setting's own is not in force yet", "s", "openai", 149, []string{"gpt-4o"}, 1},
		{"of a dated answer", "", "openai", 999, []string{"gpt-4o-2024-08-06", "gpt-4o"}, 2},
		{"of an answer with another kind of version", "", "openai", 999, []string{"gpt-4-0613", "gpt-4"}, 6},
		{"not of a longer name that was asked for itself", "", "openai", 999, []string{"gpt-4-0613", "gpt-4-0613"}, 30_000},
		{"of the request where the answer's is unknown", "", "openai", 999, []string{"mystery", "gpt-4o"}, 2},
		{"the answer's comes first", "", "openai", 999, []string{"gpt-4.1", "gpt-4o"}, 2000},
		{"qualified by the provider", "", "openai", 1, []string{"o3"}, 4},
		{"another provider", "", "azure", 1, []string{"o3"}, 5},
		{"a name with a slash", "", "vllm", 1, []string{"in-house/llama"}, 7},
		{"an empty name", "", "openai", 1, []string{"", "in-house/llama"}, 7},
		{"nobody knows it", "", "openai", 1, []string{"mystery"}, unpriced},
		{"no name", "", "openai", 1, nil, unpriced},
		{"an override that cannot be read", "", "openai", 1, []string{"broken"}, unpriced},
		{"nor does the list take its place", "", "openai", 1, []string{"gpt-4o-mini", "gpt-4o"}, unpriced},
	} {
		f, ok := b.PriceAt(pricing.Query{At: time.Unix(tt.at, 0), SettingID: tt.setting, Provider: tt.provider, Models: tt.models})
		got := gateway.NanoUSD(unpriced)
		if ok {
			got = f.Cost(gateway.Usage{InputTokens: 1_000_000}, pricing.Terms{}) / 1_000_000
		}
		if got != tt.want {
			t.Errorf("%s: %d thousandths of a dollar, want %d", tt.name, got, tt.want)
		}
		if ok && (f.Override == "") == (f.Listed == "") {
			t.Errorf("%s: found %+v, which is from neither or both", tt.name, f)
		}
	}
	if b.AllowUnknown() || !pricing.NewBook(pricing.Default(), nil, gateway.AllowUnknownPrice).AllowUnknown() {
		t.Error("the policy is not what was asked for")
	}
}

func TestDeploymentsAreMapped(t *testing.T) {
	params := map[string]string{pricing.ParamModelMap: `{"prod-chat":"gpt-4o","other":1}`}
	b := pricing.NewBook(pricing.Default(), nil, "")
	f, ok := b.PriceAt(pricing.Query{Provider: "azure", Models: pricing.Names(params, "", "prod-chat")})
	if !ok || f.Model != "gpt-4o" || f.Listed != "azure/gpt-4o" {
		t.Errorf("found %+v, %v", f, ok)
	}
	if f, ok := b.PriceAt(pricing.Query{Provider: "azure", Models: pricing.Names(params, "gpt-4.1-2025-04-14", "prod-chat")}); !ok || f.Model != "gpt-4.1-2025-04-14" {
		t.Errorf("the answer's model does not come first: %+v, %v", f, ok)
	}
	for _, p := range []map[string]string{nil, {pricing.ParamModelMap: "no JSON"}, params} {
		if got := pricing.MappedModel(p, "other"); got != "" {
			t.Errorf("%v: mapped to %q", p, got)
		}
	}
}

func TestImagesByQualityAndSize(t *testing.T) {
	b := pricing.NewBook(pricing.Default(), []*gateway.PriceOverride{{Model: "own", Prices: `{"output_cost_per_image":0.5}`}}, "")
	for _, tt := range []struct {
		model, quality, size, want string
		cost                       gateway.NanoUSD
	}{
		// By the pixel: 8.39233e-08 x 1024 x 1024 and 6.539e-08 x 1024 x 1792.
		{"dall-e-3", "hd", "1024x1024", "hd/1024-x-1024/dall-e-3", 87_999_959},
		{"dall-e-3", "auto", "", "standard/1024-x-1792/dall-e-3", 0},
		{"own", "hd", "1024x1024", "own", 500_000_000},
		{"gpt-4o", "hd", "1024x1024", "gpt-4o", 0},
	} {
		f, ok := b.ImageAt(pricing.Query{Provider: "azure", Models: []string{tt.model}}, tt.quality, tt.size)
		if !ok || tt.cost > 0 && f.Model != tt.want {
			t.Errorf("%s %s %s: found %q, %v, want %q", tt.model, tt.quality, tt.size, f.Model, ok, tt.want)
			continue
		}
		if got := f.Cost(gateway.Usage{Images: 1}, pricing.Terms{}); tt.cost > 0 && got != tt.cost {
			t.Errorf("%s: %d, want %d", tt.want, got, tt.cost)
		}
	}
	dear, _ := b.ImageAt(pricing.Query{Provider: "azure", Models: []string{"dall-e-3"}}, "", "")
	hd, _ := b.ImageAt(pricing.Query{Provider: "azure", Models: []string{"dall-e-3"}}, "hd", "1792x1024")
	if one := (gateway.Usage{Images: 1}); dear.Cost(one, pricing.Terms{}) < hd.Cost(one, pricing.Terms{}) {
		t.Error("a size left to the provider is not charged at the dearest")
	}
}

func TestEntries(t *testing.T) {
	b := pricing.NewBook(pricing.Default(), []*gateway.PriceOverride{
		override("", "gpt-4o", 100, "1e-9"), override("s", "o3", 0, "2e-9"), override("", "o3", 200, "3e-9"),
	}, "")
	count := func(at int64, model string) (all, overridden int) {
		for _, e := range b.Entries(time.Unix(at, 0)) {
			if e.Model == model {
				if all++; e.Override != "" {
					overridden++
				}
			}
		}
		return all, overridden
	}
	for _, tt := range []struct {
		at              int64
		model           string
		all, overridden int
	}{{99, "gpt-4o", 1, 0}, {100, "gpt-4o", 1, 1}, {100, "o3", 2, 1}, {200, "o3", 2, 2}} {
		if all, overridden := count(tt.at, tt.model); all != tt.all || overridden != tt.overridden {
			t.Errorf("%s at %d: %d entries, %d overrides", tt.model, tt.at, all, overridden)
		}
	}
}

func TestPriceEvent(t *testing.T) {
	b := pricing.NewBook(pricing.Default(), []*gateway.PriceOverride{override("s", "gpt-4o", 100, "1e-9")}, "")
	at := func(second int64, change func(*gateway.Event)) *gateway.Event {
		e := &gateway.Event{CreatedAt: time.Unix(second, 0), SettingID: "s", Provider: "openai", RequestModel: "gpt-4o", ResponseModel: "gpt-4o-2024-08-06",
			Usage: gateway.Usage{InputTokens: 1000}}
		change(e)
		return e
	}
	for _, tt := range []struct {
		name  string
		event *gateway.Event
		want  gateway.NanoUSD
		ok    bool
	}{
		{"by the list, at its time", at(99, func(*gateway.Event) {}), 2_500_000, true},
		{"by the override, at its time", at(100, func(*gateway.Event) {}), 1000, true},
		{"by its tier", at(99, func(e *gateway.Event) { e.PriceTerms = "priority" }), 4_250_000, true},
		{"in a batch", at(99, func(e *gateway.Event) { e.PriceTerms = "batch" }), 1_250_000, true},
		{"by the name that it was priced as", at(99, func(e *gateway.Event) { e.PriceModel, e.RequestModel, e.ResponseModel = "gpt-4o", "prod", "" }), 2_500_000, true},
		{"by what its deployment runs now", at(99, func(e *gateway.Event) { e.RequestModel, e.ResponseModel = "prod", "" }), 2_500_000, true},
		// A deployment may be called like the model of another.
		{"by its model, which is no deployment's name", at(99, func(e *gateway.Event) {
			e.RequestModel, e.ResponseModel, e.PriceStatus = "gpt-4.1", "", gateway.Priced
		}), 2_000_000, true},
		{"an unknown model", at(99, func(e *gateway.Event) { e.RequestModel, e.ResponseModel = "mystery", "" }), 0, false},
		{"a custom provider's, at its override", at(100, func(e *gateway.Event) { e.Provider = "own" }), 1000, true},
		{"a custom provider's, before it", at(99, func(e *gateway.Event) { e.Provider = "own" }), 0, false},
		{"booked without usage", at(99, func(e *gateway.Event) { e.Usage, e.Estimated = gateway.Usage{}, true }), 0, false},
	} {
		got, ok := b.PriceEvent(tt.event, map[string]string{pricing.ParamModelMap: `{"prod":"gpt-4o","gpt-4.1":"gpt-4o"}`})
		if got != tt.want || ok != tt.ok {
			t.Errorf("%s: %d, %v; want %d, %v", tt.name, got, ok, tt.want, tt.ok)
		}
	}
}
