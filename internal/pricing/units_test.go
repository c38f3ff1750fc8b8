package pricing_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/pricing"
)

// one makes a price from the members of a list's entry.
func one(t testing.TB, members string) *pricing.Price {
	t.Helper()
	table, err := pricing.Parse([]byte(`{"m":{` + members + `}}`))
	if err != nil {
		t.Fatal(err)
	}
	p, ok := table.Lookup("", "m")
	if !ok {
		t.Fatalf("no price in %s", members)
	}
	return p
}

const tokens = `"input_cost_per_token":1e-9,"output_cost_per_token":2e-9,`

// TestEveryUnit: each price field alone decides what its unit costs. With token
// prices of 1 and 2 nano-dollars all costs are in whole nano-dollars.
func TestEveryUnit(t *testing.T) {
	for _, tt := range []struct {
		name, members string
		usage         gateway.Usage
		want          gateway.NanoUSD
	}{
		{"input", tokens, gateway.Usage{InputTokens: 7}, 7},
		{"output", tokens, gateway.Usage{OutputTokens: 7}, 14},
		{"cached input: 7 at 1, 3 at 5", tokens + `"cache_read_input_token_cost":5e-9`, gateway.Usage{InputTokens: 10, CacheReadTokens: 3}, 22},
		{"cached input by its older name", tokens + `"input_cost_per_token_cache_hit":5e-9`, gateway.Usage{InputTokens: 10, CacheReadTokens: 3}, 22},
		{"cached input without a price", tokens, gateway.Usage{InputTokens: 10, CacheReadTokens: 3}, 10},
		{"cached input for nothing", tokens + `"cache_read_input_token_cost":0`, gateway.Usage{InputTokens: 10, CacheReadTokens: 3}, 7},
		{"cache write", tokens + `"cache_creation_input_token_cost":5e-9`, gateway.Usage{InputTokens: 10, CacheWrite5mTokens: 3}, 22},
		{"cache write at 0 is input", tokens + `"cache_creation_input_token_cost":0`, gateway.Usage{InputTokens: 10, CacheWrite5mTokens: 3}, 10},
		{"cache write for an hour", tokens + `"cache_creation_input_token_cost":5e-9,"cache_creation_input_token_cost_above_1hr":8e-9`, gateway.Usage{InputTokens: 10, CacheWrite1hTokens: 3}, 31},
		{"cache write for an hour without a price", tokens + `"cache_creation_input_token_cost":5e-9`, gateway.Usage{InputTokens: 10, CacheWrite1hTokens: 3}, 22},
		{"cache write for twelve hours", tokens + `"cache_creation_input_token_cost_above_12hr":9e-9`, gateway.Usage{InputTokens: 10, CacheWrite1hTokens: 3}, 34},
		{"reasoning: 7 at 2, 3 at 5", tokens + `"output_cost_per_reasoning_token":5e-9`, gateway.Usage{OutputTokens: 10, ReasoningTokens: 3}, 29},
		{"sound in", tokens + `"input_cost_per_audio_token":5e-9`, gateway.Usage{InputTokens: 10, AudioInputTokens: 3}, 22},
		{"sound out", tokens + `"output_cost_per_audio_token":5e-9`, gateway.Usage{OutputTokens: 10, AudioOutputTokens: 3}, 29},
		{"cached sound: 10 = 2 cached sound at 3, 1 cached text at 4, 2 sound at 5, 5 text", tokens + `"input_cost_per_audio_token":5e-9,"cache_read_input_audio_token_cost":3e-9,"cache_read_input_token_cost":4e-9`,
			gateway.Usage{InputTokens: 10, CacheReadTokens: 3, AudioInputTokens: 4, CacheReadAudioTokens: 2}, 6 + 4 + 10 + 5},
		{"cached sound without a price is sound", tokens + `"input_cost_per_audio_token":5e-9,"cache_read_input_token_cost":4e-10`, gateway.Usage{InputTokens: 2, CacheReadTokens: 2, AudioInputTokens: 2, CacheReadAudioTokens: 2}, 10},
		{"image tokens in", tokens + `"input_cost_per_image_token":5e-9`, gateway.Usage{InputTokens: 10, ImageInputTokens: 3}, 22},
		{"cached images: 10 = 2 cached images at 6, 1 cached text at 4, 2 images at 5, 5 text", tokens + `"input_cost_per_image_token":5e-9,"cache_read_input_image_token_cost":6e-9,"cache_read_input_token_cost":4e-9`,
			gateway.Usage{InputTokens: 10, CacheReadTokens: 3, ImageInputTokens: 2}, 12 + 4 + 10 + 5},
		{"image tokens out", tokens + `"output_cost_per_image_token":5e-9`, gateway.Usage{OutputTokens: 10, ImageOutputTokens: 3}, 29},
		{"image tokens out and no other price", `"input_cost_per_token":1e-9,"output_cost_per_image_token":5e-9`, gateway.Usage{InputTokens: 1, OutputTokens: 10}, 51},
		{"image", `"output_cost_per_image":4e-9`, gateway.Usage{Images: 3}, 12},
		{"image of several resolutions: the dearest", `"output_cost_per_image_1K":4e-9,"output_cost_per_image_4K":6e-9,"output_cost_per_image_512":3e-9`, gateway.Usage{Images: 3}, 18},
		{"image beside image tokens is the tokens", tokens + `"output_cost_per_image":4e-6,"output_cost_per_image_token":5e-9`, gateway.Usage{OutputTokens: 10, ImageOutputTokens: 10, Images: 1}, 50},
		{"second: both names are one price", `"input_cost_per_second":4e-9,"output_cost_per_second":4e-9`, gateway.Usage{Milliseconds: 2500}, 10},
		{"second: 1 ms of 4 nano-dollars is rounded up", `"input_cost_per_second":4e-9`, gateway.Usage{Milliseconds: 1}, 1},
		{"second of video", `"output_cost_per_second_480p":1e-9,"output_cost_per_second_1080p":3e-9,"output_cost_per_video_per_second":2e-9`, gateway.Usage{Milliseconds: 2000}, 6},
		{"second beside tokens is the tokens", tokens + `"input_cost_per_second":1e-6`, gateway.Usage{InputTokens: 3, OutputTokens: 2, Milliseconds: 9000}, 7},
		{"second beside tokens that nobody counted", tokens + `"input_cost_per_second":1e-6`, gateway.Usage{Milliseconds: 9000}, 9000},
		{"character", `"input_cost_per_character":3e-9`, gateway.Usage{Characters: 5}, 15},
		{"query", `"input_cost_per_token":0,"output_cost_per_token":0,"input_cost_per_query":3e-9`, gateway.Usage{InputTokens: 100, Queries: 5}, 15},
		{"query by ranges of results: the dearest", `"tiered_pricing":[{"max_results_range":[0,25],"input_cost_per_query":5e-9},{"max_results_range":[26,100],"input_cost_per_query":25e-9}]`, gateway.Usage{Queries: 2}, 50},
		{"page", `"ocr_cost_per_page":3e-9`, gateway.Usage{Pages: 5}, 15},
		{"page with annotation", `"ocr_cost_per_page":3e-9,"annotation_cost_per_page":7e-9`, gateway.Usage{Pages: 5}, 35},
		{"request", tokens + `"input_cost_per_request":100e-9`, gateway.Usage{InputTokens: 7}, 107},
		{"web search: the dearest size", tokens + `"search_context_cost_per_query":{"search_context_size_low":4e-9,"search_context_size_high":6e-9,"search_context_size_medium":5e-9}`, gateway.Usage{InputTokens: 7, OutputTokens: 1, WebSearches: 2}, 7 + 2 + 12},
		{"web search by our name", tokens + `"web_search_cost_per_query":4e-9`, gateway.Usage{WebSearches: 2}, 8},
		{"parts beyond the whole are charged all the same", tokens + `"cache_read_input_token_cost":5e-9`, gateway.Usage{InputTokens: 1, CacheReadTokens: 3}, 15},
	} {
		p := one(t, strings.TrimSuffix(tt.members, ","))
		if got := p.Cost(tt.usage, pricing.Terms{}); got != tt.want {
			t.Errorf("%s: %d, want %d nano-dollars", tt.name, got, tt.want)
		}
		if !p.Covers(tt.usage, pricing.Terms{}) {
			t.Errorf("%s: the price does not cover it", tt.name)
		}
	}
}

