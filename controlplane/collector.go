package controlplane

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/pricing"
	"github.com/bricks-gateway/bricks/internal/store"
)

// CollectorStore is what a Collector needs of the store.
type CollectorStore interface {
	PendingEvents(ctx context.Context, after store.EventCursor, limit int) ([]*gateway.Event, store.EventCursor, error)
	ChargeEvent(ctx context.Context, c store.Charge) (made []*gateway.Event, settled bool, err error)
	Settings(ctx context.Context, ids []string) ([]*gateway.ProviderSetting, error)
	PriceOverrides(ctx context.Context) ([]*gateway.PriceOverride, error)
}

// CollectorOptions configures a Collector. Store and Logger are required.
type CollectorOptions struct {
	Store  CollectorStore
	Logger *slog.Logger
	// AllowUpstream and Resolver are as in Options.
	AllowUpstream []string
	Resolver      Resolver
	// Registerer takes the metrics; none are kept if nil.
	Registerer prometheus.Registerer
	// Charged tells those who count money of new events; nil: nobody.
	Charged func(ctx context.Context, events []*gateway.Event) error
	// Interval is how often pending events are looked for, and the least time
	// between two questions about one; 2 s if 0.
	Interval time.Duration
	// Now is the clock; time.Now if nil.
	Now func() time.Time
}

const (
	pendingPage = 500
	// maxTaken bounds the events of a setting that are taken up at once.
	maxTaken = 500
	// An ended job must not wait long, and one that takes days is not asked for
	// every few seconds.
	longestWait = 5 * time.Minute
	waitOfAge   = 10
	// No provider keeps a job's state for longer.
	oldestJob = 32 * 24 * time.Hour
	// maxMissing is how often in a row a job must be unknown to its provider.
	maxMissing = 3
	// Calls that run at once: each may hold an object or a line in memory. No
	// setting, whose server may be slow on purpose, takes all of them.
	maxCalls        = 16
	maxSettingCalls = 4
)

// Collector charges what is billed after the answer to its request: it asks the
// providers what became of the work that pending events name. Any number may run
// on one database: each job is charged once.
type Collector struct {
	o       CollectorOptions
	hosts   *hosts
	metrics *collectorMetrics
	calls   chan struct{}
	running sync.WaitGroup

	maxResults int64 // bytes of all results of a batch

	mu    sync.Mutex
	turns map[string]*turn // by event
	busy  map[string]bool  // settings with calls running
}

// turn is when an event's job is asked for again.
type turn struct {
	next    time.Time
	missing int // answers in a row that there is no such job
}

// NewCollector returns a collector that has not begun.
func NewCollector(o CollectorOptions) (*Collector, error) {
	if o.Interval == 0 {
		o.Interval = 2 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	allowed, err := parseAllowed(o.AllowUpstream)
	if err != nil {
		return nil, err
	}
	return &Collector{
		o: o, hosts: newHosts(allowed, o.Resolver, o.Logger), metrics: newCollectorMetrics(o.Registerer),
		calls: make(chan struct{}, maxCalls), maxResults: maxResults, turns: map[string]*turn{}, busy: map[string]bool{},
	}, nil
}

// Run collects until ctx ends.
func (c *Collector) Run(ctx context.Context) error {
	defer c.running.Wait()
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-next.C:
		}
		start := time.Now()
		if err := c.round(ctx); err != nil && ctx.Err() == nil {
			c.o.Logger.Error("pending events not read, trying again", slog.Any("error", err))
		}
		// Very many may be pending: reading them takes a tenth of the time at most.
		next.Reset(max(c.o.Interval, 10*time.Since(start)))
	}
}

// round begins to ask for every job whose turn has come. A setting with calls
// from an earlier round waits for the next one.
func (c *Collector) round(ctx context.Context) error {
	due, err := c.due(ctx)
	if err != nil || len(due) == 0 {
		return err
	}
	ids := make([]string, 0, len(due))
	for id := range due {
		ids = append(ids, id)
	}
	found, err := c.o.Store.Settings(ctx, ids)
	if err != nil {
		return err
	}
	settings := make(map[string]*gateway.ProviderSetting, len(found))
	for _, s := range found {
		settings[s.ID] = s
	}
	book, err := c.book(ctx)
	if err != nil {
		return err
	}
	for id, events := range due {
		c.take(id, true)
		c.running.Go(func() {
			defer c.take(id, false)
			c.collectAll(ctx, events, settings[id], book)
		})
	}
	return nil
}

