package xds

import (
	"net/netip"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/bricks-gateway/bricks/internal/provider"
)

// GenAIName is the name of the GenAI entry's listener and of the cluster of its
// one upstream. GenAIRole tells the processor that a stream is of that listener:
// the gRPC stream's own metadata says so, which no client can reach.
const (
	GenAIName = "genai"
	GenAIRole = "genai"
)

// GenAIEntry is the second listener: it takes requests with a provider's key
// instead of the gateway's, and leads to one upstream.
type GenAIEntry struct {
	Address string // IP address
	Port    uint32
	// Upstream is the operator's own choice, so it may be private and plain http.
	Upstream provider.Origin
}

// putGenAI adds what the entry needs. Its listener is as the first one in all but
// where it listens and leads: nothing that the processor says takes a request to
// another cluster.
func putGenAI(r *Resources, c ListenerConfig, e GenAIEntry) error {
	c.Address, c.Port = e.Address, e.Port
	manager, err := genAIManager(c, e)
	if err != nil {
		return err
	}
	l, err := listenerOf(c, GenAIName, manager)
	if err != nil {
		return err
	}
	if err := put(r.Listeners, l.Name, l); err != nil {
		return err
	}
	u := Upstream{Origin: e.Upstream, ByEnvoy: true}
	if ip, err := netip.ParseAddr(e.Upstream.Host); err == nil {
		u.ByEnvoy, u.Addresses = false, []netip.Addr{ip}
	}
	upstream, err := cluster(u, c.CAFile)
	if err != nil {
		return err
	}
	upstream.Name, upstream.LoadAssignment.ClusterName = GenAIName, GenAIName
	return put(r.Clusters, upstream.Name, upstream)
}

func genAIManager(c ListenerConfig, e GenAIEntry) (*hcmv3.HttpConnectionManager, error) {
	m, err := connectionManager(c)
	if err != nil {
		return nil, err
	}
	gateway, err := externalProcessor(c)
	if err != nil {
		return nil, err
	}
	gateway.StatPrefix = GenAIName
	gateway.GrpcService.InitialMetadata = []*corev3.HeaderValue{{Key: RoleMetadata, Value: GenAIRole}}
	if m.HttpFilters, err = httpFilters(gateway); err != nil {
		return nil, err
	}
	routes, err := genAIRoutes(c, e)
	if err != nil {
		return nil, err
	}
	m.StatPrefix = GenAIName
	m.RouteSpecifier = &hcmv3.HttpConnectionManager_RouteConfig{RouteConfig: routes}
	return m, nil
}

func genAIRoutes(c ListenerConfig, e GenAIEntry) (*routev3.RouteConfiguration, error) {
	health, err := healthRoute()
	if err != nil {
		return nil, err
	}
	upstream := upstreamRoute(c.IdleTimeout)
	action := upstream.GetRoute()
	action.ClusterSpecifier = &routev3.RouteAction_Cluster{Cluster: GenAIName}
	action.HostRewriteSpecifier = &routev3.RouteAction_HostRewriteLiteral{HostRewriteLiteral: e.Upstream.Authority()}
	return &routev3.RouteConfiguration{
		Name: GenAIName,
		VirtualHosts: []*routev3.VirtualHost{{
			Name:                   GenAIName,
			Domains:                []string{"*"},
			Routes:                 []*routev3.Route{health, formRoute(upstream), upstream},
			RequestBodyBufferLimit: wrapperspb.UInt64(uint64(c.MaxBodyBytes)),
		}},
	}, nil
}
