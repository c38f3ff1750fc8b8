package ads_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"testing"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	statusv3 "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/bricks-gateway/bricks/controlplane/ads"
	"github.com/bricks-gateway/bricks/controlplane/xds"
)

// envoy speaks the client's side of delta ADS for clusters, and refuses every
// update that holds the cluster called "bad".
type envoy struct {
	stream  discoveryv3.AggregatedDiscoveryService_DeltaAggregatedResourcesClient
	updates chan []string // names of each accepted update, removals with a minus
}

func connect(t *testing.T, s *ads.Server, known map[string]string) *envoy {
	t.Helper()
	l := bufconn.Listen(1 << 20)
	g := grpc.NewServer()
	s.Register(g)
	go func() { _ = g.Serve(l) }()
	conn, err := grpc.NewClient("passthrough:///x",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	stream, err := discoveryv3.NewAggregatedDiscoveryServiceClient(conn).DeltaAggregatedResources(ctx)
	if err != nil {
		t.Fatal(err)
	}
	e := &envoy{stream, make(chan []string, 100)}
	if err := stream.Send(&discoveryv3.DeltaDiscoveryRequest{
		Node: &corev3.Node{Id: "envoy-1"}, TypeUrl: resourcev3.ClusterType, InitialResourceVersions: known,
	}); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); e.run() }()
	t.Cleanup(func() { cancel(); <-done; _ = conn.Close(); g.Stop() })
	return e
}

func (e *envoy) run() {
	for {
		r, err := e.stream.Recv()
		if err != nil {
			return
		}
		ack := &discoveryv3.DeltaDiscoveryRequest{TypeUrl: r.TypeUrl, ResponseNonce: r.Nonce}
		var names []string
		for _, x := range r.Resources {
			names = append(names, x.Name)
		}
		for _, x := range r.RemovedResources {
			names = append(names, "-"+x)
		}
		if slices.Contains(names, "bad") {
			ack.ErrorDetail = &statusv3.Status{Message: "cluster bad is no good"}
		} else {
			e.updates <- names
		}
		if e.stream.Send(ack) != nil {
			return
		}
	}
}

func snapshot(t *testing.T, timeout time.Duration, names ...string) ads.Snapshot {
	t.Helper()
	clusters := map[string]proto.Message{}
	for _, n := range names {
		clusters[n] = &clusterv3.Cluster{Name: n, ConnectTimeout: durationpb.New(timeout)}
	}
	s, err := ads.NewSnapshot(&xds.Resources{Clusters: clusters})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (e *envoy) next(t *testing.T) string {
	t.Helper()
	select {
	case names := <-e.updates:
		return fmt.Sprint(names)
	case <-time.After(5 * time.Second):
		t.Fatal("no update")
		return ""
	}
}

func wait(t *testing.T, s *ads.Server, want ads.Snapshot) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	missing := s.Wait(ctx, want)
	if ctx.Err() != nil {
		t.Fatal("Wait ran into its deadline")
	}
	return missing
}

func TestOnlyWhatChangedIsSent(t *testing.T) {
	s := ads.NewServer(slog.New(slog.DiscardHandler))
	first := snapshot(t, time.Second, "a", "b")
	s.Publish(first)
	e := connect(t, s, nil)
	if got := e.next(t); got != "[a b]" {
		t.Errorf("first update = %s", got)
	}
	second := snapshot(t, time.Second, "b", "c")
	s.Publish(second)
	if got := e.next(t); got != "[c -a]" {
		t.Errorf("second update = %s", got)
	}
	if missing := wait(t, s, second); missing != nil {
		t.Errorf("missing = %v", missing)
	}
	s.Publish(second)
	s.Publish(snapshot(t, 2*time.Second, "b", "c"))
	if got := e.next(t); got != "[b c]" {
		t.Errorf("changed resources = %s", got)
	}
}

func TestARefusedResourceIsNamedAndHoldsNobodyUp(t *testing.T) {
	s := ads.NewServer(slog.New(slog.DiscardHandler))
	s.Publish(snapshot(t, time.Second, "a"))
	e := connect(t, s, nil)
	e.next(t)
	with := snapshot(t, time.Second, "a", "bad", "c")
	s.Publish(with)
	if got := e.next(t); got != "[c]" {
		t.Errorf("the good one beside the bad one: %s", got)
	}
	if missing := wait(t, s, with); !slices.Equal(missing, []string{"envoy-1"}) {
		t.Errorf("missing = %v", missing)
	}
	types := s.Status().Nodes[0].Types
	if n := s.NACKs(); n != 2 { // with "c", and alone
		t.Errorf("%d refused updates are counted, want 2", n)
	}
	if len(types) != 1 || !slices.Equal(types[0].Refused, []string{"bad"}) || types[0].LastNACK != "cluster bad is no good" || types[0].InSync {
		t.Errorf("status = %+v", types)
	}
	without := snapshot(t, time.Second, "a", "c", "d")
	s.Publish(without)
	if missing := wait(t, s, without); missing != nil {
		t.Errorf("after the repair: missing = %v", missing)
	}
	if types := s.Status().Nodes[0].Types; types[0].Refused != nil || !types[0].InSync {
		t.Errorf("status after the repair = %+v", types)
	}
}

func TestAReconnectedEnvoyGetsTheDifference(t *testing.T) {
	s := ads.NewServer(slog.New(slog.DiscardHandler))
	current := snapshot(t, time.Second, "a", "b")
	s.Publish(current)
	e := connect(t, s, map[string]string{"a": "stale", "gone": "x"})
	if got := e.next(t); got != "[a b -gone]" {
		t.Errorf("update = %s", got)
	}
}
