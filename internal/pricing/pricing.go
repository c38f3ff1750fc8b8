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
	free   map[string]bool // providers with a model that costs nothing
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
	t := &Table{prices: make(map[string]*Price, 5000), free: map[string]bool{}}
	var bad error
	err := jsonscan.Object(data, func(m jsonscan.Member) bool {
		p, err := parsePrice(m.Name, m.Value, false)
		if err != nil {
			bad = fmt.Errorf("price of %s: %w", m.Name, err)
			return false
		}
		if p != nil {
			t.prices[m.Name] = p
			if provider, _, qualified := strings.Cut(m.Name, "/"); qualified && p.free {
				t.free[provider] = true
			}
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
	_, p, ok = t.find(provider, model)
	return p, ok
}

// find is Lookup that also tells the name in the list.
func (t *Table) find(provider, model string) (name string, p *Price, ok bool) {
	for _, name := range [...]string{model, withoutDate(model)} {
		if provider != "" {
			if p, ok = t.prices[provider+"/"+name]; ok {
				return provider + "/" + name, p, true
			}
		}
		if p, ok = t.prices[name]; ok {
			return name, p, true
		}
	}
	return "", nil, false
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
