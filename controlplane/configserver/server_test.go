package configserver

import (
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/secrets"
	"github.com/bricks-gateway/bricks/internal/store"
	configv1 "github.com/bricks-gateway/bricks/proto/config/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory is a store whose lookups can be held up between reading and answering.
type memory struct {
	mu           sync.Mutex
	revision     int64
	keys         map[secrets.Digest]*gateway.Key
	until        map[secrets.Digest]time.Time
	settings     map[string]*gateway.ProviderSetting
	routes       map[string]*gateway.Route
	users        map[string]*gateway.User
	prices       []*gateway.PriceOverride
	customs      []*gateway.CustomProvider
	policies     map[string]*gateway.Policy
	down         bool
	policiesDown int                // so many reads fail
	hold         chan chan struct{} // when set, a lookup that has read offers a gate and waits for it
}

func newMemory() *memory {
	return &memory{keys: map[secrets.Digest]*gateway.Key{}, until: map[secrets.Digest]time.Time{}, settings: map[string]*gateway.ProviderSetting{}, users: map[string]*gateway.User{}, policies: map[string]*gateway.Policy{}}
}

func (m *memory) Revision(context.Context) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down {
		return 0, errors.New("down")
	}
	return m.revision, nil
}

func (m *memory) KeyByDigest(_ context.Context, d secrets.Digest) (*gateway.Key, time.Time, error) {
	m.mu.Lock()
	k, ok := m.keys[d]
	until, hold := m.until[d], m.hold
	m.hold = nil
	m.mu.Unlock()
	if hold != nil {
		gate := make(chan struct{})
		hold <- gate
		<-gate
	}
	if !ok {
		return nil, time.Time{}, &gateway.Error{Kind: gateway.NotFound, Message: "no such key"}
	}
	copied := *k
	return &copied, until, nil
}

func (m *memory) Settings(_ context.Context, ids []string) (out []*gateway.ProviderSetting, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, s := range m.settings {
		if ids == nil || slices.Contains(ids, id) {
			copied := *s
			out = append(out, &copied)
		}
	}
	return out, nil
}

func (m *memory) Routes(_ context.Context, ids []string) (out []*gateway.Route, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, r := range m.routes {
		if ids == nil || slices.Contains(ids, id) {
			copied := *r
			out = append(out, &copied)
		}
	}
	return out, nil
}

func (m *memory) PriceOverrides(context.Context) ([]*gateway.PriceOverride, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.prices), nil
}

func (m *memory) UnknownPricePolicy(context.Context) (gateway.UnknownPricePolicy, error) {
	return gateway.AllowUnknownPrice, nil
}

func (m *memory) CustomProviders(_ context.Context, f store.CustomProviderFilter) (out []*gateway.CustomProvider, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range m.customs {
		if len(f.IDs) == 0 || slices.Contains(f.IDs, p.ID) {
			out = append(out, p)
		}
	}
	return out, nil
}

// change commits f at a new revision.
func (m *memory) change(f func(revision int64)) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.revision++
	f(m.revision)
	return m.revision
}

// fixture is a server, its store and a processor made by hand.
type fixture struct {
	t      *testing.T
	store  *memory
	ring   *secrets.Keyring
	server *Server
	conn   *grpc.ClientConn
	stream configv1.ConfigDiscovery_StreamClient
	got    chan *configv1.ConfigUpdate
}

func setup(t *testing.T) *fixture {
	t.Helper()
	ring, err := secrets.New(make([]byte, 32), slices.Repeat([]byte{1}, 32))
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{t: t, store: newMemory(), ring: ring, got: make(chan *configv1.ConfigUpdate)}
	f.server = New(Options{Store: f.store, Keyring: ring}, slog.New(slog.DiscardHandler))
	l := bufconn.Listen(1 << 20)
	g := grpc.NewServer(grpc.MaxRecvMsgSize(64 << 20))
	f.server.Register(g)
	served := make(chan error, 1)
	go func() { served <- g.Serve(l) }()
	t.Cleanup(func() { g.Stop(); <-served })
	conn, err := grpc.NewClient("passthrough:///x", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	f.conn = conn
	ctx, cancel := context.WithCancel(context.Background())
	if f.stream, err = configv1.NewConfigDiscoveryClient(conn).Stream(ctx); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			u, err := f.stream.Recv()
			if err != nil {
				return
			}
			select {
			case f.got <- u:
			case <-ctx.Done():
				return
			}
		}
	}()
	t.Cleanup(func() { cancel(); <-ended })
	return f
}

