// Package telemetry shows what models are used for, as Prometheus metrics: under
// the names of the OpenTelemetry semantic conventions for generative AI, and
// under those of the GenAI Gateway's nine counters of tokens.
//
// Clients choose the names of models and users, so each set of labels is
// bounded: what comes after its bound was reached counts under Other. Only what
// a provider has served makes a new series, or a client that makes names up
// would fill the sets.
package telemetry

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

// Other is the label of the models, or of the users, above the bound.
const Other = "__other__"

// Options bounds a Usage.
type Options struct {
	// MaxModels is how many models have series of their own, by each of: name;
	// provider, operation, asked and answered name. 200 if 0.
	MaxModels int
	// MaxUsers is how many pairs of user and model have series of their own; 1,000
	// if 0, none if negative.
	MaxUsers int
}

// Usage counts the tokens and the time that answers took. Safe for concurrent use.
type Usage struct {
	tokens tokens
	genai  genai
}

// NewUsage returns a usage whose metrics go to r; none are kept if nil.
func NewUsage(r prometheus.Registerer, o Options) *Usage {
	if o.MaxModels == 0 {
		o.MaxModels = 200
	}
	if o.MaxUsers == 0 {
		o.MaxUsers = 1_000
	}
	u := &Usage{}
	all := append(u.tokens.init(o), u.genai.init(o)...)
	if r != nil {
		r.MustRegister(all...)
	}
	return u
}

// Call is what is counted of one request that was forwarded.
type Call struct {
	Event *gateway.Event
	// Provider is the provider's label: that of all custom ones is the same.
	Provider string
	// TraceID is the caller's, 32 hexadecimal digits; may be empty.
	TraceID string
}

// Observe counts a request that is settled.
func (u *Usage) Observe(c Call) {
	u.genai.observe(c)
	if served(c.Event) {
		u.tokens.observe(c.Event)
	}
}

// Paid counts the tokens of an attempt that failed and was billed all the same.
func (u *Usage) Paid(e *gateway.Event) { u.tokens.observe(e) }

func served(e *gateway.Event) bool { return e.Status < 400 }

// models are the asked and the answered name as labels. Some requests name no
// model.
func models(e *gateway.Event) (request, response string) {
	request, response = label(e.RequestModel), label(e.Model())
	if request == "" {
		request = response
	}
	return request, response
}

// maxLabel bounds a label that others choose, in bytes.
const maxLabel = 256

// label makes s a label: the library panics at what is no UTF-8.
func label(s string) string {
	return strings.ToValidUTF8(s[:min(len(s), maxLabel)], "\uFFFD")
}

// exemplar leads from a point of a histogram to the event, and to the trace.
func (c *Call) exemplar() prometheus.Labels {
	// The library panics at what is too long, or no UTF-8.
	if n := len(c.Event.ID); n == 0 || n > 64 || !utf8.ValidString(c.Event.ID) {
		return nil
	}
	l := prometheus.Labels{"event_id": c.Event.ID}
	if len(c.TraceID) == 32 {
		l["trace_id"] = c.TraceID
	}
	return l
}

// TraceID is the trace that a traceparent header (W3C Trace Context, version 00)
// names; empty when it names none.
func TraceID(traceparent string) string {
	const length = 2 + 1 + 32 + 1 + 16 + 1 + 2
	if len(traceparent) != length || traceparent[:3] != "00-" || traceparent[35] != '-' {
		return ""
	}
	id := traceparent[3:35]
	if strings.Trim(id, "0123456789abcdef") != "" || strings.Trim(id, "0") == "" {
		return ""
	}
	return id
}

func observe(o prometheus.Observer, v time.Duration, exemplar prometheus.Labels) {
	if e, ok := o.(prometheus.ExemplarObserver); ok && exemplar != nil {
		e.ObserveWithExemplar(v.Seconds(), exemplar)
		return
	}
	o.Observe(v.Seconds())
}
