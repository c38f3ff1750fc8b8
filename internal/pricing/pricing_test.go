package pricing_test

import (
	"os"
	"testing"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/pricing"
)

// The expected figures are the price list's, multiplied by hand.
func TestCostOfTheEmbeddedList(t *testing.T) {
	tests := []struct {
		name, provider, model string
		usage                 gateway.Usage
		want                  gateway.NanoUSD
	}{
		{"gpt-4o: 19 x 2500 + 10 x 10000", "openai", "gpt-4o", gateway.Usage{InputTokens: 19, OutputTokens: 10}, 147_500},
		{"cached: 14 x 2500 + 5 x 1250", "openai", "gpt-4o", gateway.Usage{InputTokens: 19, CacheReadTokens: 5}, 41_250},
		{"date suffix known to nobody", "openai", "gpt-4o-2099-01-01", gateway.Usage{InputTokens: 1}, 2_500},
		{"embedding: 3 x 20", "openai", "text-embedding-3-small", gateway.Usage{InputTokens: 3}, 60},
		{"claude: 10 x 3000 + 20 x 300 + 12 x 3750 + 18 x 6000 + 7 x 15000", "anthropic", "claude-sonnet-4-5", gateway.Usage{
			InputTokens: 60, CacheReadTokens: 20, CacheWrite5mTokens: 12, CacheWrite1hTokens: 18, OutputTokens: 7,
		}, 30_000 + 6_000 + 45_000 + 108_000 + 105_000},
		{"reasoning is output where it has no price", "openai", "gpt-4o", gateway.Usage{OutputTokens: 10, ReasoningTokens: 4}, 100_000},
		{"gemini at 200,000: 200000 x 1250 + 10 x 10000", "gemini", "gemini-2.5-pro", gateway.Usage{InputTokens: 200_000, OutputTokens: 10}, 250_100_000},
		{"gemini above: 190001 x 2500 + 10000 cached x 250 + 10 x 15000", "gemini", "gemini-2.5-pro", gateway.Usage{
			InputTokens: 200_001, CacheReadTokens: 10_000, OutputTokens: 10,
		}, 475_002_500 + 2_500_000 + 150_000},
		{"gpt-5.4 above 272,000: 272001 x 5000 + 22500", "openai", "gpt-5.4", gateway.Usage{InputTokens: 272_001, OutputTokens: 1}, 1_360_005_000 + 22_500},
		{"dated name in the list: 1 x 3000", "anthropic", "claude-sonnet-4-5-20250929", gateway.Usage{InputTokens: 1}, 3_000},
		{"dated name that is not: 1 x 3000", "anthropic", "claude-sonnet-4-5-20991231", gateway.Usage{InputTokens: 1}, 3_000},
		{"ranges: 256000 x 50", "dashscope", "qwen-flash", gateway.Usage{InputTokens: 256_000}, 12_800_000},
		{"ranges above: 256001 x 250 + 2000", "dashscope", "qwen-flash", gateway.Usage{InputTokens: 256_001, OutputTokens: 1}, 64_000_250 + 2_000},
		{"audio: 4 x 2500 (audio) + 6 x 2500 + 10000", "openai", "gpt-4o-transcribe", gateway.Usage{InputTokens: 10, AudioInputTokens: 4, OutputTokens: 1}, 35_000},
		{"nothing", "openai", "gpt-4o", gateway.Usage{}, 0},
	}
	for _, tt := range tests {
		p, ok := pricing.Default().Lookup(tt.provider, tt.model)
		if !ok {
			t.Errorf("%s: %s has no price", tt.name, tt.model)
			continue
		}
		if got := p.Cost(tt.usage, pricing.Terms{}); got != tt.want {
			t.Errorf("%s: cost = %d, want %d nano-dollars", tt.name, got, tt.want)
		}
	}
	if p, ok := pricing.Default().Lookup("openai", "no-such-model"); ok {
		t.Errorf("an unknown model has price %+v", p)
	}
}

func TestTiersAndRounding(t *testing.T) {
	table, err := pricing.Parse([]byte(`{
		"tiered": {"input_cost_per_token":1e-06,"input_cost_per_token_above_200k_tokens":2e-06,"output_cost_per_token":3e-06,"input_cost_per_token_above_200k_tokens_priority":9},
		"fine": {"input_cost_per_token":1.5e-13,"output_cost_per_token":0},
		"image": {"output_cost_per_image":0.04},
		"image tokens": {"input_cost_per_token":5e-06,"output_cost_per_image_token":4e-05},
		"query": {"input_cost_per_token":0.0,"output_cost_per_token":0.0,"input_cost_per_query":0.002},
		"q/model": {"input_cost_per_token":5e-06}, "model": {"input_cost_per_token":1e-06}
	}`))
	if err != nil {
		t.Fatal(err)
	}
	cost := func(provider, model string, input int64) gateway.NanoUSD {
		p, ok := table.Lookup(provider, model)
		if !ok {
			t.Fatalf("%s has no price", model)
		}
		return p.Cost(gateway.Usage{InputTokens: input}, pricing.Terms{})
	}
	for _, tt := range []struct {
		provider, model string
		input           int64
		want            gateway.NanoUSD
	}{
		{"", "tiered", 200_000, 200_000_000},
		{"", "tiered", 200_001, 400_002_000}, // the whole request at the dearer price
		{"", "fine", 1, 1},                   // 0.00015 nano-dollars, rounded up
		{"", "fine", 10_000, 2},              // 1.5
		{"q", "model", 1, 5_000},             // provider-qualified first
		{"r", "model", 1, 1_000},
	} {
		if got := cost(tt.provider, tt.model, tt.input); got != tt.want {
			t.Errorf("%s of %d tokens = %d, want %d", tt.model, tt.input, got, tt.want)
		}
	}
	for _, model := range []string{"image", "query"} {
		p, _ := table.Lookup("", model)
		if p.Covers(gateway.Usage{InputTokens: 5, OutputTokens: 5}, pricing.Terms{}) {
			t.Errorf("%s is not billed by tokens and covers them: it would cost nothing", model)
		}
		if _, ok := p.Bound(5, 5, pricing.Terms{}); ok {
			t.Errorf("%s is not billed by tokens and has a bound", model)
		}
	}
	p, _ := table.Lookup("", "tiered")
	if got := p.Cost(gateway.Usage{InputTokens: 1 << 62, OutputTokens: 1 << 62}, pricing.Terms{}); got <= 0 {
		t.Errorf("a huge usage costs %d", got)
	}
}

// BenchmarkParse is what the first request waits for; the goal is 100 ms.
func BenchmarkParse(b *testing.B) {
	list, err := os.ReadFile("data/model-prices.json")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := pricing.Parse(list); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"m":{"input_cost_per_token":1e-06,"tiered_pricing":[{"range":[0,1],"input_cost_per_token":1}]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		table, err := pricing.Parse(data)
		if err != nil {
			return
		}
		if p, ok := table.Lookup("", "m"); ok && p.Cost(gateway.Usage{InputTokens: 1 << 62, OutputTokens: 1 << 62}, pricing.Terms{}) < 0 {
			t.Error("negative cost")
		}
	})
}

func BenchmarkCost(b *testing.B) {
	p, _ := pricing.Default().Lookup("openai", "gpt-4o")
	u := gateway.Usage{InputTokens: 1000, OutputTokens: 500, CacheReadTokens: 100}
	b.ReportAllocs()
	for b.Loop() {
		p.Cost(u, pricing.Terms{})
	}
}
