package pricing_test

import (
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/pricing"
)

// TestCharge: what a batch costs follows from the sizes of its requests, not from
// their sum, and pricing its event again says the same.
func TestCharge(t *testing.T) {
	// Above 200,000 tokens a token costs ten times as much; in a batch half of it.
	sized := &gateway.PriceOverride{ID: "o", Model: "sized", Prices: `{"input_cost_per_token":2e-6,"output_cost_per_token":4e-6,` +
		`"input_cost_per_token_above_200k_tokens":2e-5,"output_cost_per_token_above_200k_tokens":4e-5,` +
		`"input_cost_per_token_batches":1e-6,"output_cost_per_token_batches":2e-6,` +
		`"input_cost_per_token_above_200k_tokens_batches":1e-5,"output_cost_per_token_above_200k_tokens_batches":2e-5}`}
	b := pricing.NewBook(pricing.Default(), []*gateway.PriceOverride{sized}, "")
	params := map[string]string{pricing.ParamModelMap: `{"prod":"gpt-4o"}`}
	for _, tt := range []struct {
		name, response, request string
		provider                string
		terms                   pricing.Terms
		input, output           int64
		cost                    gateway.NanoUSD
		kept, model             string
		status                  gateway.PriceStatus
	}{
		// gpt-4o-mini: 150 and 600 nano-dollars a token, half of it in a batch.
		{"at once", "gpt-4o-mini-2024-07-18", "", "openai", pricing.Terms{}, 10, 5, 4500, "", "", gateway.Priced},
		{"in a batch", "gpt-4o-mini-2024-07-18", "", "openai", pricing.Terms{Batch: true, Largest: 8}, 10, 5, 2250, "batch/8", "", gateway.Priced},
		// gpt-4o: 2500 and 10000.
		{"by a deployment", "prod", "", "azure", pricing.Terms{Batch: true}, 10, 5, 37_500, "batch", "gpt-4o", gateway.Priced},
		{"by what was asked for", "", "gpt-4o", "openai", pricing.Terms{}, 10, 5, 75_000, "", "", gateway.Priced},
		{"small requests with a large sum", "sized", "", "openai", pricing.Terms{Batch: true, Largest: 200_000}, 5_000, 10, 5_020_000, "batch/200000", "", gateway.Priced},
		{"large requests", "sized", "", "openai", pricing.Terms{Batch: true, Largest: 200_001}, 5000, 10, 50_200_000, "batch/200001", "", gateway.Priced},
		{"by nobody's model", "mystery", "", "openai", pricing.Terms{Batch: true}, 10, 5, 0, "batch", "", gateway.Unpriced},
	} {
		e := &gateway.Event{CreatedAt: time.Unix(1, 0), Provider: tt.provider, ResponseModel: tt.response, RequestModel: tt.request,
			Usage: gateway.Usage{InputTokens: tt.input, OutputTokens: tt.output}}
		found, ok := b.PriceLater(e, params)
		found.Charge(e, tt.terms, ok)
		if e.Cost != tt.cost || e.PriceTerms != tt.kept || e.PriceModel != tt.model || e.PriceStatus != tt.status || e.Estimated {
			t.Errorf("%s: %d at %q by %q, %s; want %d at %q by %q, %s", tt.name, e.Cost, e.PriceTerms, e.PriceModel, e.PriceStatus, tt.cost, tt.kept, tt.model, tt.status)
		}
		if again, ok := b.PriceEvent(e, params); again != tt.cost || ok != (tt.status == gateway.Priced) {
			t.Errorf("%s: priced again at %d, %v; want %d", tt.name, again, ok, tt.cost)
		}
	}
}

func TestSize(t *testing.T) {
	sized := &gateway.PriceOverride{ID: "o", Model: "sized", Prices: `{"input_cost_per_token":2e-6,"output_cost_per_token":4e-6,"input_cost_per_token_above_200k_tokens":2e-5}`}
	b := pricing.NewBook(pricing.Default(), []*gateway.PriceOverride{sized}, "")
	p, _ := b.PriceAt(pricing.Query{At: time.Unix(1, 0), Models: []string{"sized"}})
	batch := pricing.Terms{Batch: true}
	if small, large := p.Size(200_000, batch), p.Size(200_001, batch); small == large || p.Size(0, batch) != small || p.Size(9e9, batch) != large || !p.Sized(batch) {
		t.Errorf("sizes %d and %d", small, large)
	}
	p, _ = b.PriceAt(pricing.Query{Provider: "openai", Models: []string{"gpt-4o"}})
	if p.Sized(batch) || p.Size(0, batch) != p.Size(9e9, batch) {
		t.Error("gpt-4o has one price for every size")
	}
}
