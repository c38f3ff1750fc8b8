package xds

import (
	"time"

	mutationv3 "github.com/envoyproxy/go-control-plane/envoy/config/common/mutation_rules/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	extprocfilterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	ondemandv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/on_demand/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	previoushostsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/retry/host/previous_hosts/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// gatewayFilter is the filter's name in the chain and in per-route overrides.
const gatewayFilter = "gateway"

func httpFilters(gateway *extprocfilterv3.ExternalProcessor) ([]*hcmv3.HttpFilter, error) {
	var filters []*hcmv3.HttpFilter
	for _, f := range []struct {
		name   string
		config proto.Message
	}{
		{gatewayFilter, gateway},
		{onDemandFilter, &ondemandv3.OnDemand{}}, // routes switch it on
		{"envoy.filters.http.router", &routerv3.Router{SuppressEnvoyHeaders: true}},
	} {
		packed, err := pack(f.config)
		if err != nil {
			return nil, err
		}
		filters = append(filters, &hcmv3.HttpFilter{
			Name:       f.name,
			ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: packed},
		})
	}
	return filters, nil
}

// externalProcessor asks the processor about every request. It fails closed.
func externalProcessor(c ListenerConfig) (*extprocfilterv3.ExternalProcessor, error) {
	retry, err := processorRetry()
	if err != nil {
		return nil, err
	}
	return &extprocfilterv3.ExternalProcessor{
		StatPrefix: "gateway",
		GrpcService: &corev3.GrpcService{
			TargetSpecifier: &corev3.GrpcService_EnvoyGrpc_{
				EnvoyGrpc: &corev3.GrpcService_EnvoyGrpc{ClusterName: ProcessorCluster},
			},
			Timeout:     durationpb.New(0), // a stream lives as long as its request
			RetryPolicy: retry,
		},
		// The response phases are switched on by the processor's answer to the
		// request headers. Static ones would swallow Envoy's own 400 and 431.
		ProcessingMode: &extprocfilterv3.ProcessingMode{
			RequestHeaderMode:   extprocfilterv3.ProcessingMode_SEND,
			RequestBodyMode:     extprocfilterv3.ProcessingMode_BUFFERED,
			RequestTrailerMode:  extprocfilterv3.ProcessingMode_SKIP,
			ResponseHeaderMode:  extprocfilterv3.ProcessingMode_SKIP,
			ResponseBodyMode:    extprocfilterv3.ProcessingMode_NONE,
			ResponseTrailerMode: extprocfilterv3.ProcessingMode_SKIP,
		},
		AllowModeOverride: true,
		FailureModeAllow:  false,
		StatusOnError:     &typev3.HttpStatus{Code: typev3.StatusCode_ServiceUnavailable},
		MessageTimeout:    durationpb.New(c.MessageTimeout),
		MaxMessageTimeout: durationpb.New(maxHold), // a request may wait for an equal one's answer
		MetadataOptions:   takesMetadata(RequestMetadata),
		// The route reads the cluster anew after each answer.
		RouteCacheAction: extprocfilterv3.ExternalProcessor_CLEAR,
		MutationRules: &mutationv3.HeaderMutationRules{
			AllowAllRouting: wrapperspb.Bool(true), // :path and :authority
			AllowEnvoy:      wrapperspb.Bool(true), // x-envoy-upstream-rq-per-try-timeout-ms
		},
	}, nil
}

// processorRetry makes a restart of a processor invisible: Envoy keeps the
// message and opens the stream again, elsewhere if it can.
func processorRetry() (*corev3.RetryPolicy, error) {
	previous, err := pack(&previoushostsv3.PreviousHostsPredicate{})
	if err != nil {
		return nil, err
	}
	return &corev3.RetryPolicy{
		NumRetries: wrapperspb.UInt32(3),
		RetryOn:    "connect-failure,refused-stream,reset,unavailable,cancelled",
		RetryBackOff: &corev3.BackoffStrategy{
			BaseInterval: durationpb.New(5 * time.Millisecond),
			MaxInterval:  durationpb.New(50 * time.Millisecond),
		},
		RetryHostPredicate: []*corev3.RetryPolicy_RetryHostPredicate{{
			Name:       "envoy.retry_host_predicates.previous_hosts",
			ConfigType: &corev3.RetryPolicy_RetryHostPredicate_TypedConfig{TypedConfig: previous},
		}},
		HostSelectionRetryMaxAttempts: 5,
	}, nil
}
