package envoy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"time"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	metricsv3 "github.com/envoyproxy/go-control-plane/envoy/config/metrics/v3"
	overloadv3 "github.com/envoyproxy/go-control-plane/envoy/config/overload/v3"
	internallistenerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/bootstrap/internal_listener/v3"
	connectionsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/resource_monitors/downstream_connections/v3"
	httpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// Names of the two static clusters. The control plane's filters refer to them.
const (
	XDSCluster       = "xds"
	ProcessorCluster = "processor"
)

const (
	nodeCluster           = "bricks"
	defaultMaxConnections = 20_000
	maxSocketPath         = 107 // sun_path holds 108 bytes with its NUL
)

// A stopped processor is noticed within the sum of both.
const (
	pingInterval = 5 * time.Second
	pingTimeout  = 5 * time.Second
)

// BootstrapConfig is what differs between two Envoys of the gateway.
type BootstrapConfig struct {
	NodeID          string
	AdminAddress    string // IP:port on loopback; port 0 lets the kernel choose
	XDSSocket       string // Unix socket of the control plane
	ProcessorSocket string // Unix socket of the ext_proc server
	MaxConnections  int64  // downstream connections over all listeners; 0 means 20,000

	// host:port instead of a socket, reached by TLS.
	XDSAddress, ProcessorAddress string
	TLS                          MutualTLS
}

// Bootstrap returns the configuration that Envoy starts with, as JSON. The same
// configuration gives the same bytes. An admin address that is not loopback is
// an error: Envoy's admin interface has no authentication.
func Bootstrap(c BootstrapConfig) ([]byte, error) {
	admin, err := c.validate()
	if err != nil {
		return nil, fmt.Errorf("envoy bootstrap: %w", err)
	}
	overload, err := overloadManager(c.MaxConnections)
	if err != nil {
		return nil, fmt.Errorf("envoy bootstrap: %w", err)
	}
	xds, err := c.xdsCluster()
	if err != nil {
		return nil, fmt.Errorf("envoy bootstrap: %w", err)
	}
	processor, err := c.processorCluster()
	if err != nil {
		return nil, fmt.Errorf("envoy bootstrap: %w", err)
	}
	internal, err := anypb.New(&internallistenerv3.InternalListener{})
	if err != nil {
		return nil, fmt.Errorf("envoy bootstrap: %w", err)
	}
	b := &bootstrapv3.Bootstrap{
		Node: &corev3.Node{Id: c.NodeID, Cluster: nodeCluster},
		Admin: &bootstrapv3.Admin{
			Address: socketAddress(admin),
			// An operator must be able to look when the cap is reached.
			IgnoreGlobalConnLimit: true,
		},
		DynamicResources: dynamicResources(),
		StaticResources:  &bootstrapv3.Bootstrap_StaticResources{Clusters: []*clusterv3.Cluster{xds, processor}},
		OverloadManager:  overload,
		// The attempts of failover routes go through a listener inside of Envoy.
		BootstrapExtensions: []*corev3.TypedExtensionConfig{{
			Name: "envoy.bootstrap.internal_listener", TypedConfig: internal,
		}},
		StatsConfig: statsConfig(),
		// Nobody pulls between two reads of the admin interface.
		StatsFlush: &bootstrapv3.Bootstrap_StatsFlushOnAdmin{StatsFlushOnAdmin: true},
	}
	if err := b.ValidateAll(); err != nil {
		return nil, fmt.Errorf("envoy bootstrap: %w", err)
	}
	return stableJSON(b)
}

