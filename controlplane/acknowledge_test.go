package controlplane

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/bricks-gateway/bricks/controlplane/xds"
	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/secrets"
	"github.com/bricks-gateway/bricks/internal/store"
	"github.com/bricks-gateway/bricks/internal/store/storetest"
	configv1 "github.com/bricks-gateway/bricks/proto/config/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// hangs is a resolver that answers for no host but "good.example.com".
type hangs struct{}

func (hangs) LookupNetIP(ctx context.Context, _, host string) ([]netip.Addr, error) {
	if host == "good.example.com" {
		return []netip.Addr{netip.MustParseAddr("8.8.8.8")}, nil
	}
	<-ctx.Done()
	return nil, ctx.Err()
}

type fixture struct {
	t     *testing.T
	store *store.Store
	ring  *secrets.Keyring
	plane *ControlPlane
	conn  *grpc.ClientConn

	registry *prometheus.Registry
}

func setup(t *testing.T) *fixture { t.Helper(); return setupAt(t, 8002) }

func setupAt(t *testing.T, port uint32) *fixture {
	t.Helper()
	ring, err := secrets.New(make([]byte, 32), slices.Repeat([]byte{1}, 32))
	if err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.DiscardHandler)
	db, err := store.OpenSQLite(t.Context(), t.TempDir()+"/bricks.db", store.Options{Keyring: ring, Logger: logger, Author: storetest.Author()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	registry := prometheus.NewRegistry()
	plane, err := New(Options{
		Registerer: registry,
		Store:      db, Keyring: ring, Logger: logger, Resolver: hangs{}, PollInterval: time.Minute,
		Listener: xds.ListenerConfig{Address: "127.0.0.1", Port: port},
	})
	if err != nil {
		t.Fatal(err)
	}
	l, g := bufconn.Listen(1<<20), grpc.NewServer()
	plane.Register(g)
	served := make(chan error, 1)
	go func() { served <- g.Serve(l) }()
	t.Cleanup(func() { g.Stop(); <-served })
	// The first sync resends all that is followed: these tests count updates, so
	// it comes before any stream.
	if err := plane.sync(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- plane.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ran })
	conn, err := grpc.NewClient("passthrough:///x", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &fixture{t, db, ring, plane, conn, registry}
}

func (f *fixture) setting(url string) *gateway.ProviderSetting {
	f.t.Helper()
	s := &gateway.ProviderSetting{Provider: "openai", Name: "s", APIKey: gateway.NewSecret("c"), Params: map[string]string{"url": url}}
	if err := f.store.CreateSetting(f.t.Context(), s); err != nil {
		f.t.Fatal(err)
	}
	return s
}

func (f *fixture) key(presented string, settings ...string) *gateway.Key {
	f.t.Helper()
	k := &gateway.Key{Name: presented, SettingIDs: settings}
	if err := f.store.CreateKey(f.t.Context(), k, store.NewSecret{Digest: f.ring.KeyDigest(secrets.HashKey(presented))}); err != nil {
		f.t.Fatal(err)
	}
	return k
}

// apply returns who is late and how long it took.
func (f *fixture) apply(revision int64) (late []string, took time.Duration) {
	start := time.Now()
	late = f.plane.Apply(f.t.Context(), revision)
	return late, time.Since(start)
}

// standIn is an Envoy that keeps the clusters it was told of. It answers only
// while answering is set.
type standIn struct {
	mu        sync.Mutex
	answering bool
	clusters  map[string]bool
	changed   chan struct{}
}

func (f *fixture) envoy(answering bool) *standIn {
	f.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	stream, err := discoveryv3.NewAggregatedDiscoveryServiceClient(f.conn).DeltaAggregatedResources(ctx)
	if err != nil {
		f.t.Fatal(err)
	}
	e := &standIn{answering: answering, clusters: map[string]bool{}, changed: make(chan struct{}, 100)}
	if err := stream.Send(&discoveryv3.DeltaDiscoveryRequest{Node: &corev3.Node{Id: "envoy-1"}, TypeUrl: resourcev3.ClusterType}); err != nil {
		f.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			r, err := stream.Recv()
			if err != nil {
				return
			}
			e.mu.Lock()
			for _, c := range r.Resources {
				e.clusters[c.Name] = true
			}
			for _, name := range r.RemovedResources {
				delete(e.clusters, name)
			}
			answering := e.answering
			e.mu.Unlock()
			if answering {
				_ = stream.Send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: r.TypeUrl, ResponseNonce: r.Nonce})
			}
			select {
			case e.changed <- struct{}{}:
			default:
			}
		}
	}()
	f.t.Cleanup(func() { cancel(); <-ended })
	return e
}

// await waits until the Envoy has the cluster, or has it no longer.
func (e *standIn) await(t *testing.T, cluster string, want bool) {
	t.Helper()
	timeout := time.After(4 * time.Second)
	for {
		e.mu.Lock()
		got := e.clusters[cluster]
		e.mu.Unlock()
		if got == want {
			return
		}
		select {
		case <-e.changed:
		case <-timeout:
			t.Fatalf("cluster %s there = %v, want %v", cluster, got, want)
		}
	}
}

// keeps fails when the cluster goes within d.
func (e *standIn) keeps(t *testing.T, cluster string, d time.Duration) {
	t.Helper()
	timeout := time.After(d)
	for {
		e.mu.Lock()
		there := e.clusters[cluster]
		e.mu.Unlock()
		if !there {
			t.Fatalf("cluster %s went while a processor still used it", cluster)
		}
		select {
		case <-e.changed:
		case <-timeout:
			return
		}
	}
}

