package gateway

import (
	"errors"
	"fmt"
	"math/big"
	"strings"
)

// NanoUSD is an amount of money in 1e-9 US dollars. An int64 holds ±9.2 billion
// dollars; sums are exact.
type NanoUSD int64

// USD is one dollar.
const USD NanoUSD = 1_000_000_000

// ParseUSD reads a decimal number of dollars as JSON spells it ("5.5", "2.5e-6").
// An amount finer than a nano-dollar or outside NanoUSD's range is an error:
// rounding money silently would change what the operator asked for.
func ParseUSD(text string) (NanoUSD, error) {
	// A huge exponent would make big.Rat allocate without bound.
	if len(text) > 64 {
		return 0, errors.New("amount is longer than 64 characters")
	}
	if i := strings.IndexAny(text, "eE"); i >= 0 && len(strings.TrimLeft(text[i+1:], "+-0")) > 2 {
		return 0, errors.New("amount has an exponent of more than two digits")
	}
	r, ok := new(big.Rat).SetString(text)
	if !ok || strings.ContainsAny(text, "/_xXpPbBoO") {
		return 0, fmt.Errorf("%q is not a decimal number", text)
	}
	r.Mul(r, new(big.Rat).SetInt64(int64(USD)))
	if !r.IsInt() {
		return 0, errors.New("amount is finer than 0.000000001 dollars")
	}
	if !r.Num().IsInt64() {
		return 0, errors.New("amount is too large")
	}
	return NanoUSD(r.Num().Int64()), nil
}

// String spells the amount in dollars without trailing zeros: "0.25", "0".
func (n NanoUSD) String() string {
	sign := ""
	u := uint64(n)
	if n < 0 {
		sign, u = "-", -u
	}
	s := fmt.Sprintf("%d.%09d", u/uint64(USD), u%uint64(USD))
	return sign + strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

// MarshalJSON writes the amount as a JSON number of dollars, exactly.
func (n NanoUSD) MarshalJSON() ([]byte, error) { return []byte(n.String()), nil }