func (c BootstrapConfig) validate() (netip.AddrPort, error) {
	var faults []error
	if c.NodeID == "" {
		faults = append(faults, errors.New("node id is empty"))
	}
	admin, err := netip.ParseAddrPort(c.AdminAddress)
	if err != nil {
		faults = append(faults, fmt.Errorf("admin address: %w", err))
	} else if !admin.Addr().IsLoopback() {
		faults = append(faults, fmt.Errorf("admin address %s is not a loopback address", admin))
	}
	for _, server := range [][2]string{{c.XDSSocket, c.XDSAddress}, {c.ProcessorSocket, c.ProcessorAddress}} {
		path, hostPort := server[0], server[1]
		if hostPort != "" && path == "" {
			faults = append(faults, c.TLS.validate())
			continue
		}
		if path == "" || len(path) > maxSocketPath {
			faults = append(faults, fmt.Errorf("socket path %q must have 1 to %d bytes", path, maxSocketPath))
		}
	}
	return admin, errors.Join(faults...)
}

func dynamicResources() *bootstrapv3.Bootstrap_DynamicResources {
	ads := func() *corev3.ConfigSource {
		return &corev3.ConfigSource{
			ResourceApiVersion:    corev3.ApiVersion_V3,
			ConfigSourceSpecifier: &corev3.ConfigSource_Ads{Ads: &corev3.AggregatedConfigSource{}},
		}
	}
	return &bootstrapv3.Bootstrap_DynamicResources{
		LdsConfig: ads(),
		CdsConfig: ads(),
		AdsConfig: &corev3.ApiConfigSource{
			ApiType:             corev3.ApiConfigSource_DELTA_GRPC,
			TransportApiVersion: corev3.ApiVersion_V3,
			GrpcServices: []*corev3.GrpcService{{
				TargetSpecifier: &corev3.GrpcService_EnvoyGrpc_{
					EnvoyGrpc: &corev3.GrpcService_EnvoyGrpc{ClusterName: XDSCluster},
				},
			}},
			SetNodeOnFirstMessageOnly: true,
		},
	}
}

func (c BootstrapConfig) xdsCluster() (*clusterv3.Cluster, error) {
	if c.XDSAddress != "" {
		return tcpCluster(XDSCluster, c.XDSAddress, c.TLS)
	}
	return pipeCluster(XDSCluster, c.XDSSocket)
}

func (c BootstrapConfig) processorCluster() (cluster *clusterv3.Cluster, err error) {
	if c.ProcessorAddress != "" {
		cluster, err = tcpCluster(ProcessorCluster, c.ProcessorAddress, c.TLS)
	} else {
		cluster, err = pipeCluster(ProcessorCluster, c.ProcessorSocket)
	}
	if err != nil {
		return nil, err
	}
	// One stream per request in flight: Envoy's default of 1,024 would answer
	// 503 long before the processor is busy. The connection cap is the bound.
	limit := wrapperspb.UInt32(100_000)
	cluster.CircuitBreakers = &clusterv3.CircuitBreakers{Thresholds: []*clusterv3.CircuitBreakers_Thresholds{{
		MaxConnections:     limit,
		MaxPendingRequests: limit,
		MaxRequests:        limit,
		MaxRetries:         wrapperspb.UInt32(1_000),
	}}}
	halfSecond := durationpb.New(500 * time.Millisecond)
	cluster.HealthChecks = []*corev3.HealthCheck{{
		Timeout:            halfSecond,
		Interval:           halfSecond,
		NoTrafficInterval:  halfSecond,
		UnhealthyThreshold: wrapperspb.UInt32(1),
		HealthyThreshold:   wrapperspb.UInt32(1),
		HealthChecker:      &corev3.HealthCheck_GrpcHealthCheck_{GrpcHealthCheck: &corev3.HealthCheck_GrpcHealthCheck{}},
	}}
	return cluster, nil
}

func pipeCluster(name, socket string) (*clusterv3.Cluster, error) {
	address := &corev3.Address{Address: &corev3.Address_Pipe{Pipe: &corev3.Pipe{Path: socket}}}
	return staticCluster(name, address)
}

