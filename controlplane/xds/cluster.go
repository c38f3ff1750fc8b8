package xds

import (
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	commondnsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/clusters/common/dns/v3"
	dnsclusterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/clusters/dns/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	httpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// upstreamIdleTimeout is below the 60 s of usual load balancers: a connection
// that the other end is closing costs a request.
const upstreamIdleTimeout = 55 * time.Second

// caFiles are where distributions keep the system's certificates.
var caFiles = []string{
	"/etc/ssl/certs/ca-certificates.crt",
	"/etc/pki/tls/certs/ca-bundle.crt",
	"/etc/ssl/cert.pem",
}

// FindCAFile returns the first of the usual CA bundles that exists, "" if none
// does.
func FindCAFile(exists func(path string) bool) string {
	for _, path := range caFiles {
		if exists(path) {
			return path
		}
	}
	return ""
}

// cluster makes u's cluster. u's addresses are sorted.
func cluster(u Upstream, caFile string) (*clusterv3.Cluster, error) {
	name := u.Origin.Cluster()
	tls := u.Origin.Scheme == "https"
	options, err := pack(httpOptions(tls))
	if err != nil {
		return nil, err
	}
	limit := wrapperspb.UInt32(100_000)
	c := &clusterv3.Cluster{
		Name:           name,
		ConnectTimeout: durationpb.New(5 * time.Second),
		LoadAssignment: &endpointv3.ClusterLoadAssignment{ClusterName: name, Endpoints: endpoints(u)},
		// Envoy's 1,024 would refuse what the listener let in.
		CircuitBreakers: &clusterv3.CircuitBreakers{Thresholds: []*clusterv3.CircuitBreakers_Thresholds{{
			MaxConnections:     limit,
			MaxPendingRequests: limit,
			MaxRequests:        limit,
			MaxRetries:         wrapperspb.UInt32(1_000),
		}}},
		UpstreamConnectionOptions: &clusterv3.UpstreamConnectionOptions{TcpKeepalive: &corev3.TcpKeepalive{
			KeepaliveProbes:   wrapperspb.UInt32(3),
			KeepaliveTime:     wrapperspb.UInt32(30),
			KeepaliveInterval: wrapperspb.UInt32(10),
		}},
		TypedExtensionProtocolOptions: map[string]*anypb.Any{
			"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options,
		},
	}
	if err := discover(c, u); err != nil {
		return nil, err
	}
	if tls {
		if c.TransportSocket, err = upstreamTLS(caFile); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// discover says how Envoy finds c's endpoints.
func discover(c *clusterv3.Cluster, u Upstream) error {
	if !u.ByEnvoy {
		c.ClusterDiscoveryType = &clusterv3.Cluster_Type{Type: clusterv3.Cluster_STATIC}
		return nil
	}
	packed, err := pack(&dnsclusterv3.DnsCluster{
		DnsRefreshRate:               durationpb.New(30 * time.Second),
		RespectDnsTtl:                true,
		DnsLookupFamily:              commondnsv3.DnsLookupFamily_ALL,
		AllAddressesInSingleEndpoint: true,
	})
	if err != nil {
		return err
	}
	c.ClusterDiscoveryType = &clusterv3.Cluster_ClusterType{ClusterType: &clusterv3.Cluster_CustomClusterType{
		Name:        "envoy.cluster.dns",
		TypedConfig: packed,
	}}
	// A name that does not resolve must not keep Envoy from starting.
	c.WaitForWarmOnInit = wrapperspb.Bool(false)
	return nil
}

// endpoints are one endpoint with all addresses: Envoy tries them in turn.
func endpoints(u Upstream) []*endpointv3.LocalityLbEndpoints {
	port := uint32(u.Origin.Port) //nolint:gosec // a port
	e := &endpointv3.Endpoint{Hostname: u.Origin.Host}
	switch {
	case u.ByEnvoy:
		e.Address = socketAddress(u.Origin.Host, port)
	case len(u.Addresses) == 0:
		return nil
	default:
		e.Address = socketAddress(u.Addresses[0].String(), port)
		for _, a := range u.Addresses[1:] {
			e.AdditionalAddresses = append(e.AdditionalAddresses, &endpointv3.Endpoint_AdditionalAddress{
				Address: socketAddress(a.String(), port),
			})
		}
	}
	return []*endpointv3.LocalityLbEndpoints{{LbEndpoints: []*endpointv3.LbEndpoint{{
		HostIdentifier: &endpointv3.LbEndpoint_Endpoint{Endpoint: e},
	}}}}
}

// httpOptions lets ALPN choose the protocol; without TLS there is none.
func httpOptions(tls bool) *httpv3.HttpProtocolOptions {
	o := &httpv3.HttpProtocolOptions{
		CommonHttpProtocolOptions: &corev3.HttpProtocolOptions{IdleTimeout: durationpb.New(upstreamIdleTimeout)},
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
	// Name and certificate follow the request's :authority.
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
	validation := &tlsv3.CertificateValidationContext{}
	if caFile != "" {
		validation.TrustedCa = fileSource(caFile)
	} else {
		validation.SystemRootCerts = &tlsv3.CertificateValidationContext_SystemRootCerts{}
	}
	packed, err := pack(&tlsv3.UpstreamTlsContext{CommonTlsContext: &tlsv3.CommonTlsContext{
		TlsParams:             &tlsv3.TlsParameters{TlsMinimumProtocolVersion: tlsv3.TlsParameters_TLSv1_2},
		ValidationContextType: &tlsv3.CommonTlsContext_ValidationContext{ValidationContext: validation},
	}})
	if err != nil {
		return nil, err
	}
	return &corev3.TransportSocket{
		Name:       "envoy.transport_sockets.tls",
		ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: packed},
	}, nil
}