// TestTiers: schedules and sizes, alone and together.
func TestTiers(t *testing.T) {
	p := one(t, tokens+`"cache_read_input_token_cost":5e-10,
		"input_cost_per_token_above_200k_tokens":3e-9,"output_cost_per_token_above_200k_tokens":4e-9,
		"input_cost_per_token_batches":5e-10,"output_cost_per_token_batches":1e-9,
		"input_cost_per_token_flex":6e-10,"output_cost_per_token_flex":1e-9,"cache_read_input_token_cost_flex":1e-10,
		"input_cost_per_token_priority":4e-9,"output_cost_per_token_priority":8e-9,
		"input_cost_per_token_above_200k_tokens_priority":7e-9`)
	const k200 = 200_000
	for _, tt := range []struct {
		name  string
		terms pricing.Terms
		usage gateway.Usage
		want  gateway.NanoUSD
	}{
		{"standard", pricing.Terms{}, gateway.Usage{InputTokens: 10, OutputTokens: 1}, 12},
		{"standard by other names", pricing.Terms{Tier: "Standard"}, gateway.Usage{InputTokens: 10}, 10},
		{"default", pricing.Terms{Tier: "default"}, gateway.Usage{InputTokens: 10}, 10},
		{"at the size", pricing.Terms{}, gateway.Usage{InputTokens: k200}, k200},
		{"above: the whole request", pricing.Terms{}, gateway.Usage{InputTokens: k200 + 1, OutputTokens: 1}, 3*k200 + 3 + 4},
		{"above, cached counts for the size and rises with the input", pricing.Terms{}, gateway.Usage{InputTokens: k200 + 2, CacheReadTokens: k200 + 2}, (k200 + 2) * 3 / 2},
		{"batch", pricing.Terms{Batch: true}, gateway.Usage{InputTokens: 10, OutputTokens: 1}, 6},
		{"batch wins over a tier", pricing.Terms{Batch: true, Tier: "priority"}, gateway.Usage{InputTokens: 10}, 5},
		{"batch as a tier", pricing.Terms{Tier: "batch"}, gateway.Usage{InputTokens: 10}, 5},
		{"batch, cached without a price of its own: the standard one", pricing.Terms{Batch: true}, gateway.Usage{InputTokens: 10, CacheReadTokens: 10}, 5},
		{"batch above, without a price of its own: the standard one", pricing.Terms{Batch: true}, gateway.Usage{InputTokens: 2 * k200}, 6 * k200},
		{"flex", pricing.Terms{Tier: "flex"}, gateway.Usage{InputTokens: 20, CacheReadTokens: 10}, 7},
		{"flex, reasoning without any price is output", pricing.Terms{Tier: "flex"}, gateway.Usage{OutputTokens: 10, ReasoningTokens: 10}, 10},
		{"priority", pricing.Terms{Tier: "priority"}, gateway.Usage{InputTokens: 10, OutputTokens: 1}, 48},
		{"priority in capitals", pricing.Terms{Tier: "PRIORITY"}, gateway.Usage{InputTokens: 10}, 40},
		{"priority, cached rises as the input does", pricing.Terms{Tier: "priority"}, gateway.Usage{InputTokens: 10, CacheReadTokens: 10}, 20},
		{"priority above", pricing.Terms{Tier: "priority"}, gateway.Usage{InputTokens: k200 + 1}, 7 * (k200 + 1)},
		{"priority above, output without a price there: the dearer of both", pricing.Terms{Tier: "priority"}, gateway.Usage{InputTokens: k200 + 1, OutputTokens: 1}, 7*(k200+1) + 8},
		{"a tier that nobody knows: the dearest", pricing.Terms{Tier: "platinum"}, gateway.Usage{InputTokens: 10, OutputTokens: 1}, 48},
	} {
		if got := p.Cost(tt.usage, tt.terms); got != tt.want {
			t.Errorf("%s: %d, want %d nano-dollars", tt.name, got, tt.want)
		}
		if known := tt.terms.Tier != "platinum"; p.Knows(tt.terms) != known {
			t.Errorf("%s: known is %v", tt.name, !known)
		}
		if back := pricing.ParseTerms(tt.terms.String()); p.Cost(tt.usage, back) != tt.want {
			t.Errorf("%s: kept with an event as %q it costs %d", tt.name, tt.terms, p.Cost(tt.usage, back))
		}
	}
	plain := one(t, strings.TrimSuffix(tokens, ","))
	if plain.Knows(pricing.Terms{Tier: "priority"}) || !plain.Knows(pricing.Terms{Tier: "flex"}) || !plain.Knows(pricing.Terms{Batch: true}) {
		t.Error("of a model with standard prices alone, only cheaper tiers are known")
	}
}