func staticCluster(name string, address *corev3.Address) (*clusterv3.Cluster, error) {
	http2, err := anypb.New(&httpv3.HttpProtocolOptions{
		UpstreamProtocolOptions: &httpv3.HttpProtocolOptions_ExplicitHttpConfig_{
			ExplicitHttpConfig: &httpv3.HttpProtocolOptions_ExplicitHttpConfig{
				ProtocolConfig: &httpv3.HttpProtocolOptions_ExplicitHttpConfig_Http2ProtocolOptions{
					// A peer that is stopped, not dead, answers no ping. Its streams are
					// cut then; Envoy's timers do not see it while a provider talks.
					Http2ProtocolOptions: &corev3.Http2ProtocolOptions{ConnectionKeepalive: &corev3.KeepaliveSettings{
						Interval: durationpb.New(pingInterval), Timeout: durationpb.New(pingTimeout),
					}},
				},
			},
		},
	})
	if err != nil {
		return nil, err
	}
	return &clusterv3.Cluster{
		Name:                 name,
		ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_STATIC},
		ConnectTimeout:       durationpb.New(250 * time.Millisecond),
		LoadAssignment: &endpointv3.ClusterLoadAssignment{
			ClusterName: name,
			Endpoints: []*endpointv3.LocalityLbEndpoints{{LbEndpoints: []*endpointv3.LbEndpoint{{
				HostIdentifier: &endpointv3.LbEndpoint_Endpoint{Endpoint: &endpointv3.Endpoint{Address: address}},
			}}}},
		},
		TypedExtensionProtocolOptions: map[string]*anypb.Any{
			"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": http2,
		},
	}, nil
}

func overloadManager(connections int64) (*overloadv3.OverloadManager, error) {
	if connections == 0 {
		connections = defaultMaxConnections
	}
	limit, err := anypb.New(&connectionsv3.DownstreamConnectionsConfig{MaxActiveDownstreamConnections: connections})
	if err != nil {
		return nil, err
	}
	return &overloadv3.OverloadManager{ResourceMonitors: []*overloadv3.ResourceMonitor{{
		Name:       "envoy.resource_monitors.global_downstream_max_connections",
		ConfigType: &overloadv3.ResourceMonitor_TypedConfig{TypedConfig: limit},
	}}}, nil
}

// statsConfig keeps Envoy's statistics small: a cluster has some 150 of them,
// and there is a cluster for every upstream origin.
func statsConfig() *metricsv3.StatsConfig {
	var patterns []*matcherv3.StringMatcher
	for _, prefix := range []string{
		"http.", "listener.", "listener_manager.", "cluster_manager.", "control_plane.", "server.",
		"overload.", "cluster." + ProcessorCluster + ".", "cluster." + XDSCluster + ".",
	} {
		patterns = append(patterns, &matcherv3.StringMatcher{
			MatchPattern: &matcherv3.StringMatcher_Prefix{Prefix: prefix},
		})
	}
	for _, suffix := range []string{
		".upstream_rq_total", ".upstream_rq_active", ".upstream_rq_timeout", ".upstream_rq_retry",
		".upstream_rq_5xx", ".upstream_cx_total", ".upstream_cx_connect_fail", ".membership_healthy",
	} {
		patterns = append(patterns, &matcherv3.StringMatcher{
			MatchPattern: &matcherv3.StringMatcher_Suffix{Suffix: suffix},
		})
	}
	return &metricsv3.StatsConfig{StatsMatcher: &metricsv3.StatsMatcher{
		StatsMatcher: &metricsv3.StatsMatcher_InclusionList{
			InclusionList: &matcherv3.ListStringMatcher{Patterns: patterns},
		},
	}}
}

func socketAddress(a netip.AddrPort) *corev3.Address {
	return &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
		Address:       a.Addr().String(),
		PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: uint32(a.Port())},
	}}}
}

// stableJSON undoes the random white space that protojson puts in on purpose.
func stableJSON(m proto.Message) ([]byte, error) {
	raw, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode envoy bootstrap: %w", err)
	}
	var out bytes.Buffer
	if err := json.Indent(&out, raw, "", "  "); err != nil {
		return nil, fmt.Errorf("encode envoy bootstrap: %w", err)
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}
