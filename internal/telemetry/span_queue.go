package telemetry

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// spanQueue bounds how many spans wait for the receiver, before the SDK's own
// queue does, which drops what is too much without a word. A span that finds no
// room is counted and gone: requests wait for nobody.
type spanQueue struct {
	sdktrace.SpanProcessor // the SDK's batches
	exporter               *countingExporter
	size                   int64
}

func newSpanQueue(e sdktrace.SpanExporter, o TracerOptions) *spanQueue {
	if o.QueueSize == 0 {
		o.QueueSize = sdktrace.DefaultMaxQueueSize
	}
	spans := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "bricks_trace_spans_total",
		Help: "Spans, by what became of them (exported, failed: the receiver did not take them, dropped: there was no room to wait).",
	}, []string{"outcome"})
	if o.Registerer != nil {
		o.Registerer.MustRegister(spans)
	}
	c := &countingExporter{
		SpanExporter: e, logger: o.Logger,
		exported: spans.WithLabelValues("exported"), failed: spans.WithLabelValues("failed"), dropped: spans.WithLabelValues("dropped"),
	}
	return &spanQueue{sdktrace.NewBatchSpanProcessor(c, sdktrace.WithMaxQueueSize(o.QueueSize)), c, int64(o.QueueSize)}
}

// OnEnd implements sdktrace.SpanProcessor.
func (q *spanQueue) OnEnd(s sdktrace.ReadOnlySpan) {
	if !s.SpanContext().IsSampled() {
		return
	}
	if q.exporter.waiting.Add(1) > q.size {
		q.exporter.waiting.Add(-1)
		q.exporter.dropped.Inc()
		return
	}
	q.SpanProcessor.OnEnd(s)
}

// countingExporter counts what becomes of spans.
type countingExporter struct {
	sdktrace.SpanExporter
	logger                    *slog.Logger
	waiting                   atomic.Int64 // for their export, or in it
	exported, failed, dropped prometheus.Counter
	warned                    time.Time // the exporter is called by one goroutine at a time
}

// ExportSpans implements sdktrace.SpanExporter.
func (c *countingExporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	n := len(spans)
	err := c.SpanExporter.ExportSpans(ctx, spans)
	c.waiting.Add(-int64(n))
	if err == nil {
		c.exported.Add(float64(n))
		return nil
	}
	c.failed.Add(float64(n))
	if time.Since(c.warned) > quiet {
		c.warned = time.Now()
		c.logger.Warn("spans not exported, more failures are in a metric only", slog.Int("count", n), slog.Any("error", err))
	}
	return nil // it is dealt with
}
