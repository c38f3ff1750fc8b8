package xds

import (
	"cmp"
	"fmt"
	"slices"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	cachev3 "github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
)

// Snapshot is one complete configuration, each list sorted by name. The
// messages must not be changed once the snapshot is published: the server sends
// them without a copy.
type Snapshot struct {
	Listeners []*listenerv3.Listener
	Routes    []*routev3.RouteConfiguration
	Clusters  []*clusterv3.Cluster
}

// Build returns the configuration for s, or all that is wrong with s. The same
// State, with its upstreams in any order, gives the same bytes.
func Build(s State) (Snapshot, error) {
	if err := s.validate(); err != nil {
		return Snapshot{}, fmt.Errorf("envoy configuration: %w", err)
	}
	s.Listener = s.Listener.withDefaults()
	l, err := listener(s.Listener)
	if err != nil {
		return Snapshot{}, fmt.Errorf("envoy configuration: listener: %w", err)
	}
	r, err := routeConfig(s.Listener)
	if err != nil {
		return Snapshot{}, fmt.Errorf("envoy configuration: route: %w", err)
	}
	snap := Snapshot{Listeners: []*listenerv3.Listener{l}, Routes: []*routev3.RouteConfiguration{r}}
	upstreams := slices.SortedFunc(slices.Values(s.Upstreams), func(a, b Upstream) int {
		return cmp.Compare(a.Name, b.Name)
	})
	for _, u := range upstreams {
		c, err := cluster(u, s.Listener.CAFile)
		if err != nil {
			return Snapshot{}, fmt.Errorf("envoy configuration: upstream %q: %w", u.Name, err)
		}
		snap.Clusters = append(snap.Clusters, c)
	}
	return snap, snap.validate()
}

func (s Snapshot) validate() error {
	for typeURL, resources := range s.byType() {
		for name, r := range resources {
			v, ok := r.(interface{ ValidateAll() error })
			if !ok {
				continue
			}
			if err := v.ValidateAll(); err != nil {
				return fmt.Errorf("envoy configuration: %s %q: %w", shortType(typeURL), name, err)
			}
		}
	}
	return nil
}

// byType returns the resources by type URL and name.
func (s Snapshot) byType() map[string]map[string]types.Resource {
	out := map[string]map[string]types.Resource{}
	for _, t := range servedTypes {
		out[t] = map[string]types.Resource{}
	}
	for _, r := range s.Listeners {
		out[resourcev3.ListenerType][r.GetName()] = r
	}
	for _, r := range s.Routes {
		out[resourcev3.RouteType][r.GetName()] = r
	}
	for _, r := range s.Clusters {
		out[resourcev3.ClusterType][r.GetName()] = r
	}
	return out
}

// versions maps resource names to versions.
type versions map[string]string

// versions returns what an Envoy that has this snapshot reports, by type URL.
// LinearCache computes the same hash for what it sends.
func (s Snapshot) versions() (map[string]versions, error) {
	out := map[string]versions{}
	for typeURL, resources := range s.byType() {
		out[typeURL] = make(versions, len(resources))
		for name, r := range resources {
			raw, err := cachev3.MarshalResource(r)
			if err != nil {
				return nil, fmt.Errorf("encode %s %q: %w", shortType(typeURL), name, err)
			}
			out[typeURL][name] = cachev3.HashResource(raw)
		}
	}
	return out, nil
}

// servedTypes is in the order in which a change is published: an upstream must
// exist before anything refers to it.
var servedTypes = []string{resourcev3.ClusterType, resourcev3.RouteType, resourcev3.ListenerType}

func shortType(typeURL string) string {
	switch typeURL {
	case resourcev3.ClusterType:
		return "cluster"
	case resourcev3.RouteType:
		return "route"
	case resourcev3.ListenerType:
		return "listener"
	}
	return typeURL
}
