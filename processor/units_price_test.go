package processor_test

import (
	"testing"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/pricing"
)

// TestPricesByUnit: the list's figures, multiplied by hand; nano-dollars.
func TestPricesByUnit(t *testing.T) {
	byPiece := &gateway.PriceOverride{ID: "1", Model: "my-images", Prices: `{"output_cost_per_image":0.02}`}
	byToken := &gateway.PriceOverride{ID: "2", Model: "my-token-images", Prices: `{"input_cost_per_token":1e-6,"output_cost_per_token":3e-6}`}
	b := pricing.NewBook(pricing.Default(), []*gateway.PriceOverride{byPiece, byToken}, gateway.AllowUnknownPrice)
	const tokens = `"usage":{"input_tokens":3,"output_tokens":100}`
	for _, tt := range []struct {
		name, path, body, answer string
		cost                     gateway.NanoUSD
		priced                   string // as another model
		estimated, unpriced      bool
	}{
		// 0.0000000839233 dollars a pixel, 1048576 pixels, two of them.
		{"two of Azure's, by the pixel", "/images/generations", `{"model":"dall-e-3","prompt":"x","n":2,"quality":"hd","size":"1024x1024"}`,
			`{"data":[{"url":"a"},{"url":"b"}]}`, 175_999_917, "hd/1024-x-1024/dall-e-3", false, false},
		{"of a size that the provider chose: the dearest", "/images/generations", `{"model":"my-images","prompt":"x"}`,
			`{"data":[{"url":"a"}]}`, 20_000_000, "", true, false},
		{"an override by the piece, with tokens told", "/images/generations", `{"model":"my-images","prompt":"x","quality":"hd","size":"1024x1024"}`,
			`{"data":[{"url":"a"}],` + tokens + `}`, 20_000_000, "", false, false},
		{"an override by tokens", "/images/generations", `{"model":"my-token-images","prompt":"x"}`,
			`{"data":[{"url":"a"}],` + tokens + `}`, 3*1000 + 100*3000, "", false, false},
		{"an override by tokens, none told", "/images/generations", `{"model":"my-token-images","prompt":"x"}`,
			`{"data":[{"url":"a"}]}`, 0, "", true, true},
		// A model of text has no price for images, whatever its tokens cost.
		{"a model of text", "/images/generations", `{"model":"gpt-4o","prompt":"x"}`, `{"data":[{"url":"a"}],` + tokens + `}`, 0, "", true, true},
		{"a model that nobody knows", "/images/generations", `{"model":"mystery","prompt":"x"}`, `{"data":[{"url":"a"}]}`, 0, "", true, true},
		{"speech by the character", "/audio/speech", `{"model":"tts-1","input":"día","voice":"a"}`, ``, 3 * 15_000, "", false, false},
		// 1000 ms and 30 times 66 at 250,000 a second; 32 bytes with the quotes are 8 tokens at 600.
		{"speech by time", "/audio/speech", `{"model":"gpt-4o-mini-tts","input":"012345678901234567890123456789","voice":"a"}`, ``,
			2980*250 + 8*600, "", true, false},
	} {
		w := newWorld()
		w.settings["s"].Provider = "azure"
		_, e := pricedAt(t, w, b, "/api/providers/azure/openai/v1"+tt.path, tt.body, tt.answer)
		status := gateway.Priced
		if tt.unpriced {
			status = gateway.Unpriced
		}
		if e.Cost != tt.cost || e.PriceModel != tt.priced || e.Estimated != tt.estimated || e.PriceStatus != status {
			t.Errorf("%s: %d as %q, estimated %v, %s; want %d as %q, %v, %s; usage %+v", tt.name,
				e.Cost, e.PriceModel, e.Estimated, e.PriceStatus, tt.cost, tt.priced, tt.estimated, status, e.Usage)
		}
		// What is priced by what was told is priced so again.
		if again, ok := b.PriceEvent(&e, nil); status == gateway.Priced && ok && again != e.Cost || ok == tt.unpriced && ok {
			t.Errorf("%s: rerated to %d, %v, from %d", tt.name, again, ok, e.Cost)
		}
	}
}
