package xds

import (
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// connectionBufferBytes bounds what Envoy holds for one connection, unless the
// body limit is lower still: a virtual host's limit only raises it.
const connectionBufferBytes = 1 << 20

func listener(c ListenerConfig) (*listenerv3.Listener, error) {
	manager, err := connectionManager(c)
	if err != nil {
		return nil, err
	}
	return listenerOf(c, ListenerName, manager)
}

// listenerOf listens on c's address with c's certificate.
func listenerOf(c ListenerConfig, name string, manager *hcmv3.HttpConnectionManager) (*listenerv3.Listener, error) {
	packed, err := pack(manager)
	if err != nil {
		return nil, err
	}
	chain := &listenerv3.FilterChain{Filters: []*listenerv3.Filter{{
		Name:       "envoy.filters.network.http_connection_manager",
		ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: packed},
	}}}
	if c.TLSCertFile != "" || c.TLSKeyFile != "" {
		chain.TransportSocketConnectTimeout = durationpb.New(10 * time.Second) // of the handshake
		if chain.TransportSocket, err = downstreamTLS(c); err != nil {
			return nil, err
		}
	}
	return &listenerv3.Listener{
		Name:                          name,
		Address:                       socketAddress(c.Address, c.Port),
		FilterChains:                  []*listenerv3.FilterChain{chain},
		PerConnectionBufferLimitBytes: wrapperspb.UInt32(min(c.MaxBodyBytes, connectionBufferBytes)),
	}, nil
}

func downstreamTLS(c ListenerConfig) (*corev3.TransportSocket, error) {
	packed, err := pack(&tlsv3.DownstreamTlsContext{CommonTlsContext: &tlsv3.CommonTlsContext{
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
	return &corev3.TransportSocket{
		Name:       "envoy.transport_sockets.tls",
		ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: packed},
	}, nil
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
