package pricing

import (
	"cmp"
	"math"
	"math/bits"
	"slices"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

// Price is what one model costs by token. Safe for concurrent use.
type Price struct {
	MaxInputTokens  int64 // 0: not known
	MaxOutputTokens int64

	base  rates
	tiers []sizedRates // largest first
}

// sizedRates apply to a request whose whole input has more tokens than above.
type sizedRates struct {
	above int64
	rates
}

func (p *Price) tier(above int64) *rates {
	for i := range p.tiers {
		if p.tiers[i].above == above {
			return &p.tiers[i].rates
		}
	}
	p.tiers = append(p.tiers, sizedRates{above, none})
	return &p.tiers[len(p.tiers)-1].rates
}

func (p *Price) sortTiers() {
	slices.SortFunc(p.tiers, func(a, b sizedRates) int { return cmp.Compare(b.above, a.above) })
}

// override takes over what o has.
func (r *rates) override(o rates) {
	for _, x := range [...]struct{ to, from *int64 }{
		{&r.input, &o.input}, {&r.output, &o.output}, {&r.cacheRead, &o.cacheRead},
		{&r.write5m, &o.write5m}, {&r.write1h, &o.write1h}, {&r.reasoning, &o.reasoning},
		{&r.audioInput, &o.audioInput}, {&r.audioOutput, &o.audioOutput},
	} {
		if *x.from >= 0 {
			*x.to = *x.from
		}
	}
}

// ratesFor picks the rates for an input of this size. What a tier does not name
// keeps its base price.
func (p *Price) ratesFor(input int64) rates {
	r := p.base
	for _, t := range p.tiers {
		if input <= t.above {
			continue
		}
		r.override(t.rates)
		break
	}
	return r
}

// or returns rate if the list has it, else the first of the others that it has.
func or(rate int64, others ...int64) int64 {
	for _, o := range others {
		if rate >= 0 {
			break
		}
		rate = o
	}
	return max(rate, 0)
}

// Cost is what u costs, rounded up to a whole nano-dollar. Figures that do not
// add up (more cached tokens than input) are charged as they stand: never less
// than their parts.
func (p *Price) Cost(u gateway.Usage) gateway.NanoUSD {
	r := p.ratesFor(u.InputTokens)
	write5m := or(r.write5m, r.input)
	var sum sum128
	sum.add(u.CacheReadTokens, or(r.cacheRead, r.input))
	sum.add(u.CacheWrite5mTokens, write5m)
	sum.add(u.CacheWrite1hTokens, or(r.write1h, write5m))
	sum.add(u.AudioInputTokens, or(r.audioInput, r.input))
	sum.add(u.InputTokens-u.CacheReadTokens-u.CacheWrite5mTokens-u.CacheWrite1hTokens-u.AudioInputTokens, or(r.input))
	sum.add(u.ReasoningTokens, or(r.reasoning, r.output))
	sum.add(u.AudioOutputTokens, or(r.audioOutput, r.output))
	sum.add(u.OutputTokens-u.ReasoningTokens-u.AudioOutputTokens, or(r.output))
	return sum.nano()
}

// sum128 adds products of 1e-15 dollars without overflow.
type sum128 struct{ hi, lo uint64 }

func (s *sum128) add(count, rate int64) {
	if count <= 0 || rate <= 0 {
		return
	}
	hi, lo := bits.Mul64(uint64(count), uint64(rate))
	var carry uint64
	s.lo, carry = bits.Add64(s.lo, lo, 0)
	s.hi, _ = bits.Add64(s.hi, hi, carry)
}

// nano converts to nano-dollars, rounding up; what does not fit is the largest
// amount there is.
func (s *sum128) nano() gateway.NanoUSD {
	const perNano = 1_000_000
	if s.hi >= perNano {
		return math.MaxInt64
	}
	q, rest := bits.Div64(s.hi, s.lo, perNano)
	if rest > 0 {
		q++
	}
	if q > math.MaxInt64 {
		return math.MaxInt64
	}
	return gateway.NanoUSD(q)
}
