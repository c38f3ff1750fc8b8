package gateway

import "time"

// PriceOverride is an administrator's price of a model, in place of the price
// list's, from a moment on.
type PriceOverride struct {
	ID        string
	SettingID string // empty: for every provider setting
	// Model is the name as requests or answers spell it, or provider/name.
	Model string
	// EffectiveFrom is in whole seconds, UTC; it may lie ahead. The zero Unix
	// second means always.
	EffectiveFrom time.Time
	// Prices is a JSON object with the price list's field names: numbers of
	// dollars a unit, and max_input_tokens and max_output_tokens. It holds all
	// that the model is billed by.
	Prices string

	CreatedAt time.Time
	UpdatedAt time.Time
	Revision  int64
}

// UnknownPricePolicy says what happens to requests whose price is not known.
type UnknownPricePolicy string

// DenyUnknownPrice refuses them on keys with a cost limit; AllowUnknownPrice
// lets them pass, their events flagged as unpriced. The empty policy is not set.
const (
	DenyUnknownPrice  UnknownPricePolicy = "deny"
	AllowUnknownPrice UnknownPricePolicy = "allow"
)

// Valid reports whether p is one of the policies.
func (p UnknownPricePolicy) Valid() bool { return p == DenyUnknownPrice || p == AllowUnknownPrice }
