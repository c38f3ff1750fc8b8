package processor_test

import (
	"io"
	"log/slog"
	"strings"
	"testing"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"

	"github.com/bricks-gateway/bricks/internal/pricing"
	"github.com/bricks-gateway/bricks/processor"
)

// TestARequestIsCountedOnce in each of the metrics that its end makes known.
func TestARequestIsCountedOnce(t *testing.T) {
	w, registry := newWorld(), prometheus.NewRegistry()
	s := processor.New(processor.Options{
		Config: w, Spool: w, Limiter: w.limiter, Prices: pricing.NewBook(pricing.Default(), nil, ""),
		Logger: slog.New(slog.DiscardHandler), Registerer: registry,
	})
	process := func(messages ...*extprocv3.ProcessingRequest) {
		t.Helper()
		if err := s.Process(&envoy{messages: messages, end: io.EOF}); err != nil {
			t.Fatal(err)
		}
	}
	process(chatHeaders("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
		requestBody(`{"model":"gpt-4o","user":"ann","messages":[]}`), responseHeaders(":status", "200", "content-type", "application/json"),
		responseBody(true, `{"model":"gpt-4o","usage":{"prompt_tokens":1000,"completion_tokens":100}}`))
	process(requestHeaders(false, ":method", "POST", ":path", "/api/providers/openai/v1/chat/completions", "x-request-id", "event-2"))
	process(chatHeaders()) // the client leaves during the upload
	const want = `
# HELP bricks_cost_usd_total What requests cost, in dollars, by provider. What is charged later is in bricks_charged_usd_total.
# TYPE bricks_cost_usd_total counter
bricks_cost_usd_total{provider="openai"} 0.0035
# HELP bricks_refused_requests_total Requests that the gateway refused, by reason.
# TYPE bricks_refused_requests_total counter
bricks_refused_requests_total{code="client_gone"} 1
bricks_refused_requests_total{code="invalid_api_key"} 1
# HELP bricks_requests_total Requests that were forwarded, by provider, operation and status.
# TYPE bricks_requests_total counter
bricks_requests_total{operation="chat",provider="openai",status="200"} 1
# HELP bricks_tokens_total Tokens that providers reported or we estimated.
# TYPE bricks_tokens_total counter
bricks_tokens_total{direction="input",provider="openai"} 1000
bricks_tokens_total{direction="output",provider="openai"} 100
# HELP tokens_by_user_by_model_total Number of total tokens by user by model.
# TYPE tokens_by_user_by_model_total counter
tokens_by_user_by_model_total{model="gpt-4o",user="ann"} 1100
` // 1000 × 2.5e-6 + 100 × 10e-6 dollars
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "bricks_cost_usd_total", "bricks_refused_requests_total",
		"bricks_requests_total", "bricks_tokens_total", "tokens_by_user_by_model_total"); err != nil {
		t.Error(err)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	exemplars := exemplarsOf(families)
	if !exemplars["event_id=event-1"] || !exemplars["trace_id=0af7651916cd43dd8448eb211c80319c"] {
		t.Errorf("exemplars = %v", exemplars)
	}
}

// exemplarsOf are the labels of all exemplars, as name=value.
func exemplarsOf(families []*dto.MetricFamily) map[string]bool {
	exemplars := map[string]bool{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, b := range m.GetHistogram().GetBucket() {
				for _, l := range b.GetExemplar().GetLabel() {
					exemplars[l.GetName()+"="+l.GetValue()] = true
				}
			}
		}
	}
	return exemplars
}
