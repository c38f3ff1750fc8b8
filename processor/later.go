package processor

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/provider"
)

// submitToolOutputs goes on with a run that another call has started.
const submitToolOutputs = "submit_tool_outputs"

// billsLater reports whether the call is to be charged by what its provider says
// of the work once that has ended, not by this answer. A run is told as a whole
// to every call that goes on with it: only the run itself can be charged once.
func (x *exchange) billsLater() bool {
	return x.unbounded() && (!x.answer.reading.HasCost || x.match.Endpoint.Operation == submitToolOutputs)
}

// settleStarted settles a call that bills later before its answer's end goes out:
// with the end in hand, its client can have deleted what it has started, and the
// event must be there then.
func (x *exchange) settleStarted(end bool) {
	if end && x.phase == phaseAnswering && x.unbounded() {
		x.settle()
		x.phase = phaseSettled
	}
}

// lookupTimeout bounds the search for what a deletion would make free.
const lookupTimeout = 3 * time.Second

// checkDiscard refuses to have work forgotten at its provider that is yet to be
// charged: nobody could say afterwards what it cost.
func (x *exchange) checkDiscard() *refusal {
	if x.custom != nil || x.s.o.Jobs == nil || !x.match.Discards() {
		return nil
	}
	ctx, cancel := context.WithTimeout(x.ctx, lookupTimeout)
	defer cancel()
	pending, err := x.s.o.Jobs.PendingJob(ctx, x.match.Provider.Name, x.match.Path)
	switch {
	case err != nil:
		return unavailable("the gateway cannot say whether this has been charged")
	case pending:
		return &refusal{http.StatusConflict, "not_charged_yet", "the gateway has not charged this yet: once it has ended, try again in some seconds", "", 2 * time.Second, nil}
	}
	return nil
}

// deferPrice leaves the price to whoever asks the provider later. Without the
// work's id nobody can.
func (x *exchange) deferPrice() {
	a, e := &x.answer, &x.event
	e.PriceStatus, e.Usage = gateway.Unpriced, gateway.Usage{}
	if x.custom != nil || x.route != nil {
		return
	}
	if a.started.ID == "" {
		a.started = provider.ReadStarted(a.body)
	}
	_, query, _ := strings.Cut(x.upstreamPath(), "?")
	if job, ok := x.match.JobTarget(a.started, query); ok {
		e.PriceStatus, e.Job = gateway.Pending, job
	}
}
