package pricing_test

import (
	"testing"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/pricing"
)

// TestUnitsOfTheEmbeddedList: the figures stand in the list; the sums are done
// by hand, in nano-dollars.
func TestUnitsOfTheEmbeddedList(t *testing.T) {
	table := pricing.Default()
	expect := func(what string, got gateway.NanoUSD, ok bool, want gateway.NanoUSD) {
		t.Helper()
		if got != want || ok != (want > 0) {
			t.Errorf("%s = %d, %v; want %d", what, got, ok, want)
		}
	}
	image := func(provider, model, quality, size string, count int64) (gateway.NanoUSD, bool) {
		return table.Image(provider, model, quality, size, count)
	}
	got, ok := image("openai", "gpt-image-1", "low", "1024x1024", 3) // 0.011 each
	expect("three low images", got, ok, 33_000_000)
	got, ok = image("openai", "gpt-image-1", "", "auto", 1) // the dearest: high, 1024x1536, 0.25
	expect("an image of any kind", got, ok, 250_000_000)
	got, ok = image("azure", "dall-e-3", "hd", "1024x1024", 1)
	expect("an image by the pixel", got, ok, 0)
	got, ok = image("openai", "no-such-model", "", "", 1)
	expect("an unknown model's image", got, ok, 0)
	got, ok = image("openai", "gpt-image-1", "low", "7x7", 1)
	expect("a size that is not listed", got, ok, 0)

	whisper, _ := table.Units("openai", "whisper-1")
	got, ok = whisper.Audio(90_500, 0) // 0.0001 a second
	expect("90.5 s heard", got, ok, 9_050_000)
	got, ok = whisper.Characters(10)
	expect("characters of whisper", got, ok, 0)
	tts, _ := table.Units("openai", "tts-1")
	got, ok = tts.Characters(1000) // 0.000015
	expect("1000 characters", got, ok, 15_000_000)
	got, ok = tts.Audio(0, 1000)
	expect("seconds of tts-1", got, ok, 0)
	mini, _ := table.Units("openai", "gpt-4o-mini-tts-2025-12-15")
	got, ok = mini.Audio(0, 2000) // 0.00025 a second
	expect("2 s spoken", got, ok, 500_000)
	gpt, _ := table.Units("openai", "gpt-image-1")
	got, ok = gpt.ImageTokens(10, 20, 30, 0) // 5e-6, 1e-5, 4e-5
	expect("image tokens", got, ok, 50_000+200_000+1_200_000)
	if !gpt.ByImageToken() || whisper.ByImageToken() {
		t.Error("gpt-image-1 is sold by image tokens, whisper-1 is not")
	}
	if _, ok := table.Units("openai", "gpt-4o-mini"); ok {
		t.Error("gpt-4o-mini has unit prices")
	}
}
