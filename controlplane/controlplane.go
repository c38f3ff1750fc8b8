// Package controlplane distributes what the store holds: clusters to Envoy by
// delta ADS, keys, users and provider settings to processors by the config stream.
//
// Everything goes through one sync, which brings all receivers from one revision
// of the store to a later one, in the order that keeps requests working: new
// clusters first, then the settings that lead to them, then the removal of what
// nobody uses any more.
//
// Beside it a Collector asks providers, by the same rules for where settings may
// lead, what work has cost that went on after the answer to its request.
package controlplane

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
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
	// StaleAfter is how long a processor without a config stream serves what it
	// knows, and is named as one that did not acknowledge; 1h if 0.
	StaleAfter time.Duration
	// LockCounting is the config stream's, see configserver.Options.
	LockCounting func(ctx context.Context) (release func(), err error)
	// Registerer takes the metrics; none are kept if nil.
	Registerer prometheus.Registerer
}

const (
	// ackTimeout is how long a change waits for those who have to take it.
	ackTimeout = time.Second
	// clusterTimeout is how much of it processors wait for the Envoys: an Envoy
	// that hangs must not hold up a revocation.
	clusterTimeout = 400 * time.Millisecond
	// resolveInterval is how often the hosts of settings are looked up again,
	// resolveRetry how soon when one of them is not known yet.
	resolveInterval = 30 * time.Second
	resolveRetry    = 2 * time.Second
	// retireAfter is how long a cluster without a setting stays for processors
	// that do not acknowledge that the setting is gone.
	retireAfter = 30 * time.Second
	// retireInterval is how often that is looked at.
	retireInterval = 250 * time.Millisecond
	// maxTold bounds the syncs whose acknowledgements are remembered.
	maxTold = 1_000
)

// ControlPlane is safe for concurrent use.
type ControlPlane struct {
	o       Options
	hosts   *hosts
	ads     *ads.Server
	config  *configserver.Server
	customs *customs
	metrics *metrics

	syncing chan struct{} // holds one token: syncs take turns
	// Both need the token: since when published may hold more than goal, and
	// whether it may.
	retiredAt time.Time
	retiring  bool

	mu        sync.Mutex
	applied   int64
	published ads.Snapshot
	goal      ads.Snapshot // published, without what is being retired
	told      []told       // what processors may not have acknowledged yet
}

// told is what one sync told the processors.
type told struct {
	after   int64 // it is about revisions after this one
	barrier configserver.Barrier
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
	c := &ControlPlane{
		o:     o,
		hosts: newHosts(allowed, o.Resolver, o.Logger),
		ads:   ads.NewServer(o.Logger),
		config: configserver.New(configserver.Options{
			Store: o.Store, Keyring: o.Keyring, StaleAfter: o.StaleAfter, LockCounting: o.LockCounting,
		}, o.Logger),
		syncing: make(chan struct{}, 1),
		applied: -1,
	}
	c.customs = newCustoms(c.hosts, c.ads, o.Listener.CAFile, o.Logger)
	c.metrics = newMetrics(o.Registerer, c)
	return c, nil
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

// NewURLCheck is CheckURL for a process that runs no control plane. allowUpstream
// is as in Options, and must be the same as theirs.
func NewURLCheck(allowUpstream []string, r Resolver, logger *slog.Logger) (func(raw string) error, error) {
	allowed, err := parseAllowed(allowUpstream)
	if err != nil {
		return nil, err
	}
	return newHosts(allowed, r, logger).check, nil
}

// Run publishes the store's state and follows its changes until ctx ends.
func (c *ControlPlane) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	wg.Go(func() { c.resolve(ctx) })
	wg.Go(func() { c.customs.serve(ctx) })
	defer wg.Wait()
	watch := c.o.Store.Watch(ctx)
	poll := time.NewTicker(c.o.PollInterval)
	defer poll.Stop()
	retire := time.NewTicker(retireInterval)
	defer retire.Stop()
	c.trySync(ctx, false)
	for {
		select {
		case <-ctx.Done():
			return nil
		case _, ok := <-watch:
			if !ok {
				watch = nil
			}
			c.trySync(ctx, false)
		case <-poll.C:
			c.trySync(ctx, false)
		case <-retire.C:
			c.retire(ctx)
		}
	}
}

func (c *ControlPlane) trySync(ctx context.Context, again bool) {
	if err := c.sync(ctx, again); err != nil && ctx.Err() == nil {
		c.o.Logger.Error("changes not distributed, trying again", slog.Any("error", err))
	}
}

