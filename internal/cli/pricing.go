package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"math/big"
	"strings"

	"github.com/bricks-gateway/bricks/internal/adminclient"
)

// Pricing are the commands for prices.
type Pricing struct {
	List      priceList      `cmd:"" help:"List the prices in force, by model."`
	Get       priceGet       `cmd:"" help:"Show the price that a request for a model would have."`
	Set       priceSet       `cmd:"" help:"Override a model's price, from now or from another time on."`
	Overrides priceOverrides `cmd:"" help:"Prices of your own, also past and future ones."`
	Policy    pricePolicy    `cmd:"" help:"Show or set what happens to requests without a price."`
}

type priceAnswer = adminclient.PriceAnswer

var prices = &kind[priceAnswer]{
	columns: []column[priceAnswer]{
		{"MODEL", func(p priceAnswer) any { return p.Model }},
		{"PROVIDER", func(p priceAnswer) any { return either(p.Provider) }},
		{"SOURCE", func(p priceAnswer) any { return p.Source }},
		{"INPUT/M", func(p priceAnswer) any { return aMillion(p.Prices["input_cost_per_token"]) }},
		{"OUTPUT/M", func(p priceAnswer) any { return aMillion(p.Prices["output_cost_per_token"]) }},
		{"MOST OUT", func(p priceAnswer) any { return either(p.MaxOutputTokens) }},
	},
	details: []column[priceAnswer]{
		{"MODE", func(p priceAnswer) any { return either(p.Mode) }},
		{"SETTING", func(p priceAnswer) any { return either(p.SettingId) }},
		{"OVERRIDE", func(p priceAnswer) any { return either(p.OverrideId) }},
		{"PRICES", func(p priceAnswer) any { return pairs(p.Prices) }},
	},
}

// aMillion is the price of a million units, which is how people read them.
func aMillion(unit json.Number) dollars {
	price, ok := new(big.Rat).SetString(string(unit))
	if !ok {
		return ""
	}
	text := price.Mul(price, big.NewRat(1_000_000, 1)).FloatString(9) // prices are as fine as 1e-15
	return dollars(strings.TrimSuffix(strings.TrimRight(text, "0"), "."))
}

type priceList struct {
	Model    *string `placeholder:"TEXT" help:"Only models whose name holds this."`
	Provider *string `placeholder:"NAME" help:"Only models of this provider."`
	Source   *string `placeholder:"embedded|override" help:"Only prices from there."`
	At       *clock  `placeholder:"TIME" help:"As they are at this time; else now."`
	paging
	output
}

// Run is what kong calls.
func (l *priceList) Run(ctx context.Context, e *Env) error {
	at, err := moments(e, "--at", l.At)
	if err != nil {
		return err
	}
	return listPages(ctx, e, l.output, l.paging, prices.columns, func(ctx context.Context, c *client, p place) (page[priceAnswer], error) {
		answer, body, err := adminclient.Answer(c.ListPricesWithResponse(ctx, &adminclient.ListPricesParams{
			Model: l.Model, Provider: l.Provider, Source: l.Source, At: at, Limit: &p.limit, Offset: &p.offset,
		}))
		if err != nil {
			return page[priceAnswer]{}, err
		}
		text, err := memberOf(body, "prices")
		return page[priceAnswer]{items: answer.Prices, text: text, more: int64(len(answer.Prices)) == p.limit}, err
	})
}

// moments reads a flag that may be left out.
func moments(e *Env, flag string, c *clock) (*int64, error) {
	if c == nil {
		return nil, nil
	}
	n, err := c.seconds(e.Now())
	if err != nil {
		return nil, Usagef("%s: %w", flag, err)
	}
	return &n, nil
}

type priceGet struct {
	Model    string  `arg:"" help:"The model."`
	Provider *string `placeholder:"NAME" help:"Of this provider."`
	Setting  *string `placeholder:"ID" help:"With this provider setting."`
	At       *clock  `placeholder:"TIME" help:"At this time; else now."`
	output
}

// Run is what kong calls.
func (g *priceGet) Run(ctx context.Context, e *Env) error {
	at, err := moments(e, "--at", g.At)
	if err != nil {
		return err
	}
	c, err := e.connect()
	if err != nil {
		return err
	}
	return prices.show(e, g.output)(adminclient.Answer(c.GetModelPriceWithResponse(ctx, g.Model, &adminclient.GetModelPriceParams{
		Provider: g.Provider, SettingId: g.Setting, At: at,
	})))
}

type priceSet struct {
	Model   string                 `arg:"" help:"The model."`
	Prices  map[string]json.Number `name:"price" mapsep:"none" placeholder:"NAME=USD" help:"Dollars a unit by the price list's names, such as input_cost_per_token=0.0000025; may be repeated."`
	Setting *string                `placeholder:"ID" help:"Only for this provider setting."`
	From    *clock                 `placeholder:"TIME" help:"From this time on; else from now."`
	file
	output
}

// Run is what kong calls.
func (s *priceSet) Run(ctx context.Context, e *Env) error {
	from, err := moments(e, "--from", s.From)
	if err != nil {
		return err
	}
	b := struct {
		adminclient.OverrideBody
		Prices map[string]json.Number `json:"prices,omitempty"` // may come from the file
	}{Prices: s.Prices}
	set(&b.EffectiveFrom, from)
	body, err := s.body(e, "", b, nil)
	if err != nil {
		return err
	}
	c, err := e.connect()
	if err != nil {
		return err
	}
	if s.Setting != nil {
		return overrides.show(e, s.output)(adminclient.Answer(c.PutSettingModelPriceWithBodyWithResponse(ctx, *s.Setting, s.Model, mediaJSON, bytes.NewReader(body))))
	}
	return overrides.show(e, s.output)(adminclient.Answer(c.PutModelPriceWithBodyWithResponse(ctx, s.Model, mediaJSON, bytes.NewReader(body))))
}

type pricePolicy struct {
	Policy string `arg:"" optional:"" enum:"deny,allow," default:"" help:"deny: refuse them; allow: serve them, at no cost. Left out: show it."`
	output
}

var pricePolicies = &kind[adminclient.PricePolicyAnswer]{columns: []column[adminclient.PricePolicyAnswer]{
	{"WITHOUT A PRICE", func(p adminclient.PricePolicyAnswer) any { return p.UnknownPricePolicy }},
	{"SOURCE", func(p adminclient.PricePolicyAnswer) any { return p.Source }},
}}

// Run is what kong calls.
func (p *pricePolicy) Run(ctx context.Context, e *Env) error {
	c, err := e.connect()
	if err != nil {
		return err
	}
	if p.Policy == "" {
		return pricePolicies.show(e, p.output)(adminclient.Answer(c.GetPricePolicyWithResponse(ctx)))
	}
	var b adminclient.PricePolicyBody
	b.UnknownPricePolicy.Set(p.Policy)
	return pricePolicies.show(e, p.output)(adminclient.Answer(c.PutPricePolicyWithResponse(ctx, b)))
}
