package processor

import (
	"net/http"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/limit"
	"github.com/bricks-gateway/bricks/internal/pricing"
	"github.com/bricks-gateway/bricks/internal/provider"
	"github.com/bricks-gateway/bricks/internal/token"
)

const (
	// leastOutput is the smallest output maximum that a request is brought down
	// to. A shorter answer is of no use.
	leastOutput = 16
	// assumedOutput is the maximum written into a request that gives none, for a
	// model whose own is not known.
	assumedOutput = 16_384
)

// quote is the most that a request can cost.
type quote struct {
	price    *pricing.Price // nil: nothing is billed, or nobody knows how much
	terms    pricing.Terms
	input    int64 // tokens, at most
	searches int64 // of the provider's own, at most; what they find is input again
	output   int64 // tokens of one output, at most; 0: the endpoint has no such bound
	factor   int64 // outputs
	assumed  bool  // output is ours, and must be written into the request
	bounded  bool
	fixed    gateway.NanoUSD // what is billed by unit costs, at most
	rigid    bool            // output cannot be lowered: the request has no field for it
}

// cost is the bound at this many tokens for each output, at the dearest price
// that they can have.
func (q *quote) cost(output int64) gateway.NanoUSD {
	cost, _ := q.bound(output)
	return cost
}

func (q *quote) bound(output int64) (cost gateway.NanoUSD, ok bool) {
	if q.price == nil {
		return q.fixed, true
	}
	return q.price.BoundUsage(gateway.Usage{
		InputTokens: q.input * (1 + q.searches), OutputTokens: output * q.factor, WebSearches: q.searches,
	}, q.terms)
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
func (q *quote) least(c *call) int64 {
	if q.rigid {
		return q.output
	}
	return min(q.output, max(leastOutput, c.floor))
}

// makeQuote bounds the call. Input that the body does not show counts as the
// most that the model takes.
func makeQuote(c *call, p *pricing.Price, m provider.Match) quote {
	input := token.Input(m.Provider.Name, c.model, c.body)
	q := quote{price: p, terms: c.terms(), input: input.Tokens, searches: c.searches, factor: c.factor, bounded: !c.unboundable}
	q.rigid = m.Endpoint.OutputRigid
	if input.Hidden || c.unseen || c.searches > 0 {
		q.input = max(q.input, p.MaxInputTokens)
		q.bounded = q.bounded && p.MaxInputTokens > 0
	}
	if len(m.Endpoint.OutputLimits) > 0 {
		q.output = c.maximum
		if q.output == 0 {
			q.output = p.MaxOutputTokens
		}
		if q.output == 0 {
			q.output, q.assumed = assumedOutput, !q.rigid
			q.bounded = q.bounded && q.assumed
		}
	}
	_, known := q.bound(q.output)
	q.bounded = q.bounded && known || p.Free()
	return q
}

// reserve asks the limiter: may this request go on, and for how much. The event
// then holds what an interrupted request is booked at.
func (x *exchange) reserve() *refusal {
	x.quote = quote{bounded: true}
	x.event.PriceStatus = gateway.Free
	var price *pricing.Price
	switch {
	case x.unbounded():
		x.quote.bounded, x.event.PriceStatus = false, gateway.Unpriced
	case x.match.Endpoint.Meter.ByUnit():
		if r := x.quoteUnits(); r != nil {
			return r
		}
	case x.match.Endpoint.Meter != provider.MeterNone:
		var r *refusal
		if price, r = x.quotedPrice(); r != nil {
			return r
		}
	}
	if !x.moneyLimited() {
		return x.reserveUnlimited(price)
	}
	if price != nil {
		x.quote = makeQuote(&x.call, price, x.match)
	}
	if !x.quote.bounded && !x.key.AllowUnbounded {
		return &refusal{
			http.StatusForbidden, "cost_not_boundable",
			"what this request could cost cannot be bounded, and a cost limit applies to it", "", 0, nil,
		}
	}
	q := &x.quote
	reservation, err := x.s.o.Limiter.Reserve(x.ctx, limit.Request{
		ID: x.event.ID, Accounts: x.accounts, Cost: q.cost(q.output), Least: q.cost(q.least(&x.call)),
	})
	if err != nil {
		return limitRefusal(err)
	}
	x.reserved = reservation
	x.event.Cost = reservation.Granted()
	if q.assumed || x.event.Cost < q.cost(q.output) {
		x.lowered = q.affordable(x.event.Cost)
	}
	return nil
}

// quotedPrice looks the model's price up; nil: nobody knows it, and that is
// allowed.
func (x *exchange) quotedPrice() (*pricing.Price, *refusal) {
	return x.quoted(x.findPrice(""))
}

// quoted is quotedPrice for what was looked up.
func (x *exchange) quoted(found pricing.Found, priced bool) (*pricing.Price, *refusal) {
	switch {
	case priced:
		x.event.PriceStatus = gateway.Priced
		return found.Price, nil
	case x.moneyLimited() && !x.s.o.Prices.AllowUnknown():
		return nil, &refusal{
			http.StatusForbidden, "cost_not_boundable",
			"model " + clip(x.call.model) + " has no known price, and a cost limit applies to it", "model", 0, nil,
		}
	}
	x.event.PriceStatus = gateway.Unpriced
	return nil, nil
}

// reserveUnlimited is reserve where no money is limited: an interrupted request
// is booked at a guess of its input, which costs no counting.
func (x *exchange) reserveUnlimited(price *pricing.Price) *refusal {
	reservation, err := x.s.o.Limiter.Reserve(x.ctx, limit.Request{ID: x.event.ID, Accounts: x.accounts})
	if err != nil {
		return limitRefusal(err)
	}
	x.reserved = reservation
	x.event.Cost = x.quote.fixed
	if price != nil {
		x.event.Cost = price.Cost(gateway.Usage{InputTokens: (x.call.size + 3) / 4}, x.call.terms())
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