func (f *fixture) send(r *configv1.ConfigRequest) {
	f.t.Helper()
	r.NodeId = "processor-1"
	if err := f.stream.Send(r); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) subscribe(presented ...string) {
	f.t.Helper()
	r := &configv1.ConfigRequest{}
	for _, p := range presented {
		d := secrets.HashKey(p)
		r.SubscribeKeys = append(r.SubscribeKeys, d[:])
	}
	f.send(r)
}

func (f *fixture) next() *configv1.ConfigUpdate {
	f.t.Helper()
	select {
	case u := <-f.got:
		return u
	case <-time.After(5 * time.Second):
		f.t.Fatal("no update")
		return nil
	}
}

func (f *fixture) ack(u *configv1.ConfigUpdate) {
	f.t.Helper()
	f.send(&configv1.ConfigRequest{AckNonce: u.Nonce})
}

func (f *fixture) digest(presented string) secrets.Digest {
	return f.ring.KeyDigest(secrets.HashKey(presented))
}

func (f *fixture) put(presented string, k gateway.Key) store.Change {
	d := f.digest(presented)
	r := f.store.change(func(revision int64) {
		k.Revision = revision
		f.store.keys[d] = &k
	})
	return store.Change{Revision: r, Kind: store.KindKey, ID: k.ID, Digests: []secrets.Digest{d}}
}

func (f *fixture) drop(presented string) store.Change {
	d := f.digest(presented)
	r := f.store.change(func(int64) { delete(f.store.keys, d) })
	return store.Change{Revision: r, Kind: store.KindKey, Digests: []secrets.Digest{d}}
}

func (f *fixture) wait(b Barrier, d time.Duration) []string {
	ctx, cancel := context.WithTimeout(f.t.Context(), d)
	defer cancel()
	return b.Wait(ctx)
}

func TestANegativeAnswerTurnsPositiveAndBack(t *testing.T) {
	f := setup(t)
	f.subscribe("secret")
	u := f.next()
	d := secrets.HashKey("secret")
	if len(u.AbsentKeys) != 1 || !slices.Equal(u.AbsentKeys[0], d[:]) || len(u.Keys) != 0 {
		t.Fatalf("first answer = %v, want the digest as absent", u)
	}
	f.ack(u)

	b := f.server.Changed([]store.Change{f.put("secret", gateway.Key{ID: "k"})})
	u = f.next()
	if len(u.Keys) != 1 || u.Keys[0].Id != "k" || !slices.Equal(u.Keys[0].Digest, d[:]) || u.Keys[0].Revision != 1 {
		t.Fatalf("after creation = %v", u)
	}
	if late := f.wait(b, 50*time.Millisecond); !slices.Equal(late, []string{"processor-1"}) {
		t.Errorf("late = %v before the acknowledgement", late)
	}
	f.ack(u)
	if late := f.wait(b, 3*time.Second); late != nil {
		t.Errorf("late = %v after the acknowledgement", late)
	}

	f.server.Changed([]store.Change{f.put("secret", gateway.Key{ID: "k", Revoked: true, RevokedReason: "lost"})})
	if u = f.next(); len(u.Keys) != 1 || !u.Keys[0].Revoked || u.Keys[0].RevokedReason != "lost" {
		t.Fatalf("after revocation = %v", u)
	}
	f.server.Changed([]store.Change{f.drop("secret")})
	if u = f.next(); len(u.AbsentKeys) != 1 || u.Revision != 3 {
		t.Fatalf("after deletion = %v, want absent as of revision 3", u)
	}
}

func TestOnlyWhoFollowsIsTold(t *testing.T) {
	f := setup(t)
	f.subscribe("mine")
	f.ack(f.next())
	b := f.server.Changed([]store.Change{f.put("other", gateway.Key{ID: "o"}), {Kind: store.KindSetting, ID: "nobody's"}})
	if late := f.wait(b, time.Second); late != nil {
		t.Errorf("late = %v for what nobody follows", late)
	}
	f.server.Changed([]store.Change{f.put("mine", gateway.Key{ID: "m"})})
	if u := f.next(); len(u.Keys) != 1 || u.Keys[0].Id != "m" {
		t.Errorf("update = %v, want only the followed key", u)
	}
}

