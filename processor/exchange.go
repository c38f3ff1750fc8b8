package processor

import (
	"context"
	"time"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/limit"
	"github.com/bricks-gateway/bricks/internal/provider"
	"github.com/bricks-gateway/bricks/internal/telemetry"
	"github.com/bricks-gateway/bricks/processor/configcache"
)

// phase is how far a request has come. It only grows.
type phase int

const (
	phaseNew       phase = iota // nothing seen
	phaseAdmitted               // headers passed; waiting for the body
	phaseForwarded              // the credential is out
	phaseAnswering              // the answer's headers came
	phaseRefused                // we answered ourselves
	phaseSettled
)

// exchange is one HTTP request and its answer.
type exchange struct {
	s     *Server
	ctx   context.Context
	start time.Time
	phase phase
	// answerPhases: Envoy was told to send us the answer. The credential is
	// built only then, or the answer would pass unmetered.
	answerPhases bool
	streamErr    error
	cut          bool // the answer ends here: its money is used up, or it says nothing

	in       inbound
	match    provider.Match
	custom   *customCall            // nil: the provider is one of the gateway's own
	genAI    *genAICall             // nil: the request came by the gateway's own listener
	key      *gateway.Key           // nil: of none, or not known yet
	accounts []limit.Account        // that the request is charged to, the key's first
	users    []*gateway.User        // that match
	matched  bool                   // users is known
	settings []*configcache.Setting // of the provider, in the key's order
	setting  *configcache.Setting
	expected int64 // bytes of the body that room is held for
	call     call
	quote    quote
	lowered  int64 // the output's maximum that the money allows; 0: as asked
	reserved limit.Reservation
	covered  int64 // tokens of output that the reservation is known to pay for
	event    gateway.Event
	answer   answer

	route    *gateway.Route // nil: the request is not of one
	routeErr error          // why it is not, though its path says so
	steps    []*routeStep   // that may be taken, in order
	cached   *cachedCall    // nil: its route keeps no answers
	step     *routeStep     // that decisions are about
	look     *look          // nil: the key has no policy
	send     func(*extprocv3.ProcessingResponse) error

	span   *telemetry.Span // of the request; nil: nobody traces
	called *telemetry.Span // of the call of a provider; nil: none was made, or each attempt has its own
}

// handle answers one message. An error ends the stream, which fails the request.
func (x *exchange) handle(req *extprocv3.ProcessingRequest) (*extprocv3.ProcessingResponse, error) {
	switch r := req.Request.(type) {
	case *extprocv3.ProcessingRequest_RequestHeaders:
		if x.phase != phaseNew {
			return nil, outOfOrder("request headers")
		}
		return x.requestHeaders(r.RequestHeaders), nil
	case *extprocv3.ProcessingRequest_RequestBody:
		if x.phase != phaseAdmitted || x.waiting() {
			return nil, outOfOrder("request body")
		}
		return x.requestBody(r.RequestBody.Body), nil
	case *extprocv3.ProcessingRequest_ResponseHeaders:
		return x.responseHeaders(r.ResponseHeaders), nil
	case *extprocv3.ProcessingRequest_ResponseBody:
		return x.responseBody(r.ResponseBody)
	case *extprocv3.ProcessingRequest_RequestTrailers:
		return &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_RequestTrailers{RequestTrailers: &extprocv3.TrailersResponse{}}}, nil
	case *extprocv3.ProcessingRequest_ResponseTrailers:
		return &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_ResponseTrailers{ResponseTrailers: &extprocv3.TrailersResponse{}}}, nil
	}
	return nil, outOfOrder("unknown message")
}

func outOfOrder(what string) error {
	return status.Errorf(codes.FailedPrecondition, "unexpected %s", what)
}

// newEvent fills in what is known of a request once its key is.
func (x *exchange) newEvent() {
	x.event.CreatedAt = x.start.UTC()
	if x.key != nil {
		x.event.KeyID = x.key.ID
		x.event.Tags = x.key.Tags
		x.event.PolicyID = x.key.PolicyID
	}
	x.event.Path = x.in.path
	x.event.Method = x.in.method
	x.event.CustomID = x.in.customID
	x.event.Metadata = x.in.metadata
	x.event.UserID = x.in.userID
	x.event.CorrelationID = x.in.correlationID
	x.event.Attempts = 1
	x.event.Action = gateway.ActionAllowed
	if x.match.Provider != nil {
		x.event.Provider = x.match.Provider.Name
	}
	if x.match.Endpoint != nil {
		x.event.Operation = x.match.Endpoint.Operation
	}
}
