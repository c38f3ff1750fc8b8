package pricing

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

// Book is the price list with an administrator's overrides. It does not change
// and is safe for concurrent use.
type Book struct {
	list      *Table
	overrides map[subject][]dated
	policy    gateway.UnknownPricePolicy
	anyFree   bool // among the overrides
}

// subject is what an override is about.
type subject struct{ settingID, model string }

// dated is an override's price; nil when it cannot be read.
type dated struct {
	from  time.Time
	id    string
	price *Price
}

// NewBook lays overrides over the list. An override whose prices cannot be read
// leaves its model without a price: nobody may pay less than its administrator
// asked for. An empty policy denies.
func NewBook(list *Table, overrides []*gateway.PriceOverride, policy gateway.UnknownPricePolicy) *Book {
	b := &Book{list: list, overrides: make(map[subject][]dated, len(overrides)), policy: cmp.Or(policy, gateway.DenyUnknownPrice)}
	for _, o := range overrides {
		price, _ := ParsePrice([]byte(o.Prices)) // nil when it cannot be read
		b.anyFree = b.anyFree || price != nil && price.free
		s := subject{o.SettingID, o.Model}
		b.overrides[s] = append(b.overrides[s], dated{o.EffectiveFrom, o.ID, price})
	}
	for _, list := range b.overrides {
		slices.SortFunc(list, func(x, y dated) int { return y.from.Compare(x.from) })
	}
	return b
}

// AnyFree reports whether a model of the provider may cost nothing: by an
// override, whenever it holds, or by its entry in the list.
func (b *Book) AnyFree(provider string) bool { return b.anyFree || b.list.free[provider] }

// AllowUnknown reports whether a key with a cost limit may use models that have
// no price.
func (b *Book) AllowUnknown() bool { return b.policy == gateway.AllowUnknownPrice }

// Query asks for the price of one request.
type Query struct {
	At        time.Time // when it was made
	SettingID string
	Provider  string
	// Models are the names by which it may be known, best first: the answer's,
	// then the request's (see Names). Empty ones are passed over.
	Models []string
}

// Found is a price and where it comes from.
type Found struct {
	*Price
	Model    string // of the query's, which was found
	Listed   string // the name in the price list; empty for an override
	Override string // the override's id; empty for the price list
}

// PriceAt finds what a request costs: by each name in turn, the latest override
// of its setting that is in force, then that for all settings, then the price
// list. ok is false when there is none: the request is unpriced, not free.
func (b *Book) PriceAt(q Query) (Found, bool) {
	for i, model := range q.Models {
		if model == "" || slices.Contains(q.Models[:i], model) {
			continue
		}
		if len(b.overrides) > 0 {
			if d, ok := b.override(q, model, q.Models[i+1:]); ok {
				return Found{Price: d.price, Model: model, Override: d.id}, d.price != nil
			}
		}
		if listed, p, ok := b.list.find(q.Provider, model); ok {
			return Found{Price: p, Model: model, Listed: listed}, true
		}
	}
	return Found{}, false
}

// override finds an override for model. The answer's name is often the
// request's with a version behind it (gpt-4 and gpt-4-0613), so an override of
// a name that model extends holds for it too.
func (b *Book) override(q Query, model string, others []string) (dated, bool) {
	names := []string{model}
	if short := withoutDate(model); short != model {
		names = append(names, short)
	}
	for _, other := range others {
		if other != "" && strings.HasPrefix(model, other+"-") {
			names = append(names, other)
		}
	}
	for _, setting := range [...]string{q.SettingID, ""} {
		for _, name := range names {
			for _, name := range [...]string{q.Provider + "/" + name, name} {
				for _, d := range b.overrides[subject{setting, name}] {
					if !d.from.After(q.At) {
						return d, true
					}
				}
			}
		}
	}
	return dated{}, false
}

// ParsePrice reads the prices of an override strictly. An error about one member
// is a *FieldError.
func ParsePrice(data []byte) (*Price, error) {
	p, err := parsePrice("", data, true)
	if err != nil {
		return nil, err
	}
	if p == nil {
		return nil, errors.New("names no price")
	}
	if !p.namesTokens() {
		return p, nil
	}
	// A price that is left out counts as 0: for tokens that must be said.
	for _, u := range [...]unit{input, output} {
		if p.listed.at("", everySize)[u] < 0 {
			return nil, &FieldError{canonical[u], errors.New("is required beside other prices for tokens; 0 means free")}
		}
	}
	return p, nil
}

// namesTokens reports whether any price for tokens is listed.
func (p *Price) namesTokens() bool {
	for _, sizes := range p.listed {
		for _, r := range sizes {
			if r.byToken() {
				return true
			}
		}
	}
	return false
}
