package pricing

import (
	"math"
	"math/bits"
	"strings"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

// Price is what one model costs. Safe for concurrent use.
type Price struct {
	Provider        string // as the list names it; may be empty
	Mode            string // chat, embedding, …; may be empty
	MaxInputTokens  int64  // 0: not known
	MaxOutputTokens int64  // 0: not known

	listed    listing    // as it was written
	schedules []schedule // the standard one first
	dear      []band     // of every size the dearest rates of all schedules
	free      bool       // every rate is 0
}

// schedule is the prices of one service tier, or of batches.
type schedule struct {
	name  string // as in the list's field names, without the underscore; "": standard
	bands []band // largest first; the last is for every size
}

// band is for requests whose whole input, cached tokens included, has more
// tokens than above.
type band struct {
	above int64
	rates
}

func pick(bands []band, tokens int64) *rates {
	for i := range bands {
		if tokens > bands[i].above {
			return &bands[i].rates
		}
	}
	return &bands[len(bands)-1].rates
}

// bandsOf finds the terms' prices. known is false when the list names none for
// this tier: then they are the dearest of the model.
func (p *Price) bandsOf(t Terms) (bands []band, known bool) {
	name := t.schedule()
	if name == "" {
		return p.schedules[0].bands, true
	}
	for i := range p.schedules {
		if p.schedules[i].name == name {
			return p.schedules[i].bands, true
		}
	}
	if cheaper(name) {
		return p.schedules[0].bands, true
	}
	return p.dear, p.free
}

// Size tells apart inputs at different prices: those of one size cost the same a
// token.
func (p *Price) Size(inputTokens int64, t Terms) int64 {
	bands, _ := p.bandsOf(t)
	for i := range bands {
		if inputTokens > bands[i].above {
			return bands[i].above
		}
	}
	return bands[len(bands)-1].above
}

// Sized reports whether the price of a token depends on the input's size.
func (p *Price) Sized(t Terms) bool {
	bands, _ := p.bandsOf(t)
	return len(bands) > 1
}

// Free reports whether the model costs nothing.
func (p *Price) Free() bool { return p.free }

// Knows reports whether the price of these terms is known. Cost charges terms
// that are not at the model's dearest rates.
func (p *Price) Knows(t Terms) bool {
	_, known := p.bandsOf(t)
	return known
}

// Cost is what u costs, rounded up to a whole nano-dollar. Figures that do not
// add up (more cached tokens than input) are charged as they stand: never less
// than their parts.
func (p *Price) Cost(u gateway.Usage, t Terms) gateway.NanoUSD {
	bands, _ := p.bandsOf(t)
	return cost(pick(bands, t.size(&u)), &u)
}

func cost(r *rates, u *gateway.Usage) gateway.NanoUSD {
	var sum sum128
	// Cached sound is a part of both the cached and the sound.
	sum.add(u.CacheReadAudioTokens, r[cacheReadAudio])
	// Which of the cached tokens were images is not told: as many as there are.
	cached := u.CacheReadTokens - u.CacheReadAudioTokens
	images := min(cached, u.ImageInputTokens)
	sum.add(images, max(r[cacheReadImage], r[cacheRead]))
	sum.add(cached-max(images, 0), r[cacheRead])
	sum.add(u.AudioInputTokens-u.CacheReadAudioTokens, r[audioInput])
	sum.add(u.CacheWrite5mTokens, r[cacheWrite5m])
	sum.add(u.CacheWrite1hTokens, r[cacheWrite1h])
	sum.add(u.ImageInputTokens, r[imageInput])
	sum.add(u.InputTokens-u.CacheReadTokens-u.CacheWrite5mTokens-u.CacheWrite1hTokens-
		(u.AudioInputTokens-u.CacheReadAudioTokens)-u.ImageInputTokens, r[input])
	sum.add(u.ReasoningTokens, r[reasoning])
	sum.add(u.AudioOutputTokens, r[audioOutput])
	sum.add(u.ImageOutputTokens, r[imageOutput])
	sum.add(u.OutputTokens-u.ReasoningTokens-u.AudioOutputTokens-u.ImageOutputTokens, r[output])
	sum.add(u.WebSearches, r[webSearch])
	sum.add(1, r[request])
	if u.OutputTokens == 0 || r[output] == 0 {
		// Beside a price for the output's tokens these are approximations of it.
		sum.add(u.Images, r[image])
		sum.add(u.Characters, r[character])
		sum.add(u.Queries, r[query])
		sum.add(u.Pages, r[page])
		sum.addThousandths(u.Milliseconds, r[second])
	}
	return sum.nano()
}

// Covers reports whether the price is one for what u counts. When it is not,
// such as tokens of a model that is sold by the second, Cost says too little:
// the event is unpriced.
func (p *Price) Covers(u gateway.Usage, t Terms) bool {
	if p.free {
		return true
	}
	bands, _ := p.bandsOf(t)
	r := pick(bands, t.size(&u))
	pieces := r.dearest(image, second, character, query, page) > 0
	counted := u.Images > 0 || u.Milliseconds > 0 || u.Characters > 0 || u.Queries > 0 || u.Pages > 0
	if pieces && !counted && (u.OutputTokens > 0 && r[output] == 0 || u.InputTokens > 0 && r[input] == 0) {
		return false
	}
	return cost(r, &u) > 0 || u == (gateway.Usage{})
}

// Bound is the most that a request with at most so many tokens can cost: every
// token at the dearest rate that may apply to it, for any smaller input too. ok
// is false when no bound is known: the model is not sold by the token, or has
// no price for these terms.
func (p *Price) Bound(inputTokens, outputTokens int64, t Terms) (most gateway.NanoUSD, ok bool) {
	return p.BoundUsage(gateway.Usage{InputTokens: inputTokens, OutputTokens: outputTokens}, t)
}

// BoundUsage is Bound for requests that are billed by more than tokens. u holds
// the most of each unit; of tokens it reads InputTokens and OutputTokens alone.
func (p *Price) BoundUsage(u gateway.Usage, t Terms) (most gateway.NanoUSD, ok bool) {
	bands, known := p.bandsOf(t)
	if !known || !p.Covers(u, t) {
		return 0, false
	}
	var r rates
	r.dearestOf(bands, u.InputTokens)
	if !t.Batch && strings.EqualFold(t.Tier, "auto") { // the provider may choose priority
		bands, _ := p.bandsOf(Terms{Tier: "priority"})
		r.dearestOf(bands, u.InputTokens)
	}
	into := []unit{input, cacheRead, cacheWrite5m, cacheWrite1h}
	out := []unit{output, reasoning}
	if !t.TextOnly {
		into = append(into, audioInput, cacheReadAudio, cacheReadImage, imageInput)
		out = append(out, audioOutput, imageOutput)
	}
	var sum sum128
	sum.add(u.InputTokens, r.dearest(into...))
	sum.add(u.OutputTokens, r.dearest(out...))
	sum.add(u.WebSearches, r[webSearch])
	sum.add(1, r[request])
	sum.add(u.Images, r[image])
	sum.add(u.Characters, r[character])
	sum.add(u.Queries, r[query])
	sum.add(u.Pages, r[page])
	sum.addThousandths(u.Milliseconds, r[second])
	return sum.nano(), true
}

// sum128 adds products of 1e-15 dollars. What does not fit stays the largest
// sum.
type sum128 struct{ hi, lo uint64 }

func (s *sum128) add(count, rate int64) {
	if count <= 0 || rate <= 0 {
		return
	}
	hi, lo := bits.Mul64(uint64(count), uint64(rate))
	s.plus(hi, lo)
}

func (s *sum128) plus(hi, lo uint64) {
	var carry uint64
	s.lo, carry = bits.Add64(s.lo, lo, 0)
	if s.hi, carry = bits.Add64(s.hi, hi, carry); carry > 0 {
		s.hi, s.lo = math.MaxUint64, math.MaxUint64
	}
}

// addThousandths adds count thousandths of a unit, rounded up.
func (s *sum128) addThousandths(count, rate int64) {
	var one sum128
	one.add(count, rate)
	high, rest := one.hi/1000, one.hi%1000
	low, rest := bits.Div64(rest, one.lo, 1000)
	s.plus(high, low)
	if rest > 0 {
		s.plus(0, 1)
	}
}

// quotient is the sum over d, rounded up; what does not fit is the largest rate.
func (s *sum128) quotient(d uint64) int64 {
	if s.hi >= d {
		return maxRate
	}
	q, rest := bits.Div64(s.hi, s.lo, d)
	if rest > 0 && q < math.MaxUint64 {
		q++
	}
	return int64(min(q, maxRate))
}

// nano converts to nano-dollars, rounding up; what does not fit is the largest
// amount there is.
func (s *sum128) nano() gateway.NanoUSD {
	const perNano = 1_000_000
	if s.hi >= perNano {
		return math.MaxInt64
	}
	q, rest := bits.Div64(s.hi, s.lo, perNano)
	if rest > 0 && q < math.MaxUint64 {
		q++
	}
	return gateway.NanoUSD(min(q, math.MaxInt64))
}
