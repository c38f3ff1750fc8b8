package xds

import (
	"time"

	mutationv3 "github.com/envoyproxy/go-control-plane/envoy/config/common/mutation_rules/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	previousv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/retry/host/previous_hosts/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/bricks-gateway/bricks/envoy"
)

const extProcFilterName = "envoy.filters.http.ext_proc"

// extProcFilter is the one filter that decides about a request.
func extProcFilter(c ListenerConfig) (*hcmv3.HttpFilter, error) {
	retry, err := processorRetry()
	if err != nil {
		return nil, err
	}
	config, err := anypb.New(&extprocv3.ExternalProcessor{
		GrpcService: &corev3.GrpcService{
			TargetSpecifier: &corev3.GrpcService_EnvoyGrpc_{
				EnvoyGrpc: &corev3.GrpcService_EnvoyGrpc{ClusterName: envoy.ProcessorCluster},
			},
			// A stream lives as long as its request. MessageTimeout bounds each answer.
			Timeout:     durationpb.New(0),
			RetryPolicy: retry,
		},
		ProcessingMode: &extprocv3.ProcessingMode{
			RequestHeaderMode: extprocv3.ProcessingMode_SEND,
			RequestBodyMode:   extprocv3.ProcessingMode_BUFFERED,
			// The processor asks for the response by mode override. A static SEND
			// swallows Envoy's own 400 and 431: the client sees a closed connection.
			ResponseHeaderMode: extprocv3.ProcessingMode_SKIP,
		},
		AllowModeOverride: true,
		MessageTimeout:    durationpb.New(c.MessageTimeout),
		// True would let requests through unauthenticated.
		FailureModeAllow: false,
		StatusOnError:    &typev3.HttpStatus{Code: typev3.StatusCode_ServiceUnavailable},
		// Without it the route, and with it the cluster, is the one chosen before
		// the processor named a cluster.
		RouteCacheAction: extprocv3.ExternalProcessor_CLEAR,
		MutationRules: &mutationv3.HeaderMutationRules{
			AllowAllRouting: wrapperspb.Bool(true), // :authority, :path
			AllowEnvoy:      wrapperspb.Bool(true), // x-envoy-*
		},
	})
	if err != nil {
		return nil, err
	}
	return &hcmv3.HttpFilter{
		Name:       extProcFilterName,
		ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: config},
	}, nil
}

// processorRetry makes a processor's restart invisible: a stream that broke
// before its first answer goes to another processor.
func processorRetry() (*corev3.RetryPolicy, error) {
	previous, err := anypb.New(&previousv3.PreviousHostsPredicate{})
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
		HostSelectionRetryMaxAttempts: 5,
		RetryHostPredicate: []*corev3.RetryPolicy_RetryHostPredicate{{
			Name:       "envoy.retry_host_predicates.previous_hosts",
			ConfigType: &corev3.RetryPolicy_RetryHostPredicate_TypedConfig{TypedConfig: previous},
		}},
	}, nil
}
