package ads

import (
	"context"
	"log/slog"
	"net"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/anypb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// client is an Envoy made by hand: it answers only when the test says so.
type client struct {
	t      *testing.T
	stream discoveryv3.AggregatedDiscoveryService_DeltaAggregatedResourcesClient
	got    chan *discoveryv3.DeltaDiscoveryResponse
}

func start(t *testing.T) (*Server, func(node string) *client) {
	t.Helper()
	s := NewServer(slog.New(slog.DiscardHandler))
	l := bufconn.Listen(1 << 20)
	g := grpc.NewServer()
	s.Register(g)
	served := make(chan error, 1)
	go func() { served <- g.Serve(l) }()
	t.Cleanup(func() { g.Stop(); <-served })
	conn, err := grpc.NewClient("passthrough:///x", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return s, func(node string) *client {
		ctx, cancel := context.WithCancel(context.Background())
		stream, err := discoveryv3.NewAggregatedDiscoveryServiceClient(conn).DeltaAggregatedResources(ctx)
		if err != nil {
			t.Fatal(err)
		}
		c := &client{t, stream, make(chan *discoveryv3.DeltaDiscoveryResponse)}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for {
				r, err := stream.Recv()
				if err != nil {
					return
				}
				select {
				case c.got <- r:
				case <-ctx.Done():
					return
				}
			}
		}()
		t.Cleanup(func() { cancel(); <-ended })
		return c
	}
}

func (c *client) send(r *discoveryv3.DeltaDiscoveryRequest) {
	c.t.Helper()
	r.Node = &corev3.Node{Id: "envoy-1"}
	if err := c.stream.Send(r); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) next() *discoveryv3.DeltaDiscoveryResponse {
	c.t.Helper()
	select {
	case r := <-c.got:
		return r
	case <-time.After(3 * time.Second):
		c.t.Fatal("no response")
		return nil
	}
}

func (c *client) quiet(d time.Duration) {
	c.t.Helper()
	select {
	case r := <-c.got:
		c.t.Fatalf("unexpected response: %v", r)
	case <-time.After(d):
	}
}

func (c *client) ack(r *discoveryv3.DeltaDiscoveryResponse) {
	c.t.Helper()
	c.send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: r.TypeUrl, ResponseNonce: r.Nonce})
}

func names(r *discoveryv3.DeltaDiscoveryResponse) (out []string) {
	for _, x := range r.Resources {
		out = append(out, x.Name)
	}
	return out
}

// clusters is a snapshot of clusters by name and version.
func clusters(versions map[string]string) Snapshot {
	s := Snapshot{resourcev3.ClusterType: map[string]resource{}}
	for name, v := range versions {
		s[resourcev3.ClusterType][name] = resource{v, &anypb.Any{TypeUrl: resourcev3.ClusterType}}
	}
	return s
}

// A control plane that restarts knows nothing for a moment. An Envoy that comes
// back with its versions must not be told that all is gone.
func TestNothingIsSaidBeforeTheFirstPublish(t *testing.T) {
	s, connect := start(t)
	c := connect("envoy-1")
	c.send(&discoveryv3.DeltaDiscoveryRequest{
		TypeUrl: resourcev3.ClusterType, InitialResourceVersions: map[string]string{"a": "1"},
	})
	c.quiet(200 * time.Millisecond)
	s.Publish(clusters(map[string]string{"a": "1", "b": "1"}))
	r := c.next()
	if len(r.RemovedResources) != 0 || len(names(r)) != 1 {
		t.Errorf("sent %v, removed %v, want b and nothing", names(r), r.RemovedResources)
	}
}

// The protocol: who subscribes again does so because it no longer has it.
func TestAResourceIsSentAgainToWhoSubscribesAgain(t *testing.T) {
	s, connect := start(t)
	s.Publish(Snapshot{resourcev3.RouteType: {"proxy": {"1", &anypb.Any{TypeUrl: resourcev3.RouteType}}}})
	c := connect("envoy-1")
	subscribe := func() {
		c.send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: resourcev3.RouteType, ResourceNamesSubscribe: []string{"proxy"}})
	}
	subscribe()
	c.ack(c.next())
	c.send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: resourcev3.RouteType, ResourceNamesUnsubscribe: []string{"proxy"}})
	c.quiet(50 * time.Millisecond)
	subscribe()
	if got := names(c.next()); len(got) != 1 || got[0] != "proxy" {
		t.Errorf("sent %v, want proxy", got)
	}
}
