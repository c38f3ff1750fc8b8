package xds

import (
	"slices"
	"time"

	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	extprocfilterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	ondemandv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/on_demand/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	httpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// A request of a failover route goes from the public listener's router through
// LoopCluster into the internal listener, once for each attempt. There it is a
// fresh request: the client's own headers and body, without what an earlier
// attempt made of them.
const (
	AttemptListenerName = "attempt"
	LoopCluster         = "loop"
	// TicketHeader carries what the request hands to its attempts.
	TicketHeader = "x-bricks-ticket"
	// RetryHeader on an attempt's answer asks for the next attempt.
	RetryHeader = "x-bricks-retry"
	// AttemptHeader is on every answer that the processor let pass. One without
	// it is Envoy's own, made while the provider's was held back and broke off.
	AttemptHeader = "x-bricks-attempt"
	// BackoffHeader on such an answer says how many seconds to wait before it.
	BackoffHeader = "x-bricks-backoff"
	// RoleMetadata tells the processor which of the two filters a stream is of.
	RoleMetadata = "x-bricks-role"
	AttemptRole  = "attempt"
)

// attemptCountHeader is Envoy's own.
const attemptCountHeader = "x-envoy-attempt-count"

// maxHold bounds how long the processor may work on one message when it asks for
// more time than usual, such as to hold an attempt's answer back until
// it knows whether it is one. The steps' own timeouts are below it.
const maxHold = time.Hour

// failoverRoute takes what the processor sends to LoopCluster. The processor
// decides by headers: how many retries there are (x-envoy-max-retries), and
// whether an answer is retried (RetryHeader).
func failoverRoute(idle time.Duration) *routev3.Route {
	return &routev3.Route{
		Name: "failover",
		Match: &routev3.RouteMatch{
			PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"},
			Headers: []*routev3.HeaderMatcher{{
				Name: ClusterHeader,
				HeaderMatchSpecifier: &routev3.HeaderMatcher_StringMatch{StringMatch: &matcherv3.StringMatcher{
					MatchPattern: &matcherv3.StringMatcher_Exact{Exact: LoopCluster},
				}},
			}},
		},
		Action: &routev3.Route_Route{Route: &routev3.RouteAction{
			ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: LoopCluster},
			Timeout:          durationpb.New(0),
			IdleTimeout:      durationpb.New(idle),
			RetryPolicy: &routev3.RetryPolicy{
				// The resets are of an attempt that ended without an answer.
				RetryOn:          "retriable-headers,connect-failure,refused-stream,reset,reset-before-request",
				NumRetries:       wrapperspb.UInt32(0),
				RetriableHeaders: []*routev3.HeaderMatcher{present(RetryHeader), absent(AttemptHeader)},
				RetryBackOff: &routev3.RetryPolicy_RetryBackOff{
					BaseInterval: durationpb.New(5 * time.Millisecond),
					MaxInterval:  durationpb.New(20 * time.Millisecond),
				},
				RateLimitedRetryBackOff: &routev3.RetryPolicy_RateLimitedRetryBackOff{
					ResetHeaders: []*routev3.RetryPolicy_ResetHeader{{Name: BackoffHeader, Format: routev3.RetryPolicy_SECONDS}},
					MaxInterval:  durationpb.New(maxHold),
				},
			},
		}},
		RequestHeadersToRemove: slices.DeleteFunc(slices.Clone(private), func(name string) bool { return name == attemptCountHeader }),
	}
}

func present(name string) *routev3.HeaderMatcher {
	return &routev3.HeaderMatcher{Name: name, HeaderMatchSpecifier: &routev3.HeaderMatcher_PresentMatch{PresentMatch: true}}
}

func absent(name string) *routev3.HeaderMatcher {
	m := present(name)
	m.InvertMatch = true
	return m
}

// loopCluster leads into the internal listener.
func loopCluster() (*clusterv3.Cluster, error) {
	// HTTP/1: attempts share no connection. Over HTTP/2 the listener takes
	// attempts that are dropped for the next one for a rapid reset attack
	// (CVE-2023-44487) and closes the connection of all others with it.
	options, err := pack(&httpv3.HttpProtocolOptions{
		// Below the listener's own, so that none is closed from the other side.
		CommonHttpProtocolOptions: &corev3.HttpProtocolOptions{IdleTimeout: durationpb.New(time.Minute)},
		UpstreamProtocolOptions: &httpv3.HttpProtocolOptions_ExplicitHttpConfig_{
			ExplicitHttpConfig: &httpv3.HttpProtocolOptions_ExplicitHttpConfig{
				ProtocolConfig: &httpv3.HttpProtocolOptions_ExplicitHttpConfig_HttpProtocolOptions{
					HttpProtocolOptions: &corev3.Http1ProtocolOptions{},
				},
			},
		},
	})
	if err != nil {
		return nil, err
	}
	limit := wrapperspb.UInt32(100_000)
	return &clusterv3.Cluster{
		Name:                 LoopCluster,
		ConnectTimeout:       durationpb.New(time.Second),
		ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_STATIC},
		LoadAssignment: &endpointv3.ClusterLoadAssignment{
			ClusterName: LoopCluster,
			Endpoints: []*endpointv3.LocalityLbEndpoints{{LbEndpoints: []*endpointv3.LbEndpoint{{
				HostIdentifier: &endpointv3.LbEndpoint_Endpoint{Endpoint: &endpointv3.Endpoint{Address: &corev3.Address{
					Address: &corev3.Address_EnvoyInternalAddress{EnvoyInternalAddress: &corev3.EnvoyInternalAddress{
						AddressNameSpecifier: &corev3.EnvoyInternalAddress_ServerListenerName{ServerListenerName: AttemptListenerName},
					}},
				}}},
			}}}},
		},
		// Every retry that runs counts against MaxRetries, whose default is 3.
		CircuitBreakers: &clusterv3.CircuitBreakers{Thresholds: []*clusterv3.CircuitBreakers_Thresholds{{
			MaxConnections: limit, MaxPendingRequests: limit, MaxRequests: limit, MaxRetries: limit,
		}}},
		TypedExtensionProtocolOptions: map[string]*anypb.Any{
			"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options,
		},
	}, nil
}

