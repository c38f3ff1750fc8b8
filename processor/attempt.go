package processor

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/provider"
	"github.com/bricks-gateway/bricks/internal/telemetry"
	"github.com/bricks-gateway/bricks/processor/configcache"
)

// roleMetadata tells which of Envoy's filters opened a stream; without it, that
// of the gateway's own listener did.
const (
	roleMetadata = "x-bricks-role"
	roleAttempt  = "attempt"
	roleGenAI    = "genai"
)

// attempt is one attempt of a request to a failover route, on its own stream.
// It shares no memory with the request: a ticket brings what it needs. The
// filter's response phases are static, so that no answer passes unseen.
type attempt struct {
	s     *Server
	ctx   context.Context
	start time.Time

	number int // from 1
	in     inbound
	ticket *ticket
	place  try
	step   *ticketStep
	match  provider.Match
	query  string
	custom *customCall // nil: the provider is one of the gateway's own
	key    *gateway.Key
	call   call

	setting  *configcache.Setting
	sent     bool  // the credential is out
	expected int64 // bytes of the body that room is held for
	answer   attemptAnswer
	span     *telemetry.Span // nil: nobody traces, or the attempt is not made yet
}

func roleOf(ctx context.Context) string {
	return strings.Join(metadata.ValueFromIncomingContext(ctx, roleMetadata), ",")
}

// processAttempt serves one attempt. Like Process it returns nil only when Envoy
// ended the stream.
func (s *Server) processAttempt(stream extprocv3.ExternalProcessor_ProcessServer) (err error) {
	a := &attempt{s: s, ctx: stream.Context(), start: time.Now()}
	defer func() {
		a.bodyDone()
		a.endTrace()
		if p := recover(); p != nil {
			s.metrics.panics.Inc()
			s.o.Logger.Error("panic while processing an attempt",
				slog.String("event_id", a.in.requestID), slog.Int("attempt", a.number), slog.String("stack", string(debug.Stack())))
			err = status.Error(codes.Internal, "internal error")
		}
	}()
	next := receiver{stream: stream}
	for {
		req, err := next.receive(a.patience(), nil)
		var answers []*extprocv3.ProcessingResponse
		switch {
		case errors.Is(err, errSilent):
			answers = a.waitedEnough()
		case err != nil:
			return nil // Envoy's end of the stream
		default:
			if answers, err = a.handle(req); err != nil {
				return err
			}
		}
		for _, r := range answers {
			if err := stream.Send(r); err != nil {
				return err
			}
		}
	}
}

func (a *attempt) handle(req *extprocv3.ProcessingRequest) ([]*extprocv3.ProcessingResponse, error) {
	switch r := req.Request.(type) {
	case *extprocv3.ProcessingRequest_RequestHeaders:
		if a.ticket != nil {
			return nil, outOfOrder("request headers")
		}
		return one(a.requestHeaders(r.RequestHeaders)), nil
	case *extprocv3.ProcessingRequest_RequestBody:
		if a.ticket == nil || a.sent {
			return nil, outOfOrder("request body")
		}
		defer a.bodyDone()
		return one(a.requestBody(r.RequestBody.Body)), nil
	case *extprocv3.ProcessingRequest_ResponseHeaders:
		return a.responseHeaders(r.ResponseHeaders), nil
	case *extprocv3.ProcessingRequest_ResponseBody:
		return a.responseBody(r.ResponseBody), nil
	}
	return nil, outOfOrder("unknown message")
}

func one(r *extprocv3.ProcessingResponse) []*extprocv3.ProcessingResponse {
	return []*extprocv3.ProcessingResponse{r}
}

