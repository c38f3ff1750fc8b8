package processor_test

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/limit"
	"github.com/bricks-gateway/bricks/internal/pricing"
	"github.com/bricks-gateway/bricks/internal/secrets"
	"github.com/bricks-gateway/bricks/processor"
)

// askedLimiter keeps what was asked for.
type askedLimiter struct {
	freeLimiter
	asked []limit.Request
}

func (l *askedLimiter) Reserve(ctx context.Context, r limit.Request) (limit.Reservation, error) {
	l.asked = append(l.asked, r)
	return l.freeLimiter.Reserve(ctx, r)
}

// priced runs one chat request with its answer on a key with a cost limit, by
// the given overrides. The answer is empty for none.
func priced(t *testing.T, w *world, b *pricing.Book, body, answer string) (asked limit.Request, event gateway.Event) {
	t.Helper()
	return pricedAt(t, w, b, "/api/providers/openai/v1/chat/completions", body, answer)
}

// pricedAt is priced for another path.
func pricedAt(t *testing.T, w *world, b *pricing.Book, path, body, answer string) (asked limit.Request, event gateway.Event) {
	t.Helper()
	l := &askedLimiter{}
	w.limiter = l
	messages := []*extprocv3.ProcessingRequest{headersFor(path), requestBody(body),
		responseHeaders(":status", "200", "content-type", "application/json"), responseBody(true, answer)}
	s := processor.New(processor.Options{Config: w, Spool: w, Limiter: l, Prices: b, Logger: slog.New(slog.DiscardHandler)})
	if err := s.Process(&envoy{messages: messages, end: io.EOF}); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if len(w.finals) != 1 || len(l.asked) > 1 {
		t.Fatalf("%s: %d reservations, events %+v", body, len(l.asked), w.finals)
	}
	if len(l.asked) == 1 {
		asked = l.asked[0]
	}
	return asked, w.finals[0]
}

func limited() *world {
	w := newWorld()
	w.keys[secrets.HashKey(bricksKey)].CostLimit = 1000 * gateway.USD
	return w
}

// rich is a model with a price for everything: 1 and 2 nano-dollars a token.
var rich = &gateway.PriceOverride{Model: "rich", Prices: `{"input_cost_per_token":1e-9,"output_cost_per_token":2e-9,
	"input_cost_per_token_priority":3e-9,"output_cost_per_token_priority":6e-9,"input_cost_per_token_flex":5e-10,"output_cost_per_token_flex":1e-9,
	"cache_creation_input_token_cost":2e-9,"cache_creation_input_token_cost_above_12hr":4e-9,"output_cost_per_audio_token":100e-9,
	"output_cost_per_reasoning_token":7e-9,"web_search_cost_per_query":1e-5,"max_input_tokens":1000,"max_output_tokens":100}`}

// TestTheBoundKnowsWhatTheRequestAsksFor: input at 4 nano-dollars (written to a
// cache for long), 10 tokens of output at 7. A model of no known vocabulary has
// 64 tokens of framing, and 1024 more with tools, whose bytes count one each.
func TestTheBoundKnowsWhatTheRequestAsksFor(t *testing.T) {
	b := pricing.NewBook(pricing.Default(), []*gateway.PriceOverride{rich}, "")
	for _, tt := range []struct {
		name, members string
		input         int64 // tokens
		rateIn        int64
		rateOut       int64
		fees          int64
		bounded       bool
	}{
		{"nothing", ``, 64, 4, 7, 0, true},
		{"default", `,"service_tier":"default"`, 64, 4, 7, 0, true},
		{"priority", `,"service_tier":"priority"`, 64, 12, 21, 0, true},
		{"auto", `,"service_tier":"auto"`, 64, 12, 21, 0, true},
		{"flex", `,"service_tier":"flex"`, 64, 4, 7, 0, true},
		{"a tier that nobody knows", `,"service_tier":"platinum"`, 0, 0, 0, 0, false},
		{"sound", `,"modalities":["text","audio"]`, 64, 4, 100, 0, true},
		{"one web search", `,"web_search_options":{}`, 2000, 4, 7, 10_000, true},
		{"five web searches", `,"tools":[{"type":"web_search_20250305","name":"w","max_uses":5}]`, 6 * 1088, 4, 7, 50_000, true},
		{"web searches without end", `,"tools":[{"type":"web_search_20250305"}]`, 1000, 4, 7, 0, false},
		{"the provider runs code", `,"tools":[{"type":"code_execution_20250825"}]`, 64, 4, 7, 0, false},
		{"the client's own tools", `,"tools":[{"type":"function","function":{"name":"web_search"}}]`, 64 + 1024 + 52, 4, 7, 0, true},
	} {
		body := `{"model":"rich","max_tokens":10,"messages":[]` + tt.members + `}`
		asked, e := priced(t, limited(), b, body, `{"model":"rich","usage":{"prompt_tokens":1,"completion_tokens":1}}`)
		want := gateway.NanoUSD(tt.input*tt.rateIn + 10*tt.rateOut + tt.fees)
		if bounded := e.RefusalCode != "cost_not_boundable"; bounded != tt.bounded || tt.bounded && asked.Cost != want {
			t.Errorf("%s: %d, %s; want %d, %v", tt.name, asked.Cost, e.RefusalCode, want, tt.bounded)
		}
	}
}