// resolve keeps the addresses of settings' hosts fresh until ctx ends.
func (c *ControlPlane) resolve(ctx context.Context) {
	next := time.NewTimer(resolveRetry)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		}
		settings, err := c.o.Store.Settings(ctx, nil)
		resolved := err == nil && c.hosts.refresh(ctx, settings)
		c.customs.refresh(ctx)
		c.trySync(ctx, true)
		if resolved {
			next.Reset(resolveInterval)
		} else {
			next.Reset(resolveRetry)
		}
	}
}

// Apply brings every receiver to at least this revision of the store, and
// returns the names of those that did not acknowledge within a second.
func (c *ControlPlane) Apply(ctx context.Context, revision int64) (unacknowledged []string) {
	// A caller that hangs up must not leave a change half distributed.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*ackTimeout)
	defer cancel()
	wait, cancelWait := context.WithTimeout(ctx, ackTimeout)
	defer cancelWait()
	if !c.has(revision) {
		if err := c.sync(ctx, false); err != nil {
			c.o.Logger.Error("changes not distributed", slog.Any("error", err))
			return []string{"control plane"}
		}
	}
	c.mu.Lock()
	// Not what is published: of that, something may be retired meanwhile.
	goal, earlier := c.goal, slices.Clone(c.told)
	c.mu.Unlock()
	missing := c.ads.Wait(wait, goal)
	for _, t := range earlier {
		if t.after < revision {
			missing = append(missing, t.barrier.Wait(wait)...)
		}
	}
	slices.Sort(missing)
	return slices.Compact(missing)
}

func (c *ControlPlane) has(revision int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.applied >= revision
}

// sync distributes all changes since the last one. With again it publishes the
// clusters even if no setting changed, since their addresses may have.
func (c *ControlPlane) sync(ctx context.Context, again bool) (err error) {
	defer func() { c.metrics.synced(ctx, err) }()
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
	if first {
		if err := c.loadCustoms(ctx); err != nil {
			return fmt.Errorf("read custom providers: %w", err)
		}
	}
	if len(changes) == 0 && !again && !first {
		return nil
	}
	barrier, err := c.distribute(ctx, changes, first || again)
	if first && err == nil {
		// Streams may have been answered before, and a change have come since.
		barrier = c.config.Resync()
	}
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.applied = revision
	if len(barrier) > 0 {
		c.told = append(c.told, told{applied, barrier})
		// A processor that reads but never acknowledges costs bounded memory.
		if len(c.told) > maxTold {
			c.told = slices.Delete(c.told, 0, len(c.told)-maxTold)
		}
	}
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

// distribute tells everyone of changes, in the safe order. It waits for the
// Envoys only, and only so long: who has to know waits without the token.
func (c *ControlPlane) distribute(ctx context.Context, changes []store.Change, clusters bool) (configserver.Barrier, error) {
	for _, change := range changes {
		clusters = clusters || change.Kind == store.KindSetting
	}
	customs, err := c.changeCustoms(ctx, changes)
	if err != nil {
		return nil, fmt.Errorf("read custom providers: %w", err)
	}
	if customs {
		c.retiring, c.retiredAt = true, time.Now()
	}
	if clusters {
		next, err := c.snapshot(ctx)
		if err != nil {
			return nil, err
		}
		// What is no longer wanted stays until no processor can name it.
		c.publish(next.Merge(c.current()), next)
		c.retiring, c.retiredAt = true, time.Now()
		ctx, cancel := context.WithTimeout(ctx, clusterTimeout)
		defer cancel()
		c.ads.Wait(ctx, c.current())
	}
	return c.config.Changed(changes), nil
}

func (c *ControlPlane) current() ads.Snapshot {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.published
}

func (c *ControlPlane) publish(s, goal ads.Snapshot) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.published, c.goal = s, goal
	c.ads.Publish(s)
}

// retire drops the clusters without a setting once every processor has
// acknowledged all that it was told, or has had long enough for it.
func (c *ControlPlane) retire(ctx context.Context) {
	select {
	case c.syncing <- struct{}{}:
		defer func() { <-c.syncing }()
	case <-ctx.Done():
		return
	}
	settled := c.settled()
	if !c.retiring || (!settled && time.Since(c.retiredAt) < retireAfter) {
		return
	}
	c.mu.Lock()
	goal := c.goal
	c.mu.Unlock()
	c.publish(goal, goal)
	c.customs.retire()
	c.retiring = false
}

// settled forgets what is acknowledged and reports whether all is.
func (c *ControlPlane) settled() bool {
	over, cancel := context.WithCancel(context.Background())
	cancel() // waiting with it is asking
	c.mu.Lock()
	defer c.mu.Unlock()
	c.told = slices.DeleteFunc(c.told, func(t told) bool { return len(t.barrier.Wait(over)) == 0 })
	return len(c.told) == 0
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
