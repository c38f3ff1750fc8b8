package xds

import (
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// routeConfig is the same for every set of upstreams: the processor chooses the
// cluster, so a new upstream changes no route. c has its defaults.
func routeConfig(c ListenerConfig) (*routev3.RouteConfiguration, error) {
	unprocessed, err := anypb.New(&extprocv3.ExtProcPerRoute{
		Override: &extprocv3.ExtProcPerRoute_Disabled{Disabled: true},
	})
	if err != nil {
		return nil, err
	}
	return &routev3.RouteConfiguration{
		Name: RouteConfigName,
		VirtualHosts: []*routev3.VirtualHost{{
			Name:    "all",
			Domains: []string{"*"},
			Routes: []*routev3.Route{
				health(unprocessed),
				upstream(c),
			},
			// A provider learns nothing about the client or about the gateway.
			RequestHeadersToRemove: []string{
				ClusterHeader,
				"x-request-id",
				"x-envoy-external-address",
				"x-envoy-expected-rq-timeout-ms",
				"x-forwarded-proto",
				"x-forwarded-for",
				"x-envoy-attempt-count",
			},
			RequestBodyBufferLimit: wrapperspb.UInt64(uint64(c.MaxBodyBytes)),
		}},
	}, nil
}

// health answers load balancers even when the processor is down.
func health(unprocessed *anypb.Any) *routev3.Route {
	return &routev3.Route{
		Name:  "health",
		Match: &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Path{Path: "/healthz"}},
		Action: &routev3.Route_DirectResponse{DirectResponse: &routev3.DirectResponseAction{
			Status: 200,
			Body:   inline("ok"),
		}},
		TypedPerFilterConfig: map[string]*anypb.Any{extProcFilterName: unprocessed},
	}
}

func upstream(c ListenerConfig) *routev3.Route {
	return &routev3.Route{
		Name:  "upstream",
		Match: &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"}},
		Action: &routev3.Route_Route{Route: &routev3.RouteAction{
			ClusterSpecifier: &routev3.RouteAction_ClusterHeader{ClusterHeader: ClusterHeader},
			// A stream of tokens has no length; only silence ends it.
			Timeout:     durationpb.New(0),
			IdleTimeout: durationpb.New(c.IdleTimeout),
		}},
	}
}
