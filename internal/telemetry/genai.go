package telemetry

import (
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// genai are metrics of the OpenTelemetry semantic conventions for generative AI,
// version 1.37, which are in development still. The names are what their
// exporter for Prometheus makes of them: gen_ai.client.token.usage is
// gen_ai_client_token_usage, and a unit in braces leaves no trace. The buckets
// are the conventions' own.
type genai struct {
	series bounded[callKey, *callSeries]
	failed bounded[failureKey, prometheus.Observer]
}

// callKey is the labels that the metrics have in common.
type callKey struct{ provider, operation, request, response string }

type failureKey struct {
	callKey
	kind string
}

// callSeries are the series of one set of labels.
type callSeries struct {
	input, output, duration, firstToken, perToken prometheus.Observer
}

func (g *genai) init(o Options) []prometheus.Collector {
	labels := []string{"gen_ai_provider_name", "gen_ai_operation_name", "gen_ai_request_model", "gen_ai_response_model"}
	histogram := func(name, help string, buckets []float64, more ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, slices.Concat(labels, more))
	}
	usage := histogram("gen_ai_client_token_usage", "Tokens of a request, by type (input, output).",
		prometheus.ExponentialBuckets(1, 4, 14), "gen_ai_token_type")
	duration := histogram("gen_ai_client_operation_duration_seconds", "How long a request took, to the end of its answer. error_type: the status, empty when it went well.",
		prometheus.ExponentialBuckets(.01, 2, 14), "error_type")
	firstToken := histogram("gen_ai_server_time_to_first_token_seconds", "Time to the first event of a streamed answer.",
		[]float64{.001, .005, .01, .02, .04, .06, .08, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10})
	perToken := histogram("gen_ai_server_time_per_output_token_seconds", "Time for each token of a streamed answer after the first.",
		[]float64{.01, .025, .05, .075, .1, .15, .2, .3, .4, .5, .75, 1, 2.5})
	g.series.max, g.series.make = o.MaxModels, func(k callKey) *callSeries {
		values := func(more ...string) []string {
			return append([]string{k.provider, k.operation, k.request, k.response}, more...)
		}
		return &callSeries{
			input: usage.WithLabelValues(values("input")...), output: usage.WithLabelValues(values("output")...),
			duration: duration.WithLabelValues(values("")...), firstToken: firstToken.WithLabelValues(values()...), perToken: perToken.WithLabelValues(values()...),
		}
	}
	g.failed.max, g.failed.make = o.MaxModels, func(k failureKey) prometheus.Observer {
		return duration.WithLabelValues(k.provider, k.operation, k.request, k.response, k.kind)
	}
	return []prometheus.Collector{usage, duration, firstToken, perToken}
}

func (g *genai) observe(c Call) {
	e, exemplar := c.Event, c.exemplar()
	provider := providerName(c.Provider)
	request, response := models(e)
	key := callKey{provider, e.Operation, request, response}
	other := callKey{provider, e.Operation, Other, Other}
	if !served(e) {
		if _, known := g.series.series.Load(key); !known {
			key = other // nothing says that there is such a model
		}
		kind := errorType(e.Status)
		observe(g.failed.get(failureKey{key, kind}, failureKey{other, kind}), e.Latency, exemplar)
		return
	}
	s := g.series.get(key, other)
	observe(s.duration, e.Latency, exemplar)
	if e.Usage.InputTokens > 0 {
		s.input.Observe(float64(e.Usage.InputTokens))
	}
	if e.Usage.OutputTokens > 0 {
		s.output.Observe(float64(e.Usage.OutputTokens))
	}
	if !e.Streamed || e.TimeToFirstToken <= 0 {
		return
	}
	observe(s.firstToken, e.TimeToFirstToken, exemplar)
	if n := e.Usage.OutputTokens; n > 1 && !e.Incomplete {
		observe(s.perToken, (e.Latency-e.TimeToFirstToken)/time.Duration(n-1), nil)
	}
}

// providerName is the conventions' word for a provider.
func providerName(name string) string {
	if name == "azure" {
		return "azure.ai.openai"
	}
	return name
}

// errorType is the status where many know it, and the conventions' word for the
// others: a provider may answer whatever it likes.
func errorType(status int) string {
	switch status {
	case 400, 401, 403, 404, 408, 409, 413, 422, 429, 499, 500, 502, 503, 504, 529:
		return strconv.Itoa(status)
	}
	return "_OTHER"
}
