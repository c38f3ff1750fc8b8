package controlplane

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/bricks-gateway/bricks/controlplane/ads"
	"github.com/bricks-gateway/bricks/controlplane/xds"
	"github.com/bricks-gateway/bricks/internal/gateway"
)

// zone is a resolver whose answers change and that counts its questions.
type zone struct {
	mu        sync.Mutex
	addresses map[string]string
	asked     map[string]int
}

func (z *zone) set(host, address string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.addresses[host] = address
}

func (z *zone) questions(host string) int {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.asked[host]
}

func (z *zone) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.asked[host]++
	if a := z.addresses[host]; a != "" {
		return []netip.Addr{netip.MustParseAddr(a)}, nil
	}
	return nil, errors.New("no such host")
}

// fetcher is an Envoy that asks for clusters by name.
type fetcher struct {
	t       *testing.T
	stream  discoveryv3.AggregatedDiscoveryService_DeltaAggregatedResourcesClient
	updates chan string // "name address", "name nowhere" or "-name"
}

// customFixture is customs with a resolver and an Envoy.
func customFixture(t *testing.T, allow ...string) (*customs, *zone, *fetcher) {
	t.Helper()
	z := &zone{addresses: map[string]string{}, asked: map[string]int{}}
	logger := slog.New(slog.DiscardHandler)
	allowed, err := parseAllowed(allow)
	if err != nil {
		t.Fatal(err)
	}
	server := ads.NewServer(logger)
	c := newCustoms(newHosts(allowed, z, logger), server, "", logger)
	snapshot, err := ads.NewSnapshot(&xds.Resources{})
	if err != nil {
		t.Fatal(err)
	}
	server.Publish(snapshot)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan struct{})
	go func() { defer close(served); c.serve(ctx) }()
	l, g := bufconn.Listen(1<<20), grpc.NewServer()
	server.Register(g)
	done := make(chan error, 1)
	go func() { done <- g.Serve(l) }()
	conn, err := grpc.NewClient("passthrough:///x", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	stream, err := discoveryv3.NewAggregatedDiscoveryServiceClient(conn).DeltaAggregatedResources(ctx)
	if err != nil {
		t.Fatal(err)
	}
	e := &fetcher{t, stream, make(chan string, 100)}
	read := make(chan struct{})
	go func() { defer close(read); e.read() }()
	t.Cleanup(func() {
		cancel()
		<-served
		<-read
		_ = conn.Close()
		g.Stop()
		<-done
	})
	if err := stream.Send(&discoveryv3.DeltaDiscoveryRequest{Node: &corev3.Node{Id: "envoy-1"}, TypeUrl: resourcev3.ClusterType}); err != nil {
		t.Fatal(err)
	}
	return c, z, e
}

func (e *fetcher) read() {
	for {
		r, err := e.stream.Recv()
		if err != nil {
			return
		}
		for _, x := range r.Resources {
			var c clusterv3.Cluster
			if err := x.Resource.UnmarshalTo(&c); err != nil {
				e.t.Error(err)
			}
			if c.GetType() != clusterv3.Cluster_STATIC {
				e.t.Errorf("%s is of type %v: Envoy would resolve a tenant's host", c.Name, c.GetType())
			}
			where := "nowhere"
			for _, l := range c.LoadAssignment.Endpoints {
				where = l.LbEndpoints[0].GetEndpoint().Address.GetSocketAddress().Address
			}
			e.updates <- x.Name + " " + where
		}
		for _, name := range r.RemovedResources {
			e.updates <- "-" + name
		}
		if e.stream.Send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: r.TypeUrl, ResponseNonce: r.Nonce}) != nil {
			return
		}
	}
}

func (e *fetcher) ask(name string) {
	e.t.Helper()
	if err := e.stream.Send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: resourcev3.ClusterType, ResourceNamesSubscribe: []string{name}}); err != nil {
		e.t.Fatal(err)
	}
}

func (e *fetcher) want(what, want string) {
	e.t.Helper()
	select {
	case got := <-e.updates:
		if got != want {
			e.t.Errorf("%s: told %q, want %q", what, got, want)
		}
	case <-time.After(5 * time.Second):
		e.t.Fatalf("%s: told nothing", what)
	}
}

func leadingTo(targets ...string) *gateway.CustomProvider {
	p := &gateway.CustomProvider{Provider: "own"}
	for i, t := range targets {
		p.Routes = append(p.Routes, gateway.CustomRoute{Path: fmt.Sprint("/", i), TargetURL: t})
	}
	return p
}

