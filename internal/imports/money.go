package imports

import (
	"encoding/json"
	"math"
	"math/big"
	"strings"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

// Decimal is the number exactly; ok is false for what is none, or far from any
// amount of money: such an exponent would take memory without bound.
func Decimal(n json.Number) (r *big.Rat, ok bool) {
	text := n.String()
	if i := strings.IndexAny(text, "eE"); i >= 0 && len(strings.TrimLeft(text[i+1:], "+-0")) > 2 || len(text) > 400 {
		return nil, false
	}
	return new(big.Rat).SetString(text)
}

var nanos = new(big.Rat).SetInt64(int64(gateway.USD))

// Limit is a limit of money in dollars, rounded down to a nano-dollar: others
// count in floating point, whose digits go on behind it.
func Limit(dollars json.Number) json.Number {
	r, ok := Decimal(dollars)
	if !ok {
		return dollars // the admin API refuses it
	}
	r.Mul(r, nanos)
	down := new(big.Int).Div(r.Num(), r.Denom())
	return json.Number(r.Quo(r.SetInt(down), nanos).FloatString(9))
}

// Cost is what was spent, rounded up to a nano-dollar: a budget is never less used
// than it was.
func Cost(dollars json.Number) (cost gateway.NanoUSD, ok bool) {
	r, ok := Decimal(dollars)
	if !ok {
		return 0, false
	}
	r.Mul(r, nanos)
	up := new(big.Int).Add(r.Num(), new(big.Int).Sub(r.Denom(), big.NewInt(1)))
	if up.Div(up, r.Denom()); !up.IsInt64() {
		return math.MaxInt64, true
	}
	return gateway.NanoUSD(up.Int64()), true
}
