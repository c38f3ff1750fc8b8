package guard

import "github.com/prometheus/client_golang/prometheus"

// Metrics counts what all guarded detectors do. The labels are the detectors'
// names and a fixed set of outcomes.
type Metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	up       *prometheus.GaugeVec
}

// NewMetrics registers the metrics with r, which may be nil for none.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bricks_detector_requests_total",
			Help: "Requests whose texts were for a detector, by outcome (ok, error, timeout, refused, busy, open, canceled).",
		}, []string{"detector", "outcome"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "bricks_detector_duration_seconds", Help: "How long a detector that was asked took, whatever came of it.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"detector"}),
		up: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "bricks_detector_up", Help: "1 while a detector is asked, 0 while it keeps failing.",
		}, []string{"detector"}),
	}
	if r != nil {
		r.MustRegister(m.requests, m.duration, m.up)
	}
	return m
}
