package processor

import (
	"testing"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/pricing"
	"github.com/bricks-gateway/bricks/internal/provider"
)

func priceOf(t *testing.T, prices string) pricing.Found {
	t.Helper()
	p, err := pricing.ParsePrice([]byte(prices))
	if err != nil {
		t.Fatal(err)
	}
	return pricing.Found{Price: p, Override: "o"}
}

// TestTranscriptsAreBounded: 60 s at most, 40 s probably, at 100,000
// nano-dollars; 10 bytes of prompt at 2500 and 2000 tokens of text at 10,000.
func TestTranscriptsAreBounded(t *testing.T) {
	const seconds, tokens = `"input_cost_per_second":1e-4`, `"input_cost_per_token":2.5e-6,"output_cost_per_token":1e-5`
	c := call{pieces: pieces{audio: audio{most: 60_000, likely: 40_000}, text: 10}}
	for _, tt := range []struct {
		name, prices string
		most, likely gateway.NanoUSD // 0: there is none
	}{
		{"by the second", `{` + seconds + `}`, 6_000_000, 4_000_000},
		{"and its text", `{` + seconds + `,` + tokens + `,"max_output_tokens":2000}`, 6_000_000 + 25_000 + 20_000_000, 4_000_000},
		{"and its text, of any length", `{` + seconds + `,` + tokens + `}`, 0, 4_000_000},
		{"by tokens alone: how many the sound has, nobody knows", `{` + tokens + `,"max_output_tokens":2000}`, 0, 0},
	} {
		p := priceOf(t, tt.prices)
		for most, want := range map[bool]gateway.NanoUSD{true: tt.most, false: tt.likely} {
			if cost, ok := c.guessTranscript(p, true, most); cost != want && ok || ok != (want > 0) {
				t.Errorf("%s, at most %v: %d, %v; want %d", tt.name, most, cost, ok, want)
			}
		}
	}
	if _, ok := c.guessTranscript(pricing.Found{}, false, true); ok {
		t.Error("no price bounds a transcript")
	}
}

// TestKeptInputMayBeMoreThanText: what a response refers to is not in its body.
func TestKeptInputMayBeMoreThanText(t *testing.T) {
	m, _ := provider.Find("POST", "/api/providers/openai/v1/responses")
	for body, textOnly := range map[string]bool{
		`{"model":"gpt-4o","input":"x"}`:                            true,
		`{"model":"gpt-4o","input":"x","previous_response_id":"r"}`: false,
	} {
		c, r := readCall([]byte(body), m.Endpoint)
		if r != nil || c.terms().TextOnly != textOnly {
			t.Errorf("%s: %+v, %+v", body, c.terms(), r)
		}
	}
}

// TestSilenceIsNotDueTwice: an answer without text that tells tokens and time is
// charged by its tokens. 90 of them at 2500.
func TestSilenceIsNotDueTwice(t *testing.T) {
	m, _ := provider.Find("POST", "/api/providers/openai/v1/audio/transcriptions")
	reading := m.Endpoint.Meter.ReadJSON([]byte(`{"text":"","duration":9.0,"usage":{"type":"tokens","input_tokens":90,"output_tokens":0}}`))
	x := exchange{s: &Server{o: Options{Prices: pricing.NewBook(pricing.Default(), nil, "")}}, match: m, answer: answer{reading: reading}}
	x.event = gateway.Event{Provider: "openai", RequestModel: "gpt-4o-transcribe", Usage: reading.Usage}
	if !x.priceReported() || x.event.Cost != 90*2500 {
		t.Errorf("cost %d, usage %+v", x.event.Cost, x.event.Usage)
	}
	// Speech whose tokens are told: 3 at 600 and 50 of sound at 12,000.
	x.match, _ = provider.Find("POST", "/api/providers/openai/v1/audio/speech")
	x.answer.reading.Usage = gateway.Usage{InputTokens: 3, OutputTokens: 50}
	x.event = gateway.Event{Provider: "openai", RequestModel: "gpt-4o-mini-tts", Usage: x.answer.reading.Usage}
	if !x.priceReported() || x.event.Cost != 3*600+50*12_000 {
		t.Errorf("speech: cost %d, usage %+v", x.event.Cost, x.event.Usage)
	}
}
