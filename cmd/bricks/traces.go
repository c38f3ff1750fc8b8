package main

import (
	"context"
	"errors"
	"fmt"
	neturl "net/url"
	"slices"
	"strconv"
	"time"

	"github.com/bricks-gateway/bricks/internal/telemetry"
)

// otelConfig is as much of OpenTelemetry's own variables as decides whether and
// how something is sent. The rest the SDK reads by itself: headers, timeouts,
// certificates, what the resource is, batches.
type otelConfig struct {
	Disabled bool `env:"SDK_DISABLED"`

	TracesExporter  string `env:"TRACES_EXPORTER"`  // otlp, none; empty: otlp where an endpoint is given
	MetricsExporter string `env:"METRICS_EXPORTER"` // otlp, none

	Endpoint        string `env:"EXPORTER_OTLP_ENDPOINT"`
	TracesEndpoint  string `env:"EXPORTER_OTLP_TRACES_ENDPOINT"`
	MetricsEndpoint string `env:"EXPORTER_OTLP_METRICS_ENDPOINT"`

	OTLPProtocol    string `env:"EXPORTER_OTLP_PROTOCOL"`
	TracesProtocol  string `env:"EXPORTER_OTLP_TRACES_PROTOCOL"`
	MetricsProtocol string `env:"EXPORTER_OTLP_METRICS_PROTOCOL"`

	Sampler         string `env:"TRACES_SAMPLER"`
	SamplerArgument string `env:"TRACES_SAMPLER_ARG"`
	QueueSize       int    `env:"BSP_MAX_QUEUE_SIZE"`

	CaptureContent bool `env:"INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"`
}

// traces reports whether spans are sent.
func (o *otelConfig) traces() bool {
	wanted := o.TracesExporter == "otlp" || o.TracesExporter == "" && (o.Endpoint != "" || o.TracesEndpoint != "")
	return wanted && !o.Disabled
}

// metrics reports whether metrics are sent by OTLP. They are served to Prometheus
// anyway, so that an endpoint alone does not ask for them twice.
func (o *otelConfig) metrics() bool { return o.MetricsExporter == "otlp" && !o.Disabled }

// protocol is what the variables say, the one of the signal first.
func (o *otelConfig) protocol(signal string) string {
	for _, p := range []string{signal, o.OTLPProtocol} {
		if p != "" {
			return p
		}
	}
	return telemetry.HTTPProtobuf
}

var samplers = []string{"", "always_on", "always_off", "traceidratio", "parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio"}

type variable struct{ name, value string }

// validate is stricter than the SDK, which goes on with a default where it does
// not understand a variable: whoever sends traces elsewhere wants them there.
func (o *otelConfig) validate() error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	for _, v := range []variable{{"OTEL_TRACES_EXPORTER", o.TracesExporter}, {"OTEL_METRICS_EXPORTER", o.MetricsExporter}} {
		if !slices.Contains([]string{"", "otlp", "none"}, v.value) {
			fault("%s: only otlp and none are known, not %q", v.name, v.value)
		}
	}
	for _, v := range []variable{
		{"OTEL_EXPORTER_OTLP_ENDPOINT", o.Endpoint}, {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", o.TracesEndpoint}, {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", o.MetricsEndpoint},
	} {
		// It is not repeated: a password may stand in it.
		if v.value != "" && !isEndpoint(v.value) {
			fault("%s must be a URL such as http://127.0.0.1:4318; a credential goes into OTEL_EXPORTER_OTLP_HEADERS", v.name)
		}
	}
	for _, v := range []variable{
		{"OTEL_EXPORTER_OTLP_PROTOCOL", o.OTLPProtocol}, {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", o.TracesProtocol}, {"OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", o.MetricsProtocol},
	} {
		if !slices.Contains([]string{"", telemetry.GRPC, telemetry.HTTPProtobuf}, v.value) {
			fault("%s: %q is neither grpc nor http/protobuf", v.name, v.value)
		}
	}
	if !slices.Contains(samplers, o.Sampler) {
		fault("OTEL_TRACES_SAMPLER: %q is none of %q", o.Sampler, samplers[1:])
	}
	if ratio, err := strconv.ParseFloat(o.SamplerArgument, 64); o.SamplerArgument != "" && !(err == nil && ratio >= 0 && ratio <= 1) {
		fault("OTEL_TRACES_SAMPLER_ARG: %q is no number from 0 to 1", o.SamplerArgument)
	}
	if o.QueueSize < 0 {
		fault("OTEL_BSP_MAX_QUEUE_SIZE must not be negative")
	}
	return errors.Join(faults...)
}

// isEndpoint reports whether the SDK can use a URL as it is: it drops users and
// queries without a word.
func isEndpoint(text string) bool {
	u, err := neturl.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil && u.RawQuery == ""
}

// startPush sends the metrics by OTLP where that is asked for. It starts before
// what counts, and so ends after it and sends the last of it.
func (s *system) startPush(ctx context.Context) error {
	o := &s.config.OTel
	if !o.metrics() {
		return nil
	}
	stop, err := telemetry.Push(ctx, telemetry.PushOptions{
		Protocol: o.protocol(o.MetricsProtocol), Gatherer: s.registry, Version: version(), Logger: s.logger,
	})
	if err != nil {
		return err
	}
	s.onFlush("send the last metrics", stop)
	return nil
}

// lastWords is how long a receiver is given for the rest at the end: one that is
// away must not hold the process up for long.
const lastWords = 3 * time.Second

// onFlush notes what sends the rest at the end.
func (s *system) onFlush(doing string, f func(context.Context) error) {
	s.onStopTry(doing, func() error {
		ctx, cancel := context.WithTimeout(context.Background(), lastWords)
		defer cancel()
		return f(ctx)
	})
}

// startTraces sends spans where that is asked for. It starts before what makes
// them, and so ends after it and sends the last of them.
func (s *system) startTraces(ctx context.Context) (err error) {
	o := &s.config.OTel
	if !o.traces() {
		return nil
	}
	s.tracer, err = telemetry.NewTracer(ctx, telemetry.TracerOptions{
		Protocol: o.protocol(o.TracesProtocol), QueueSize: o.QueueSize, Content: o.CaptureContent && s.config.Privacy != "strict",
		Version: version(), Registerer: s.registry, Logger: s.logger,
	})
	if err != nil {
		return err
	}
	s.onFlush("send the last spans", s.tracer.Shutdown)
	return nil
}
