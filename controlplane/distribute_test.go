package controlplane_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/bricks-gateway/bricks/controlplane"
	"github.com/bricks-gateway/bricks/controlplane/xds"
	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/secrets"
	"github.com/bricks-gateway/bricks/internal/store"
	"github.com/bricks-gateway/bricks/internal/store/storetest"
	"github.com/bricks-gateway/bricks/processor/configcache"
)

// plane is a control plane over a real store, with connected processors.
type plane struct {
	t       testing.TB
	db      *store.Store
	keyring *secrets.Keyring
	*controlplane.ControlPlane
	listener *bufconn.Listener
}

func start(t testing.TB) *plane {
	t.Helper()
	p := connected(t)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return p
}

// connected is a control plane that takes streams and has not begun to sync.
func connected(t testing.TB) *plane {
	t.Helper()
	keyring := storetest.Keyring(t)
	db, err := store.OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "bricks.db"), store.Options{Keyring: keyring, Author: storetest.Author()})
	if err != nil {
		t.Fatal(err)
	}
	c, err := controlplane.New(controlplane.Options{
		Store: db, Keyring: keyring, Logger: slog.New(slog.DiscardHandler),
		Listener: xds.ListenerConfig{Address: "127.0.0.1", Port: 8002}, AllowUpstream: []string{"127.0.0.1:1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	p := &plane{t: t, db: db, keyring: keyring, ControlPlane: c, listener: bufconn.Listen(1 << 20)}
	g := grpc.NewServer()
	c.Register(g)
	go func() { _ = g.Serve(p.listener) }()
	t.Cleanup(func() {
		g.Stop()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// processor connects one more processor.
func (p *plane) processor(name string) *configcache.Cache {
	p.t.Helper()
	conn, err := grpc.NewClient("passthrough:///x",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return p.listener.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		p.t.Fatal(err)
	}
	cache := configcache.New(configcache.Options{NodeID: name, Conn: conn, Logger: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = cache.Run(ctx) }()
	p.t.Cleanup(func() { cancel(); <-done; _ = conn.Close() })
	select {
	case <-cache.Ready():
	case <-time.After(5 * time.Second):
		p.t.Fatal("the processor did not connect")
	}
	return cache
}

func (p *plane) setting() *gateway.ProviderSetting {
	p.t.Helper()
	s := &gateway.ProviderSetting{Provider: "openai", APIKey: gateway.NewSecret("sk-one")}
	if err := p.db.CreateSetting(p.t.Context(), s); err != nil {
		p.t.Fatal(err)
	}
	p.apply(s.Revision)
	return s
}

func (p *plane) key(secret string, settings ...string) *gateway.Key {
	p.t.Helper()
	k := &gateway.Key{Name: secret, SettingIDs: settings}
	if err := p.db.CreateKey(p.t.Context(), k, store.NewSecret{Digest: p.keyring.KeyDigest(secrets.HashKey(secret))}); err != nil {
		p.t.Fatal(err)
	}
	p.apply(k.Revision)
	return k
}

// apply waits until all have acknowledged, on a machine that is busy for longer
// than the answer to an admin waits.
func (p *plane) apply(revision int64) {
	p.t.Helper()
	missing := p.Apply(p.t.Context(), revision)
	for deadline := time.Now().Add(10 * time.Second); len(missing) > 0 && time.Now().Before(deadline); {
		missing = p.Apply(p.t.Context(), revision)
	}
	if len(missing) > 0 {
		p.t.Errorf("not acknowledged by %v", missing)
	}
}

func (p *plane) update(id string, change func(*gateway.Key)) {
	p.t.Helper()
	k, err := p.db.UpdateKey(p.t.Context(), id, func(k *gateway.Key) error { change(k); return nil })
	if err != nil {
		p.t.Fatal(err)
	}
	p.apply(k.Revision)
}

// look returns what a processor knows right now, as a request would.
func look(t testing.TB, c *configcache.Cache, secret string) (*gateway.Key, gateway.Kind) {
	t.Helper()
	k, err := c.Key(t.Context(), secrets.HashKey(secret))
	return k, gateway.KindOf(err)
}

// Each step's effect is there as soon as Apply returns: no waiting, no polling.
func TestAWriteIsInForceWhenApplyReturns(t *testing.T) {
	p := start(t)
	a, b := p.processor("a"), p.processor("b")
	s := p.setting()
	for _, c := range []*configcache.Cache{a, b} {
		if k, kind := look(t, c, "new-key-1"); kind != gateway.Unauthorized {
			t.Fatalf("unknown key = %+v, %s", k, kind)
		}
	}
	k := p.key("new-key-1", s.ID)
	for _, c := range []*configcache.Cache{a, b} {
		if got, kind := look(t, c, "new-key-1"); kind != "" || got.ID != k.ID {
			t.Errorf("a refused key that was made since = %+v, %s", got, kind)
		}
		if got, ok := c.Setting(s.ID); !ok || got.APIKey.Reveal() != "sk-one" || got.Cluster != "upstream/https/api.openai.com:443" {
			t.Errorf("setting = %+v, %v", got, ok)
		}
	}
	changed, err := p.db.UpdateSetting(t.Context(), s.ID, func(s *gateway.ProviderSetting) error {
		s.APIKey = gateway.NewSecret("sk-two")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	p.apply(changed.Revision)
	if got, _ := a.Setting(s.ID); got.APIKey.Reveal() != "sk-two" {
		t.Error("the old credential is still in use")
	}
	p.update(k.ID, func(k *gateway.Key) { k.Revoked = true })
	for _, c := range []*configcache.Cache{a, b} {
		if got, _ := look(t, c, "new-key-1"); got == nil || !got.Revoked {
			t.Errorf("after revocation: %+v", got)
		}
	}
	revision, err := p.db.DeleteKey(t.Context(), k.ID)
	if err != nil {
		t.Fatal(err)
	}
	p.apply(revision)
	if got, kind := look(t, b, "new-key-1"); kind != gateway.Unauthorized {
		t.Errorf("after deletion: %+v, %s", got, kind)
	}
}

// A processor is told "no such key" before the control plane's first sync, and
// the key is made before it too: the sync has no earlier revision to compare with.
func TestAChangeBeforeTheFirstSyncIsNotLost(t *testing.T) {
	p := connected(t)
	c := p.processor("early")
	if k, kind := look(t, c, "early-key"); kind != gateway.Unauthorized {
		t.Fatalf("unknown key = %+v, %s", k, kind)
	}
	p.key("early-key")
	if _, kind := look(t, c, "early-key"); kind != "" {
		t.Errorf("a key made before the first sync is %s", kind)
	}
}

func TestARotatedSecretEndsAtItsTime(t *testing.T) {
	p := start(t)
	c := p.processor("a")
	k := p.key("old-secret", p.setting().ID)
	if _, kind := look(t, c, "old-secret"); kind != "" {
		t.Fatal(kind)
	}
	until := time.Now().Add(time.Hour).Truncate(time.Millisecond)
	rotated, err := p.db.RotateKey(t.Context(), k.ID, store.NewSecret{Digest: p.keyring.KeyDigest(secrets.HashKey("new-secret"))}, until)
	if err != nil {
		t.Fatal(err)
	}
	p.apply(rotated.Revision)
	if got, _ := look(t, c, "old-secret"); got == nil || !got.ExpiresAt.Equal(until) {
		t.Errorf("old secret's key = %+v, want one that ends at %v", got, until)
	}
	if got, _ := look(t, c, "new-secret"); got == nil || !got.ExpiresAt.IsZero() {
		t.Errorf("new secret's key = %+v, want one without an end", got)
	}
}

// Lookups and a revocation race: once Apply returned, no processor may say that
// the key is good, whatever answer was under way.
func TestALateLookupNeverRevivesARevokedKey(t *testing.T) {
	p := start(t)
	s := p.setting()
	for i := range 100 {
		secret := fmt.Sprintf("race-key-%d", i)
		k := p.key(secret, s.ID)
		c := p.processor(secret)
		asked := make(chan struct{})
		go func() { defer close(asked); _, _ = c.Key(context.Background(), secrets.HashKey(secret)) }()
		p.update(k.ID, func(k *gateway.Key) { k.Revoked = true })
		if got, kind := look(t, c, secret); kind != "" || !got.Revoked {
			t.Fatalf("round %d: key = %+v, %s", i, got, kind)
		}
		<-asked
	}
}
