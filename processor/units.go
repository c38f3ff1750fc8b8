package processor

import (
	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/pricing"
	"github.com/bricks-gateway/bricks/internal/provider"
)

// unbounded reports whether nobody can say what the call will cost: work goes on
// after the answer.
func (x *exchange) unbounded() bool {
	return x.match.Endpoint.Unbounded || x.call.background
}

// Figures for estimates of what is billed by unit.
const (
	// A given image is at most so many tokens: OpenAI's largest at high
	// fidelity has 7,345.
	imageInputTokens = 8192
	// A picture on the way to the last one of a stream, by OpenAI's guide.
	partialTokens = 100
	// Speech has about 15 characters a second; nothing speaks slower than two.
	spokenMilliseconds = 1000 / 15
	slowMilliseconds   = 500
)

// quoteUnits bounds a call billed by unit, or where no money is limited guesses
// what it is booked at when nothing is heard of it again.
func (x *exchange) quoteUnits() *refusal {
	found, priced := x.findPrice("")
	if x.match.Endpoint.Meter == provider.MeterImages {
		found, priced = x.findImage("")
	}
	if _, r := x.quoted(found, priced); r != nil || !priced {
		return r
	}
	if x.quote.fixed, x.quote.bounded = x.guessUnits(x.moneyLimited()); !x.quote.bounded {
		x.event.PriceStatus = gateway.Unpriced
	}
	return nil
}

// findImage is findPrice for an image of the quality and size asked for.
func (x *exchange) findImage(responseModel string) (pricing.Found, bool) {
	return x.s.o.Prices.ImageAt(x.query(responseModel), x.call.quality, x.call.imageSize)
}

// guessUnits is what the call will cost by what its request says: at most, or
// probably. ok is false when there is no price for it.
func (x *exchange) guessUnits(most bool) (cost gateway.NanoUSD, ok bool) {
	found, ok := x.findPrice("")
	switch x.match.Endpoint.Meter {
	case provider.MeterImages:
		return x.guessImages(found, most)
	case provider.MeterSpeech:
		return x.call.guessSpeech(found, ok, most)
	}
	return x.call.guessTranscript(found, ok, most)
}

// guessImages is guessUnits for images: so many of the kind, and beside them the
// input where the model, whose price is given, is sold by the token.
func (x *exchange) guessImages(model pricing.Found, most bool) (cost gateway.NanoUSD, ok bool) {
	c := &x.call
	text, pictures := c.terms(), c.terms()
	text.TextOnly, pictures.TextOnly = true, false
	count := max(c.factor, 1)
	found, ok := x.findImage("")
	if !ok {
		return 0, false
	}
	cost, ok = amount(found.Price, gateway.Usage{Images: count}, pictures, most)
	if !ok || !byImageToken(model, pictures) {
		return cost, ok
	}
	read, ok := amount(model.Price, gateway.Usage{InputTokens: c.textTokens(most)}, text, most)
	tokens, partial := c.images*imageInputTokens, c.partial*partialTokens*count
	seen, known := amount(model.Price, gateway.Usage{
		InputTokens: tokens, ImageInputTokens: tokens, OutputTokens: partial, ImageOutputTokens: partial,
	}, pictures, most)
	return cost + read + seen, ok && known
}

// guessSpeech is guessUnits for speech: of characters or of time, and the text.
func (c *call) guessSpeech(p pricing.Found, priced, most bool) (cost gateway.NanoUSD, ok bool) {
	u := gateway.Usage{Characters: c.characters, Milliseconds: c.spoken(most)}
	if !priced || !p.Covers(u, c.terms()) {
		return 0, false // a price of tokens alone: how many, nobody knows
	}
	u.InputTokens = c.textTokens(most)
	return amount(p.Price, u, c.terms(), most)
}

// guessTranscript is guessUnits for a transcript: of time, and at most all the
// text that there can be.
func (c *call) guessTranscript(p pricing.Found, priced, most bool) (cost gateway.NanoUSD, ok bool) {
	terms := c.terms()
	terms.TextOnly = false
	u := gateway.Usage{Milliseconds: c.audio.likely}
	if most {
		u.Milliseconds = c.audio.most
	}
	if !priced || !p.Covers(u, terms) {
		return 0, false
	}
	if most {
		u.InputTokens, u.OutputTokens = c.text, p.MaxOutputTokens
		if u.OutputTokens == 0 && p.Cost(gateway.Usage{OutputTokens: 1e6}, terms) > p.Cost(gateway.Usage{}, terms) {
			return 0, false // its text costs, and may be of any length
		}
	}
	return amount(p.Price, u, terms, most)
}

