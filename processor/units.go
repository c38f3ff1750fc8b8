package processor

import (
	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/provider"
)

// unbounded reports whether nobody can say what the call will cost: work that
// goes on after the answer, or that the provider's own tools do.
func (x *exchange) unbounded() bool {
	return x.match.Endpoint.Unbounded || x.call.background || x.call.hosted
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
func (x *exchange) quoteUnits() {
	x.quote.fixed, x.quote.bounded = x.guessUnits(x.moneyLimited())
	if x.event.PriceStatus = gateway.Priced; !x.quote.bounded {
		x.event.PriceStatus = gateway.Unpriced
	}
}

// guessUnits is what the call will cost by what its request says: at most, or
// probably. ok is false when the list has no price for it.
func (x *exchange) guessUnits(most bool) (cost gateway.NanoUSD, ok bool) {
	switch x.match.Endpoint.Meter {
	case provider.MeterImages:
		return x.guessImages(most)
	case provider.MeterSpeech:
		return x.guessSpeech(most)
	}
	return x.guessTranscript(most)
}

func (x *exchange) guessImages(most bool) (cost gateway.NanoUSD, ok bool) {
	c, table, name := &x.call, x.s.o.Prices, x.match.Provider.Name
	count := max(c.factor, 1)
	cost, ok = table.Image(name, c.model, c.quality, c.imageSize, count)
	units, found := table.Units(name, c.model)
	if !ok || !found || !units.ByImageToken() {
		return cost, ok
	}
	input, ok := units.ImageTokens(c.textTokens(most), c.images*imageInputTokens, c.partial*partialTokens*count, 0)
	return cost + input, ok
}

func (x *exchange) guessSpeech(most bool) (cost gateway.NanoUSD, ok bool) {
	c, table, name := &x.call, x.s.o.Prices, x.match.Provider.Name
	units, found := table.Units(name, c.model)
	if !found {
		return 0, false
	}
	if cost, ok = units.Characters(c.characters); ok {
		return cost, true
	}
	cost, ok = units.Audio(0, c.spoken(most))
	if price, known := table.Lookup(name, c.model); known {
		cost += price.Cost(gateway.Usage{InputTokens: c.textTokens(most)})
	}
	return cost, ok
}

func (x *exchange) guessTranscript(most bool) (cost gateway.NanoUSD, ok bool) {
	c, table, name := &x.call, x.s.o.Prices, x.match.Provider.Name
	units, found := table.Units(name, c.model)
	if !found {
		return 0, false
	}
	if !most {
		return units.Audio(c.audio.likely, 0)
	}
	cost, ok = units.Audio(c.audio.most, 0)
	if price, known := table.Lookup(name, c.model); known { // its text is billed as well
		cost += price.Cost(gateway.Usage{InputTokens: c.text, OutputTokens: price.MaxOutputTokens})
	}
	return cost, ok
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
// what was set aside for it.
func (x *exchange) priceUnits(reserved gateway.NanoUSD) {
	a, e := &x.answer, &x.event
	unheard := x.phase == phaseForwarded || a.withheld
	cost, exact, ok := x.reportedUnits()
	if unheard || !ok || a.reading.Invalid {
		exact = false
		cost, ok = x.guessUnits(false)
	}
	e.Estimated = !exact
	if e.PriceStatus = gateway.Priced; !ok {
		e.PriceStatus = gateway.Unpriced
		return
	}
	if e.Cost = cost; unheard && x.moneyLimited() {
		e.Cost = max(cost, reserved) // the limit holds whatever happened
	}
}

// reportedUnits is the cost of what the answer reports. exact is false when it
// was worked out from less than the provider bills by.
func (x *exchange) reportedUnits() (cost gateway.NanoUSD, exact, ok bool) {
	r, c, table, name := &x.answer.reading, &x.call, x.s.o.Prices, x.match.Provider.Name
	model := x.event.Model()
	units, found := table.Units(name, model)
	byTokens := r.HasCost && r.Usage.InputTokens+r.Usage.OutputTokens > 0
	switch meter := x.match.Endpoint.Meter; {
	case meter == provider.MeterImages && byTokens && found:
		u := r.Units
		if u.ImageOutputTokens == 0 {
			u.ImageOutputTokens = r.Usage.OutputTokens // not told apart: the dearer
		}
		cost, ok = units.ImageTokens(r.Usage.InputTokens-u.ImageInputTokens, u.ImageInputTokens,
			u.ImageOutputTokens, r.Usage.OutputTokens-u.ImageOutputTokens)
		return cost, true, ok
	case meter == provider.MeterImages:
		count := r.Units.Images
		if count == 0 || x.answer.truncated {
			count = max(c.factor, count)
		}
		cost, ok = table.Image(name, model, c.quality, c.imageSize, count)
		return cost, ok && !(found && units.ByImageToken()) && c.quality != "" && c.imageSize != "", ok
	case byTokens:
		price, known := table.Lookup(name, model)
		if !known {
			return 0, false, false
		}
		u := r.Usage
		if meter == provider.MeterSpeech {
			u.AudioOutputTokens = u.OutputTokens
		}
		return price.Cost(u), true, true
	case meter == provider.MeterSpeech && found:
		cost, ok = units.Characters(c.characters)
		return cost, ok, ok
	case r.Units.Milliseconds > 0 && found:
		cost, ok = units.Audio(r.Units.Milliseconds, 0)
		return cost, ok, ok
	}
	return 0, false, false
}
