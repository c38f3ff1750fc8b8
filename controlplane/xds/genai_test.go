package xds

import (
	"testing"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	extprocfilterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/bricks-gateway/bricks/internal/provider"
)

// TestTheGenAIListenerIsAsTheFirst in all but its address, the role that it tells
// the processor, and its routes: certificate, header rules and limits are the same.
func TestTheGenAIListenerIsAsTheFirst(t *testing.T) {
	r, err := Build(State{Listener: ListenerConfig{
		Address: "127.0.0.1", Port: 8002, TLSCertFile: "/c", TLSKeyFile: "/k",
		GenAI: &GenAIEntry{Address: "127.0.0.1", Port: 8080, Upstream: provider.Origin{Scheme: "https", Host: "api.openai.com", Port: 443}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	proxy, _, _ := partsOf(t, r, ListenerName)
	entry, manager, gateway := partsOf(t, r, GenAIName)
	if entry.FilterChains[0].TransportSocket == nil {
		t.Error("the entry has no certificate")
	}
	if m := gateway.GrpcService.InitialMetadata; len(m) != 1 || m[0].Key != RoleMetadata || m[0].Value != GenAIRole {
		t.Errorf("metadata = %v", m)
	}
	for _, host := range manager.GetRouteConfig().VirtualHosts {
		for _, route := range host.Routes {
			if a := route.GetRoute(); a != nil && (a.GetCluster() != GenAIName || a.GetHostRewriteLiteral() != "api.openai.com") {
				t.Errorf("route %s leads elsewhere: %v", route.Name, a)
			}
		}
	}
	// What differs is made equal, and nothing else may.
	_, first, own := partsOf(t, r, ListenerName)
	entry.Name, entry.Address = proxy.Name, proxy.Address
	manager.StatPrefix, manager.RouteSpecifier = first.StatPrefix, first.RouteSpecifier
	gateway.StatPrefix, gateway.GrpcService.InitialMetadata = own.StatPrefix, nil
	entry.FilterChains[0].Filters, proxy.FilterChains[0].Filters = nil, nil
	manager.HttpFilters[0].ConfigType, first.HttpFilters[0].ConfigType = nil, nil
	for _, pair := range [][2]any{{proxy, entry}, {first, manager}, {own, gateway}} {
		if diff := cmp.Diff(pair[0], pair[1], protocmp.Transform()); diff != "" {
			t.Errorf("the entry differs (-first +entry):\n%s", diff)
		}
	}
}

func partsOf(t *testing.T, r *Resources, name string) (*listenerv3.Listener, *hcmv3.HttpConnectionManager, *extprocfilterv3.ExternalProcessor) {
	t.Helper()
	l, ok := r.Listeners[name].(*listenerv3.Listener)
	if !ok {
		t.Fatalf("no listener %s", name)
	}
	manager, gateway := &hcmv3.HttpConnectionManager{}, &extprocfilterv3.ExternalProcessor{}
	if err := l.FilterChains[0].Filters[0].GetTypedConfig().UnmarshalTo(manager); err != nil {
		t.Fatal(err)
	}
	if err := manager.HttpFilters[0].GetTypedConfig().UnmarshalTo(gateway); err != nil {
		t.Fatal(err)
	}
	return l, manager, gateway
}