func TestSettingsComeWithTheirKeysAndAreFollowed(t *testing.T) {
	f := setup(t)
	f.store.settings["s"] = &gateway.ProviderSetting{
		ID: "s", Provider: "openai", APIKey: gateway.NewSecret("credential"), Revision: 1,
		Params: map[string]string{"url": "https://llm.example.com:8443/base/v1"},
	}
	f.put("secret", gateway.Key{ID: "k", SettingIDs: []string{"s"}})
	f.subscribe("secret")
	u := f.next()
	if len(u.Settings) != 1 || len(u.Keys) != 1 {
		t.Fatalf("update = %v, want the key and its setting", u)
	}
	s := u.Settings[0]
	if s.Cluster != "upstream/https/llm.example.com:8443" || s.Authority != "llm.example.com:8443" || s.PathPrefix != "/base" || s.ApiKey != "credential" {
		t.Errorf("setting = %v", s)
	}
	f.store.change(func(r int64) {
		f.store.settings["s"].Revision = r
		f.store.settings["s"].APIKey = gateway.NewSecret("rotated")
	})
	f.server.Changed([]store.Change{{Kind: store.KindSetting, ID: "s"}})
	if u = f.next(); len(u.Settings) != 1 || u.Settings[0].ApiKey != "rotated" || len(u.Keys) != 0 {
		t.Errorf("after the change = %v, want the setting alone", u)
	}
	f.store.change(func(int64) { delete(f.store.settings, "s") })
	f.server.Changed([]store.Change{{Kind: store.KindSetting, ID: "s"}})
	if u = f.next(); !slices.Equal(u.RemovedSettings, []string{"s"}) {
		t.Errorf("after deletion = %v", u)
	}
}

func TestARotatedSecretEndsBeforeItsKey(t *testing.T) {
	soon, later := time.UnixMilli(1_000_000), time.UnixMilli(2_000_000)
	for name, c := range map[string]struct {
		key, secret time.Time
		want        int64
	}{
		"neither ends":         {time.Time{}, time.Time{}, 0},
		"only the key ends":    {later, time.Time{}, 2_000_000},
		"only the secret ends": {time.Time{}, soon, 1_000_000},
		"the secret first":     {later, soon, 1_000_000},
		"the key first":        {soon, later, 1_000_000},
	} {
		t.Run(name, func(t *testing.T) {
			f := setup(t)
			f.put("secret", gateway.Key{ID: "k", ExpiresAt: c.key})
			f.store.until[f.digest("secret")] = c.secret
			f.subscribe("secret")
			if got := f.next().Keys[0].ExpiresAtMs; got != c.want {
				t.Errorf("expires_at_ms = %d, want %d", got, c.want)
			}
		})
	}
}

// The lookup has read the key as good, then the key is revoked, then the lookup
// answers. The last word must be the revocation.
func TestALateLookupNeverRevivesARevokedKey(t *testing.T) {
	f := setup(t)
	f.put("secret", gateway.Key{ID: "k"})
	hold := make(chan chan struct{})
	f.store.mu.Lock()
	f.store.hold = hold
	f.store.mu.Unlock()
	f.subscribe("secret")
	gate := <-hold
	b := f.server.Changed([]store.Change{f.put("secret", gateway.Key{ID: "k", Revoked: true})})
	close(gate)
	first, second := f.next(), f.next()
	if first.Keys[0].Revoked || !second.Keys[0].Revoked || second.Keys[0].Revision <= first.Keys[0].Revision {
		t.Errorf("updates = %v then %v", first, second)
	}
	// The first answer does not cover the revocation.
	f.ack(first)
	if late := f.wait(b, 50*time.Millisecond); len(late) != 1 {
		t.Errorf("late = %v: the acknowledgement of the older update counted for the revocation", late)
	}
	f.ack(second)
	if late := f.wait(b, 3*time.Second); late != nil {
		t.Errorf("late = %v", late)
	}
}

func TestAStoreThatIsDownGivesNoAnswerAndThenTheRightOne(t *testing.T) {
	f := setup(t)
	f.put("secret", gateway.Key{ID: "k"})
	f.store.mu.Lock()
	f.store.down = true
	f.store.mu.Unlock()
	f.subscribe("secret")
	select {
	case u := <-f.got:
		t.Fatalf("answer with the store down: %v", u)
	case <-time.After(300 * time.Millisecond):
	}
	f.store.mu.Lock()
	f.store.down = false
	f.store.mu.Unlock()
	if u := f.next(); len(u.Keys) != 1 {
		t.Errorf("update = %v, want the key", u)
	}
}

// A processor that comes back asks for all it knew in one request. The answer
// must fit gRPC's default limit of 4 MiB, or it would never come up again.
func TestManyKeysAtOnceArriveInUpdatesThatFit(t *testing.T) {
	f := setup(t)
	const n = 20_000
	r := &configv1.ConfigRequest{}
	for i := range n {
		var raw secrets.Digest
		binary.BigEndian.PutUint64(raw[:], uint64(i))
		r.SubscribeKeys = append(r.SubscribeKeys, append([]byte(nil), raw[:]...))
		f.store.keys[f.ring.KeyDigest(raw)] = &gateway.Key{ID: "key", Name: string(make([]byte, 200)), Revision: 1}
	}
	f.send(r)
	for got := 0; got < n; {
		u := f.next()
		got += len(u.Keys)
		f.ack(u)
	}
}
