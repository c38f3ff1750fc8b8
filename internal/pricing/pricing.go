// Package pricing knows what models cost. The price list is embedded with its
// licence (data/README.md); prices are whole numbers of 1e-15 US dollars a
// unit, and a request's cost is computed in 128 bits and rounded up once.
package pricing

import (
	_ "embed"
	"fmt"
	"strings"
	"sync"

	"github.com/bricks-gateway/bricks/internal/jsonscan"
)

//go:embed data/model-prices.json
var list []byte

// Table holds prices by model. It does not change and is safe for concurrent use.
type Table struct {
	prices map[string]*Price
}

// Default returns the embedded price list, read at the first call.
var Default = sync.OnceValue(func() *Table {
	t, err := Parse(list)
	if err != nil {
		panic(err) // embedded at build time and covered by a test
	}
	return t
})

// Parse reads a price list: an object of models, each an object of prices.
func Parse(data []byte) (*Table, error) {
	t := &Table{prices: make(map[string]*Price, 5000)}
	var bad error
	err := jsonscan.Object(data, func(m jsonscan.Member) bool {
		p, err := parsePrice(m.Value)
		if err != nil {
			bad = fmt.Errorf("price of %s: %w", m.Name, err)
			return false
		}
		if p != nil {
			t.prices[m.Name] = p
		}
		return true
	})
	if bad != nil {
		return nil, bad
	}
	return t, err
}

// Lookup finds the price of a model: as provider/model, as model, then without
// a date suffix (-2024-08-06, -20250929). ok is false when there is none: such
// a model is unpriced, which is not the same as free.
func (t *Table) Lookup(provider, model string) (p *Price, ok bool) {
	for _, name := range [...]string{model, withoutDate(model)} {
		if p, ok = t.prices[provider+"/"+name]; ok {
			return p, true
		}
		if p, ok = t.prices[name]; ok {
			return p, true
		}
	}
	return nil, false
}

// withoutDate cuts a trailing -YYYY-MM-DD or -YYYYMMDD off.
func withoutDate(model string) string {
	for _, pattern := range [...]string{"-dddd-dd-dd", "-dddddddd"} {
		if at := len(model) - len(pattern); at > 0 && matches(model[at:], pattern) {
			return model[:at]
		}
	}
	return model
}

func matches(s, pattern string) bool {
	for i := range len(pattern) {
		if pattern[i] == 'd' {
			if s[i] < '0' || s[i] > '9' {
				return false
			}
		} else if s[i] != pattern[i] {
			return false
		}
	}
	return true
}

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

func parsePrice(data []byte) (*Price, error) {
	p := &Price{base: none}
	var bad error
	err := jsonscan.Object(data, func(m jsonscan.Member) bool {
		switch m.Name {
		case "max_input_tokens":
			p.MaxInputTokens, _ = m.Int(1 << 40)
			return true
		case "max_output_tokens":
			p.MaxOutputTokens, _ = m.Int(1 << 40)
			return true
		}
		to := p.base.field(m.Name)
		if to == nil {
			name, above, ok := sizeTier(m.Name)
			if !ok {
				return true
			}
			if to = p.tier(above).field(name); to == nil {
				return true
			}
		}
		if m.IsNull() {
			return true
		}
		*to, bad = parseRate(string(m.Value))
		return bad == nil
	})
	if err == nil {
		err = bad
	}
	if err != nil || p.base.input < 0 {
		return nil, err // not priced by token
	}
	p.sortTiers()
	return p, nil
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
		var n int
		if _, err := fmt.Sscanf(exponentText, "%d", &n); err != nil || n < -40 || n > 4 {
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
