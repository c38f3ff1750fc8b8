package pricing

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// canonical are the names by which prices are shown. Where the list has several
// for one unit, it is one that ParsePrice takes.
var canonical = [units]string{
	input:          "input_cost_per_token",
	output:         "output_cost_per_token",
	cacheRead:      "cache_read_input_token_cost",
	cacheWrite5m:   "cache_creation_input_token_cost",
	cacheWrite1h:   "cache_creation_input_token_cost_above_1hr",
	reasoning:      "output_cost_per_reasoning_token",
	audioInput:     "input_cost_per_audio_token",
	audioOutput:    "output_cost_per_audio_token",
	cacheReadAudio: "cache_read_input_audio_token_cost",
	cacheReadImage: "cache_read_input_image_token_cost",
	imageInput:     "input_cost_per_image_token",
	imageOutput:    "output_cost_per_image_token",
	image:          "output_cost_per_image",
	second:         "output_cost_per_second",
	character:      "input_cost_per_character",
	query:          "input_cost_per_query",
	page:           "ocr_cost_per_page",
	request:        "input_cost_per_request",
	webSearch:      "web_search_cost_per_query",
}

// Field is one price of a model.
type Field struct {
	Name string // as ParsePrice takes it
	USD  string // dollars a unit: a JSON number
}

// Fields are the prices that were listed, without those that follow from them.
func (p *Price) Fields() []Field {
	var out []Field
	for _, schedule := range slices.Sorted(maps.Keys(p.listed)) {
		for _, above := range slices.Sorted(maps.Keys(p.listed[schedule])) {
			for u, rate := range p.listed[schedule][above] {
				if rate < 0 {
					continue
				}
				name := canonical[u]
				if above != everySize {
					name += fmt.Sprintf("_above_%dk_tokens", above/1000)
				}
				if schedule != "" {
					name += "_" + schedule
				}
				out = append(out, Field{name, usd(rate)})
			}
		}
	}
	return out
}

// usd spells a rate in dollars, exactly.
func usd(rate int64) string {
	const whole = 1_000_000_000_000_000
	text := fmt.Sprintf("%d.%015d", rate/whole, rate%whole)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}
