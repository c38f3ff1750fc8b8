package xds

import (
	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	streamv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/stream/v3"
	extprocfilterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	"google.golang.org/protobuf/types/known/structpb"
)

// AttemptMetadata is the namespace in which the processor says what an attempt
// is, for the access log.
const AttemptMetadata = "bricks.attempt"

// attemptFields are the members of an attempt's line. None holds a path: a
// custom provider's credential may stand in its query.
var attemptFields = map[string]any{
	"access":         "attempt",
	"event_id":       fromProcessor("event_id"),
	"route_id":       fromProcessor("route_id"),
	"attempt":        fromProcessor("attempt"),
	"step":           fromProcessor("step"),
	"provider":       fromProcessor("provider"),
	"model":          fromProcessor("model"),
	"cluster":        "%UPSTREAM_CLUSTER%",
	"status":         "%RESPONSE_CODE%",
	"retry":          "%RESP(" + RetryHeader + ")%",
	"flags":          "%RESPONSE_FLAGS%",
	"details":        "%RESPONSE_CODE_DETAILS%",
	"first_byte_ms":  "%RESPONSE_DURATION%",
	"duration_ms":    "%DURATION%",
	"bytes_received": "%BYTES_RECEIVED%",
	"bytes_sent":     "%BYTES_SENT%",
}

func fromProcessor(name string) string {
	return "%DYNAMIC_METADATA(" + AttemptMetadata + ":" + name + ")%"
}

// attemptLog writes a line of JSON for every attempt to Envoy's standard output.
func attemptLog() (*accesslogv3.AccessLog, error) {
	format, err := structpb.NewStruct(attemptFields)
	if err != nil {
		return nil, err
	}
	packed, err := pack(&streamv3.StdoutAccessLog{AccessLogFormat: &streamv3.StdoutAccessLog_LogFormat{
		LogFormat: &corev3.SubstitutionFormatString{
			Format:          &corev3.SubstitutionFormatString_JsonFormat{JsonFormat: format},
			OmitEmptyValues: true,
		},
	}})
	if err != nil {
		return nil, err
	}
	return &accesslogv3.AccessLog{
		Name:       "envoy.access_loggers.stdout",
		ConfigType: &accesslogv3.AccessLog_TypedConfig{TypedConfig: packed},
	}, nil
}

// takesMetadata lets the processor's messages set what stands in the namespace.
func takesMetadata(namespace string) *extprocfilterv3.MetadataOptions {
	return &extprocfilterv3.MetadataOptions{
		ReceivingNamespaces: &extprocfilterv3.MetadataOptions_MetadataNamespaces{Untyped: []string{namespace}},
	}
}
