package xds

import (
	"time"

	mutationv3 "github.com/envoyproxy/go-control-plane/envoy/config/common/mutation_rules/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	earlyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/http/early_header_mutation/header_mutation/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// Limits of Envoy's guide for edge proxies.
const (
	maxConcurrentStreams  = 100
	initialStreamWindow   = 64 << 10
	initialConnWindow     = 1 << 20
	connectionBuffer      = 1 << 20
	requestHeadersTimeout = 10 * time.Second
)

// listener returns the public listener. c has its defaults.
func listener(c ListenerConfig) (*listenerv3.Listener, error) {
	manager, err := connectionManager(c)
	if err != nil {
		return nil, err
	}
	filter, err := anypb.New(manager)
	if err != nil {
		return nil, err
	}
	chain := &listenerv3.FilterChain{Filters: []*listenerv3.Filter{{
		Name:       "envoy.filters.network.http_connection_manager",
		ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: filter},
	}}}
	if c.TLSCertFile != "" {
		if chain.TransportSocket, err = downstreamTLS(c); err != nil {
			return nil, err
		}
	}
	return &listenerv3.Listener{
		Name:                          ListenerName,
		Address:                       socketAddress(c.Address, c.Port),
		PerConnectionBufferLimitBytes: wrapperspb.UInt32(connectionBuffer),
		FilterChains:                  []*listenerv3.FilterChain{chain},
	}, nil
}

func connectionManager(c ListenerConfig) (*hcmv3.HttpConnectionManager, error) {
	strip, err := stripClientHeaders()
	if err != nil {
		return nil, err
	}
	extProc, err := extProcFilter(c)
	if err != nil {
		return nil, err
	}
	router, err := anypb.New(&routerv3.Router{SuppressEnvoyHeaders: true})
	if err != nil {
		return nil, err
	}
	replies, err := localReplies()
	if err != nil {
		return nil, err
	}
	return &hcmv3.HttpConnectionManager{
		CodecType:  hcmv3.HttpConnectionManager_AUTO,
		StatPrefix: ListenerName,
		RouteSpecifier: &hcmv3.HttpConnectionManager_Rds{Rds: &hcmv3.Rds{
			RouteConfigName: RouteConfigName,
			ConfigSource: &corev3.ConfigSource{
				ResourceApiVersion:    corev3.ApiVersion_V3,
				ConfigSourceSpecifier: &corev3.ConfigSource_Ads{Ads: &corev3.AggregatedConfigSource{}},
			},
		}},
		HttpFilters: []*hcmv3.HttpFilter{
			extProc,
			{
				Name:       "envoy.filters.http.router",
				ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: router},
			},
		},
		EarlyHeaderMutationExtensions: []*corev3.TypedExtensionConfig{strip},
		CommonHttpProtocolOptions: &corev3.HttpProtocolOptions{
			HeadersWithUnderscoresAction: corev3.HttpProtocolOptions_REJECT_REQUEST,
		},
		Http2ProtocolOptions: &corev3.Http2ProtocolOptions{
			MaxConcurrentStreams:        wrapperspb.UInt32(maxConcurrentStreams),
			InitialStreamWindowSize:     wrapperspb.UInt32(initialStreamWindow),
			InitialConnectionWindowSize: wrapperspb.UInt32(initialConnWindow),
		},
		// The connection's peer is the client: nobody in front is trusted.
		UseRemoteAddress:  wrapperspb.Bool(true),
		SkipXffAppend:     true,
		GenerateRequestId: wrapperspb.Bool(true),
		// One spelling of a path, so that the processor's rules see what the
		// upstream will see.
		NormalizePath:                wrapperspb.Bool(true),
		MergeSlashes:                 true,
		PathWithEscapedSlashesAction: hcmv3.HttpConnectionManager_REJECT_REQUEST,
		RequestHeadersTimeout:        durationpb.New(requestHeadersTimeout),
		StreamIdleTimeout:            durationpb.New(c.IdleTimeout),
		ServerHeaderTransformation:   hcmv3.HttpConnectionManager_PASS_THROUGH,
		LocalReplyConfig:             replies,
	}, nil
}

// stripClientHeaders removes what only Envoy or the processor may say, before
// any filter or Envoy itself reads it.
func stripClientHeaders() (*corev3.TypedExtensionConfig, error) {
	mutation := &earlyv3.HeaderMutation{}
	for _, prefix := range []string{"x-bricks-", "x-envoy-", "x-forwarded-"} {
		mutation.Mutations = append(mutation.Mutations, &mutationv3.HeaderMutation{
			Action: &mutationv3.HeaderMutation_RemoveOnMatch_{
				RemoveOnMatch: &mutationv3.HeaderMutation_RemoveOnMatch{
					KeyMatcher: &matcherv3.StringMatcher{
						MatchPattern: &matcherv3.StringMatcher_Prefix{Prefix: prefix},
					},
				},
			},
		})
	}
	for _, name := range []string{"forwarded", "x-real-ip", "x-request-id"} {
		mutation.Mutations = append(mutation.Mutations, &mutationv3.HeaderMutation{
			Action: &mutationv3.HeaderMutation_Remove{Remove: name},
		})
	}
	config, err := anypb.New(mutation)
	if err != nil {
		return nil, err
	}
	return &corev3.TypedExtensionConfig{
		Name:        "envoy.http.early_header_mutation.header_mutation",
		TypedConfig: config,
	}, nil
}

func downstreamTLS(c ListenerConfig) (*corev3.TransportSocket, error) {
	config, err := anypb.New(&tlsv3.DownstreamTlsContext{CommonTlsContext: &tlsv3.CommonTlsContext{
		TlsParams: &tlsv3.TlsParameters{TlsMinimumProtocolVersion: tlsv3.TlsParameters_TLSv1_2},
		TlsCertificates: []*tlsv3.TlsCertificate{{
			CertificateChain: fileSource(c.TLSCertFile),
			PrivateKey:       fileSource(c.TLSKeyFile),
		}},
		AlpnProtocols: []string{"h2", "http/1.1"},
	}})
	if err != nil {
		return nil, err
	}
	return tlsSocket(config), nil
}

func tlsSocket(config *anypb.Any) *corev3.TransportSocket {
	return &corev3.TransportSocket{
		Name:       "envoy.transport_sockets.tls",
		ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: config},
	}
}

func fileSource(path string) *corev3.DataSource {
	return &corev3.DataSource{Specifier: &corev3.DataSource_Filename{Filename: path}}
}

func socketAddress(host string, port uint32) *corev3.Address {
	return &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
		Address:       host,
		PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: port},
	}}}
}