// amount is what u costs: at most, or as it stands. ok is false when the price
// is none for it.
func amount(p *pricing.Price, u gateway.Usage, t pricing.Terms, most bool) (cost gateway.NanoUSD, ok bool) {
	if most {
		return p.BoundUsage(u, t)
	}
	return p.Cost(u, t), p.Covers(u, t)
}

// byImageToken reports whether images are sold by their tokens at this price.
func byImageToken(p pricing.Found, t pricing.Terms) bool {
	return p.Price != nil && p.ForImageTokens() && p.Covers(gateway.Usage{OutputTokens: 1, ImageOutputTokens: 1}, t)
}

// spoken is how long speech of the given characters takes, in milliseconds.
func (c *call) spoken(most bool) int64 {
	rate := float64(spokenMilliseconds)
	if most {
		rate = slowMilliseconds
	}
	if c.speed > 0 {
		rate /= c.speed
	}
	return int64(rate*float64(c.characters)) + 1000
}

// textTokens is how many tokens the text of the request has: no tokenizer makes
// more of them than there are bytes, and four bytes a token are usual.
func (c *call) textTokens(most bool) int64 {
	if most {
		return c.text
	}
	return (c.text + 3) / 4
}

// priceUnits turns the answer to a call billed by unit into money. reserved is
// what was set aside for it. What cannot be priced by what the answer reports is
// booked at a guess by the request.
func (x *exchange) priceUnits(reserved gateway.NanoUSD) {
	a, e := &x.answer, &x.event
	unheard := x.phase == phaseForwarded || a.withheld
	if !unheard && !a.reading.Invalid && x.priceReported() {
		return
	}
	cost, ok := x.guessUnits(false)
	e.Estimated = true
	if e.PriceStatus = gateway.Priced; !ok {
		e.PriceStatus = gateway.Unpriced
		return
	}
	e.Cost = cost
	switch {
	case unheard && x.moneyLimited():
		e.Cost = max(cost, reserved) // the limit holds whatever happened
	case !unheard && e.Usage == gateway.Usage{} && x.match.Endpoint.Meter == provider.MeterTranscription:
		e.Usage.Milliseconds = x.call.audio.likely
	}
}

// priceReported prices what the answer reports, in the unit that its model is
// sold by. It reports whether that was possible.
func (x *exchange) priceReported() bool {
	e, c := &x.event, &x.call
	u, terms := &e.Usage, c.terms()
	found, ok := x.findPrice(e.ResponseModel)
	byTokens := x.answer.reading.HasCost && u.InputTokens+u.OutputTokens > 0
	switch meter := x.match.Endpoint.Meter; {
	case meter == provider.MeterImages && byImageToken(found, terms):
		if !byTokens {
			return false
		}
		if u.ImageOutputTokens == 0 {
			u.ImageOutputTokens = u.OutputTokens // not told apart: the dearer
		}
	case meter == provider.MeterImages:
		found, ok = x.findImage(e.ResponseModel)
		if u.Images == 0 || x.answer.truncated {
			u.Images = max(c.factor, u.Images)
		}
		if !ok || !found.Covers(gateway.Usage{Images: u.Images}, terms) {
			return false
		}
		e.Estimated = open(c.quality) || open(c.imageSize) // the dearest is taken
	case byTokens && meter == provider.MeterSpeech:
		u.AudioOutputTokens = u.OutputTokens
	case byTokens:
		// Some tell the time as well: it is not due beside a price of tokens.
		tokens := *u
		if tokens.Milliseconds = 0; ok && found.Covers(tokens, terms) {
			*u = tokens
		}
	case meter == provider.MeterSpeech:
		u.Characters = c.characters
		ok = ok && found.Covers(gateway.Usage{Characters: u.Characters}, terms)
	default:
		ok = ok && u.Milliseconds > 0
	}
	x.priceAs(found, ok)
	return e.PriceStatus == gateway.Priced
}

// open reports whether a request leaves the choice to the provider.
func open(choice string) bool { return choice == "" || choice == "auto" }