// TestBound: no usage within the maxima costs more than the bound, and the bound
// is what the dearest costs.
func TestBound(t *testing.T) {
	for _, tt := range []struct {
		name, members string
		usage         gateway.Usage
		terms         pricing.Terms
		want          gateway.NanoUSD
		ok            bool
	}{
		{"plain", tokens, gateway.Usage{InputTokens: 10, OutputTokens: 3}, pricing.Terms{}, 16, true},
		{"cache writes", tokens + `"cache_creation_input_token_cost_above_1hr":4e-9`, gateway.Usage{InputTokens: 10, OutputTokens: 3}, pricing.Terms{}, 46, true},
		{"reasoning", tokens + `"output_cost_per_reasoning_token":4e-9`, gateway.Usage{InputTokens: 10, OutputTokens: 3}, pricing.Terms{}, 22, true},
		{"sound", tokens + `"input_cost_per_audio_token":9e-9,"output_cost_per_audio_token":9e-9`, gateway.Usage{InputTokens: 10, OutputTokens: 3}, pricing.Terms{}, 117, true},
		{"no sound", tokens + `"input_cost_per_audio_token":9e-9,"output_cost_per_audio_token":9e-9`, gateway.Usage{InputTokens: 10, OutputTokens: 3}, pricing.Terms{TextOnly: true}, 16, true},
		{"a smaller input that is dearer", tokens + `"input_cost_per_token_above_1k_tokens":5e-10`, gateway.Usage{InputTokens: 1001}, pricing.Terms{}, 1001, true},
		{"a larger one", tokens + `"input_cost_per_token_above_1k_tokens":5e-9`, gateway.Usage{InputTokens: 1001}, pricing.Terms{}, 5005, true},
		{"priority", tokens + `"input_cost_per_token_priority":4e-9`, gateway.Usage{InputTokens: 10}, pricing.Terms{Tier: "priority"}, 40, true},
		{"auto may be priority", tokens + `"input_cost_per_token_priority":4e-9`, gateway.Usage{InputTokens: 10}, pricing.Terms{Tier: "auto"}, 40, true},
		{"auto may be standard", tokens, gateway.Usage{InputTokens: 10}, pricing.Terms{Tier: "auto"}, 10, true},
		{"flex without a price", tokens, gateway.Usage{InputTokens: 10}, pricing.Terms{Tier: "flex"}, 10, true},
		{"priority without a price", tokens, gateway.Usage{InputTokens: 10}, pricing.Terms{Tier: "priority"}, 0, false},
		{"a tier that nobody knows", tokens, gateway.Usage{InputTokens: 10}, pricing.Terms{Tier: "fast"}, 0, false},
		{"fees", tokens + `"web_search_cost_per_query":5e-9,"input_cost_per_request":7e-9`, gateway.Usage{InputTokens: 10, WebSearches: 2}, pricing.Terms{}, 27, true},
		{"pieces", `"output_cost_per_image":5e-9`, gateway.Usage{Images: 3}, pricing.Terms{}, 15, true},
		{"tokens of a model sold by the second", `"input_cost_per_second":1`, gateway.Usage{InputTokens: 10}, pricing.Terms{}, 0, false},
		{"output of a model whose images are sold by the piece", `"input_cost_per_token":1e-9,"output_cost_per_token":0,"output_cost_per_image":1`, gateway.Usage{InputTokens: 10, OutputTokens: 10}, pricing.Terms{}, 0, false},
		{"free", `"input_cost_per_token":0,"output_cost_per_token":0`, gateway.Usage{InputTokens: 10}, pricing.Terms{Tier: "fast"}, 0, true},
	} {
		got, ok := one(t, strings.TrimSuffix(tt.members, ",")).BoundUsage(tt.usage, tt.terms)
		if got != tt.want || ok != tt.ok {
			t.Errorf("%s: %d, %v; want %d, %v", tt.name, got, ok, tt.want, tt.ok)
		}
	}
}