func TestSettledAtTheTierThatTheAnswerReports(t *testing.T) {
	b := pricing.NewBook(pricing.Default(), []*gateway.PriceOverride{rich}, "")
	for _, tt := range []struct {
		name, members, answer, terms string
		cost                         gateway.NanoUSD
		estimated                    bool
	}{
		{"none", ``, `"service_tier":"default"`, "", 120, false},
		{"asked for priority, got it", `,"service_tier":"priority"`, `"service_tier":"priority"`, "priority", 360, false},
		{"asked for priority, got the default", `,"service_tier":"priority"`, `"service_tier":"default"`, "", 120, false},
		{"asked for priority, nothing said", `,"service_tier":"priority"`, `"x":1`, "priority", 360, false},
		{"asked for auto, nothing said", `,"service_tier":"auto"`, `"x":1`, "", 120, false},
		{"not asked, got flex", ``, `"service_tier":"flex"`, "flex", 60, false},
		{"a tier that nobody knows is the dearest", ``, `"service_tier":"platinum"`, "platinum", 360, true},
	} {
		w := limited()
		_, e := priced(t, w, b, `{"model":"rich","max_tokens":10,"messages":[]`+tt.members+`}`,
			`{"model":"rich",`+tt.answer+`,"usage":{"prompt_tokens":100,"completion_tokens":10}}`)
		if e.Cost != tt.cost || e.PriceTerms != tt.terms || e.Estimated != tt.estimated || e.PriceStatus != gateway.Priced {
			t.Errorf("%s: cost %d at %q, estimated %v; want %d at %q, %v", tt.name, e.Cost, e.PriceTerms, e.Estimated, tt.cost, tt.terms, tt.estimated)
		}
	}
	// What is cached for longer than usual costs more to write: 50 x 1 + 50 x 4.
	_, e := priced(t, limited(), b, `{"model":"rich","max_tokens":10,"prompt_cache_retention":"24h","messages":[]}`,
		`{"model":"rich","usage":{"prompt_tokens":100,"completion_tokens":0,"prompt_tokens_details":{"cache_write_tokens":50}}}`)
	if e.Cost != 250 || e.Usage.CacheWrite1hTokens != 50 || e.Usage.CacheWrite5mTokens != 0 {
		t.Errorf("a long cache: cost %d, usage %+v", e.Cost, e.Usage)
	}
	_, e = pricedAt(t, limited(), b, "/api/providers/openai/v1/responses", `{"model":"rich","max_output_tokens":16,"prompt_cache_retention":"24h","input":"x"}`,
		`{"model":"rich","usage":{"input_tokens":100,"output_tokens":0,"input_tokens_details":{"cache_write_tokens":50}}}`)
	if e.Cost != 250 || e.Usage.CacheWrite1hTokens != 50 {
		t.Errorf("a long cache of a response: cost %d, usage %+v", e.Cost, e.Usage)
	}
	// OpenAI's search models search once in every call, and do not say so.
	_, e = priced(t, limited(), pricing.NewBook(pricing.Default(), nil, ""), `{"model":"gpt-4o-search-preview","max_tokens":10,"messages":[]}`,
		`{"model":"gpt-4o-search-preview","usage":{"prompt_tokens":1,"completion_tokens":1}}`)
	if e.Cost != 2_500+10_000+25_000_000 || e.Usage.WebSearches != 1 {
		t.Errorf("a search model: cost %d, usage %+v", e.Cost, e.Usage)
	}
}

