package processor

import (
	"testing"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/pricing"
	"github.com/bricks-gateway/bricks/internal/provider"
)

func TestReadBillingRefuses(t *testing.T) {
	for _, body := range []string{`{"model":"a","service_tier":1}`, `{"model":"a","service_tier":["flex"]}`} {
		if _, r := readCall([]byte(body), chatEndpoint(t)); r == nil || r.status != 400 {
			t.Errorf("%s was not refused with 400: %+v", body, r)
		}
	}
}

// FuzzBound: no body makes a request of a priced model bound at nothing or at
// less than its plain tokens cost.
func FuzzBound(f *testing.F) {
	for _, seed := range []string{
		`{"model":"gpt-4o","max_tokens":10,"n":3,"service_tier":"priority"}`, `{"model":"gpt-4o","tools":[{"type":"web_search","max_uses":65536},{"type":"web_search","max_uses":65536}]}`,
		`{"model":"gpt-4o","max_tokens":2147483647,"n":65536,"web_search_options":{}}`, `{"model":"gpt-4o","tools":{"type":"mcp"},"modalities":"audio","speed":"fast"}`,
	} {
		f.Add([]byte(seed))
	}
	p, ok := pricing.Default().Lookup("openai", "gpt-4o")
	if !ok {
		f.Fatal("no price")
	}
	m, _ := provider.Find("POST", "/api/providers/openai/v1/chat/completions")
	f.Fuzz(func(t *testing.T, body []byte) {
		c, r := readCall(body, m.Endpoint)
		if r != nil {
			return
		}
		q := makeQuote(&c, p, m)
		cost := q.cost(q.output)
		least := p.Cost(gateway.Usage{InputTokens: 1, OutputTokens: max(c.maximum, 1)}, pricing.Terms{})
		if cost < 0 || q.bounded && cost < least {
			t.Fatalf("%s is bound at %d, %d at least", body, cost, least)
		}
	})
}