// processor follows a key; acks says for each update whether to acknowledge it.
type processor struct {
	mu   sync.Mutex
	acks bool
	got  chan *configv1.ConfigUpdate
	ack  func(nonce uint64)
}

func (f *fixture) processor(presented string, acks bool) *processor {
	f.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	stream, err := configv1.NewConfigDiscoveryClient(f.conn).Stream(ctx)
	if err != nil {
		f.t.Fatal(err)
	}
	d := secrets.HashKey(presented)
	if err := stream.Send(&configv1.ConfigRequest{NodeId: "processor-1", SubscribeKeys: [][]byte{d[:]}}); err != nil {
		f.t.Fatal(err)
	}
	p := &processor{acks: acks, got: make(chan *configv1.ConfigUpdate, 100)}
	p.ack = func(nonce uint64) { _ = stream.Send(&configv1.ConfigRequest{AckNonce: nonce}) }
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			u, err := stream.Recv()
			if err != nil {
				return
			}
			p.mu.Lock()
			acks := p.acks
			p.mu.Unlock()
			if acks {
				p.ack(u.Nonce)
			}
			p.got <- u
		}
	}()
	f.t.Cleanup(func() { cancel(); <-ended })
	return p
}

func (p *processor) next(t *testing.T) *configv1.ConfigUpdate {
	t.Helper()
	select {
	case u := <-p.got:
		return u
	case <-time.After(4 * time.Second):
		t.Fatal("no update")
		return nil
	}
}

const goodCluster = "upstream/https/good.example.com:443"

func TestApplyPutsANewSettingAndKeyInForce(t *testing.T) {
	f := setup(t)
	e, p := f.envoy(true), f.processor("secret", true)
	p.next(t)
	k := f.key("secret", f.setting("https://good.example.com").ID)
	if late, _ := f.apply(k.Revision); late != nil {
		t.Fatalf("late = %v", late)
	}
	e.await(t, goodCluster, true)
	if u := p.next(t); len(u.Keys) != 1 || len(u.Settings) != 1 || u.Settings[0].Cluster != goodCluster {
		t.Errorf("update = %v", u)
	}
}

func TestApplyNamesWhoDoesNotAcknowledgeWithinASecond(t *testing.T) {
	f := setup(t)
	p := f.processor("secret", true)
	p.next(t)
	p.mu.Lock()
	p.acks = false
	p.mu.Unlock()
	k := f.key("secret")
	late, took := f.apply(k.Revision)
	if !slices.Equal(late, []string{"processor-1"}) || took > 1300*time.Millisecond {
		t.Errorf("late = %v after %v", late, took)
	}
	// Asking again must not say that all is well.
	if late, _ := f.apply(k.Revision); !slices.Equal(late, []string{"processor-1"}) {
		t.Errorf("the second time late = %v", late)
	}
}

// A later change that everyone took says nothing about an earlier one.
func TestApplyOfAnEarlierRevisionIsNotAnsweredByALaterSync(t *testing.T) {
	f := setup(t)
	p := f.processor("secret", true)
	p.next(t)
	p.mu.Lock()
	p.acks = false
	p.mu.Unlock()
	k := f.key("secret")
	f.apply(k.Revision)
	other := f.key("nobody follows this one")
	f.apply(other.Revision)
	if late, _ := f.apply(k.Revision); !slices.Equal(late, []string{"processor-1"}) {
		t.Errorf("late = %v, want the processor that never acknowledged", late)
	}
}

func TestAHostThatDoesNotResolveDelaysNoRevocation(t *testing.T) {
	f := setup(t)
	for _, host := range []string{"a", "b", "c"} {
		f.setting("https://" + host + ".example.com")
	}
	p := f.processor("secret", true)
	p.next(t)
	k := f.key("secret")
	late, took := f.apply(k.Revision)
	if late != nil || took > time.Second {
		t.Errorf("late = %v after %v, want nobody within a second", late, took)
	}
}

func TestAnEnvoyThatHangsDelaysNoProcessor(t *testing.T) {
	f := setup(t)
	f.envoy(false)
	p := f.processor("secret", true)
	p.next(t)
	k := f.key("secret", f.setting("https://good.example.com").ID)
	late, took := f.apply(k.Revision)
	if !slices.Equal(late, []string{"envoy-1"}) || took > 1300*time.Millisecond {
		t.Errorf("late = %v after %v, want [envoy-1]", late, took)
	}
}

func TestAClusterGoesOnlyWhenNoProcessorUsesIt(t *testing.T) {
	f := setup(t)
	e, p := f.envoy(true), f.processor("secret", true)
	p.next(t)
	s := f.setting("https://good.example.com")
	k := f.key("secret", s.ID)
	f.apply(k.Revision)
	e.await(t, goodCluster, true)
	p.next(t)
	p.mu.Lock()
	p.acks = false
	p.mu.Unlock()
	changed, err := f.store.UpdateSetting(t.Context(), s.ID, func(s *gateway.ProviderSetting) error {
		s.Params = nil
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	f.apply(changed.Revision)
	u := p.next(t)
	e.keeps(t, goodCluster, 600*time.Millisecond)
	p.ack(u.Nonce)
	e.await(t, goodCluster, false)
}
