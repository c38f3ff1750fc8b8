package configcache

import (
	"cmp"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/pricing"
	configv1 "github.com/bricks-gateway/bricks/proto/config/v1"
)

// PriceAt finds the price of a request. Safe for concurrent use.
func (c *Cache) PriceAt(q pricing.Query) (pricing.Found, bool) { return c.prices.Load().PriceAt(q) }

// AllowUnknown reports whether a key with a cost limit may use models without a
// price. Safe for concurrent use.
func (c *Cache) AllowUnknown() bool { return c.prices.Load().AllowUnknown() }

// AnyFree reports whether a model of the provider may cost nothing. Safe for
// concurrent use.
func (c *Cache) AnyFree(provider string) bool { return c.prices.Load().AnyFree(provider) }

// applyPrices puts prices in force; nil changes nothing.
func (c *Cache) applyPrices(p *configv1.Prices) {
	if p == nil {
		return
	}
	overrides := make([]*gateway.PriceOverride, 0, len(p.Overrides))
	for _, o := range p.Overrides {
		overrides = append(overrides, &gateway.PriceOverride{
			ID: o.Id, SettingID: o.SettingId, Model: o.Model, EffectiveFrom: time.Unix(o.EffectiveFrom, 0).UTC(), Prices: o.Prices,
		})
	}
	policy := cmp.Or(gateway.UnknownPricePolicy(p.UnknownPricePolicy), c.o.UnknownPrice)
	c.prices.Store(pricing.NewBook(pricing.Default(), overrides, policy))
}
