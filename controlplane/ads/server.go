// Package ads hands Envoys their configuration by delta ADS and knows how far
// each of them is.
//
// It is a small server of our own because the admin API must be able to say who
// has not acknowledged a change: for each stream and type it keeps which version
// of each resource was sent and whether it was taken. A refused resource is not
// sent again until it changes, and holds nobody else up. docs/adr/0002 has the
// comparison with go-control-plane's caches.
package ads

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/bricks-gateway/bricks/controlplane/xds"
)

// resource is one resource in its wire form. The version is its content's, so
// the same state has the same versions on every replica and after a restart.
type resource struct {
	version string
	body    *anypb.Any
}

// Snapshot is a set of resources by type URL and name.
type Snapshot map[string]map[string]resource

// NewSnapshot encodes r.
func NewSnapshot(r *xds.Resources) (Snapshot, error) {
	s := Snapshot{}
	for url, messages := range map[string]map[string]proto.Message{
		resourcev3.ListenerType: r.Listeners, resourcev3.RouteType: r.Routes, resourcev3.ClusterType: r.Clusters,
	} {
		s[url] = make(map[string]resource, len(messages))
		for name, m := range messages {
			r, err := encode(name, m)
			if err != nil {
				return nil, err
			}
			s[url][name] = r
		}
	}
	return s, nil
}

func encode(name string, m proto.Message) (resource, error) {
	body := new(anypb.Any)
	if err := anypb.MarshalFrom(body, m, proto.MarshalOptions{Deterministic: true}); err != nil {
		return resource{}, fmt.Errorf("encode %s: %w", name, err)
	}
	sum := sha256.Sum256(body.Value)
	return resource{hex.EncodeToString(sum[:8]), body}, nil
}

// Merge returns the resources of s and those of older that s does not name.
func (s Snapshot) Merge(older Snapshot) Snapshot {
	merged := Snapshot{}
	for _, from := range []Snapshot{older, s} {
		for url, resources := range from {
			if merged[url] == nil {
				merged[url] = map[string]resource{}
			}
			for name, r := range resources {
				merged[url][name] = r
			}
		}
	}
	return merged
}

// Server implements the aggregated discovery service. Safe for concurrent use.
type Server struct {
	discoveryv3.UnimplementedAggregatedDiscoveryServiceServer
	logger *slog.Logger

	ready chan struct{} // closed by the first Publish

	demand   demand
	nacks    atomic.Int64 // refused updates, ever
	onDemand sync.Map     // name → *resource; nil: there is no such cluster

	mu       sync.Mutex
	snapshot Snapshot
	streams  map[*stream]struct{}
	isReady  bool
}

// NewServer returns a server without resources.
func NewServer(logger *slog.Logger) *Server {
	return &Server{logger: logger, ready: make(chan struct{}), snapshot: Snapshot{}, streams: map[*stream]struct{}{}}
}

// Register adds the server to g.
func (s *Server) Register(g *grpc.Server) {
	discoveryv3.RegisterAggregatedDiscoveryServiceServer(g, s)
}

// Publish makes snapshot what every Envoy is to have.
func (s *Server) Publish(snapshot Snapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.snapshot = snapshot
	if !s.isReady {
		s.isReady = true
		close(s.ready)
	}
	for x := range s.streams {
		x.poke()
	}
}

// DeltaAggregatedResources serves one Envoy. It says nothing before the first
// Publish: an Envoy that comes back to a control plane that has just started
// would take an empty answer as the order to drop all that it has.
func (s *Server) DeltaAggregatedResources(g discoveryv3.AggregatedDiscoveryService_DeltaAggregatedResourcesServer) error {
	select {
	case <-s.ready:
	case <-g.Context().Done():
		return g.Context().Err()
	}
	x := newStream(s)
	s.mu.Lock()
	s.streams[x] = struct{}{}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.streams, x)
		s.mu.Unlock()
		x.end()
	}()
	requests := make(chan *discoveryv3.DeltaDiscoveryRequest)
	failed := make(chan error, 1)
	go func() {
		for {
			r, err := g.Recv()
			if err != nil {
				failed <- err
				return
			}
			select {
			case requests <- r:
			case <-g.Context().Done():
				failed <- g.Context().Err()
				return
			}
		}
	}()
	for {
		select {
		case r := <-requests:
			x.request(r)
		case <-x.wake:
		case err := <-failed:
			return err
		}
		for _, response := range x.responses() {
			if err := g.Send(response); err != nil {
				return err
			}
		}
	}
}

func (s *Server) current() Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.snapshot
}

func (s *Server) all() []*stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*stream, 0, len(s.streams))
	for x := range s.streams {
		all = append(all, x)
	}
	return all
}
