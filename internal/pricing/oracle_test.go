package pricing_test

import (
	"bytes"
	"context"
	"encoding/json"
	"math/big"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/pricing"
)

// oracleCases are usages in both vocabularies.
var oracleCases = []struct {
	name   string
	theirs map[string]int64
	terms  map[string]string
	ours   gateway.Usage
	at     pricing.Terms
	needs  string // a price that our list must have by itself, or there is nothing to compare
}{
	{name: "plain", theirs: map[string]int64{"input_tokens": 1000, "output_tokens": 100}, ours: gateway.Usage{InputTokens: 1000, OutputTokens: 100}},
	{name: "input alone", theirs: map[string]int64{"input_tokens": 1000}, ours: gateway.Usage{InputTokens: 1000}},
	{name: "cached", theirs: map[string]int64{"input_tokens": 1000, "cache_read_tokens": 400, "output_tokens": 100}, ours: gateway.Usage{InputTokens: 1000, CacheReadTokens: 400, OutputTokens: 100}, needs: "cache_read_input_token_cost"},
	{name: "written for 5 minutes", theirs: map[string]int64{"input_tokens": 1000, "cache_write_tokens": 400, "cache_write_5m_tokens": 400, "output_tokens": 100}, ours: gateway.Usage{InputTokens: 1000, CacheWrite5mTokens: 400, OutputTokens: 100}, needs: "cache_creation_input_token_cost"},
	{name: "written for an hour", theirs: map[string]int64{"input_tokens": 1000, "cache_write_tokens": 400, "cache_write_1h_tokens": 400, "output_tokens": 100}, ours: gateway.Usage{InputTokens: 1000, CacheWrite1hTokens: 400, OutputTokens: 100}, needs: "cache_creation_input_token_cost_above_1hr"},
	{name: "long", theirs: map[string]int64{"input_tokens": 600_000, "cache_read_tokens": 100_000, "output_tokens": 1000}, ours: gateway.Usage{InputTokens: 600_000, CacheReadTokens: 100_000, OutputTokens: 1000}, needs: "cache_read_input_token_cost"},
	{name: "at 200,000", theirs: map[string]int64{"input_tokens": 200_000, "output_tokens": 1000}, ours: gateway.Usage{InputTokens: 200_000, OutputTokens: 1000}},
	{name: "reasoning", theirs: map[string]int64{"input_tokens": 1000, "output_tokens": 500, "output_reasoning_tokens": 400}, ours: gateway.Usage{InputTokens: 1000, OutputTokens: 500, ReasoningTokens: 400}},
	{name: "web searches", theirs: map[string]int64{"input_tokens": 1000, "output_tokens": 100, "web_searches": 3}, ours: gateway.Usage{InputTokens: 1000, OutputTokens: 100, WebSearches: 3}, needs: "web_search_cost_per_query"},
	{name: "batch", theirs: map[string]int64{"input_tokens": 1000, "output_tokens": 100}, terms: map[string]string{"processing": "batch"}, ours: gateway.Usage{InputTokens: 1000, OutputTokens: 100}, at: pricing.Terms{Batch: true}, needs: "input_cost_per_token_batches"},
	{name: "priority", theirs: map[string]int64{"input_tokens": 1000, "cache_read_tokens": 400, "output_tokens": 100}, terms: map[string]string{"service_tier": "priority"}, ours: gateway.Usage{InputTokens: 1000, CacheReadTokens: 400, OutputTokens: 100}, at: pricing.Terms{Tier: "priority"}, needs: "input_cost_per_token_priority"},
	{name: "flex", theirs: map[string]int64{"input_tokens": 1000, "cache_read_tokens": 400, "output_tokens": 100}, terms: map[string]string{"service_tier": "flex"}, ours: gateway.Usage{InputTokens: 1000, CacheReadTokens: 400, OutputTokens: 100}, at: pricing.Terms{Tier: "flex"}, needs: "input_cost_per_token_flex"},
}

// oracleProviders are genai-prices' providers and our list's names for them.
var oracleProviders = map[string]string{
	"openai": "openai", "anthropic": "anthropic", "google": "gemini", "groq": "groq", "azure": "azure", "x-ai": "xai", "mistral": "mistral",
}

