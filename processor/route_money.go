package processor

import (
	"net/http"

	"github.com/bricks-gateway/bricks/internal/pricing"
	"github.com/bricks-gateway/bricks/internal/provider"
)

// quoteSteps bounds what each step can cost, makes the dearest the request's
// quote and returns its price. Only one step's answer is paid for at the end, so
// the dearest bounds them all; what a failed attempt was billed is charged apart
// (attempt_paid.go).
func (x *exchange) quoteSteps() (*pricing.Price, *refusal) {
	r := x.keepSteps(func(s *routeStep) (r *refusal) {
		s.quote = quote{bounded: true}
		if s.match.Endpoint.Meter != provider.MeterNone {
			if s.price, r = x.quotedPrice(); r != nil {
				return r
			}
		}
		if !x.moneyLimited() { // counting tokens is for those who need it
			return nil
		}
		if s.price != nil {
			s.quote = makeQuote(&x.call, s.price, s.match)
			s.boundCustom(&x.call)
		}
		if !s.quote.bounded && !x.key.AllowUnbounded {
			return &refusal{
				http.StatusForbidden, "cost_not_boundable",
				"what this request could cost cannot be bounded, and a cost limit applies to it", "", 0, nil,
			}
		}
		return nil
	})
	if r != nil {
		return nil, r
	}
	dearest := x.steps[0]
	for _, s := range x.steps {
		if s.quote.cost(s.quote.output) > dearest.quote.cost(dearest.quote.output) {
			dearest = s
		}
	}
	x.at(dearest)
	return dearest.price, nil
}

// lowerSteps brings every step's output down to what was granted, and drops the
// steps that are then of no use. The dearest always stays: it was granted.
func (x *exchange) lowerSteps() {
	if x.route == nil {
		return
	}
	if x.moneyLimited() {
		granted := x.event.Cost
		_ = x.keepSteps(func(s *routeStep) *refusal {
			q := &s.quote
			if !q.assumed && q.cost(q.output) <= granted {
				return nil
			}
			s.lowered = q.affordable(granted)
			if s.lowered < q.least(&x.call) || q.output == 0 {
				return &refusal{}
			}
			return nil
		})
	}
	x.at(x.steps[0])
}
