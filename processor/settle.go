package processor

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/provider"
)

// statusClientGone marks an event whose client left before the answer's end.
const statusClientGone = 499

// finish settles what the exchange left open. It runs once, at the stream's
// end, however that came about, and does not use the stream's own context: that
// one is over.
func (x *exchange) finish() {
	x.bodyDone()
	x.land(nil, true)
	x.leaveQueue()
	switch x.phase {
	case phaseForwarded, phaseAnswering:
		x.settle()
	case phaseAdmitted:
		x.unforwarded()
	}
	x.phase = phaseSettled
	x.endTrace()
}

// settle books what a forwarded request cost.
func (x *exchange) settle() {
	if x.phase == phaseForwarded {
		x.s.metrics.unanswered.Inc()
	}
	x.measure()
	if x.genAI != nil {
		x.settleGenAI()
		return
	}
	x.price()
	// The event first: a limiter that reads the ledger meanwhile may then count
	// this request twice for a moment, but never not at all.
	x.s.writeFinal(&x.event)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(x.ctx), 5*time.Second)
	defer cancel()
	if err := x.reserved.Settle(ctx, x.event.Cost); err != nil {
		x.s.o.Logger.Error("reservation not settled", slog.String("event_id", x.event.ID), slog.Any("error", err))
	}
	x.s.metrics.observe(&x.event, x.traceID())
}

// measure fills in how the answer went.
func (x *exchange) measure() {
	a, e := &x.answer, &x.event
	e.Latency = x.sinceStart()
	e.TimeToFirstToken = a.firstEvent
	e.Response = a.stored
	if e.Status == 0 {
		e.Status = a.status
	}
	metered := x.match.Endpoint.Meter != provider.MeterNone && !x.endsUnmarked()
	complete := a.ended && !(a.sse && metered) || a.marked
	e.Incomplete = !complete
	// Envoy half-closes the stream when the client leaves and resets it at the
	// end of an exchange or when the provider breaks off.
	if !complete && !a.ended && (errors.Is(x.streamErr, io.EOF) || e.Status == 0) {
		e.Status = statusClientGone
	}
}

// price turns the answer's usage into money.
func (x *exchange) price() {
	a, e := &x.answer, &x.event
	meter := x.match.Endpoint.Meter
	reservedCost := e.Cost
	e.Cost, e.PriceStatus = 0, gateway.Free
	if meter == provider.MeterNone {
		if x.match.Endpoint.Unbounded && a.status < 400 {
			x.deferPrice()
		}
		return
	}
	x.readUsage()
	switch {
	case a.status >= 400 && !a.reading.HasCost:
		return // refused by the provider: nothing was billed
	case x.billsLater():
		x.deferPrice()
		return
	case meter.ByUnit():
		x.priceUnits(reservedCost)
		return
	case x.phase == phaseForwarded || a.withheld:
		// No answer came, or none that can be read: the provider may have worked
		// all the same.
		e.Estimated = true
		if x.moneyLimited() {
			e.Cost = reservedCost // the limit holds whatever happened
		} else {
			x.estimate()
		}
	case !a.reading.HasCost || a.reading.Invalid || (a.sse && !a.marked):
		x.estimate()
	}
	x.setPrice()
}

// readUsage reads what the answer tells of its model and its usage.
func (x *exchange) readUsage() {
	a, meter := &x.answer, x.match.Endpoint.Meter
	switch {
	case a.sse || len(a.body) == 0:
	case a.truncated:
		a.reading = meter.ReadTail(a.body)
	default:
		a.reading = meter.ReadJSON(a.body)
		if x.called.Recording() {
			a.finish = appendFinish(a.finish, a.body)
		}
	}
	x.event.ResponseModel = a.reading.Model
	x.event.Usage = a.reading.Usage
}

// estimate replaces missing usage by our own count.
func (x *exchange) estimate() {
	if x.custom != nil {
		x.estimateCustom()
		return
	}
	a, u := &x.answer, &x.event.Usage
	x.event.Estimated = true
	if u.InputTokens == 0 {
		u.InputTokens = x.estimatedInput()
	}
	if a.sse {
		u.OutputTokens = max(u.OutputTokens, a.wrote(x.event.Model()))
	} else if u.OutputTokens == 0 && x.match.Endpoint.Operation != "embeddings" {
		a.written.read(a.body)
		u.OutputTokens = a.wrote(x.event.Model())
	}
}

// wrote is our count of the output. Where no text is found, each event of a
// stream counts as one token, and four bytes of another answer do.
func (a *answer) wrote(model string) int64 {
	switch {
	case a.written.pieces > 0:
		return a.written.tokens(model)
	case a.sse:
		return a.events
	}
	return (a.size + 3) / 4
}

// unforwarded records a request that ended before its credential was built:
// Envoy refused its body, or the client left during the upload.
func (x *exchange) unforwarded() {
	x.event.Status = x.answer.status
	x.event.RefusalCode = "request_too_large"
	if x.event.Status == 0 {
		x.event.Status, x.event.RefusalCode = statusClientGone, "client_gone"
	}
	x.event.PriceStatus = gateway.Free
	x.event.Latency = x.sinceStart()
	x.event.RefusedCount = 1
	x.s.metrics.refused.WithLabelValues(x.event.RefusalCode).Inc()
	if x.key != nil {
		x.s.refusals.add(&x.event)
	}
}
