// Package controlplane distributes what the store holds: clusters to Envoy by
// delta ADS, keys and provider settings to processors by the config stream.
//
// Everything goes through one sync, which brings all receivers from one revision
// of the store to a later one, in the order that keeps requests working: new
// clusters first, then the settings that lead to them, then the removal of what
// nobody uses any more.
package controlplane

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"google.golang.org/grpc"

	"github.com/bricks-gateway/bricks/controlplane/ads"
	"github.com/bricks-gateway/bricks/controlplane/configserver"
	"github.com/bricks-gateway/bricks/controlplane/xds"
	"github.com/bricks-gateway/bricks/internal/secrets"
	"github.com/bricks-gateway/bricks/internal/store"
)

// Store is what the control plane reads.
type Store interface {
	configserver.Store
	ChangesSince(ctx context.Context, revision int64) ([]store.Change, error)
	Watch(ctx context.Context) <-chan struct{}
}

// Options configures a ControlPlane. Store, Keyring and Logger are required.
type Options struct {
	Store    Store
	Keyring  *secrets.Keyring
	Logger   *slog.Logger
	Listener xds.ListenerConfig
	// AllowUpstream lists host:port, addresses and CIDRs that may be private and
	// plain http.
	AllowUpstream []string
	// Resolver looks hosts up that come from settings; the system's if nil.
	Resolver Resolver
	// PollInterval is how often the store is asked for changes that no
	// notification told of; 1 s if 0.
	PollInterval time.Duration
}

// ackTimeout is how long a change waits for those who have to take it.
const ackTimeout = time.Second

// resolveInterval is how often the hosts of settings are looked up again.
const resolveInterval = 30 * time.Second

// ControlPlane is safe for concurrent use.
type ControlPlane struct {
	o      Options
	hosts  *hosts
	ads    *ads.Server
	config *configserver.Server

	syncing   chan struct{} // holds one token: syncs take turns
	mu        sync.Mutex
	applied   int64
	published ads.Snapshot
	missing   []string // of the last sync
}

// New returns a control plane that has published nothing yet.
func New(o Options) (*ControlPlane, error) {
	if o.PollInterval == 0 {
		o.PollInterval = time.Second
	}
	if o.Listener.CAFile == "" {
		o.Listener.CAFile = xds.FindCAFile(func(path string) bool {
			_, err := os.Stat(path)
			return err == nil
		})
	}
	allowed, err := parseAllowed(o.AllowUpstream)
	if err != nil {
		return nil, err
	}
	return &ControlPlane{
		o:       o,
		hosts:   newHosts(allowed, o.Resolver, o.Logger),
		ads:     ads.NewServer(o.Logger),
		config:  configserver.New(o.Store, o.Keyring, o.Logger),
		syncing: make(chan struct{}, 1),
		applied: -1,
	}, nil
}

// Register adds both discovery services to g.
func (c *ControlPlane) Register(g *grpc.Server) {
	c.ads.Register(g)
	c.config.Register(g)
}

// XDSStatus says how far every connected Envoy is.
func (c *ControlPlane) XDSStatus() ads.Status { return c.ads.Status() }

// CheckURL says why raw may not be a setting's url: nil when it may.
func (c *ControlPlane) CheckURL(raw string) error { return c.hosts.check(raw) }

// Run publishes the store's state and follows its changes until ctx ends.
func (c *ControlPlane) Run(ctx context.Context) error {
	watch := c.o.Store.Watch(ctx)
	poll := time.NewTicker(c.o.PollInterval)
	defer poll.Stop()
	resolve := time.NewTicker(resolveInterval)
	defer resolve.Stop()
	for {
		if err := c.sync(ctx, false); err != nil && ctx.Err() == nil {
			c.o.Logger.Error("changes not distributed, trying again", slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
			return nil
		case _, ok := <-watch:
			if !ok {
				watch = nil
			}
		case <-poll.C:
		case <-resolve.C:
			if err := c.sync(ctx, true); err != nil && ctx.Err() == nil {
				c.o.Logger.Error("hosts not resolved again", slog.Any("error", err))
			}
		}
	}
}

// Apply brings every receiver to at least this revision of the store, and
// returns the names of those that did not acknowledge within a second.
func (c *ControlPlane) Apply(ctx context.Context, revision int64) (unacknowledged []string) {
	// A caller that hangs up must not leave a change half distributed.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*ackTimeout)
	defer cancel()
	if !c.has(revision) {
		if err := c.sync(ctx, false); err != nil {
			c.o.Logger.Error("changes not distributed", slog.Any("error", err))
			return []string{"control plane"}
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.missing
}

func (c *ControlPlane) has(revision int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.applied >= revision
}

// sync distributes all changes since the last one. With again it publishes the
// clusters even if no setting changed, since their addresses may have.
func (c *ControlPlane) sync(ctx context.Context, again bool) error {
	select {
	case c.syncing <- struct{}{}:
		defer func() { <-c.syncing }()
	case <-ctx.Done():
		return ctx.Err()
	}
	c.mu.Lock()
	applied := c.applied
	c.mu.Unlock()
	changes, revision, err := c.changes(ctx, applied)
	if err != nil {
		return err
	}
	first := applied < 0
	if len(changes) == 0 && !again && !first {
		return nil
	}
	missing, err := c.distribute(ctx, changes, first || again)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.applied, c.missing = revision, missing
	return nil
}

func (c *ControlPlane) changes(ctx context.Context, applied int64) ([]store.Change, int64, error) {
	revision, err := c.o.Store.Revision(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("read revision: %w", err)
	}
	if applied < 0 || revision <= applied {
		return nil, max(revision, applied), nil
	}
	changes, err := c.o.Store.ChangesSince(ctx, applied)
	if err != nil {
		return nil, 0, fmt.Errorf("read changes: %w", err)
	}
	for _, change := range changes {
		revision = max(revision, change.Revision)
	}
	return changes, revision, nil
}

// distribute tells everyone of changes, in the safe order.
func (c *ControlPlane) distribute(ctx context.Context, changes []store.Change, clusters bool) (missing []string, err error) {
	for _, change := range changes {
		clusters = clusters || change.Kind == store.KindSetting
	}
	next := c.published
	if clusters {
		if next, err = c.snapshot(ctx); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, ackTimeout)
	defer cancel()
	if clusters {
		both := next.Merge(c.published)
		c.ads.Publish(both)
		missing = c.ads.Wait(ctx, both)
	}
	missing = append(missing, c.config.Changed(changes).Wait(ctx)...)
	if clusters {
		c.ads.Publish(next)
		c.published = next
	}
	return missing, nil
}

// snapshot builds Envoy's configuration from the store.
func (c *ControlPlane) snapshot(ctx context.Context) (ads.Snapshot, error) {
	settings, err := c.o.Store.Settings(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("read settings: %w", err)
	}
	resources, err := xds.Build(xds.State{Listener: c.o.Listener, Upstreams: c.hosts.upstreams(ctx, settings)})
	if err != nil {
		return nil, fmt.Errorf("build Envoy configuration: %w", err)
	}
	return ads.NewSnapshot(resources)
}
