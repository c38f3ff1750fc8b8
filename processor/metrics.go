package processor

import (
	"strconv"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/provider"
	"github.com/bricks-gateway/bricks/internal/telemetry"
)

// metrics counts what operators watch. Labels are bounded sets: no key, user or
// model, which clients choose.
type metrics struct {
	requests    *prometheus.CounterVec
	refused     *prometheus.CounterVec
	tokens      *prometheus.CounterVec
	unpriced    prometheus.Counter
	unanswered  prometheus.Counter
	spoolErrors prometheus.Counter
	panics      prometheus.Counter
	timeouts    prometheus.Counter
	cut         prometheus.Counter
	empty       prometheus.Counter
	attempts    *prometheus.CounterVec
	skipped     *prometheus.CounterVec
	cache       *prometheus.CounterVec
	cacheErrors prometheus.Counter
	waiting     prometheus.Gauge
	findings    *prometheus.CounterVec
	// policyErrors counts what a policy's detectors failed at.
	policyErrors  prometheus.Counter
	policyActions *prometheus.CounterVec
	cost          *prometheus.CounterVec
	providers     sync.Map // label → *providerMetrics
	usage         *telemetry.Usage
}

// providerMetrics are what each request to a provider counts.
type providerMetrics struct {
	input, output, cost prometheus.Counter
}

func newMetrics(r prometheus.Registerer, usage telemetry.Options) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	vec := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	m := &metrics{
		requests:    vec("bricks_requests_total", "Requests that were forwarded, by provider, operation and status.", "provider", "operation", "status"),
		refused:     vec("bricks_refused_requests_total", "Requests that the gateway refused, by reason.", "code"),
		tokens:      vec("bricks_tokens_total", "Tokens that providers reported or we estimated.", "provider", "direction"),
		unpriced:    counter("bricks_unpriced_requests_total", "Billable requests whose model has no known price."),
		unanswered:  counter("bricks_unanswered_requests_total", "Forwarded requests that ended without an answer."),
		spoolErrors: counter("bricks_spool_errors_total", "Event records that could not be written at once."),
		panics:      counter("bricks_panics_total", "Requests that ended in a panic."),
		cut:         counter("bricks_cut_streams_total", "Streams that were ended because their money was used up."),
		empty:       counter("bricks_empty_streams_total", "Streams of custom providers that were cut because they said nothing."),
		timeouts:    counter("bricks_silent_answers_total", "Answers that were cut because nothing came for as long as the client would wait."),
	}
	m.attempts = vec("bricks_route_attempts_total", "Attempts of requests to failover routes, by provider and outcome (answered, failed, skipped).", "provider", "outcome")
	m.skipped = vec("bricks_route_skipped_steps_total", "Steps that requests to failover routes passed over because they kept failing.", "provider")
	m.cache = vec("bricks_cache_requests_total", "Requests to routes that keep answers, by result (hit, miss, bypass).", "result")
	m.waiting = prometheus.NewGauge(prometheus.GaugeOpts{Name: "bricks_cache_waiting_requests", Help: "Requests that wait for the answer of an equal one."})
	m.cacheErrors = counter("bricks_cache_errors_total", "Answers that could not be looked up, or kept.")
	m.findings = vec("bricks_policy_findings_total", "Personal data that policies found, by type.", "type")
	m.policyErrors = counter("bricks_policy_errors_total", "Requests and answers that were refused because a policy's detectors failed.")
	m.policyActions = vec("bricks_policy_actions_total", "Requests that a policy did something about, by what it did (warned, redacted, blocked).", "action")
	m.cost = vec("bricks_cost_usd_total", "What requests cost, in dollars, by provider. What is charged later is in bricks_charged_usd_total.", "provider")
	m.usage = telemetry.NewUsage(r, usage)
	if r != nil {
		r.MustRegister(m.policyActions, m.cost)
		r.MustRegister(m.findings, m.policyErrors)
		r.MustRegister(m.attempts, m.skipped, m.cache, m.cacheErrors, m.waiting)
		r.MustRegister(m.timeouts, m.cut, m.empty, m.requests, m.refused, m.tokens, m.unpriced, m.unanswered, m.spoolErrors, m.panics)
	}
	return m
}

// providerLabel is the provider's name in metrics.
func providerLabel(name string) string {
	if provider.IsCustom(name) {
		return "custom" // there may be very many
	}
	return name
}

// observe counts a forwarded request that is settled.
func (m *metrics) observe(e *gateway.Event, traceID string) {
	name := m.paid(e)
	m.requests.WithLabelValues(name, e.Operation, strconv.Itoa(e.Status)).Inc()
	m.found(e)
	m.usage.Observe(telemetry.Call{Event: e, Provider: name, TraceID: traceID})
}

// paid counts what e used and cost, and returns the provider's label.
func (m *metrics) paid(e *gateway.Event) string {
	name := providerLabel(e.Provider)
	p := m.provider(name)
	p.input.Add(float64(max(e.Usage.InputTokens, 0)))
	p.output.Add(float64(max(e.Usage.OutputTokens, 0)))
	p.cost.Add(float64(max(e.Cost, 0)) / float64(gateway.USD))
	if e.PriceStatus == gateway.Unpriced {
		m.unpriced.Inc()
	}
	return name
}

func (m *metrics) provider(name string) *providerMetrics {
	if p, ok := m.providers.Load(name); ok {
		return p.(*providerMetrics)
	}
	p, _ := m.providers.LoadOrStore(name, &providerMetrics{
		m.tokens.WithLabelValues(name, "input"), m.tokens.WithLabelValues(name, "output"), m.cost.WithLabelValues(name),
	})
	return p.(*providerMetrics)
}

// found counts what the policy of a request did and found.
func (m *metrics) found(e *gateway.Event) {
	switch e.Action {
	case gateway.ActionWarned, gateway.ActionRedacted, gateway.ActionBlocked:
		m.policyActions.WithLabelValues(e.Action).Inc()
	}
	for kind, n := range e.Findings {
		m.findings.WithLabelValues(kind).Add(float64(n))
	}
}

// watchSteps shows how many steps of routes are skipped now.
func (m *metrics) watchSteps(r prometheus.Registerer, h *health) {
	if r != nil {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "bricks_route_steps_down", Help: "Steps of failover routes that are skipped now, but for a probe a second.",
		}, func() float64 { return float64(h.down()) }))
	}
}