// due reads all pending events and returns, by setting, those whose turn has
// come. Of the others it remembers nothing but their turns. Of several events of
// one job the oldest is charged, which began it; the others wait for that.
func (c *Collector) due(ctx context.Context) (map[string][]*gateway.Event, error) {
	due, seen, begun := map[string][]*gateway.Event{}, map[string]bool{}, map[string]bool{}
	for after := (store.EventCursor{}); ; {
		page, next, err := c.o.Store.PendingEvents(ctx, after, pendingPage)
		if err != nil {
			return nil, err
		}
		c.mu.Lock()
		for _, e := range page {
			seen[e.ID] = true
			job := e.Provider + e.Job
			if begun[job] {
				continue
			}
			begun[job] = true
			if !c.busy[e.SettingID] && len(due[e.SettingID]) < maxTaken && !c.nextTurn(e).After(c.o.Now()) {
				due[e.SettingID] = append(due[e.SettingID], e)
			}
		}
		c.mu.Unlock()
		if after = next; next == (store.EventCursor{}) {
			break
		}
	}
	c.metrics.pending.Set(float64(len(seen)))
	c.mu.Lock()
	defer c.mu.Unlock()
	for id := range c.turns {
		if !seen[id] {
			delete(c.turns, id) // settled, here or by another collector
		}
	}
	return due, nil
}

// nextTurn is when e's job is to be asked for. It needs the lock.
func (c *Collector) nextTurn(e *gateway.Event) time.Time {
	if t := c.turns[e.ID]; t != nil {
		return t.next
	}
	return e.CreatedAt.Add(c.o.Interval)
}

func (c *Collector) take(setting string, taken bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.busy[setting] = taken; !taken {
		delete(c.busy, setting)
	}
}

// again notes when e's job is asked for next, and how often in a row it has been
// missing.
func (c *Collector) again(e *gateway.Event, missing bool) (missed int) {
	now := c.o.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.turns[e.ID]
	if t == nil {
		t = &turn{}
		c.turns[e.ID] = t
	}
	t.next = now.Add(min(max(now.Sub(e.CreatedAt)/waitOfAge, c.o.Interval), longestWait))
	if t.missing++; !missing {
		t.missing = 0
	}
	return t.missing
}

// collectAll asks for the jobs of one setting's events; s is nil when the setting
// is gone.
func (c *Collector) collectAll(ctx context.Context, events []*gateway.Event, s *gateway.ProviderSetting, book *pricing.Book) {
	var group errgroup.Group
	group.SetLimit(maxSettingCalls)
	for _, e := range events {
		group.Go(func() error {
			select {
			case c.calls <- struct{}{}:
				defer func() { <-c.calls }()
				c.collect(ctx, e, s, book)
			case <-ctx.Done():
			}
			return nil
		})
	}
	_ = group.Wait() // nothing fails: what cannot be settled is asked for again
}

func (c *Collector) book(ctx context.Context) (*pricing.Book, error) {
	overrides, err := c.o.Store.PriceOverrides(ctx)
	if err != nil {
		return nil, err
	}
	return pricing.NewBook(pricing.Default(), overrides, ""), nil
}

// collectorMetrics are what operators watch. Jobs that are not charged count by
// the reason.
type collectorMetrics struct {
	pending prometheus.Gauge
	jobs    *prometheus.CounterVec
	charged *prometheus.CounterVec
}

func newCollectorMetrics(r prometheus.Registerer) *collectorMetrics {
	m := &collectorMetrics{
		pending: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "bricks_pending_jobs", Help: "Events whose cost is not known yet: their provider still works on what they started."}),
		jobs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bricks_charged_jobs_total", Help: "Jobs that are pending no more, by provider and outcome: charged, free, or why their cost stays unknown.",
		}, []string{"provider", "outcome"}),
	}
	m.charged = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "bricks_charged_usd_total", Help: "What was charged after the answer to its request, in dollars, by provider.",
	}, []string{"provider"})
	if r != nil {
		r.MustRegister(m.pending, m.jobs, m.charged)
	}
	return m
}
