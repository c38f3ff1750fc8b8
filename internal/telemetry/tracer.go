package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/limit"
)

// Protocols of OTLP, as OTEL_EXPORTER_OTLP_PROTOCOL spells them.
const (
	GRPC         = "grpc"
	HTTPProtobuf = "http/protobuf"
)

// scope names the gateway as what made a span.
const scope = "github.com/bricks-gateway/bricks"

// TracerOptions configures a Tracer. Where spans go, with which headers and how
// many of them, the OpenTelemetry SDK reads from its own variables.
type TracerOptions struct {
	Protocol string // GRPC or HTTPProtobuf
	// QueueSize is how many spans may wait to be sent; 2,048 if 0.
	QueueSize int
	// Content lets prompts and answers into spans, as far as the event of their
	// request keeps them.
	Content    bool
	Version    string // of the gateway
	Registerer prometheus.Registerer
	Logger     *slog.Logger
}

// Tracer makes the spans of requests. A nil one makes none, at no cost. Safe for
// concurrent use.
type Tracer struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
	content  bool
}

// NewTracer returns a tracer that sends its spans in the background. The receiver
// need not be there: whatever becomes of a span, its request does not wait.
func NewTracer(ctx context.Context, o TracerOptions) (*Tracer, error) {
	logTroubles(o.Logger)
	exporter, err := traceExporter(ctx, o.Protocol)
	if err != nil {
		return nil, fmt.Errorf("make trace exporter: %w", err)
	}
	about, err := describe(ctx, o.Version)
	if err != nil {
		return nil, err
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithResource(about), sdktrace.WithSpanProcessor(newSpanQueue(exporter, o)))
	return &Tracer{provider, provider.Tracer(scope, trace.WithInstrumentationVersion(o.Version)), o.Content}, nil
}

func traceExporter(ctx context.Context, protocol string) (sdktrace.SpanExporter, error) {
	if protocol == GRPC {
		return otlptracegrpc.New(ctx)
	}
	return otlptracehttp.New(ctx)
}

// describe is the resource that spans and metrics are of. What the variables
// say of it wins. Metrics of two processes that are the same instance of a service
// would be taken for one's.
func describe(ctx context.Context, version string) (*resource.Resource, error) {
	about, err := resource.New(ctx, resource.WithTelemetrySDK(),
		resource.WithAttributes(serviceName.String("bricks"), serviceVersion.String(version), serviceInstance.String(uuid.NewString())),
		resource.WithFromEnv())
	if err != nil && !errors.Is(err, resource.ErrSchemaURLConflict) {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	return about, nil
}

// Shutdown sends what waits, as far as ctx allows, and ends the tracer.
func (t *Tracer) Shutdown(ctx context.Context) error { return t.provider.Shutdown(ctx) }

// Parent is what the headers of a request say about the trace that it is of.
type Parent struct{ Traceparent, Tracestate string }

// Receive starts the span of a request that came from the parent, or the first
// span of a trace when that names none. Nil without a tracer.
func (t *Tracer) Receive(p Parent, at time.Time) *Span {
	return t.start(p, trace.SpanKindServer, at)
}

// Call starts the span of a call of a provider, made for the parent.
func (t *Tracer) Call(p Parent, at time.Time) *Span {
	return t.start(p, trace.SpanKindClient, at)
}

// Skip starts the span of a call that is not made.
func (t *Tracer) Skip(p Parent, at time.Time) *Span {
	return t.start(p, trace.SpanKindInternal, at)
}

func (t *Tracer) start(p Parent, kind trace.SpanKind, at time.Time) *Span {
	if t == nil {
		return nil
	}
	carrier := p // it escapes, and costs nothing without a tracer
	return t.startIn(propagator.Extract(context.Background(), &carrier), kind, at)
}

func (t *Tracer) startIn(ctx context.Context, kind trace.SpanKind, at time.Time) *Span {
	// The name is known at the end only.
	_, span := t.tracer.Start(ctx, "request", trace.WithSpanKind(kind), trace.WithTimestamp(at))
	return &Span{t, span}
}

// Request is what the span of a request tells at its end.
type Request struct {
	Method, Route string // Route is the path's template; empty: the path is none of ours
	Event         *gateway.Event
	// Problem is the code of what went wrong, where the event's status does not say.
	Problem string
	// Cache is what came of looking an answer up; empty where none are kept.
	Cache string
	// Limits is what the request left of those that applied.
	Limits limit.State
}

// ProviderCall is what the span of a call tells at its end.
type ProviderCall struct {
	Operation, Provider, RequestModel, ResponseModel string
	Usage                                            gateway.Usage
	FinishReasons                                    []string
	Streamed                                         bool
	FirstChunk                                       time.Duration // 0: not known
	Authority                                        string        // host, or host:port
	SettingID                                        string
	Status                                           int // 0: no answer came
	// Problem says in one word why the call was no good, where Status does not.
	Problem string
	// Attempt counts from 1 over all steps of a route, and Step is the position of
	// this one's; Attempt 0: the request is of no route.
	Attempt, Step int
	Incomplete    bool
}