func TestTheSettingsPriceAndTheDeploymentsModel(t *testing.T) {
	w := limited()
	w.settings["s"].Params = map[string]string{pricing.ParamModelMap: `{"prod":"gpt-4o"}`}
	own := &gateway.PriceOverride{SettingID: "s", Model: "rich", Prices: `{"input_cost_per_token":5e-9,"output_cost_per_token":0}`}
	future := &gateway.PriceOverride{SettingID: "s", Model: "rich", EffectiveFrom: time.Now().Add(time.Hour), Prices: `{"input_cost_per_query":1}`}
	b := pricing.NewBook(pricing.Default(), []*gateway.PriceOverride{rich, own, future}, "")
	if _, e := priced(t, w, b, `{"model":"rich","messages":[]}`, `{"model":"rich","usage":{"prompt_tokens":100,"completion_tokens":10}}`); e.Cost != 500 {
		t.Errorf("with the setting's own price: %d, want 500", e.Cost)
	}
	w.finals = nil
	// Deployments are Azure's. One called like the model of another is not followed twice.
	w.settings["s"].Provider = "azure"
	w.settings["s"].Params[pricing.ParamModelMap] = `{"prod":"gpt-4o","gpt-4o":"gpt-4o-mini"}`
	path := "/api/providers/azure/openai/v1/chat/completions"
	_, e := pricedAt(t, w, b, path, `{"model":"prod","max_tokens":1,"messages":[]}`, `{"usage":{"prompt_tokens":100,"completion_tokens":10}}`)
	if e.Cost != 350_000 || e.RequestModel != "gpt-4o" {
		t.Errorf("a deployment: cost %d of %q", e.Cost, e.RequestModel)
	}
}

func TestUnknownPricesMayBeAllowed(t *testing.T) {
	b := pricing.NewBook(pricing.Default(), nil, gateway.AllowUnknownPrice)
	asked, e := priced(t, limited(), b, `{"model":"nobody-knows","messages":[]}`, `{"model":"nobody-knows","usage":{"prompt_tokens":100,"completion_tokens":10}}`)
	if asked.ID == "" || asked.Cost != 0 || e.PriceStatus != gateway.Unpriced || e.Cost != 0 {
		t.Errorf("asked %+v, event %s at %d", asked, e.PriceStatus, e.Cost)
	}
	// A price that is not one for tokens does not make them free.
	asked, e = priced(t, limited(), b, `{"model":"whisper-1","messages":[]}`, `{"model":"whisper-1","usage":{"prompt_tokens":100,"completion_tokens":10}}`)
	if asked.ID != "" || e.RefusalCode != "cost_not_boundable" {
		t.Errorf("a model sold by the second: asked %+v, event %+v", asked, e)
	}
}

// moneyLimiter keeps whether money was asked about before the body came.
type moneyLimiter struct {
	freeLimiter
	money bool
}

func (l *moneyLimiter) Exhausted(_ context.Context, _ []limit.Account, money bool) error {
	l.money = money
	return nil
}

// TestWhatBillsLaterNeedsMoneyNow: a batch costs when it is worked on.
func TestWhatBillsLaterNeedsMoneyNow(t *testing.T) {
	for path, want := range map[string]bool{"/batches": true, "/chat/completions": true, "/threads": false} {
		w, l := newWorld(), &moneyLimiter{}
		s := processor.New(processor.Options{Config: w, Spool: w, Limiter: l, Prices: pricing.NewBook(pricing.Default(), nil, ""), Logger: slog.New(slog.DiscardHandler)})
		if err := s.Process(&envoy{messages: []*extprocv3.ProcessingRequest{headersFor("/api/providers/openai/v1" + path)}, end: io.EOF}); err != nil {
			t.Fatal(err)
		}
		s.Close()
		if l.money != want {
			t.Errorf("%s: money asked about: %v, want %v", path, l.money, want)
		}
	}
}
