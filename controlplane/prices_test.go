package controlplane_test

import (
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/pricing"
	"github.com/bricks-gateway/bricks/processor/configcache"
)

// TestPricesAreInForceWhenApplyReturns: on processors that were there before,
// and on one that comes later and learns of them with its first key.
func TestPricesAreInForceWhenApplyReturns(t *testing.T) {
	p := start(t)
	a := p.processor("a")
	s := p.setting()
	p.key("some-key-1", s.ID)
	cost := func(c *configcache.Cache, setting string) gateway.NanoUSD {
		f, ok := c.PriceAt(pricing.Query{At: time.Now(), SettingID: setting, Provider: "openai", Models: []string{"gpt-4o"}})
		if !ok {
			return -1
		}
		return f.Cost(gateway.Usage{InputTokens: 1000}, pricing.Terms{})
	}
	if got := cost(a, ""); got != 2_500_000 {
		t.Fatalf("the list's price gives %d", got)
	}
	put := func(setting, prices string) *gateway.PriceOverride {
		o := &gateway.PriceOverride{SettingID: setting, Model: "gpt-4o", EffectiveFrom: time.Unix(0, 0), Prices: prices}
		if err := p.db.PutPriceOverride(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		p.apply(o.Revision)
		return o
	}
	put("", `{"input_cost_per_token":1e-6,"output_cost_per_token":0}`)
	own := put(s.ID, `{"input_cost_per_token":3e-6,"output_cost_per_token":0}`)
	if cost(a, "") != 1_000_000 || cost(a, s.ID) != 3_000_000 {
		t.Errorf("after two overrides 1,000 tokens cost %d, and with the setting %d", cost(a, ""), cost(a, s.ID))
	}
	late := p.processor("late")
	if _, kind := look(t, late, "some-key-1"); kind != "" {
		t.Fatal(kind)
	}
	if cost(late, s.ID) != 3_000_000 {
		t.Errorf("a processor that knows the key has a price that gives %d", cost(late, s.ID))
	}
	revision, err := p.db.DeletePriceOverride(t.Context(), own.ID)
	if err != nil {
		t.Fatal(err)
	}
	p.apply(revision)
	if cost(a, s.ID) != 1_000_000 || cost(late, s.ID) != 1_000_000 {
		t.Errorf("after the deletion 1,000 tokens cost %d and %d", cost(a, s.ID), cost(late, s.ID))
	}

	if a.AllowUnknown() {
		t.Error("the policy allows without having been asked to")
	}
	revision, err = p.db.SetUnknownPricePolicy(t.Context(), gateway.AllowUnknownPrice)
	if err != nil {
		t.Fatal(err)
	}
	p.apply(revision)
	if !a.AllowUnknown() || !late.AllowUnknown() {
		t.Error("the policy is not in force")
	}
}
