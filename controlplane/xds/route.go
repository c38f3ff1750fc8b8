package xds

import (
	"net/http"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	extprocfilterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/bricks-gateway/bricks/internal/provider"
)

// private are the headers that tell a provider about the client or the gateway.
var private = []string{
	ClusterHeader, "x-request-id",
	"x-envoy-external-address", "x-envoy-internal", "x-envoy-expected-rq-timeout-ms",
	attemptCountHeader, "x-envoy-decorator-operation", "x-envoy-original-path",
	"x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port",
	"forwarded", "x-real-ip", "via",
}

// routeConfiguration does not depend on the upstreams: the processor names the
// cluster of each request.
func routeConfiguration(c ListenerConfig) (*routev3.RouteConfiguration, error) {
	health, err := healthRoute()
	if err != nil {
		return nil, err
	}
	upstream := upstreamRoute(c.IdleTimeout)
	custom, err := customRoute(c.IdleTimeout)
	if err != nil {
		return nil, err
	}
	return &routev3.RouteConfiguration{
		Name: RouteConfigName,
		VirtualHosts: []*routev3.VirtualHost{{
			Name:                   "proxy",
			Domains:                []string{"*"},
			Routes:                 []*routev3.Route{health, failoverRoute(c.IdleTimeout), custom, formRoute(upstream), upstream},
			RequestBodyBufferLimit: wrapperspb.UInt64(uint64(c.MaxBodyBytes)),
			// An attempt of a failover route is told which one it is.
			IncludeRequestAttemptCount: true,
		}},
	}, nil
}

// healthRoute answers without the processor: it tells that Envoy serves.
func healthRoute() (*routev3.Route, error) {
	disabled, err := pack(&extprocfilterv3.ExtProcPerRoute{
		Override: &extprocfilterv3.ExtProcPerRoute_Disabled{Disabled: true},
	})
	if err != nil {
		return nil, err
	}
	return &routev3.Route{
		Name:  "healthz",
		Match: &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Path{Path: "/healthz"}},
		Action: &routev3.Route_DirectResponse{DirectResponse: &routev3.DirectResponseAction{
			Status: http.StatusOK,
			Body: &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{
				InlineString: "{\"status\":\"ok\"}\n",
			}},
		}},
		ResponseHeadersToAdd: []*corev3.HeaderValueOption{setHeader("content-type", "application/json")},
		TypedPerFilterConfig: map[string]*anypb.Any{gatewayFilter: disabled},
	}, nil
}

// formRoute is upstream with room for a recording or images: forms of those
// calls are read as a whole too. The path is matched in its public form and in
// the provider's, since Envoy looks for the route again when it has changed.
func formRoute(upstream *routev3.Route) *routev3.Route {
	return &routev3.Route{
		Name: "forms",
		Match: &routev3.RouteMatch{
			PathSpecifier: &routev3.RouteMatch_SafeRegex{SafeRegex: &matcherv3.RegexMatcher{Regex: `.*/(audio|audios|images)/[a-z]+`}},
			Headers: []*routev3.HeaderMatcher{{
				Name: "content-type",
				HeaderMatchSpecifier: &routev3.HeaderMatcher_StringMatch{StringMatch: &matcherv3.StringMatcher{
					MatchPattern: &matcherv3.StringMatcher_Prefix{Prefix: "multipart/form-data"},
					IgnoreCase:   true,
				}},
			}},
		},
		Action:                 upstream.Action,
		RequestHeadersToRemove: upstream.RequestHeadersToRemove,
		RequestBodyBufferLimit: wrapperspb.UInt64(provider.MaxMultipart),
	}
}

func upstreamRoute(idle time.Duration) *routev3.Route {
	return &routev3.Route{
		Name:  "upstream",
		Match: &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"}},
		Action: &routev3.Route_Route{Route: &routev3.RouteAction{
			ClusterSpecifier: &routev3.RouteAction_ClusterHeader{ClusterHeader: ClusterHeader},
			Timeout:          durationpb.New(0), // a stream of tokens may be long
			IdleTimeout:      durationpb.New(idle),
			// Only what cannot have reached the provider: a second call costs money.
			RetryPolicy: &routev3.RetryPolicy{
				RetryOn:    "connect-failure,refused-stream,reset-before-request",
				NumRetries: wrapperspb.UInt32(1),
				RetryBackOff: &routev3.RetryPolicy_RetryBackOff{
					BaseInterval: durationpb.New(25 * time.Millisecond),
					MaxInterval:  durationpb.New(100 * time.Millisecond),
				},
			},
		}},
		RequestHeadersToRemove: private,
	}
}