// oracleDifferences are known and why, by provider and model, or with a case
// behind them; a model may end in *. genai-prices has no DeepInfra.
var oracleDifferences = map[string]string{
	"anthropic/claude-sonnet-4-5 long":     "genai-prices keeps the long-context price of a beta that ended in April 2026",
	"google/claude-sonnet-4-5 long":        "the same",
	"azure/ada":                            "ours is Azure's price by region, theirs the global one",
	"azure/text-embedding-3*":              "ours is Azure's price by region, theirs the global one",
	"azure/* web searches":                 "genai-prices has no fee for searches on Azure",
	"google/* web searches":                "genai-prices has no fee for searches with these models",
	"google/gemini-2.5-flash-image":        "ours has a price for cached input, Google's page does not",
	"google/gemini-3.8-flash*":             "ours has a price for cached input, Google's page does not",
	"groq/* web searches":                  "genai-prices has no fee for searches on Groq",
	"groq/openai/gpt-oss-safeguard-20b":    "ours has the cached price rounded down to 0.037",
	"mistral/mistral-large-4":              "the price fell on 29 October 2026; ours is of before",
	"mistral/mistral-tiny":                 "ours has a price for cached input, theirs not",
	"openai/gpt-4o-mini-tts":               "compared as text, while its output is sound",
	"openai/gpt-image-* batch":             "ours has no batch price for image tokens and takes the standard one",
	"openai/gpt-4o-search-preview":         "ours has a price for cached input and the fee of searches, theirs not",
	"openai/gpt-4.1* web searches":         "ours is the search tool's older fee, theirs the newer one",
	"openai/gpt-4o-mini web searches":      "ours is the search tool's older fee, theirs the newer one",
	"openai/gpt-5-search-api web searches": "genai-prices has no fee for it",
	"openai/gpt-5.3-codex web searches":    "genai-prices has no fee for it",
	"openai/o3-pro web searches":           "genai-prices has no fee for it",
	"openai/gpt-5.6* written for an hour":  "ours is OpenAI's price for longer retention, theirs has the usual one only",
	"openai/gpt-6* written for an hour":    "ours is OpenAI's price for longer retention, theirs has the usual one only",
	"openai/gpt-5.6-cyber long":            "ours has a long-context price, OpenAI's page does not",
	"x-ai/* at 200,000":                    "xAI's long contexts begin at 200,000 tokens, ours above them",
	"x-ai/grok-code-fast-1":                "the names lead to different generations of the model",
}

// TestAnotherPriceListAgrees compares costs with genai-prices (PyPI), which is
// kept by other people from the providers' own pages.
func TestAnotherPriceListAgrees(t *testing.T) {
	theirs := askOracle(t)
	compared, used := map[string]int{}, map[string]bool{}
	for provider, models := range theirs {
		for model, costs := range models {
			p, ok := pricing.Default().Lookup(oracleProviders[provider], model)
			if !ok {
				continue
			}
			for _, c := range oracleCases {
				text, ok := costs[c.name]
				has := func(f pricing.Field) bool { return f.Name == c.needs }
				if !ok || c.needs != "" && !slices.ContainsFunc(p.Fields(), has) || !p.Covers(c.ours, c.at) {
					continue
				}
				if p.Mode == "embedding" && c.ours.OutputTokens > 0 {
					continue
				}
				compared[provider+"/"+model]++
				got, want := p.Cost(c.ours, c.at), nano(t, text)
				if got == want || got == want+1 { // ours is rounded up
					continue
				}
				if name := difference(provider, model, c.name); name != "" {
					used[name] = true
					continue
				}
				t.Errorf("%s %s, %s: %v dollars, genai-prices has %s", provider, model, c.name, got, text)
			}
		}
	}
	for name := range oracleDifferences {
		if !used[name] {
			t.Errorf("%s does not differ any more: take it off the list", name)
		}
	}
	total := 0
	for _, n := range compared {
		total += n
	}
	if len(compared) < 60 {
		t.Errorf("only %d models were compared", len(compared))
	}
	t.Logf("measured: %d costs of %d models compared, %d kinds of difference", total, len(compared), len(used))
}

// nano is dollars in nano-dollars, rounded down.
func nano(t *testing.T, dollars string) gateway.NanoUSD {
	t.Helper()
	r, ok := new(big.Rat).SetString(dollars)
	if !ok {
		t.Fatalf("%q is no number", dollars)
	}
	r.Mul(r, big.NewRat(1_000_000_000, 1))
	return gateway.NanoUSD(new(big.Int).Quo(r.Num(), r.Denom()).Int64())
}

func difference(provider, model, name string) string {
	for known := range oracleDifferences {
		pattern, kind, _ := strings.Cut(known, " ")
		stem, any := strings.CutSuffix(pattern, "*")
		full := provider + "/" + model
		if (kind == "" || kind == name) && (full == pattern || any && strings.HasPrefix(full, stem)) {
			return known
		}
	}
	return ""
}

func askOracle(t *testing.T) map[string]map[string]map[string]string {
	t.Helper()
	python := os.Getenv("BRICKS_TEST_PYTHON")
	if python == "" {
		t.Skip("genai-prices is not installed: scripts/test installs it, or set BRICKS_TEST_PYTHON")
	}
	type question struct {
		Name  string            `json:"name"`
		Usage map[string]int64  `json:"usage"`
		Terms map[string]string `json:"terms"`
	}
	var ask struct {
		Providers []string   `json:"providers"`
		Cases     []question `json:"cases"`
	}
	for p := range oracleProviders {
		ask.Providers = append(ask.Providers, p)
	}
	for _, c := range oracleCases {
		ask.Cases = append(ask.Cases, question{c.name, c.theirs, c.terms})
	}
	in, err := json.Marshal(ask)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, python, "testdata/genai_prices_costs.py")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "PYTHONDONTWRITEBYTECODE=1"}
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	var out map[string]map[string]map[string]string
	if err := json.Unmarshal(stdout.Bytes(), &out); err != nil {
		t.Fatal(err)
	}
	return out
}
