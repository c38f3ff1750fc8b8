package processor

import (
	"errors"
	"net/http"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/limit"
	"github.com/bricks-gateway/bricks/internal/pricing"
	"github.com/bricks-gateway/bricks/internal/provider"
)

const (
	// leastOutput is the smallest output maximum that a request is brought down
	// to. A shorter answer is of no use.
	leastOutput = 16
	// assumedOutput is the maximum written into a request that gives none, for a
	// model whose own is not known.
	assumedOutput = 16_384
	// coarse is the part of a request's cost, 1/coarse, that a bound may be too
	// high before the input's tokens are counted.
	coarse = 10
)

// quote is the most that a request can cost.
type quote struct {
	price   *pricing.Price // nil: nothing is billed, or nobody knows how much
	input   int64          // tokens, at most
	counted bool           // input is as low as we can say
	output  int64          // tokens of one output, at most; 0: the endpoint has no such bound
	factor  int64          // outputs
	assumed bool           // output is ours, and must be written into the request
	bounded bool
}

// cost is the bound at this many tokens for each output. Writing input to a
// cache and reasoning cost more than plain tokens with some models: the dearest
// reading of the same tokens is the bound.
func (q *quote) cost(output int64) gateway.NanoUSD {
	if q.price == nil {
		return 0
	}
	output *= q.factor
	u := gateway.Usage{InputTokens: q.input, OutputTokens: output}
	cost := q.price.Cost(u)
	for _, dearer := range []gateway.Usage{
		{InputTokens: q.input, CacheWrite5mTokens: q.input, OutputTokens: output},
		{InputTokens: q.input, CacheWrite1hTokens: q.input, OutputTokens: output},
		{InputTokens: q.input, OutputTokens: output, ReasoningTokens: output},
	} {
		cost = max(cost, q.price.Cost(dearer))
	}
	return cost
}

// affordable is the most tokens for each output that money pays for.
func (q *quote) affordable(money gateway.NanoUSD) int64 {
	low, high := int64(0), q.output
	for low < high {
		middle := (low + high + 1) / 2
		if q.cost(middle) <= money {
			low = middle
		} else {
			high = middle - 1
		}
	}
	return low
}

// least is the smallest output that the request may be brought down to.
func (q *quote) least(c *call) int64 { return min(q.output, max(leastOutput, c.floor)) }

// makeQuote bounds the call. A byte-level tokenizer never makes more tokens than
// there are bytes, and a message's JSON framing is longer than the tokens that a
// provider adds for it, so the body's length bounds the input.
func makeQuote(c *call, p *pricing.Price, e *provider.Endpoint) quote {
	q := quote{price: p, input: c.size, factor: c.factor, bounded: true}
	if c.opaque {
		q.input = max(q.input, p.MaxInputTokens)
		q.bounded, q.counted = p.MaxInputTokens > 0, true
	}
	if len(e.OutputLimits) > 0 {
		q.output = c.maximum
		if q.output == 0 {
			q.output = p.MaxOutputTokens
		}
		if q.output == 0 {
			q.output, q.assumed = assumedOutput, true
		}
	}
	return q
}

// count replaces the input's bound by the count of its tokens.
func (q *quote) count(*call) { q.counted = true }

// worthCounting reports whether the input's bytes make the bound much higher
// than its tokens would.
func (q *quote) worthCounting() bool {
	if q.counted || q.price == nil {
		return false
	}
	small := *q
	small.input = q.input / 8
	cost := q.cost(q.output)
	return (cost-small.cost(q.output))*coarse > cost
}

// reserve asks the limiter: may this request go on, and for how much. The event
// then holds what an interrupted request is booked at.
func (x *exchange) reserve() *refusal {
	x.quote = quote{bounded: true}
	x.event.PriceStatus = gateway.Free
	if x.route != nil {
		if r := x.quoteSteps(); r != nil {
			return r
		}
	} else if x.match.Endpoint.Meter != provider.MeterNone {
		if r := x.makeQuote(); r != nil {
			return r
		}
	}
	if !x.moneyLimited() {
		return x.reserveFree()
	}
	if !x.quote.bounded && !x.key.AllowUnbounded {
		return &refusal{
			http.StatusForbidden, "cost_not_boundable",
			"what this request could cost cannot be bounded, and this key has a cost limit", "", 0, nil,
		}
	}
	if x.quote.worthCounting() {
		x.quote.count(&x.call)
	}
	reservation, err := x.ask()
	if err != nil && !x.quote.counted && isMoney(err) {
		x.quote.count(&x.call)
		reservation, err = x.ask()
	}
	if err != nil {
		return limitRefusal(err)
	}
	x.reserved = reservation
	x.event.Cost = reservation.Granted()
	if q := &x.quote; q.assumed || x.event.Cost < q.cost(q.output) {
		x.lowered = q.affordable(x.event.Cost)
	}
	return nil
}

// makeQuote looks the price up.
func (x *exchange) makeQuote() *refusal {
	price, priced := x.s.o.Prices.Lookup(x.match.Provider.Name, x.call.model)
	if priced {
		x.event.PriceStatus = gateway.Priced
		x.quote = makeQuote(&x.call, price, x.match.Endpoint)
		return nil
	}
	if x.moneyLimited() {
		return &refusal{
			http.StatusForbidden, "cost_not_boundable",
			"model " + clip(x.call.model) + " has no known price, and this key has a cost limit", "model", 0, nil,
		}
	}
	x.event.PriceStatus = gateway.Unpriced
	return nil
}

// ask reserves the quote. One that is not counted is not brought down: what it
// lacks may be bytes that are no tokens.
func (x *exchange) ask() (limit.Reservation, error) {
	q := &x.quote
	r := limit.Request{ID: x.event.ID, Accounts: x.accounts, Cost: q.cost(q.output)}
	r.Least = r.Cost
	if q.counted {
		r.Least = q.cost(q.least(&x.call))
	}
	return x.s.o.Limiter.Reserve(x.ctx, r)
}

// reserveFree is reserve where no money is limited: an interrupted request is
// booked at its input.
func (x *exchange) reserveFree() *refusal {
	reservation, err := x.s.o.Limiter.Reserve(x.ctx, limit.Request{ID: x.event.ID, Accounts: x.accounts})
	if err != nil {
		return limitRefusal(err)
	}
	x.reserved = reservation
	if x.quote.price != nil {
		x.event.Cost = x.quote.price.Cost(gateway.Usage{InputTokens: x.call.estimatedInput()})
	}
	return nil
}

func (x *exchange) moneyLimited() bool {
	for i := range x.accounts {
		if x.accounts[i].Limits.HasCost() {
			return true
		}
	}
	return false
}

func isMoney(err error) bool {
	r, ok := errors.AsType[*limit.Refusal](err)
	return ok && r.Code != "rate_limit_exceeded"
}