// requestHeaders reads the ticket and finds the attempt's step.
func (a *attempt) requestHeaders(h *extprocv3.HttpHeaders) *extprocv3.ProcessingResponse {
	a.in.read(h.Headers)
	text := ""
	for _, v := range h.Headers.GetHeaders() {
		switch v.Key {
		case ticketHeader:
			text = headerValue(v)
		case "x-envoy-attempt-count":
			a.number, _ = strconv.Atoi(headerValue(v))
		}
	}
	t, err := readTicket(text, a.s.o.Config.TicketKey(), time.Now())
	if errors.Is(err, errTicketOver) { // the attempt before took all of the time
		return a.refuse(noneInTime(), false)
	}
	if err != nil {
		a.s.o.Logger.Warn("attempt refused", slog.String("event_id", a.in.requestID), slog.Any("error", err))
		return a.refuse(unavailable("the gateway cannot make this attempt"), false)
	}
	a.ticket = t
	place, ok := t.place(a.number)
	if !ok || h.EndOfStream {
		return a.refuse(unavailable("the gateway cannot make this attempt"), false)
	}
	a.place, a.step = place, &t.Steps[place.step]
	if place.retry > 0 && a.s.health.resting(a.stepID()) {
		// What its Retry-After asks for is longer than the step may take.
		a.s.metrics.attempts.WithLabelValues(providerLabel(a.step.Provider), "skipped").Inc()
		return a.refuse(unavailable("the provider asked for a pause"), true)
	}
	size, err := strconv.ParseInt(a.in.contentLength, 10, 64)
	if err != nil {
		size = unknownBody
	}
	if !a.s.takeRoom(size) {
		return a.refuse(unavailable("the gateway has too many large requests in hand"), false)
	}
	a.expected = size
	return &extprocv3.ProcessingResponse{
		Response: &extprocv3.ProcessingResponse_RequestHeaders{RequestHeaders: &extprocv3.HeadersResponse{}},
	}
}

func (a *attempt) bodyDone() {
	a.s.bodies.Add(-a.expected)
	a.expected = 0
}

// requestBody makes the client's request the step's own. Everything that could
// have changed since the request was admitted is looked at again.
func (a *attempt) requestBody(body []byte) *extprocv3.ProcessingResponse {
	if r, retry := a.prepare(); r != nil {
		return a.refuse(r, retry)
	}
	changed := withModel(body, a.step.Model)
	c, r := readCall(changed, a.match.Endpoint)
	if r != nil {
		return a.refuse(r, false)
	}
	a.call = c
	if a.step.Maximum > 0 {
		changed = a.call.withMaximum(changed, a.match.Endpoint.OutputLimits[0], a.step.Maximum)
	}
	if a.call.stream && a.match.Endpoint.StreamUsage && !a.call.usageAsked {
		changed = a.call.withUsage(changed)
	}
	a.sent = true
	a.span = a.s.o.Tracer.Call(a.in.parent(), time.Now())
	headers := a.upstreamHeaders()
	headers.SetHeaders = append(headers.SetHeaders, set("content-length", strconv.Itoa(len(changed))))
	return &extprocv3.ProcessingResponse{DynamicMetadata: a.description(), Response: &extprocv3.ProcessingResponse_RequestBody{
		RequestBody: &extprocv3.BodyResponse{Response: &extprocv3.CommonResponse{
			HeaderMutation: headers, ClearRouteCache: true,
			BodyMutation: &extprocv3.BodyMutation{Mutation: &extprocv3.BodyMutation_Body{Body: changed}},
		}},
	}}
}

// description tells Envoy's access log which attempt this is.
func (a *attempt) description() *structpb.Struct {
	text, number := structpb.NewStringValue, structpb.NewNumberValue
	fields := map[string]*structpb.Value{
		"event_id": text(a.ticket.EventID), "route_id": text(a.ticket.RouteID), "attempt": number(float64(a.number)),
	}
	if a.step != nil {
		fields["step"], fields["provider"], fields["model"] = number(float64(a.step.Position)), text(a.step.Provider), text(a.step.Model)
	}
	return leave(attemptNamespace, fields)
}

