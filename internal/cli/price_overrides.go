package cli

import (
	"context"

	"github.com/alecthomas/kong"

	"github.com/bricks-gateway/bricks/internal/adminclient"
)

type overrideAnswer = adminclient.OverrideAnswer

var overrides = &kind[overrideAnswer]{
	noun: "price override",
	columns: []column[overrideAnswer]{
		{"ID", func(o overrideAnswer) any { return o.Id }},
		{"MODEL", func(o overrideAnswer) any { return o.Model }},
		{"SETTING", func(o overrideAnswer) any { return either(o.SettingId) }},
		{"IN FORCE", func(o overrideAnswer) any { return moment(o.EffectiveFrom) }},
		{"INPUT/M", func(o overrideAnswer) any { return aMillion(o.Prices["input_cost_per_token"]) }},
		{"OUTPUT/M", func(o overrideAnswer) any { return aMillion(o.Prices["output_cost_per_token"]) }},
	},
	details: []column[overrideAnswer]{
		{"CREATED", func(o overrideAnswer) any { return moment(o.CreatedAt) }},
		{"PRICES", func(o overrideAnswer) any { return pairs(o.Prices) }},
	},
	fetch: func(ctx context.Context, c *client, id string) (*overrideAnswer, []byte, error) {
		return adminclient.Answer(c.GetPriceOverrideWithResponse(ctx, id))
	},
	remove: func(ctx context.Context, c *client, id string) (*adminclient.Deleted, []byte, error) {
		return adminclient.Answer(c.DeletePriceOverrideWithResponse(ctx, id))
	},
}

type priceOverrides struct {
	List   overrideList `cmd:"" help:"List price overrides."`
	Get    get          `cmd:"" help:"Show a price override."`
	Delete remove       `cmd:"" help:"Delete price overrides."`
}

// AfterApply hands the group's kind to its commands.
func (priceOverrides) AfterApply(k *kong.Context) error {
	k.BindTo(overrides, (*objects)(nil))
	return nil
}

type overrideList struct {
	Models   []string `name:"model" sep:"none" placeholder:"MODEL" help:"Only overrides of this model; may be repeated."`
	Settings []string `name:"setting" sep:"none" placeholder:"ID" help:"Only overrides for this provider setting; may be repeated."`
	output
}

// Run is what kong calls.
func (l *overrideList) Run(ctx context.Context, e *Env) error {
	c, err := e.connect()
	if err != nil {
		return err
	}
	items, body, err := adminclient.Answer(c.ListPriceOverridesWithResponse(ctx, &adminclient.ListPriceOverridesParams{Models: l.Models, SettingIds: l.Settings}))
	return list(e, l.output, overrides.columns, items, body, err)
}
