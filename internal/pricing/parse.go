package pricing

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/bricks-gateway/bricks/internal/jsonscan"
)

// rates are the prices of one size of request, in 1e-15 dollars a token. A
// negative rate is not in the list: another one applies in its place.
type rates struct {
	input, output               int64
	cacheRead, write5m, write1h int64
	reasoning                   int64
	audioInput, audioOutput     int64
}

var none = rates{-1, -1, -1, -1, -1, -1, -1, -1}

// field is where a price of the list goes.
func (r *rates) field(name string) *int64 {
	switch name {
	case "input_cost_per_token":
		return &r.input
	case "output_cost_per_token":
		return &r.output
	case "cache_read_input_token_cost":
		return &r.cacheRead
	case "cache_creation_input_token_cost":
		return &r.write5m
	case "cache_creation_input_token_cost_above_1hr":
		return &r.write1h
	case "output_cost_per_reasoning_token":
		return &r.reasoning
	case "input_cost_per_audio_token":
		return &r.audioInput
	case "output_cost_per_audio_token":
		return &r.audioOutput
	}
	return nil
}

// parser reads one model's entry.
type parser struct {
	price *Price
	// What else is billed, by image, query, second…: a token price of nothing
	// beside it does not mean that the model is free.
	otherInput, otherOutput bool
}

func parsePrice(data []byte) (*Price, error) {
	p := parser{price: &Price{base: none}}
	var bad error
	err := jsonscan.Object(data, func(m jsonscan.Member) bool {
		bad = p.member(m)
		return bad == nil
	})
	if err == nil {
		err = bad
	}
	base := p.price.base
	if err != nil || base.input < 0 || base.input == 0 && p.otherInput || base.output <= 0 && p.otherOutput {
		return nil, err // not priced by token
	}
	p.price.sortTiers()
	return p.price, nil
}

func (p *parser) member(m jsonscan.Member) error {
	switch m.Name {
	case "max_input_tokens":
		p.price.MaxInputTokens, _ = m.Int(1 << 40)
		return nil
	case "max_output_tokens":
		p.price.MaxOutputTokens, _ = m.Int(1 << 40)
		return nil
	case "tiered_pricing":
		return p.ranges(m)
	}
	to := p.price.base.field(m.Name)
	if to == nil {
		if name, above, ok := sizeTier(m.Name); ok {
			to = p.price.tier(above).field(name)
		}
	}
	if to == nil {
		p.note(m)
		return nil
	}
	return setRate(to, m)
}

// note looks at a price that is not ours.
func (p *parser) note(m jsonscan.Member) {
	rate, err := parseRate(string(m.Value))
	if err != nil || rate == 0 {
		return
	}
	by, input := strings.CutPrefix(m.Name, "input_cost_per_")
	p.otherInput = p.otherInput || input && !strings.HasPrefix(by, "token")
	by, output := strings.CutPrefix(m.Name, "output_cost_per_")
	p.otherOutput = p.otherOutput || output && !strings.HasPrefix(by, "token")
}

// ranges reads a list of {"range": [256000, 1000000], prices…}: another spelling
// of size tiers.
func (p *parser) ranges(m jsonscan.Member) error {
	var bad error
	err := jsonscan.Array(m.Value, func(entry []byte) bool {
		r, above := none, int64(-1)
		bad = jsonscan.Object(entry, func(m jsonscan.Member) bool {
			if m.Name == "range" {
				above = rangeStart(m.Value)
			} else if to := r.field(m.Name); to != nil {
				bad = setRate(to, m)
			}
			return bad == nil
		})
		switch {
		case above == 0:
			p.price.base.override(r)
		case above > 0:
			p.price.tier(above).override(r)
		}
		return bad == nil
	})
	if err == nil {
		err = bad
	}
	return err
}

// rangeStart is the first number of a range, -1 if there is none.
func rangeStart(data []byte) int64 {
	start := int64(-1)
	_ = jsonscan.Array(data, func(value []byte) bool {
		if f, err := strconv.ParseFloat(string(value), 64); err == nil && f >= 0 && f < 1<<40 {
			start = int64(f)
		}
		return false
	})
	return start
}

func setRate(to *int64, m jsonscan.Member) (err error) {
	if m.IsNull() {
		return nil
	}
	*to, err = parseRate(string(m.Value))
	return err
}

// sizeTier splits input_cost_per_token_above_200k_tokens into its base name and
// 200,000. Names with a service tier behind that are not for us.
func sizeTier(name string) (base string, above int64, ok bool) {
	base, rest, found := strings.Cut(name, "_above_")
	if strings.HasPrefix(rest, "1hr_above_") {
		base, rest = base+"_above_1hr", strings.TrimPrefix(rest, "1hr_above_")
	}
	digits, suffix, isK := strings.Cut(rest, "k_tokens")
	if !found || !isK || suffix != "" {
		return "", 0, false
	}
	n, numeric := jsonscan.Member{Value: []byte(digits)}.Int(1 << 30)
	return base, n * 1000, numeric
}

// parseRate reads a decimal number of dollars ("2.5e-06") as 1e-15 dollars. What
// is finer is rounded up.
func parseRate(text string) (int64, error) {
	mantissa, exponentText, _ := strings.Cut(strings.ToLower(text), "e")
	exponent := 15
	if exponentText != "" {
		n, err := strconv.Atoi(exponentText)
		if err != nil || n < -40 || n > 4 {
			return 0, fmt.Errorf("%q is not a price", text)
		}
		exponent += n
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	exponent -= len(fraction)
	n, ok := jsonscan.Member{Value: []byte(whole + fraction)}.Int(1 << 60)
	if !ok {
		return 0, fmt.Errorf("%q is not a price", text)
	}
	for ; exponent > 0; exponent-- {
		if n > (1<<62)/10 {
			return 0, fmt.Errorf("price %q is too large", text)
		}
		n *= 10
	}
	for ; exponent < 0; exponent++ {
		n = (n + 9) / 10
	}
	return n, nil
}