// prepare finds the key, the step's path and its setting. retry says whether the
// next step may do better.
func (a *attempt) prepare() (r *refusal, retry bool) {
	key, err := a.s.o.Config.Key(a.ctx, configcache.Digest(a.ticket.Digest))
	switch {
	case err != nil && gateway.KindOf(err) == gateway.Unauthorized:
		return anonymous(), false
	case err != nil:
		return unavailable("the gateway cannot check keys right now"), false
	case key.ID != a.ticket.KeyID:
		return anonymous(), false
	}
	if r := keyRefusal(key, a.start); r != nil {
		return r, false
	}
	a.key = key
	if a.ticket.remaining(a.start) <= 0 {
		return noneInTime(), false
	}
	t, err := a.s.stepTarget(a.step.Provider, a.step.Operation, a.step.Params)
	a.match, a.query, a.custom = t.match, t.query, t.custom
	a.setting, _ = a.s.o.Config.Setting(a.step.SettingID)
	if err != nil || a.setting == nil || a.setting.Provider != a.step.Provider || !slices.Contains(key.SettingIDs, a.setting.ID) || !a.leadStep() {
		return unavailable("the provider setting is gone"), true
	}
	return nil, false
}

func noneInTime() *refusal {
	return &refusal{http.StatusGatewayTimeout, "upstream_error", "no step of the route answered in time", "", 0, nil}
}

// upstreamHeaders rewrites the attempt for its step's provider.
func (a *attempt) upstreamHeaders() *extprocv3.HeaderMutation {
	path := a.setting.PathPrefix + a.match.Path
	if a.query != "" {
		path += "?" + a.query
	}
	timeout := min(time.Duration(a.step.Timeout)*time.Millisecond, a.ticket.remaining(a.start))
	mutation := &extprocv3.HeaderMutation{
		SetHeaders: []*corev3.HeaderValueOption{
			set(":path", path),
			set(":authority", a.setting.Authority),
			set(clusterHeader, a.setting.Cluster),
			set("x-envoy-upstream-rq-per-try-timeout-ms", strconv.FormatInt(max(1, timeout.Milliseconds()), 10)),
		},
		RemoveHeaders: []string{ticketHeader},
	}
	carryTrace(mutation, a.span)
	credential := a.match.Provider.Credential(provider.Credential{
		APIKey: a.setting.APIKey, Params: a.setting.Params, ClientVersion: a.in.anthropicVersion,
	})
	for _, h := range credential {
		mutation.SetHeaders = append(mutation.SetHeaders, set(h.Name, h.Value.Reveal()))
	}
	for _, name := range removed {
		if !slices.ContainsFunc(credential, func(h provider.Header) bool { return h.Name == name }) {
			mutation.RemoveHeaders = append(mutation.RemoveHeaders, name)
		}
	}
	return mutation
}

// refuse ends the attempt without a call. With retry the next one is made, if
// there is one.
func (a *attempt) refuse(r *refusal, retry bool) *extprocv3.ProcessingResponse {
	if a.step != nil {
		a.traceSkipped(r)
	}
	shape := exchange{match: a.match}
	resp := shape.immediate(r)
	if a.ticket != nil {
		resp.DynamicMetadata = a.description()
	}
	headers := resp.GetImmediateResponse().Headers
	headers.SetHeaders = slices.DeleteFunc(headers.SetHeaders, func(h *corev3.HeaderValueOption) bool {
		return h.Header.Key == "x-bricks-event-id" // the request's own to set
	})
	headers.SetHeaders = append(headers.SetHeaders, a.marks()...)
	if retry && a.step != nil && !a.place.last {
		headers.SetHeaders = append(headers.SetHeaders, set(retryHeader, "1"))
	}
	return resp
}

// marks tell the request which attempt its answer is of.
func (a *attempt) marks() []*corev3.HeaderValueOption {
	marks := []*corev3.HeaderValueOption{set(attemptHeader, strconv.Itoa(a.number))}
	if a.step != nil {
		marks = append(marks, set(stepHeader, strconv.Itoa(a.step.Position)))
	}
	return marks
}

func (a *attempt) stepID() stepID {
	return stepID{a.ticket.RouteID, a.ticket.Revision, a.step.Position, a.step.SettingID}
}
