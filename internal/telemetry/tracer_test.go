package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/telemetry"
	"github.com/bricks-gateway/bricks/internal/testenv"
)

// TestNobodyWaitsForAReceiver: one that takes spans and does not answer costs
// the spans that find no room, and no request its time.
func TestNobodyWaitsForAReceiver(t *testing.T) {
	asked, leave := make(chan struct{}, 1), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		select {
		case asked <- struct{}{}:
		default:
		}
		<-leave
	}))
	defer server.Close()
	defer close(leave)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "1")
	t.Setenv("OTEL_BSP_EXPORT_TIMEOUT", "500") // each hangs for as long
	var log bytes.Buffer
	registry := prometheus.NewRegistry()
	tracer, err := telemetry.NewTracer(t.Context(), telemetry.TracerOptions{
		Protocol: telemetry.HTTPProtobuf, QueueSize: 10, Registerer: registry, Logger: slog.New(slog.NewJSONHandler(&log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	end := func() {
		tracer.Receive(telemetry.Parent{}, time.Now()).EndRequest(telemetry.Request{Event: &gateway.Event{Status: 200}})
	}
	end()
	<-asked // the first export hangs, with at least one span in it
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 99 {
			end()
		}
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("spans wait for the receiver")
	}
	over, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_ = tracer.Shutdown(over) // that some are lost is counted below
	const want = `
# HELP bricks_trace_spans_total Spans, by what became of them (exported, failed: the receiver did not take them, dropped: there was no room to wait).
# TYPE bricks_trace_spans_total counter
bricks_trace_spans_total{outcome="dropped"} 90
bricks_trace_spans_total{outcome="exported"} 0
bricks_trace_spans_total{outcome="failed"} 10
`
	testenv.Eventually(t, 10*time.Second, "every span is counted", func() bool {
		return testutil.GatherAndCompare(registry, strings.NewReader(want), "bricks_trace_spans_total") == nil
	})
}

// told is what a span says of a request and an answer.
func told(t *testing.T, c telemetry.Content) map[string]any {
	t.Helper()
	var (
		mu  sync.Mutex
		got map[string]any
	)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		export := ptraceotlp.NewExportRequest()
		if err != nil || export.UnmarshalProto(b) != nil {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		got = export.Traces().ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().AsRaw()
	}))
	defer server.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
	tracer, err := telemetry.NewTracer(t.Context(), telemetry.TracerOptions{Protocol: telemetry.HTTPProtobuf, Content: true, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	span := tracer.Call(telemetry.Parent{}, time.Now())
	span.Tell(c, []string{"stop"})
	span.EndCall(&telemetry.ProviderCall{Operation: "chat", Status: 200})
	if err := tracer.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	return got
}

func TestMessagesOfEveryShape(t *testing.T) {
	text := func(role, s string) string {
		return `{"role":"` + role + `","parts":[{"type":"text","content":"` + s + `"}]}`
	}
	said := func(s string) string {
		return `[{"role":"assistant","parts":[{"type":"text","content":"` + s + `"}],"finish_reason":"stop"}]`
	}
	for name, c := range map[string]struct{ request, response, instructions, input, output string }{
		"chat": {
			`{"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Say \"hi\""}]}`,
			`{"choices":[{"message":{"role":"assistant","content":"\"hi\""}}]}`,
			"", "[" + text("system", "Be brief.") + "," + text("user", `Say \"hi\"`) + "]", said(`\"hi\"`),
		},
		"anthropic": {
			`{"system":[{"type":"text","text":"Be brief."}],"messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"image","source":{"data":"AAAA"}}]}]}`,
			`{"content":[{"type":"text","text":"b"}]}`,
			`[{"type":"text","content":"Be brief."}]`, `[{"role":"user","parts":[{"type":"text","content":"a"},{"type":"image"}]}]`, said("b"),
		},
		"responses": {
			`{"instructions":"Be brief.","input":"a"}`, `{"output":[{"type":"message","content":[{"type":"output_text","text":"b"}]}]}`,
			`[{"type":"text","content":"Be brief."}]`, "[" + text("user", "a") + "]", said("b"),
		},
		"embeddings": {
			`{"input":["a","b"]}`, `{"data":[{"embedding":[0.5]}]}`, "", `[{"role":"user","parts":[{"type":"text","content":"a"},{"type":"text","content":"b"}]}]`, "",
		},
		"a stream": {
			`{"prompt":"a"}`, "data: {\"choices\":[{\"text\":\"b\"}]}\n\ndata: {\"choices\":[{\"text\":\"\\u00e9\"}]}\n\ndata: [DONE]\n\n", "", "[" + text("user", "a") + "]", said("bé"),
		},
		"no text at all": {"--boundary\r\nbinary", "\x00\x01", "", "", ""},
		"nothing":        {"", "", "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := told(t, telemetry.Content{Request: []byte(c.request), Response: []byte(c.response)})
			want := map[string]any{"gen_ai.operation.name": "chat", "http.response.status_code": int64(200)}
			for k, v := range map[string]string{"gen_ai.system_instructions": c.instructions, "gen_ai.input.messages": c.input, "gen_ai.output.messages": c.output} {
				if v != "" {
					want[k] = v
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestMessagesAreBounded(t *testing.T) {
	long := strings.Repeat("é", 40<<10)
	one, err := json.Marshal(map[string]any{"messages": []any{
		map[string]string{"role": "user", "content": "x" + long}, map[string]string{"role": "user", "content": "never"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	got := told(t, telemetry.Content{Request: one, Response: []byte(`{"choices":[{"message":{"content":"` + long + `"}}]}`)})
	for _, name := range []string{"gen_ai.input.messages", "gen_ai.output.messages"} {
		v, _ := got[name].(string)
		if len(v) < 16<<10 || len(v) > 17<<10 || !utf8.ValidString(v) || !json.Valid([]byte(v)) || !strings.Contains(v, "é…") || strings.Contains(v, "never") {
			t.Errorf("%s has %d bytes: …%s", name, len(v), v[max(0, len(v)-100):])
		}
	}
}

func TestMetricsAreSentByOTLP(t *testing.T) {
	var (
		mu   sync.Mutex
		sent = map[string]float64{}
		name string
		// exemplars are the traces that histograms name.
		exemplars []string
	)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		export := pmetricotlp.NewExportRequest()
		if err != nil || r.URL.Path != "/v1/metrics" || export.UnmarshalProto(b) != nil {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		for _, resource := range export.Metrics().ResourceMetrics().All() {
			v, _ := resource.Resource().Attributes().Get("service.name")
			name = v.Str()
			for _, scope := range resource.ScopeMetrics().All() {
				for _, m := range scope.Metrics().All() {
					switch m.Type() {
					case pmetric.MetricTypeSum:
						sent[m.Name()] = m.Sum().DataPoints().At(0).DoubleValue()
					case pmetric.MetricTypeHistogram:
						exemplars = append(exemplars, m.Histogram().DataPoints().At(0).Exemplars().At(0).TraceID().String())
					}
				}
			}
		}
	}))
	defer server.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
	registry := prometheus.NewRegistry()
	counter := prometheus.NewCounter(prometheus.CounterOpts{Name: "bricks_things_total", Help: "Things."})
	registry.MustRegister(counter)
	stop, err := telemetry.Push(t.Context(), telemetry.PushOptions{Protocol: telemetry.HTTPProtobuf, Gatherer: registry, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	counter.Add(3)
	seconds := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "bricks_time_seconds", Help: "Time.", Buckets: []float64{1, 2}})
	registry.MustRegister(seconds)
	const trace = "0af7651916cd43dd8448eb211c80319c"
	if o, ok := seconds.(prometheus.ExemplarObserver); ok {
		o.ObserveWithExemplar(1.5, prometheus.Labels{"event_id": "event", "trace_id": trace})
	}
	if err := stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if sent["bricks_things_total"] != 3 || name != "bricks" || len(exemplars) != 1 || exemplars[0] != trace {
		t.Errorf("sent %v of %q, with exemplars of %q", sent, name, exemplars)
	}
}