// TestZeroIsNotFreeBesideAnotherPrice: what is not read must not look free.
func TestZeroIsNotFreeBesideAnotherPrice(t *testing.T) {
	for _, other := range []string{`"input_cost_per_pixel":1e-8`, `"code_interpreter_cost_per_session":1`, `"input_cost_per_second":1`, `"input_cost_per_token_priority":1e-9`} {
		p := one(t, `"input_cost_per_token":0,"output_cost_per_token":0,`+other)
		u := gateway.Usage{InputTokens: 10, OutputTokens: 10}
		if _, ok := p.Bound(10, 10, pricing.Terms{}); ok || p.Covers(u, pricing.Terms{}) {
			t.Errorf("beside %s prices of 0 count as free", other)
		}
	}
}

// TestEveryFieldOfTheListIsKnown: a name that a new version of the list brings
// is either read or known not to be, with a reason.
func TestEveryFieldOfTheListIsKnown(t *testing.T) {
	data, err := os.ReadFile("data/model-prices.json")
	if err != nil {
		t.Fatal(err)
	}
	var list map[string]map[string]json.RawMessage
	if err := json.Unmarshal(data, &list); err != nil {
		t.Fatal(err)
	}
	others := map[string]bool{}
	for model, entry := range list {
		for name := range entry {
			if !strings.Contains(name, "cost") && !strings.HasSuffix(name, "_pricing") {
				continue
			}
			base := strings.TrimSuffix(name, "_batches")
			if pricing.Others[base] != "" {
				others[base] = true
			} else if !pricing.IsField(name) {
				t.Errorf("%s: %s is not read", model, name)
			}
		}
	}
	for name := range pricing.Others {
		if !others[name] {
			t.Errorf("%s is in no entry of the list any more", name)
		}
	}
}

