package admin

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/pricing"
)

// overrideBody sets a price in place of the price list's.
type overrideBody struct {
	Prices          priceFields     `json:"prices"`
	MaxInputTokens  optional[int64] `json:"maxInputTokens,omitzero" minimum:"1" maximum:"1099511627776" doc:"The model's context; absent: not known."`
	MaxOutputTokens optional[int64] `json:"maxOutputTokens,omitzero" minimum:"1" maximum:"1099511627776" doc:"The model's longest answer; absent: not known."`
	EffectiveFrom   optional[int64] `json:"effectiveFrom,omitzero" minimum:"0" maximum:"253402300799" doc:"From this Unix second on, which may lie ahead or behind; absent: now. 0: always."`
	OverrideReadOnly
}

// OverrideReadOnly are the members of an answer that a request may send back.
type OverrideReadOnly struct {
	ID             any `json:"id,omitempty" readOnly:"true"`
	Model          any `json:"model,omitempty" readOnly:"true"`
	SettingID      any `json:"settingId,omitempty" readOnly:"true"`
	CreatedAt      any `json:"createdAt,omitempty" readOnly:"true"`
	UpdatedAt      any `json:"updatedAt,omitempty" readOnly:"true"`
	Unacknowledged any `json:"unacknowledged,omitempty" readOnly:"true"`
	Provider       any `json:"provider,omitempty" readOnly:"true"`
	Mode           any `json:"mode,omitempty" readOnly:"true"`
	Source         any `json:"source,omitempty" readOnly:"true"`
	OverrideID     any `json:"overrideId,omitempty" readOnly:"true"`
}

type overrideAnswer struct {
	ID              string      `json:"id" format:"uuid"`
	Model           string      `json:"model"`
	SettingID       string      `json:"settingId,omitempty" format:"uuid" doc:"Only for this provider setting."`
	EffectiveFrom   int64       `json:"effectiveFrom" doc:"Unix seconds."`
	MaxInputTokens  int64       `json:"maxInputTokens,omitempty" doc:"Absent: not known."`
	MaxOutputTokens int64       `json:"maxOutputTokens,omitempty" doc:"Absent: not known."`
	Prices          priceFields `json:"prices"`
	CreatedAt       int64       `json:"createdAt" doc:"Unix seconds."`
	UpdatedAt       int64       `json:"updatedAt" doc:"Unix seconds."`
	Unacknowledged  []string    `json:"unacknowledged,omitempty" doc:"Who had not put the change in force when this was answered."`
}

type overrideQuery struct {
	Models     []string `json:"models,omitempty" doc:"Only overrides of these models."`
	SettingIDs []string `json:"settingIds,omitempty" doc:"Only overrides for these provider settings."`
}

func (a *api) putPrice(ctx context.Context, c *call) (any, error) { return a.putOverride(ctx, c, "") }

func (a *api) putSettingPrice(ctx context.Context, c *call) (any, error) {
	id, err := c.pathID("settingId")
	if err != nil {
		return nil, err
	}
	return a.putOverride(ctx, c, id)
}

func (a *api) putOverride(ctx context.Context, c *call, setting string) (any, error) {
	in, err := decode[overrideBody](c)
	if err != nil {
		return nil, err
	}
	o := &gateway.PriceOverride{Model: c.request.PathValue("model"), SettingID: setting, EffectiveFrom: a.Now().UTC()}
	if o.Model == "" || utf8.RuneCountInString(o.Model) > 256 || hasControl(o.Model) || !utf8.ValidString(o.Model) {
		return nil, notFound.with("a model's name has from 1 to 256 printable characters")
	}
	if in.EffectiveFrom.Set {
		o.EffectiveFrom = unixTime(in.EffectiveFrom.Value)
	}
	var faults []fault
	if o.Prices, faults = in.prices(); len(faults) > 0 {
		return nil, badInput.faulty(faults)
	}
	if err := a.Store.PutPriceOverride(ctx, o); err != nil {
		return nil, err
	}
	answer := newOverrideAnswer(o)
	answer.Unacknowledged = c.apply(ctx, o.Revision)
	return answer, nil
}

// prices spells the entry as the store keeps it, and lists what is wrong with it.
func (in overrideBody) prices() (entry string, faults []fault) {
	members := map[string]json.Number{}
	for _, name := range slices.Sorted(maps.Keys(in.Prices)) {
		if err := pricing.CheckField(name, in.Prices[name].String()); err != nil {
			faults = append(faults, fault{Pointer: "/prices/" + escapePointer(name), Detail: err.Error()})
		}
		members[name] = in.Prices[name]
	}
	if len(faults) > 0 {
		return "", faults
	}
	for name, n := range map[string]int64{"max_input_tokens": in.MaxInputTokens.Value, "max_output_tokens": in.MaxOutputTokens.Value} {
		if n > 0 {
			members[name] = json.Number(strconv.FormatInt(n, 10))
		}
	}
	text, err := json.Marshal(members)
	if err == nil {
		_, err = pricing.ParsePrice(text)
	}
	if f, ok := errors.AsType[*pricing.FieldError](err); ok {
		return "", []fault{{Pointer: "/prices/" + escapePointer(f.Field), Detail: f.Err.Error()}}
	}
	if err != nil {
		return "", []fault{{Pointer: "/prices", Detail: err.Error()}}
	}
	return string(text), nil
}

func (a *api) listOverrides(ctx context.Context, c *call) (any, error) {
	in, err := decodeQuery[overrideQuery](c)
	if err != nil {
		return nil, err
	}
	answers := []overrideAnswer{}
	settings, none := canonicalIDs(in.SettingIDs)
	if none {
		return answers, nil
	}
	all, err := a.Store.PriceOverrides(ctx)
	if err != nil {
		return nil, err
	}
	among := func(list []string, text string) bool { return len(list) == 0 || slices.Contains(list, text) }
	for _, o := range all {
		if among(in.Models, o.Model) && among(settings, o.SettingID) {
			answers = append(answers, newOverrideAnswer(o))
		}
	}
	return answers, nil
}

func (a *api) getOverride(ctx context.Context, c *call) (any, error) {
	id, err := c.pathID("id")
	if err != nil {
		return nil, err
	}
	o, err := a.Store.PriceOverride(ctx, id)
	if err != nil {
		return nil, err
	}
	return newOverrideAnswer(o), nil
}

func (a *api) deleteOverride(ctx context.Context, c *call) (any, error) {
	id, err := c.pathID("id")
	if err != nil {
		return nil, err
	}
	revision, err := a.Store.DeletePriceOverride(ctx, id)
	if err != nil {
		return nil, err
	}
	return deleted{ID: id, Deleted: true, Unacknowledged: c.apply(ctx, revision)}, nil
}

func newOverrideAnswer(o *gateway.PriceOverride) overrideAnswer {
	answer := overrideAnswer{
		ID: o.ID, Model: o.Model, SettingID: o.SettingID, EffectiveFrom: o.EffectiveFrom.Unix(), Prices: priceFields{},
		CreatedAt: o.CreatedAt.Unix(), UpdatedAt: o.UpdatedAt.Unix(),
	}
	if p, err := pricing.ParsePrice([]byte(o.Prices)); err == nil {
		answer.MaxInputTokens, answer.MaxOutputTokens, answer.Prices = p.MaxInputTokens, p.MaxOutputTokens, fieldsOf(p)
	}
	return answer
}
