package telemetry

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

// propagator reads and writes W3C Trace Context.
var propagator propagation.TraceContext

// Get implements propagation.TextMapCarrier.
func (p *Parent) Get(key string) string {
	switch key {
	case "traceparent":
		return p.Traceparent
	case "tracestate":
		return p.Tracestate
	}
	return ""
}

// Set implements propagation.TextMapCarrier.
func (p *Parent) Set(key, value string) {
	switch key {
	case "traceparent":
		p.Traceparent = value
	case "tracestate":
		p.Tracestate = value
	}
}

// Keys implements propagation.TextMapCarrier.
func (p *Parent) Keys() []string { return []string{"traceparent", "tracestate"} }

// Span is one span. All methods of a nil one do nothing, so that callers need not
// ask whether there is a tracer. Not safe for concurrent use.
type Span struct {
	tracer *Tracer
	span   trace.Span
}

// Call starts the span of a call of a provider below s.
func (s *Span) Call(at time.Time) *Span {
	if s == nil {
		return nil
	}
	return s.tracer.startIn(trace.ContextWithSpan(context.Background(), s.span), trace.SpanKindClient, at)
}

// Recording reports whether anybody will see what the span tells.
func (s *Span) Recording() bool { return s != nil && s.span.IsRecording() }

// Header is what a request carries that is made for s; ok is false for a nil one.
func (s *Span) Header() (p Parent, ok bool) {
	if s == nil {
		return Parent{}, false
	}
	var carrier Parent
	propagator.Inject(trace.ContextWithSpan(context.Background(), s.span), &carrier)
	return carrier, true
}

// TraceID is the trace of a sampled span, 32 hexadecimal digits, or empty.
func (s *Span) TraceID() string {
	if s == nil || !s.span.SpanContext().IsSampled() {
		return ""
	}
	return s.span.SpanContext().TraceID().String()
}

// EndRequest ends the span of a request.
func (s *Span) EndRequest(r Request) {
	if s == nil {
		return
	}
	defer s.span.End()
	if !s.span.IsRecording() {
		return
	}
	e := r.Event
	method := knownMethod(r.Method)
	name := method
	if r.Route != "" {
		name += " " + r.Route
	}
	s.span.SetName(name)
	set := attributes{}
	set.text(httpMethod, method)
	set.text(httpRoute, r.Route)
	set.text(userID, e.UserID)
	set.text(bricksEventID, e.ID)
	set.text(bricksKeyID, e.KeyID)
	set.text(bricksPolicyID, e.PolicyID)
	set.text(bricksRouteID, e.RouteID)
	set.text(bricksAction, e.Action)
	set.text(bricksCache, r.Cache)
	if e.Attempts > 0 && e.RouteID != "" {
		set.number(bricksAttempts, int64(e.Attempts))
	}
	if e.PriceStatus == gateway.Priced {
		set = append(set, bricksCost.Float64(usd(e.Cost)))
	}
	if r.Limits.HasRate {
		set.number(bricksRateRemaining, r.Limits.RateRemaining)
	}
	if r.Limits.HasCost {
		set = append(set, bricksCostRemaining.Float64(usd(r.Limits.CostRemaining)))
	}
	set.outcome(e.Status, r.Problem, e.Incomplete)
	s.span.SetAttributes(set...)
	// What the client did wrong is no error of the server's.
	if e.Status >= 500 || e.Status == 0 || r.Problem != "" && e.Status < 400 {
		s.span.SetStatus(codes.Error, "")
	}
}

// EndCall ends the span of a call of a provider, or of one that was not made.
func (s *Span) EndCall(c *ProviderCall) {
	if s == nil {
		return
	}
	defer s.span.End()
	if !s.span.IsRecording() {
		return
	}
	name := c.Operation
	if model := label(c.RequestModel); model != "" {
		name += " " + model
	}
	s.span.SetName(name)
	set := attributes{}
	set.text(genAIOperation, c.Operation)
	set.text(genAIProvider, providerName(c.Provider))
	set.text(genAIRequestModel, c.RequestModel)
	set.text(genAIResponseModel, c.ResponseModel)
	set.usage(&c.Usage)
	if len(c.FinishReasons) > 0 {
		set = append(set, genAIFinishReasons.StringSlice(c.FinishReasons))
	}
	if c.Streamed {
		set = append(set, genAIStream.Bool(true))
	}
	if c.FirstChunk > 0 {
		set = append(set, genAIFirstChunk.Float64(c.FirstChunk.Seconds()))
	}
	set.server(c.Authority)
	set.text(bricksSettingID, c.SettingID)
	if c.Attempt > 0 {
		set.number(bricksAttempt, int64(c.Attempt))
		set.number(bricksStep, int64(c.Step))
	}
	failed := set.outcome(c.Status, c.Problem, c.Incomplete)
	s.span.SetAttributes(set...)
	if failed {
		s.span.SetStatus(codes.Error, "")
	}
}

// attributes are collected for one span.
type attributes []attribute.KeyValue

func (a *attributes) text(k attribute.Key, v string) {
	if v != "" {
		*a = append(*a, k.String(label(v)))
	}
}

func (a *attributes) number(k attribute.Key, v int64) { *a = append(*a, k.Int64(v)) }