// attemptListener is not reachable from outside of Envoy.
func attemptListener(c ListenerConfig) (*listenerv3.Listener, error) {
	manager, err := attemptManager(c)
	if err != nil {
		return nil, err
	}
	packed, err := pack(manager)
	if err != nil {
		return nil, err
	}
	return &listenerv3.Listener{
		Name:              AttemptListenerName,
		ListenerSpecifier: &listenerv3.Listener_InternalListener{InternalListener: &listenerv3.Listener_InternalListenerConfig{}},
		FilterChains: []*listenerv3.FilterChain{{Filters: []*listenerv3.Filter{{
			Name:       "envoy.filters.network.http_connection_manager",
			ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: packed},
		}}}},
		PerConnectionBufferLimitBytes: wrapperspb.UInt32(min(c.MaxBodyBytes, connectionBufferBytes)),
	}, nil
}

func attemptManager(c ListenerConfig) (*hcmv3.HttpConnectionManager, error) {
	processor, err := attemptProcessor(c)
	if err != nil {
		return nil, err
	}
	replies, err := localReplies()
	if err != nil {
		return nil, err
	}
	routes, err := attemptRoutes(c.IdleTimeout)
	if err != nil {
		return nil, err
	}
	lines, err := attemptLog()
	if err != nil {
		return nil, err
	}
	m := &hcmv3.HttpConnectionManager{
		StatPrefix: "attempt",
		AccessLog:  []*accesslogv3.AccessLog{lines},
		CodecType:  hcmv3.HttpConnectionManager_HTTP1,
		RouteSpecifier: &hcmv3.HttpConnectionManager_RouteConfig{RouteConfig: &routev3.RouteConfiguration{
			Name: AttemptListenerName,
			VirtualHosts: []*routev3.VirtualHost{{
				Name:                   AttemptListenerName,
				Domains:                []string{"*"},
				Routes:                 routes,
				RequestBodyBufferLimit: wrapperspb.UInt64(uint64(c.MaxBodyBytes)),
			}},
		}},
		// Room for the ticket, over what the public listener lets in.
		MaxRequestHeadersKb:        wrapperspb.UInt32(96),
		CommonHttpProtocolOptions:  &corev3.HttpProtocolOptions{MaxHeadersCount: wrapperspb.UInt32(120), IdleTimeout: durationpb.New(time.Hour)},
		StreamIdleTimeout:          durationpb.New(streamIdleTimeout),
		GenerateRequestId:          wrapperspb.Bool(false),
		ServerHeaderTransformation: hcmv3.HttpConnectionManager_PASS_THROUGH,
		LocalReplyConfig:           replies,
	}
	for _, f := range []struct {
		name   string
		config proto.Message
	}{
		{AttemptListenerName, processor},
		{onDemandFilter, &ondemandv3.OnDemand{}}, // the route to custom providers switches it on
		{"envoy.filters.http.router", &routerv3.Router{SuppressEnvoyHeaders: true}},
	} {
		packed, err := pack(f.config)
		if err != nil {
			return nil, err
		}
		m.HttpFilters = append(m.HttpFilters, &hcmv3.HttpFilter{Name: f.name, ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: packed}})
	}
	return m, nil
}

// attemptProcessor asks the processor about every attempt, by a stream of its
// own. Its modes are static: Envoy passes over an override on a filter that
// sends the body before its headers are answered. That is what lets the
// processor look into an answer before the client gets any of it.
func attemptProcessor(c ListenerConfig) (*extprocfilterv3.ExternalProcessor, error) {
	p, err := externalProcessor(c)
	if err != nil {
		return nil, err
	}
	p.StatPrefix = AttemptListenerName
	p.GrpcService.InitialMetadata = []*corev3.HeaderValue{{Key: RoleMetadata, Value: AttemptRole}}
	p.ProcessingMode.ResponseHeaderMode = extprocfilterv3.ProcessingMode_SEND
	p.ProcessingMode.ResponseBodyMode = extprocfilterv3.ProcessingMode_STREAMED
	p.AllowModeOverride = false
	p.SendBodyWithoutWaitingForHeaderResponse = true
	p.MetadataOptions = takesMetadata(AttemptMetadata)
	return p, nil
}

// attemptRoutes are the routes to custom providers and to all others, but that a
// connection which cannot be made is the attempt's end: the next step is closer
// than another try.
func attemptRoutes(idle time.Duration) ([]*routev3.Route, error) {
	custom, err := customRoute(idle)
	if err != nil {
		return nil, err
	}
	routes := []*routev3.Route{custom, upstreamRoute(idle)}
	for _, r := range routes {
		r.GetRoute().RetryPolicy.RetryOn = "refused-stream,reset-before-request"
		r.RequestHeadersToRemove = append([]string{TicketHeader}, private...)
	}
	return routes, nil
}
