package pricing_test

import (
	"testing"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/pricing"
	"github.com/bricks-gateway/bricks/internal/provider"
)

// everything has a price for each unit, tiers and sizes.
const everything = `"input_cost_per_token":1e-6,"output_cost_per_token":2e-6,"cache_read_input_token_cost":1e-7,"cache_creation_input_token_cost":1.25e-6,
	"cache_creation_input_token_cost_above_1hr":2e-6,"output_cost_per_reasoning_token":3e-6,"input_cost_per_audio_token":1e-5,"output_cost_per_audio_token":2e-5,
	"cache_read_input_audio_token_cost":4e-7,"input_cost_per_image_token":3e-6,"output_cost_per_image_token":4e-5,"web_search_cost_per_query":0.01,
	"input_cost_per_token_above_200k_tokens":2e-6,"output_cost_per_token_above_272k_tokens":1e-6,"input_cost_per_token_priority":2e-6,"output_cost_per_token_batches":1e-6,
	"cache_read_input_token_cost_above_200k_tokens_flex":5e-8,"output_cost_per_image":0.04,"input_cost_per_second":0.01,"input_cost_per_character":1e-5`

// FuzzCost: whatever the figures, a cost is not negative, not zero when
// something priced was used, and not above the bound for as much.
func FuzzCost(f *testing.F) {
	f.Add(int64(10), int64(3), int64(2), int64(1), int64(5), int64(2), int64(4), int64(1), "priority", true)
	f.Add(int64(1<<62), int64(1<<62), int64(1<<62), int64(1<<62), int64(1<<62), int64(1<<62), int64(1<<62), int64(1<<62), "", false)
	f.Add(int64(300_000), int64(0), int64(-1), int64(0), int64(-5), int64(0), int64(0), int64(0), "nobody's", false)
	prices := []*pricing.Price{one(f, everything)}
	for _, model := range []string{"gpt-4o", "gpt-5.4", "claude-sonnet-4-5", "gemini-2.5-pro", "qwen-flash"} {
		p, ok := pricing.Default().Lookup("dashscope", model)
		if !ok {
			f.Fatal(model)
		}
		prices = append(prices, p)
	}
	f.Fuzz(func(t *testing.T, input, cached, written, sound, output, reasoning, images, searches int64, tier string, batch bool) {
		u := gateway.Usage{InputTokens: input, CacheReadTokens: cached, CacheWrite5mTokens: written, CacheWrite1hTokens: written, AudioInputTokens: sound,
			CacheReadAudioTokens: sound, OutputTokens: output, ReasoningTokens: reasoning, ImageInputTokens: images, ImageOutputTokens: images,
			Images: images, Milliseconds: sound, Characters: cached, WebSearches: searches}
		terms := pricing.Terms{Tier: tier, Batch: batch}
		within := input >= 0 && cached >= 0 && written >= 0 && sound >= 0 && output >= 0 && reasoning >= 0 && images >= 0 && searches >= 0 &&
			max(input, cached, written, sound, output, reasoning, images) < 1<<40 &&
			cached+2*written+images <= input && sound <= cached && reasoning+images <= output
		for _, p := range prices {
			cost := p.Cost(u, terms)
			if cost < 0 {
				t.Fatalf("%+v costs %d", u, cost)
			}
			if cost == 0 && (input > 0 || output > 0) && within {
				t.Fatalf("%+v costs nothing", u)
			}
			if !within {
				continue
			}
			most := gateway.Usage{InputTokens: input, OutputTokens: output, WebSearches: searches, Images: images, Milliseconds: sound, Characters: cached}
			if bound, ok := p.BoundUsage(most, terms); ok && bound < cost {
				t.Fatalf("%+v at %+v costs %d, above the bound %d", u, terms, cost, bound)
			}
		}
	})
}

// FuzzUsage: whatever a provider answers, its cost is not negative, and not zero
// when it reports tokens.
func FuzzUsage(f *testing.F) {
	for _, tt := range reported {
		f.Add([]byte(tt.raw))
	}
	f.Add([]byte(`{"usage":{"prompt_tokens":-5,"completion_tokens":1e400,"prompt_tokens_details":{"cached_tokens":99999999999999999999}}}`))
	p := one(f, everything)
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, m := range []provider.Meter{provider.MeterOpenAI, provider.MeterAnthropic} {
			r := m.ReadJSON(data)
			var streamed provider.Reading
			m.ReadEvent(&streamed, data)
			for _, r := range []provider.Reading{r, streamed} {
				cost := p.Cost(r.Usage, pricing.Terms{Tier: r.ServiceTier})
				if cost < 0 || cost == 0 && (r.Usage.InputTokens > 0 || r.Usage.OutputTokens > 0) {
					t.Fatalf("%+v costs %d", r, cost)
				}
			}
		}
	})
}
