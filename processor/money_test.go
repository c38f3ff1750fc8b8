package processor

import (
	"testing"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/pricing"
	"github.com/bricks-gateway/bricks/internal/provider"
)

func quoteOf(t *testing.T, body string) quote {
	t.Helper()
	m, _ := provider.Find("POST", "/api/providers/openai/v1/chat/completions")
	c, r := readCall([]byte(body), m.Endpoint)
	if r != nil {
		t.Fatalf("%s: refused: %+v", body, r)
	}
	p, ok := pricing.Default().Lookup("openai", "gpt-4o")
	if !ok {
		t.Fatal("no price for gpt-4o")
	}
	return makeQuote(&c, p, m)
}

// gpt-4o takes 128,000 tokens, writes 16,384, and costs 2,500 nano-dollars a
// token in and 10,000 out.
func TestQuote(t *testing.T) {
	for body, want := range map[string]quote{
		`{"model":"gpt-4o","max_tokens":10,"messages":[]}`:       {input: 7, output: 10, factor: 1},
		`{"model":"gpt-4o","max_tokens":10,"n":3,"messages":[]}`: {input: 7, output: 10, factor: 3},
		`{"model":"gpt-4o","messages":[]}`:                       {input: 7, output: 16_384, factor: 1},
		`{"model":"gpt-4o","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://x/y.png"}}]}]}`:      {input: 128_000, output: 16_384, factor: 1},
		`{"model":"gpt-4o","messages":[{"role":"user","content":[{"type":"im\u0061ge_url","image_url":{"url":"https://x/y.png"}}]}]}`: {input: 128_000, output: 16_384, factor: 1},
	} {
		q := quoteOf(t, body)
		if q.input != want.input || q.output != want.output || q.factor != want.factor || !q.bounded || q.assumed {
			t.Errorf("%s: quote = %+v, want %+v", body, q, want)
		}
		if got, want := q.cost(q.output), gateway.NanoUSD(want.input*2500+want.output*want.factor*10_000); got != want {
			t.Errorf("%s: cost = %d, want %d", body, got, want)
		}
	}
}

func TestAffordable(t *testing.T) {
	q := quoteOf(t, `{"model":"gpt-4o","max_tokens":1000,"n":2,"messages":[]}`)
	for money, want := range map[gateway.NanoUSD]int64{
		17_499: 0, 17_500: 0, 37_499: 0, 37_500: 1, 57_499: 1, 57_500: 2, 20_017_500: 1000, gateway.USD: 1000,
	} {
		if got := q.affordable(money); got != want {
			t.Errorf("%d nano-dollars pay for %d tokens, want %d", money, got, want)
		}
	}
}
