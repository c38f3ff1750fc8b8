package telemetry

import (
	"context"
	"encoding/hex"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	prometheusbridge "go.opentelemetry.io/contrib/bridges/prometheus"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// PushOptions configures Push. As with spans, the SDK reads the rest from its
// own variables.
type PushOptions struct {
	Protocol string // GRPC or HTTPProtobuf
	Gatherer prometheus.Gatherer
	Version  string // of the gateway
	Logger   *slog.Logger
}

// Push sends the metrics of the gatherer by OTLP, every
// OTEL_METRIC_EXPORT_INTERVAL and once more at stop, as far as its context
// allows.
func Push(ctx context.Context, o PushOptions) (stop func(context.Context) error, err error) {
	logTroubles(o.Logger)
	exporter, err := metricExporter(ctx, o.Protocol)
	if err != nil {
		return nil, fmt.Errorf("make metric exporter: %w", err)
	}
	about, err := describe(ctx, o.Version)
	if err != nil {
		return nil, err
	}
	reader := metric.NewPeriodicReader(&pushExporter{Exporter: exporter, logger: o.Logger},
		metric.WithProducer(prometheusbridge.NewMetricProducer(prometheusbridge.WithGatherer(o.Gatherer))))
	return metric.NewMeterProvider(metric.WithReader(reader), metric.WithResource(about)).Shutdown, nil
}

func metricExporter(ctx context.Context, protocol string) (metric.Exporter, error) {
	if protocol == GRPC {
		return otlpmetricgrpc.New(ctx)
	}
	return otlpmetrichttp.New(ctx)
}

// pushExporter says in the log what the SDK would tell standard error, and what
// the bridge gets wrong it puts right.
type pushExporter struct {
	metric.Exporter
	logger *slog.Logger
	warned time.Time // the reader exports one at a time
}

// Export implements metric.Exporter.
func (e *pushExporter) Export(ctx context.Context, data *metricdata.ResourceMetrics) error {
	for _, scope := range data.ScopeMetrics {
		for _, m := range scope.Metrics {
			if h, ok := m.Data.(metricdata.Histogram[float64]); ok {
				for _, p := range h.DataPoints {
					decodeTraces(p.Exemplars)
				}
			}
		}
	}
	err := e.Exporter.Export(ctx, data)
	if err != nil && time.Since(e.warned) > quiet {
		e.warned = time.Now()
		e.logger.Warn("metrics not exported", slog.Any("error", err))
	}
	return nil // it is dealt with: the next export has what this one had
}

// decodeTraces makes trace ids of exemplars' labels. The bridge (v0.72) takes the
// label's text for the id's bytes, and receivers refuse all metrics of such an
// export.
func decodeTraces(exemplars []metricdata.Exemplar[float64]) {
	for i := range exemplars {
		id := exemplars[i].TraceID
		if len(id) != hex.EncodedLen(traceIDSize) {
			continue
		}
		if decoded, err := hex.DecodeString(string(id)); err == nil {
			exemplars[i].TraceID = decoded
		}
	}
}

const traceIDSize = 16 // bytes
