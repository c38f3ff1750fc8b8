package controlplane

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"

	"github.com/bricks-gateway/bricks/controlplane/ads"
	"github.com/bricks-gateway/bricks/controlplane/xds"
	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/provider"
	"github.com/bricks-gateway/bricks/internal/store"
)

// fetchTimeout bounds the lookup for a cluster that an Envoy waits for. Envoy
// waits a little longer.
const fetchTimeout = 2 * time.Second

// customs knows the clusters of custom providers' origins. There may be very
// many of them, so a cluster is built, and its host looked up, when an Envoy
// first asks for it; from then on it is kept fresh. A change costs the same
// however many there are.
type customs struct {
	hosts  *hosts
	ads    *ads.Server
	caFile string
	logger *slog.Logger
	wake   chan struct{}

	mu         sync.Mutex
	origins    map[string]*customOrigin // by cluster
	byProvider map[string][]string      // clusters by the provider's id
	queue      []string                 // clusters that wait for their lookup
}

type customOrigin struct {
	provider.Origin
	users     int  // custom providers that lead there; 0: to be retired
	asked     bool // an Envoy has it, or waits for it
	published bool
	addresses []netip.Addr // that are published
}

func newCustoms(h *hosts, a *ads.Server, caFile string, logger *slog.Logger) *customs {
	c := &customs{
		hosts: h, ads: a, caFile: caFile, logger: logger, wake: make(chan struct{}, 1),
		origins: map[string]*customOrigin{}, byProvider: map[string][]string{},
	}
	a.ServeOnDemand(provider.IsCustomCluster, c.want)
	return c
}

// set makes p what the custom provider with this id is; nil: it is gone.
func (c *customs) set(id string, p *gateway.CustomProvider) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, name := range c.byProvider[id] {
		c.origins[name].users--
	}
	delete(c.byProvider, id)
	if p == nil {
		return
	}
	var names []string
	for _, r := range p.Routes {
		t, err := provider.ParseTarget(r.TargetURL)
		if err != nil {
			// The admin API refuses such a route, and processors too.
			c.logger.Error("custom route leads nowhere", slog.String("provider_id", id), slog.Any("error", err))
			continue
		}
		name := t.Origin.CustomCluster()
		if slices.Contains(names, name) {
			continue
		}
		names = append(names, name)
		o := c.origins[name]
		if o == nil {
			o = &customOrigin{Origin: t.Origin}
			c.origins[name] = o
			if c.ads.ReopenOnDemand(name) {
				c.ask(name, o)
			}
		}
		o.users++
	}
	c.byProvider[id] = names
}

// want is told of each cluster that an Envoy asks for.
func (c *customs) want(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	o := c.origins[name]
	if o == nil {
		c.publish(name, nil)
		return
	}
	c.ask(name, o)
}

// ask needs c.mu.
func (c *customs) ask(name string, o *customOrigin) {
	o.asked = true
	if !o.published {
		c.queue = append(c.queue, name)
		select {
		case c.wake <- struct{}{}:
		default:
		}
	}
}

// serve looks up what Envoys wait for, until ctx ends, and soon again what was
// not found.
func (c *customs) serve(ctx context.Context) {
	retry := time.NewTicker(resolveRetry)
	defer retry.Stop()
	var g errgroup.Group
	g.SetLimit(32)
	defer func() { _ = g.Wait() }() // no function returns an error
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
		case <-retry.C:
			c.retryUnknown()
		}
		c.mu.Lock()
		names := c.queue
		c.queue = nil
		c.mu.Unlock()
		for _, name := range names {
			g.Go(func() error {
				c.fetch(ctx, name)
				return nil
			})
		}
	}
}

// retryUnknown queues the clusters whose hosts were asked for and never found.
func (c *customs) retryUnknown() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, o := range c.origins {
		if o.asked && c.hosts.known(o.Host) == nil && c.lookable(o) {
			c.queue = append(c.queue, name)
		}
	}
}

// lookable reports whether o's host is looked up at all: plain http is for what
// the operator allowed.
func (c *customs) lookable(o *customOrigin) bool {
	return o.Scheme == "https" || c.hosts.allowed.plain(o.Origin)
}

func (c *customs) fetch(ctx context.Context, name string) {
	c.mu.Lock()
	o := c.origins[name]
	c.mu.Unlock()
	if o == nil {
		return // retired meanwhile, which was published
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	c.found(name, o, c.hosts.addresses(ctx, o.Origin))
}

// found publishes o's cluster with these addresses, unless that is what is
// published.
func (c *customs) found(name string, o *customOrigin, addresses []netip.Addr) {
	slices.SortFunc(addresses, netip.Addr.Compare)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.origins[name] != o || o.published && slices.Equal(o.addresses, addresses) {
		return
	}
	_, cluster, err := xds.OnDemandCluster(xds.Upstream{Origin: o.Origin, Addresses: addresses}, c.caFile)
	if err != nil {
		c.logger.Error("cluster of a custom provider not built", slog.String("cluster", name), slog.Any("error", err))
		cluster = nil // rather than leave Envoy waiting
	}
	o.published, o.addresses = true, addresses
	c.publish(name, cluster)
}

// publish needs c.mu, so that publications of one name keep their order.
func (c *customs) publish(name string, cluster proto.Message) {
	if err := c.ads.PublishOnDemand(name, cluster); err != nil {
		c.logger.Error("cluster of a custom provider not published", slog.String("cluster", name), slog.Any("error", err))
	}
}

// refresh looks up again all that Envoys have.
func (c *customs) refresh(ctx context.Context) {
	var all []xds.Upstream
	var origins []*customOrigin
	c.mu.Lock()
	for _, o := range c.origins {
		if o.asked {
			all, origins = append(all, xds.Upstream{Origin: o.Origin}), append(origins, o)
		}
	}
	c.mu.Unlock()
	c.hosts.each(ctx, refreshTimeout, all, func(ctx context.Context, u *xds.Upstream) {
		u.Addresses = c.hosts.addresses(ctx, u.Origin)
	})
	for i, u := range all {
		c.found(u.Origin.CustomCluster(), origins[i], u.Addresses)
	}
}

// retire takes away the clusters that no custom provider leads to any more.
func (c *customs) retire() {
	c.mu.Lock()
	for name, o := range c.origins {
		if o.users == 0 {
			delete(c.origins, name)
			c.publish(name, nil)
		}
	}
	c.mu.Unlock()
	c.ads.SweepOnDemand()
}

// loadCustoms reads all custom providers, before anything is published.
func (c *ControlPlane) loadCustoms(ctx context.Context) error {
	all, err := c.o.Store.CustomProviders(ctx, store.CustomProviderFilter{})
	if err != nil {
		return err
	}
	for _, p := range all {
		c.customs.set(p.ID, p)
	}
	return nil
}

// changeCustoms follows changes of custom providers. changed says that there
// were any.
func (c *ControlPlane) changeCustoms(ctx context.Context, changes []store.Change) (changed bool, err error) {
	now := map[string]*gateway.CustomProvider{}
	var ids []string
	for _, change := range changes {
		if change.Kind == store.KindCustomProvider {
			ids = append(ids, change.ID)
			now[change.ID] = nil
		}
	}
	if len(ids) == 0 {
		return false, nil
	}
	list, err := c.o.Store.CustomProviders(ctx, store.CustomProviderFilter{IDs: ids})
	if err != nil {
		return false, err
	}
	for _, p := range list {
		now[p.ID] = p
	}
	for id, p := range now {
		c.customs.set(id, p)
	}
	return true, nil
}
