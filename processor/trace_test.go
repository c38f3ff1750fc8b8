package processor_test

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"testing"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/bricks-gateway/bricks/internal/pricing"
	"github.com/bricks-gateway/bricks/internal/telemetry"
	"github.com/bricks-gateway/bricks/processor"
)

const callersTraceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// newTracer sends its spans to nobody.
func newTracer(t *testing.T) *telemetry.Tracer {
	t.Helper()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
	tracer, err := telemetry.NewTracer(t.Context(), telemetry.TracerOptions{Protocol: telemetry.HTTPProtobuf, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		over, cancel := context.WithCancel(context.Background())
		cancel()
		_ = tracer.Shutdown(over)
	})
	return tracer
}

// traced serves one chat and returns what its provider is told of the trace, and
// what the metrics' exemplars name.
func traced(t *testing.T, tracer *telemetry.Tracer, headers ...string) (sent, removed string, exemplars map[string]bool) {
	t.Helper()
	w, registry := newWorld(), prometheus.NewRegistry()
	s := processor.New(processor.Options{
		Config: w, Spool: w, Limiter: w.limiter, Prices: pricing.NewBook(pricing.Default(), nil, ""),
		Logger: slog.New(slog.DiscardHandler), Registerer: registry, Tracer: tracer,
	})
	e := &envoy{end: io.EOF, messages: []*extprocv3.ProcessingRequest{
		chatHeaders(headers...), requestBody(chat), responseHeaders(":status", "200", "content-type", "application/json"),
		responseBody(true, `{"model":"gpt-4o","usage":{"prompt_tokens":1000,"completion_tokens":100}}`),
	}}
	if err := s.Process(e); err != nil {
		t.Fatal(err)
	}
	mutation := e.answers[1].GetRequestBody().GetResponse().GetHeaderMutation()
	for _, h := range mutation.GetSetHeaders() {
		if h.Header.Key == "traceparent" {
			sent = string(h.Header.RawValue)
		}
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	return sent, strings.Join(mutation.GetRemoveHeaders(), " "), exemplarsOf(families)
}

func TestWithoutATracerATraceparentPassesAsItIs(t *testing.T) {
	sent, removed, exemplars := traced(t, nil, "traceparent", callersTraceparent, "tracestate", "vendor=1")
	if sent != "" || strings.Contains(removed, "trace") {
		t.Errorf("traceparent is set to %q, and removed is %s", sent, removed)
	}
	if !exemplars["trace_id=0af7651916cd43dd8448eb211c80319c"] {
		t.Errorf("exemplars = %v", exemplars)
	}
}

func TestExemplarsNameTheTraceThatIsKept(t *testing.T) {
	sent, _, exemplars := traced(t, newTracer(t))
	parts := strings.Split(sent, "-")
	if len(parts) != 4 || parts[3] != "01" || !exemplars["trace_id="+parts[1]] {
		t.Errorf("the provider is told %q, exemplars = %v", sent, exemplars)
	}
}

// BenchmarkTraced is what a tracer costs, with nobody to take its spans.
func BenchmarkTraced(b *testing.B) {
	b.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
	tracer, err := telemetry.NewTracer(b.Context(), telemetry.TracerOptions{Protocol: telemetry.HTTPProtobuf, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	for name, c := range map[string]struct {
		tracer *telemetry.Tracer
		flags  string
	}{"off": {nil, "01"}, "sampled": {tracer, "01"}, "not sampled": {tracer, "00"}} {
		b.Run(name, func(b *testing.B) {
			w := newWorld()
			s := processor.New(processor.Options{
				Config: w, Spool: discard{}, Limiter: w.limiter, Prices: pricing.NewBook(pricing.Default(), nil, ""),
				Logger: slog.New(slog.DiscardHandler), Tracer: c.tracer,
			})
			traceparent := strings.TrimSuffix(callersTraceparent, "01") + c.flags
			b.ReportAllocs()
			for b.Loop() {
				e := &envoy{end: io.EOF, messages: []*extprocv3.ProcessingRequest{
					chatHeaders("traceparent", traceparent), requestBody(chat), responseHeaders(":status", "200", "content-type", "application/json"),
					responseBody(true, `{"model":"gpt-4o","usage":{"prompt_tokens":1000,"completion_tokens":100}}`),
				}}
				if err := s.Process(e); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
