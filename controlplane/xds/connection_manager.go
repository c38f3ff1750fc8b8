package xds

import (
	"time"

	mutationv3 "github.com/envoyproxy/go-control-plane/envoy/config/common/mutation_rules/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	earlyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/http/early_header_mutation/header_mutation/v3"
	uuidv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/request_id/uuid/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// How long a stream may be silent. A provider that thinks sends nothing for
// minutes; the processor's own timeouts are shorter.
const streamIdleTimeout = time.Hour

// forgeable are headers by which a client could steer Envoy or the gateway, or
// pretend to be another one. A name that ends in "-" is a prefix. x-request-id
// is among them because Envoy's own becomes the event's id.
var forgeable = []string{"x-bricks-", "x-envoy-", "x-forwarded-", "forwarded", "x-real-ip", "x-request-id"}

func connectionManager(c ListenerConfig) (*hcmv3.HttpConnectionManager, error) {
	gateway, err := externalProcessor(c)
	if err != nil {
		return nil, err
	}
	filters, err := httpFilters(gateway)
	if err != nil {
		return nil, err
	}
	early, err := stripForgeable()
	if err != nil {
		return nil, err
	}
	requestID, err := pack(&uuidv3.UuidRequestIdConfig{
		// Otherwise a digit of the id tells why the request is traced.
		PackTraceReason:              wrapperspb.Bool(false),
		UseRequestIdForTraceSampling: wrapperspb.Bool(false),
	})
	if err != nil {
		return nil, err
	}
	replies, err := localReplies()
	if err != nil {
		return nil, err
	}
	return &hcmv3.HttpConnectionManager{
		StatPrefix:                    "proxy",
		CodecType:                     hcmv3.HttpConnectionManager_AUTO,
		RouteSpecifier:                &hcmv3.HttpConnectionManager_Rds{Rds: routeDiscovery()},
		HttpFilters:                   filters,
		EarlyHeaderMutationExtensions: early,

		// The peer's address is the client's; nothing that it sends makes it
		// one of us.
		UseRemoteAddress:      wrapperspb.Bool(true),
		SkipXffAppend:         true,
		InternalAddressConfig: &hcmv3.HttpConnectionManager_InternalAddressConfig{},

		NormalizePath:                wrapperspb.Bool(true),
		MergeSlashes:                 true,
		PathWithEscapedSlashesAction: hcmv3.HttpConnectionManager_REJECT_REQUEST,
		MaxRequestHeadersKb:          wrapperspb.UInt32(64),
		CommonHttpProtocolOptions: &corev3.HttpProtocolOptions{
			IdleTimeout:                  durationpb.New(15 * time.Minute),
			MaxHeadersCount:              wrapperspb.UInt32(100),
			HeadersWithUnderscoresAction: corev3.HttpProtocolOptions_REJECT_REQUEST,
		},
		HttpProtocolOptions: &corev3.Http1ProtocolOptions{},
		Http2ProtocolOptions: &corev3.Http2ProtocolOptions{
			MaxConcurrentStreams:        wrapperspb.UInt32(100),
			InitialStreamWindowSize:     wrapperspb.UInt32(64 << 10),
			InitialConnectionWindowSize: wrapperspb.UInt32(1 << 20),
		},

		RequestHeadersTimeout: durationpb.New(10 * time.Second),
		RequestTimeout:        durationpb.New(time.Minute), // of the upload
		StreamIdleTimeout:     durationpb.New(streamIdleTimeout),

		// Clients see neither Envoy nor its version.
		ServerHeaderTransformation: hcmv3.HttpConnectionManager_PASS_THROUGH,
		RequestIdExtension:         &hcmv3.RequestIDExtension{TypedConfig: requestID},
		LocalReplyConfig:           replies,
	}, nil
}

// stripForgeable runs before Envoy itself looks at the headers.
func stripForgeable() ([]*corev3.TypedExtensionConfig, error) {
	m := &earlyv3.HeaderMutation{}
	for _, name := range forgeable {
		match := &matcherv3.StringMatcher{IgnoreCase: true}
		if name[len(name)-1] == '-' {
			match.MatchPattern = &matcherv3.StringMatcher_Prefix{Prefix: name}
		} else {
			match.MatchPattern = &matcherv3.StringMatcher_Exact{Exact: name}
		}
		m.Mutations = append(m.Mutations, &mutationv3.HeaderMutation{
			Action: &mutationv3.HeaderMutation_RemoveOnMatch_{
				RemoveOnMatch: &mutationv3.HeaderMutation_RemoveOnMatch{KeyMatcher: match},
			},
		})
	}
	packed, err := pack(m)
	if err != nil {
		return nil, err
	}
	return []*corev3.TypedExtensionConfig{{
		Name:        "envoy.http.early_header_mutation.header_mutation",
		TypedConfig: packed,
	}}, nil
}

func routeDiscovery() *hcmv3.Rds {
	return &hcmv3.Rds{
		RouteConfigName: RouteConfigName,
		ConfigSource: &corev3.ConfigSource{
			ResourceApiVersion:    corev3.ApiVersion_V3,
			ConfigSourceSpecifier: &corev3.ConfigSource_Ads{Ads: &corev3.AggregatedConfigSource{}},
		},
	}
}
