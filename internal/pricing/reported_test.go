package pricing_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/pricing"
	"github.com/bricks-gateway/bricks/internal/provider"
)

// reported is what providers answer, by their own documents, down to the money.
// The costs are the price list's figures, multiplied by hand: nano-dollars a
// token are gpt-4o 2,500 in, 1,250 cached, 10,000 out (priority 4,250, 2,125,
// 17,000); claude-sonnet-4-5 3,000 in, 300 cached, 3,750 and 6,000 written,
// 15,000 out; text-embedding-3-small 20. A web search is 10,000,000.
var reported = []struct {
	name     string
	provider string
	meter    provider.Meter
	raw      string // JSON, or the data of a stream's events, one a line
	model    string
	tier     string
	usage    gateway.Usage
	cost     gateway.NanoUSD
}{
	{
		name: "openai chat", provider: "openai", meter: provider.MeterOpenAI,
		raw: `{"id":"c","object":"chat.completion","model":"gpt-4o-2024-08-06","choices":[{"message":{"content":"usage"}}],"service_tier":"default","usage":{"prompt_tokens":1000,"completion_tokens":100,"total_tokens":1100,
			"prompt_tokens_details":{"cached_tokens":400,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":30,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}}`,
		model: "gpt-4o-2024-08-06", tier: "default",
		usage: gateway.Usage{InputTokens: 1000, CacheReadTokens: 400, OutputTokens: 100, ReasoningTokens: 30},
		cost:  600*2500 + 400*1250 + 100*10_000,
	},
	{
		name: "openai chat at priority", provider: "openai", meter: provider.MeterOpenAI,
		raw:   `{"model":"gpt-4o","service_tier":"priority","usage":{"prompt_tokens":1000,"completion_tokens":100,"prompt_tokens_details":{"cached_tokens":400}}}`,
		model: "gpt-4o", tier: "priority", usage: gateway.Usage{InputTokens: 1000, CacheReadTokens: 400, OutputTokens: 100},
		cost: 600*4250 + 400*2125 + 100*17_000,
	},
	{
		name: "openai chat, streamed: the last chunk has the usage", provider: "openai", meter: provider.MeterOpenAI,
		raw: `{"id":"c","model":"gpt-4o-2024-08-06","service_tier":"default","choices":[{"delta":{"content":"a"}}],"usage":null}
{"id":"c","model":"gpt-4o-2024-08-06","service_tier":"default","choices":[{"delta":{}}],"usage":null}
{"id":"c","model":"gpt-4o-2024-08-06","service_tier":"default","choices":[],"usage":{"prompt_tokens":10,"completion_tokens":2,"total_tokens":12}}`,
		model: "gpt-4o-2024-08-06", tier: "default", usage: gateway.Usage{InputTokens: 10, OutputTokens: 2}, cost: 45_000,
	},
	{
		name: "a compatible server with usage in every chunk: the last counts", provider: "openai", meter: provider.MeterOpenAI,
		raw: `{"model":"gpt-4o","choices":[{}],"usage":{"prompt_tokens":10,"completion_tokens":1}}
{"model":"gpt-4o","choices":[{}],"usage":{"prompt_tokens":10,"completion_tokens":2}}`,
		model: "gpt-4o", usage: gateway.Usage{InputTokens: 10, OutputTokens: 2}, cost: 45_000,
	},
	{
		name: "openai responses with a web search", provider: "openai", meter: provider.MeterOpenAI,
		raw: `{"id":"r","object":"response","status":"completed","model":"gpt-5-mini-2025-08-07","service_tier":"flex","output":[{"type":"web_search_call","id":"w"},{"type":"reasoning"},{"type":"web_search_call","id":"x"},
			{"type":"message","content":[{"text":"web_search_call"}]}],"usage":{"input_tokens":100,"input_tokens_details":{"cached_tokens":20,"cache_write_tokens":0},"output_tokens":50,"output_tokens_details":{"reasoning_tokens":40},"total_tokens":150}}`,
		model: "gpt-5-mini-2025-08-07", tier: "flex",
		usage: gateway.Usage{InputTokens: 100, CacheReadTokens: 20, OutputTokens: 50, ReasoningTokens: 40, WebSearches: 2},
		cost:  80*125 + 20*25/2 + 50*1000 + 2*10_000_000, // at flex 12.5 cached
	},
	{
		name: "openai responses, streamed: the last event has it", provider: "openai", meter: provider.MeterOpenAI,
		raw: `{"type":"response.created","response":{"id":"r","model":"gpt-4o-2024-08-06","usage":null,"output":[]}}
{"type":"response.output_text.delta","delta":"usage"}
{"type":"response.completed","response":{"id":"r","model":"gpt-4o-2024-08-06","service_tier":"default","output":[],"usage":{"input_tokens":10,"output_tokens":2,"output_tokens_details":{"reasoning_tokens":0}}}}`,
		model: "gpt-4o-2024-08-06", tier: "default", usage: gateway.Usage{InputTokens: 10, OutputTokens: 2}, cost: 45_000,
	},
	{
		name: "openai completions", provider: "openai", meter: provider.MeterOpenAI,
		raw:   `{"object":"text_completion","model":"gpt-3.5-turbo-instruct","choices":[{"text":"a"}],"usage":{"prompt_tokens":10,"completion_tokens":2,"total_tokens":12}}`,
		model: "gpt-3.5-turbo-instruct", usage: gateway.Usage{InputTokens: 10, OutputTokens: 2}, cost: 10*1500 + 2*2000,
	},
	{
		name: "openai embeddings", provider: "openai", meter: provider.MeterOpenAI,
		raw:   `{"object":"list","model":"text-embedding-3-small","data":[{"embedding":"AAAA"}],"usage":{"prompt_tokens":8,"total_tokens":8}}`,
		model: "text-embedding-3-small", usage: gateway.Usage{InputTokens: 8}, cost: 160,
	},
	{
		name: "openai with cached sound", provider: "openai", meter: provider.MeterOpenAI,
		raw: `{"model":"gpt-4o","usage":{"prompt_tokens":10,"completion_tokens":4,"prompt_tokens_details":{"cached_tokens":4,"cached_tokens_details":{"text_tokens":1,"audio_tokens":3},"audio_tokens":5,"image_tokens":2},
			"completion_tokens_details":{"audio_tokens":3,"image_tokens":1}}}`,
		model: "gpt-4o",
		usage: gateway.Usage{InputTokens: 10, CacheReadTokens: 4, CacheReadAudioTokens: 3, AudioInputTokens: 5, ImageInputTokens: 2, OutputTokens: 4, AudioOutputTokens: 3, ImageOutputTokens: 1},
		cost:  6*2500 + 4*1250 + 4*10_000,
	},
	{
		name: "anthropic: input excludes the cache; writes for 5 minutes and an hour; a search", provider: "anthropic", meter: provider.MeterAnthropic,
		raw: `{"type":"message","model":"claude-sonnet-4-5-20250929","usage":{"input_tokens":10,"cache_read_input_tokens":20,"cache_creation_input_tokens":30,"cache_creation":{"ephemeral_5m_input_tokens":12,"ephemeral_1h_input_tokens":18},
			"output_tokens":7,"output_tokens_details":{"thinking_tokens":3},"server_tool_use":{"web_search_requests":2,"web_fetch_requests":1},"service_tier":"standard"}}`,
		model: "claude-sonnet-4-5-20250929", tier: "standard",
		usage: gateway.Usage{InputTokens: 60, CacheReadTokens: 20, CacheWrite5mTokens: 12, CacheWrite1hTokens: 18, OutputTokens: 7, ReasoningTokens: 3, WebSearches: 2},
		cost:  10*3000 + 20*300 + 12*3750 + 18*6000 + 7*15_000 + 2*10_000_000,
	},
	{
		name: "anthropic, streamed: counts are cumulative and may change late", provider: "anthropic", meter: provider.MeterAnthropic,
		raw: `{"type":"message_start","message":{"type":"message","model":"claude-sonnet-4-5","usage":{"input_tokens":10,"cache_creation_input_tokens":5,"cache_creation":{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":5},"cache_read_input_tokens":20,"output_tokens":1,"service_tier":"standard"}}}
{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\"usage\""}}
{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":15}}
{"type":"message_delta","delta":{},"usage":{"input_tokens":12,"output_tokens":18,"server_tool_use":{"web_search_requests":1}}}
{"type":"message_stop"}`,
		model: "claude-sonnet-4-5", tier: "standard",
		usage: gateway.Usage{InputTokens: 37, CacheReadTokens: 20, CacheWrite1hTokens: 5, OutputTokens: 18, WebSearches: 1},
		cost:  12*3000 + 20*300 + 5*6000 + 18*15_000 + 10_000_000,
	},
	{
		name: "anthropic in a batch", provider: "anthropic", meter: provider.MeterAnthropic,
		raw:   `{"model":"claude-sonnet-4-5","usage":{"input_tokens":10,"output_tokens":2,"service_tier":"batch"}}`,
		model: "claude-sonnet-4-5", tier: "batch", usage: gateway.Usage{InputTokens: 10, OutputTokens: 2}, cost: 10*1500 + 2*7500,
	},
	{
		name: "anthropic at fast speed, which has no price: the dearest", provider: "anthropic", meter: provider.MeterAnthropic,
		raw:   `{"model":"claude-sonnet-4-5","usage":{"input_tokens":10,"output_tokens":2,"speed":"fast","service_tier":"standard"}}`,
		model: "claude-sonnet-4-5", tier: "fast", usage: gateway.Usage{InputTokens: 10, OutputTokens: 2}, cost: 10*3000 + 2*15_000,
	},
}

func TestReportedUsageDownToTheMoney(t *testing.T) {
	b := pricing.NewBook(pricing.Default(), nil, "")
	for _, tt := range reported {
		var r provider.Reading
		if lines := strings.Split(tt.raw, "\n{"); len(lines) > 1 && strings.Contains(tt.name, "chunk") || strings.Contains(tt.name, "streamed") {
			for i, line := range lines {
				if i > 0 {
					line = "{" + line
				}
				tt.meter.ReadEvent(&r, []byte(line))
			}
		} else {
			r = tt.meter.ReadJSON([]byte(tt.raw))
		}
		if diff := cmp.Diff(provider.Reading{HasCost: true, Model: tt.model, ServiceTier: tt.tier, Usage: tt.usage}, r); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
			continue
		}
		f, ok := b.PriceAt(pricing.Query{Provider: tt.provider, Models: []string{r.Model}})
		if !ok {
			t.Errorf("%s: %s has no price", tt.name, r.Model)
			continue
		}
		if got := f.Cost(r.Usage, pricing.Terms{Tier: r.ServiceTier}); got != tt.cost {
			t.Errorf("%s: %d, want %d nano-dollars", tt.name, got, tt.cost)
		}
	}
}
