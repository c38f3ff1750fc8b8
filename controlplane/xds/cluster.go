package xds

import (
	"slices"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	httpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const (
	connectTimeout = 5 * time.Second
	dnsRefresh     = 30 * time.Second
	// Below the idle time of usual load balancers: a connection that the other
	// side is about to close costs a request.
	upstreamIdle = 55 * time.Second
	// Envoy's 1,024 would refuse requests that the listener admitted.
	upstreamLimit = 100_000
)

// cluster returns u's cluster. The certificate must be for the request's
// :authority, which the processor sets, so one cluster cannot be used with
// another host's name.
func cluster(u Upstream, caFile string) (*clusterv3.Cluster, error) {
	options, err := anypb.New(httpOptions(u.TLS))
	if err != nil {
		return nil, err
	}
	limit := wrapperspb.UInt32(upstreamLimit)
	c := &clusterv3.Cluster{
		Name:           u.Name,
		ConnectTimeout: durationpb.New(connectTimeout),
		LoadAssignment: &endpointv3.ClusterLoadAssignment{
			ClusterName: u.Name,
			Endpoints:   []*endpointv3.LocalityLbEndpoints{{LbEndpoints: endpoints(u)}},
		},
		CircuitBreakers: &clusterv3.CircuitBreakers{Thresholds: []*clusterv3.CircuitBreakers_Thresholds{{
			MaxConnections:     limit,
			MaxPendingRequests: limit,
			MaxRequests:        limit,
		}}},
		UpstreamConnectionOptions: &clusterv3.UpstreamConnectionOptions{TcpKeepalive: &corev3.TcpKeepalive{}},
		TypedExtensionProtocolOptions: map[string]*anypb.Any{
			"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options,
		},
	}
	if u.Addresses == nil {
		c.ClusterDiscoveryType = &clusterv3.Cluster_Type{Type: clusterv3.Cluster_LOGICAL_DNS}
		c.DnsRefreshRate = durationpb.New(dnsRefresh)
		c.DnsLookupFamily = clusterv3.Cluster_V4_PREFERRED
	} else {
		c.ClusterDiscoveryType = &clusterv3.Cluster_Type{Type: clusterv3.Cluster_STATIC}
	}
	if u.TLS {
		if c.TransportSocket, err = upstreamTLS(caFile); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func endpoints(u Upstream) []*endpointv3.LbEndpoint {
	hosts := []string{u.Host}
	if u.Addresses != nil {
		// Resolvers rotate their answers; the order must not look like a change.
		hosts = slices.Compact(slices.Sorted(slices.Values(u.Addresses)))
	}
	var out []*endpointv3.LbEndpoint
	for _, h := range hosts {
		out = append(out, &endpointv3.LbEndpoint{HostIdentifier: &endpointv3.LbEndpoint_Endpoint{
			Endpoint: &endpointv3.Endpoint{Address: socketAddress(h, u.Port)},
		}})
	}
	return out
}

// httpOptions lets ALPN choose between HTTP/1.1 and HTTP/2; without TLS there
// is nothing to choose with.
func httpOptions(tls bool) *httpv3.HttpProtocolOptions {
	o := &httpv3.HttpProtocolOptions{
		CommonHttpProtocolOptions: &corev3.HttpProtocolOptions{IdleTimeout: durationpb.New(upstreamIdle)},
	}
	if !tls {
		o.UpstreamProtocolOptions = &httpv3.HttpProtocolOptions_ExplicitHttpConfig_{
			ExplicitHttpConfig: &httpv3.HttpProtocolOptions_ExplicitHttpConfig{
				ProtocolConfig: &httpv3.HttpProtocolOptions_ExplicitHttpConfig_HttpProtocolOptions{
					HttpProtocolOptions: &corev3.Http1ProtocolOptions{},
				},
			},
		}
		return o
	}
	o.UpstreamHttpProtocolOptions = &corev3.UpstreamHttpProtocolOptions{AutoSni: true, AutoSanValidation: true}
	o.UpstreamProtocolOptions = &httpv3.HttpProtocolOptions_AutoConfig{
		AutoConfig: &httpv3.HttpProtocolOptions_AutoHttpConfig{
			HttpProtocolOptions:  &corev3.Http1ProtocolOptions{},
			Http2ProtocolOptions: &corev3.Http2ProtocolOptions{},
		},
	}
	return o
}

func upstreamTLS(caFile string) (*corev3.TransportSocket, error) {
	config, err := anypb.New(&tlsv3.UpstreamTlsContext{CommonTlsContext: &tlsv3.CommonTlsContext{
		TlsParams: &tlsv3.TlsParameters{TlsMinimumProtocolVersion: tlsv3.TlsParameters_TLSv1_2},
		ValidationContextType: &tlsv3.CommonTlsContext_ValidationContext{
			ValidationContext: &tlsv3.CertificateValidationContext{TrustedCa: fileSource(caFile)},
		},
	}})
	if err != nil {
		return nil, err
	}
	return tlsSocket(config), nil
}
