package envoy

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
)

// MutualTLS is how Envoy proves itself to a server that it reaches by TCP, and
// whom it trusts there.
type MutualTLS struct {
	CertFile, KeyFile, CAFile string // PEM; absolute paths
	// Dir is where WriteSecrets puts Envoy's description of these files.
	Dir string
}

// Names of the two secrets, and of their files.
const (
	identitySecret    = "identity"
	authoritiesSecret = "authorities"
)

func (m MutualTLS) secretFile(name string) string { return filepath.Join(m.Dir, name+".json") }

// WriteSecrets writes Envoy's description of the PEM files, which must be there
// before Envoy starts. Envoy watches the files' directories: a file that another
// one is renamed over counts from the next connection on.
func (m MutualTLS) WriteSecrets() error {
	file := func(path string) *corev3.DataSource {
		return &corev3.DataSource{Specifier: &corev3.DataSource_Filename{Filename: path}}
	}
	watch := func(path string) *corev3.WatchedDirectory {
		return &corev3.WatchedDirectory{Path: filepath.Dir(path)}
	}
	for _, secret := range []*tlsv3.Secret{
		{Name: identitySecret, Type: &tlsv3.Secret_TlsCertificate{TlsCertificate: &tlsv3.TlsCertificate{
			CertificateChain: file(m.CertFile), PrivateKey: file(m.KeyFile), WatchedDirectory: watch(m.CertFile),
		}}},
		{Name: authoritiesSecret, Type: &tlsv3.Secret_ValidationContext{ValidationContext: &tlsv3.CertificateValidationContext{
			TrustedCa: file(m.CAFile), WatchedDirectory: watch(m.CAFile),
		}}},
	} {
		packed, err := anypb.New(secret)
		if err != nil {
			return fmt.Errorf("envoy secrets: %w", err)
		}
		text, err := stableJSON(&discoveryv3.DiscoveryResponse{Resources: []*anypb.Any{packed}})
		if err != nil {
			return err
		}
		if err := os.WriteFile(m.secretFile(secret.Name), text, 0o600); err != nil {
			return fmt.Errorf("write envoy secrets: %w", err)
		}
	}
	return nil
}

func (m MutualTLS) validate() error {
	for _, path := range []string{m.CertFile, m.KeyFile, m.CAFile, m.Dir} {
		if !filepath.IsAbs(path) {
			return fmt.Errorf("mutual TLS: %q is no absolute path", path)
		}
	}
	return nil
}

// tcpCluster is a static cluster of one address that is reached by mutual TLS.
// The server's certificate must name the address's host.
func tcpCluster(name, hostPort string, m MutualTLS) (*clusterv3.Cluster, error) {
	host, portText, err := net.SplitHostPort(hostPort)
	if err != nil {
		return nil, fmt.Errorf("address of %s: %w", name, err)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil || port == 0 || host == "" {
		return nil, errors.Join(fmt.Errorf("address of %s: %q is no host:port", name, hostPort), err)
	}
	c, err := staticCluster(name, &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
		Address: host, PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: uint32(port)},
	}}})
	if err != nil {
		return nil, err
	}
	c.ConnectTimeout = durationpb.New(2 * time.Second)
	kind, sni := tlsv3.SubjectAltNameMatcher_IP_ADDRESS, ""
	if _, err := netip.ParseAddr(host); err != nil {
		kind, sni = tlsv3.SubjectAltNameMatcher_DNS, host
		c.ClusterDiscoveryType = &clusterv3.Cluster_Type{Type: clusterv3.Cluster_STRICT_DNS}
	}
	tls, err := anypb.New(m.context(host, sni, kind))
	if err != nil {
		return nil, err
	}
	c.TransportSocket = &corev3.TransportSocket{
		Name:       "envoy.transport_sockets.tls",
		ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: tls},
	}
	return c, nil
}

func (m MutualTLS) context(host, sni string, kind tlsv3.SubjectAltNameMatcher_SanType) proto.Message {
	secret := func(name string) *tlsv3.SdsSecretConfig {
		return &tlsv3.SdsSecretConfig{Name: name, SdsConfig: &corev3.ConfigSource{
			ResourceApiVersion:    corev3.ApiVersion_V3,
			ConfigSourceSpecifier: &corev3.ConfigSource_PathConfigSource{PathConfigSource: &corev3.PathConfigSource{Path: m.secretFile(name)}},
		}}
	}
	return &tlsv3.UpstreamTlsContext{
		Sni: sni,
		CommonTlsContext: &tlsv3.CommonTlsContext{
			TlsParams: &tlsv3.TlsParameters{
				TlsMinimumProtocolVersion: tlsv3.TlsParameters_TLSv1_3,
				TlsMaximumProtocolVersion: tlsv3.TlsParameters_TLSv1_3,
			},
			AlpnProtocols:                  []string{"h2"},
			TlsCertificateSdsSecretConfigs: []*tlsv3.SdsSecretConfig{secret(identitySecret)},
			ValidationContextType: &tlsv3.CommonTlsContext_CombinedValidationContext{
				CombinedValidationContext: &tlsv3.CommonTlsContext_CombinedCertificateValidationContext{
					DefaultValidationContext: &tlsv3.CertificateValidationContext{
						MatchTypedSubjectAltNames: []*tlsv3.SubjectAltNameMatcher{{
							SanType: kind,
							Matcher: &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Exact{Exact: host}},
						}},
					},
					ValidationContextSdsSecretConfig: secret(authoritiesSecret),
				},
			},
		},
	}
}