func TestACustomHostThatTurnsPrivateLeadsNowhere(t *testing.T) {
	c, z, e := customFixture(t)
	const cluster = "custom/https/rebind.example:443"
	z.set("rebind.example", "93.184.216.34")
	c.set("1", leadingTo("https://rebind.example/a", "https://rebind.example/b"))
	e.ask(cluster)
	e.want("at first", cluster+" 93.184.216.34")
	for _, private := range []string{"169.254.169.254", "127.0.0.1", "10.0.0.1", "::ffff:10.0.0.1", "fd00::1"} {
		z.set("rebind.example", private)
		c.refresh(t.Context())
		e.want(private, cluster+" nowhere")
		z.set("rebind.example", "93.184.216.34")
		c.refresh(t.Context())
		e.want("public again", cluster+" 93.184.216.34")
	}
	z.set("rebind.example", "")
	c.refresh(t.Context())
	z.set("rebind.example", "93.184.216.35")
	c.refresh(t.Context())
	e.want("after an outage of the resolver, in which the last addresses stay", cluster+" 93.184.216.35")
}

func TestCustomClustersComeAndGo(t *testing.T) {
	c, z, e := customFixture(t, "127.0.0.1:9000")
	z.set("one.example", "93.184.216.34")
	z.set("plain.example", "93.184.216.34")
	c.set("1", leadingTo("https://one.example/a", "http://plain.example/", "http://127.0.0.1:9000/", "https://10.0.0.1/", "https://unknown.example/"))
	c.set("2", leadingTo("https://one.example/b", "https://never-asked.example/"))
	for name, want := range map[string]string{
		"custom/https/one.example:443":     "custom/https/one.example:443 93.184.216.34",
		"custom/http/127.0.0.1:9000":       "custom/http/127.0.0.1:9000 127.0.0.1",
		"custom/http/plain.example:80":     "custom/http/plain.example:80 nowhere", // plain http is for what is allowed
		"custom/https/10.0.0.1:443":        "custom/https/10.0.0.1:443 nowhere",
		"custom/https/unknown.example:443": "custom/https/unknown.example:443 nowhere",
		"custom/https/other.example:443":   "-custom/https/other.example:443", // nobody's
	} {
		e.ask(name)
		e.want(name, want)
	}
	z.set("unknown.example", "93.184.216.36")
	e.want("soon after it is found", "custom/https/unknown.example:443 93.184.216.36")
	for host, want := range map[string]int{"never-asked.example": 0, "plain.example": 0} {
		if got := z.questions(host); got != want {
			t.Errorf("%s was looked up %d times, want %d", host, got, want)
		}
	}
	c.set("1", nil)
	c.retire()
	gone := map[string]bool{}
	for range 4 {
		gone[<-e.updates] = true
	}
	for _, name := range []string{"-custom/http/127.0.0.1:9000", "-custom/http/plain.example:80", "-custom/https/10.0.0.1:443", "-custom/https/unknown.example:443"} {
		if !gone[name] {
			t.Errorf("%s is not gone: %v", name, gone)
		}
	}
	c.set("2", nil)
	c.set("3", leadingTo("https://one.example/c")) // before anyone noticed
	c.retire()
	c.set("3", nil)
	c.retire()
	e.want("the last user left", "-custom/https/one.example:443")
	z.set("one.example", "93.184.216.35")
	c.set("4", leadingTo("https://one.example/c"))
	e.want("it came back, and Envoy does not ask again", "custom/https/one.example:443 93.184.216.35")
}

// What the store holds is known before any Envoy is served, and a change when
// Apply returns.
func TestCustomProvidersOfTheStoreAreServed(t *testing.T) {
	f := setup(t)
	c := &gateway.CustomProvider{Provider: "own", Routes: leadingTo("https://good.example.com/x").Routes}
	if err := f.store.CreateCustomProvider(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if late, _ := f.apply(c.Revision); late != nil {
		t.Errorf("late = %v", late)
	}
	known := func() string {
		f.plane.customs.mu.Lock()
		defer f.plane.customs.mu.Unlock()
		var names []string
		for name, o := range f.plane.customs.origins {
			names = append(names, fmt.Sprint(name, " ", o.users))
		}
		return strings.Join(names, ", ")
	}
	if got := known(); got != "custom/https/good.example.com:443 1" {
		t.Errorf("after a creation: %s", got)
	}
	revision, err := f.store.DeleteCustomProvider(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	f.apply(revision)
	if got := known(); got != "custom/https/good.example.com:443 0" && got != "" {
		t.Errorf("after a deletion: %s", got)
	}
	again, err := New(Options{Store: f.store, Keyring: f.ring, Logger: slog.New(slog.DiscardHandler), Listener: f.plane.o.Listener})
	if err != nil {
		t.Fatal(err)
	}
	c2 := &gateway.CustomProvider{Provider: "other", Routes: leadingTo("https://good.example.com/x").Routes}
	if err := f.store.CreateCustomProvider(t.Context(), c2); err != nil {
		t.Fatal(err)
	}
	if err := again.sync(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if o := again.customs.origins["custom/https/good.example.com:443"]; o == nil || o.users != 1 {
		t.Errorf("a control plane that begins knows %+v", o)
	}
}