// TestOffPeakIsCheaper: charging the peak price at all hours overcharges at most.
func TestOffPeakIsCheaper(t *testing.T) {
	data, err := os.ReadFile("data/model-prices.json")
	if err != nil {
		t.Fatal(err)
	}
	var list map[string]map[string]json.RawMessage
	if err := json.Unmarshal(data, &list); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for model, entry := range list {
		var off, peak map[string]any
		if entry["off_peak_pricing"] == nil {
			continue
		}
		if err := json.Unmarshal(entry["off_peak_pricing"], &off); err != nil {
			t.Fatal(err)
		}
		whole, _ := json.Marshal(entry)
		if err := json.Unmarshal(whole, &peak); err != nil {
			t.Fatal(err)
		}
		for name, price := range off {
			if p, ok := price.(float64); ok {
				if seen++; p > peak[name].(float64) {
					t.Errorf("%s: %s is dearer off peak", model, name)
				}
			}
		}
	}
	if seen == 0 {
		t.Error("no off-peak prices were found")
	}
}

// TestFieldsCanBePutBack: what is shown of any entry of the list is a valid
// override that costs the same.
func TestFieldsCanBePutBack(t *testing.T) {
	data, err := os.ReadFile("data/model-prices.json")
	if err != nil {
		t.Fatal(err)
	}
	var names map[string]json.RawMessage
	if err := json.Unmarshal(data, &names); err != nil {
		t.Fatal(err)
	}
	u := gateway.Usage{InputTokens: 300_001, CacheReadTokens: 1000, CacheWrite1hTokens: 50, OutputTokens: 999, ReasoningTokens: 77,
		AudioInputTokens: 5, ImageInputTokens: 3, WebSearches: 2, Images: 1, Milliseconds: 1500, Characters: 4, Queries: 2, Pages: 3}
	checked := 0
	for name := range names {
		p, ok := pricing.Default().Lookup("", name)
		if !ok {
			continue
		}
		members := map[string]json.RawMessage{}
		for _, f := range p.Fields() {
			members[f.Name] = json.RawMessage(f.USD)
		}
		text, err := json.Marshal(members)
		if err != nil {
			t.Fatal(err)
		}
		back, err := pricing.ParsePrice(text)
		if err != nil {
			if strings.Contains(err.Error(), "is required") {
				continue // the list leaves a token price out, which an override must not
			}
			t.Errorf("%s: %s: %v", name, text, err)
			continue
		}
		checked++
		for _, terms := range []pricing.Terms{{}, {Tier: "priority"}, {Batch: true}} {
			if got, want := back.Cost(u, terms), p.Cost(u, terms); got != want {
				t.Errorf("%s at %q: put back it costs %d, was %d", name, terms, got, want)
			}
		}
	}
	if checked < 4000 {
		t.Errorf("only %d entries were checked", checked)
	}
}
