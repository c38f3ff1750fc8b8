package main

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/bricks-gateway/bricks/internal/telemetry"
)

func TestWhatTurnsTracesAndMetricsOn(t *testing.T) {
	for name, c := range map[string]struct {
		environment     []string
		traces, metrics bool
		protocol        string // of traces
	}{
		"nothing":                       {nil, false, false, telemetry.HTTPProtobuf},
		"an endpoint":                   {[]string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318"}, true, false, telemetry.HTTPProtobuf},
		"an endpoint for traces":        {[]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=https://c:4318/v1/traces"}, true, false, telemetry.HTTPProtobuf},
		"an endpoint for metrics":       {[]string{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=http://c:4318/v1/metrics"}, false, false, telemetry.HTTPProtobuf},
		"the exporter alone":            {[]string{"OTEL_TRACES_EXPORTER=otlp", "OTEL_METRICS_EXPORTER=otlp"}, true, true, telemetry.HTTPProtobuf},
		"none, though there is a place": {[]string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318", "OTEL_TRACES_EXPORTER=none", "OTEL_METRICS_EXPORTER=none"}, false, false, telemetry.HTTPProtobuf},
		"the SDK is off":                {[]string{"OTEL_SDK_DISABLED=true", "OTEL_TRACES_EXPORTER=otlp", "OTEL_METRICS_EXPORTER=otlp"}, false, false, telemetry.HTTPProtobuf},
		"gRPC":                          {[]string{"OTEL_TRACES_EXPORTER=otlp", "OTEL_EXPORTER_OTLP_PROTOCOL=grpc"}, true, false, telemetry.GRPC},
		"gRPC for the others":           {[]string{"OTEL_TRACES_EXPORTER=otlp", "OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/protobuf"}, true, false, telemetry.HTTPProtobuf},
	} {
		t.Run(name, func(t *testing.T) {
			_, got, err := parseQuietly([]string{"up"}, c.environment)
			if err != nil {
				t.Fatal(err)
			}
			o := got.OTel
			if o.traces() != c.traces || o.metrics() != c.metrics || o.protocol(o.TracesProtocol) != c.protocol {
				t.Errorf("traces %t, metrics %t, by %s", o.traces(), o.metrics(), o.protocol(o.TracesProtocol))
			}
		})
	}
}

func TestVariablesOfOpenTelemetryThatAreNotUnderstood(t *testing.T) {
	faults := map[string]string{
		"OTEL_SDK_DISABLED":                                  "perhaps",
		"OTEL_TRACES_EXPORTER":                               "zipkin",
		"OTEL_METRICS_EXPORTER":                              "console",
		"OTEL_EXPORTER_OTLP_ENDPOINT":                        "collector:4317",
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT":                 "grpc://collector:4317",
		"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT":                "http://",
		"OTEL_EXPORTER_OTLP_PROTOCOL":                        "http/json",
		"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL":                 "http",
		"OTEL_EXPORTER_OTLP_METRICS_PROTOCOL":                "GRPC",
		"OTEL_TRACES_SAMPLER":                                "often",
		"OTEL_TRACES_SAMPLER_ARG":                            "10%",
		"OTEL_BSP_MAX_QUEUE_SIZE":                            "-1",
		"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "some",
	}
	var environment []string
	for name, value := range faults {
		environment = append(environment, name+"="+value)
	}
	for _, endpoint := range []string{"http://user:secret@collector:4318", "http://collector:4318?token=secret"} {
		_, _, err := parseQuietly([]string{"up"}, []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + endpoint})
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
	_, _, err := parseQuietly([]string{"up"}, environment)
	if err == nil {
		t.Fatal("all of them are taken")
	}
	for name := range faults {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not named in:\n%v", name, err)
		}
	}
}

func TestVariablesOfOpenTelemetryAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	group, _ := reflect.TypeFor[config]().FieldByName("OTel")
	for i := range group.Type.NumField() {
		if v := "`" + group.Tag.Get("envPrefix") + group.Type.Field(i).Tag.Get("env") + "`"; !strings.Contains(string(text), v) {
			t.Errorf("docs/configuration.md lacks %s", v)
		}
	}
}
