// Package configcache holds what a processor knows of keys, users, policies and
// provider settings, fed by the control plane's config stream.
//
// A key is asked for the first time it is presented, by SHA-256 of its secret,
// and followed from then on, as are the settings and the policy that come with it:
// changes are pushed. "No such key" is an answer
// that is followed too. Users are asked for in the same way, by the end user that
// a request names and its key. Reading what is known takes no lock and no I/O.
package configcache

import (
	"context"
	"crypto/rand"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/pricing"
	configv1 "github.com/bricks-gateway/bricks/proto/config/v1"
)

// Digest is the SHA-256 of a presented key.
type Digest = [32]byte

// Setting is a provider setting as the processor needs it.
type Setting struct {
	gateway.ProviderSetting
	Cluster    string // the Envoy cluster
	Authority  string
	PathPrefix string
}

// maxAbsent is how many unknown keys are remembered. A flood of random keys
// then costs bounded memory, and one question to the control plane each.
const maxAbsent = 10_000

// maxKnown is how many keys are remembered, the latest learned. With maxAbsent it
// stays below what the control plane lets one stream follow.
const maxKnown = 80_000

// Options configures a Cache. Conn and NodeID are required.
type Options struct {
	NodeID string
	Conn   grpc.ClientConnInterface
	// StaleAfter is how long known keys are served without a control plane; 1h if 0.
	StaleAfter time.Duration
	// LookupTimeout bounds the wait for an answer about a new key; 2s if 0.
	LookupTimeout time.Duration
	// MaxEndUsers is how many end users are remembered, whether or not users match
	// them; 50,000 if 0. Clients choose the names, so there is no end to them.
	MaxEndUsers int
	// CountsInProcess says that limits are counted in this process, so that no
	// second one may do so: the control plane refuses one of them.
	CountsInProcess bool
	// UnknownPrice holds while the control plane has none stored; deny if empty.
	UnknownPrice gateway.UnknownPricePolicy
	// RoutesKnown is told the version of every route, by id, whenever one comes,
	// changes or goes. It must not block, and gets a map of its own.
	RoutesKnown func(revisions map[string]int64)
	// Registerer takes the metrics; none are kept if nil.
	Registerer prometheus.Registerer
	Logger     *slog.Logger
}

// Cache is safe for concurrent use. Run must be running for lookups of new keys
// to be answered.
type Cache struct {
	o        Options
	keys     sync.Map // Digest → *entry
	settings atomic.Pointer[map[string]*Setting]
	customs  sync.Map // name → *provider.Custom
	policies sync.Map // id → *heldPolicy
	users    userMemory
	prices   atomic.Pointer[pricing.Book]
	outbox   chan *configv1.ConfigRequest

	customsKnown atomic.Bool // some stream told all custom providers

	instance    string
	maxKnown    int
	connected   atomic.Bool
	displaced   atomic.Bool   // another processor counts in its process now
	ready       chan struct{} // closed at the first connection
	readyOnce   sync.Once
	lastContact atomic.Int64 // Unix nanoseconds
	revision    atomic.Int64 // of the store, the latest that an update reflected

	mu     sync.Mutex
	custom customs
	absent []Digest      // oldest first
	known  []Digest      // oldest first
	epoch  atomic.Uint64 // written under mu; counts streams: what an older stream said never outlives a newer answer

	keyQuestions  questions[Digest]
	userQuestions questions[endUser]

	routes    atomic.Pointer[routeTable] // nil: not told yet
	arriving  map[string]*gateway.Route  // all routes, while not all of them are there; needs mu
	ticketKey atomic.Pointer[[]byte]
}

// entry is what is known about one digest: a key, or that there is none.
type entry struct {
	key      *gateway.Key // nil: no such key
	revision int64
	epoch    uint64
}

// New returns a cache that knows nothing yet.
func New(o Options) *Cache {
	if o.StaleAfter == 0 {
		o.StaleAfter = time.Hour
	}
	if o.LookupTimeout == 0 {
		o.LookupTimeout = 2 * time.Second
	}
	if o.MaxEndUsers == 0 {
		o.MaxEndUsers = 50_000
	}
	c := &Cache{
		o:             o,
		outbox:        make(chan *configv1.ConfigRequest, 4*maxPending),
		ready:         make(chan struct{}),
		keyQuestions:  newQuestions[Digest](),
		userQuestions: newQuestions[endUser](),
		custom:        customs{names: map[string]string{}, told: map[string]bool{}},

		instance: rand.Text(), maxKnown: maxKnown,
	}
	c.settings.Store(&map[string]*Setting{})
	c.prices.Store(pricing.NewBook(pricing.Default(), nil, o.UnknownPrice))
	c.watch(o.Registerer)
	return c
}

// Ready is closed once the control plane has been reached for the first time.
func (c *Cache) Ready() <-chan struct{} { return c.ready }

// Connected reports whether the config stream is up now.
func (c *Cache) Connected() bool { return c.connected.Load() }

// Check says why known keys are not served now; nil when they are.
func (c *Cache) Check() error {
	if c.displaced.Load() {
		return unavailable("another processor counts limits in this one's place")
	}
	if !c.connected.Load() && time.Since(time.Unix(0, c.lastContact.Load())) > c.o.StaleAfter {
		return unavailable("the gateway's configuration is too old to be trusted")
	}
	return nil
}

// unavailable is answered while the control plane cannot be asked: never "no
// such key", which would send a good key's holder away.
func unavailable(message string) error {
	return &gateway.Error{Kind: gateway.Unavailable, Message: message}
}

// Key returns the key whose secret has this digest. The error's kind is
// Unauthorized when there is none and Unavailable when that cannot be known now.
func (c *Cache) Key(ctx context.Context, d Digest) (*gateway.Key, error) {
	e, ok := c.lookup(d)
	if !ok {
		var err error
		if e, err = c.ask(ctx, d); err != nil {
			return nil, err
		}
	}
	if err := c.Check(); err != nil {
		return nil, err
	}
	if e.key == nil {
		return nil, &gateway.Error{Kind: gateway.Unauthorized, Message: "no such key"}
	}
	return e.key, nil
}

// IsKey reports whether there is a key whose secret has this digest, as far as
// that is known: nobody waits for a control plane that is away.
func (c *Cache) IsKey(ctx context.Context, d Digest) bool {
	e, ok := c.lookup(d)
	if !ok && c.connected.Load() {
		var err error
		if e, err = c.ask(ctx, d); err != nil {
			return false
		}
	}
	return e != nil && e.key != nil
}

func (c *Cache) lookup(d Digest) (*entry, bool) {
	v, ok := c.keys.Load(d)
	if !ok {
		return nil, false
	}
	e := v.(*entry)
	// A remembered "no" counts only while it is followed.
	return e, e.key != nil || c.connected.Load()
}

// Setting returns the provider setting with this id. Safe for concurrent use.
func (c *Cache) Setting(id string) (*Setting, bool) {
	s, ok := (*c.settings.Load())[id]
	return s, ok
}

// ask subscribes to d and waits for the first answer.
func (c *Cache) ask(ctx context.Context, d Digest) (e *entry, err error) {
	known := func() (ok bool) { e, ok = c.lookup(d); return ok }
	return e, ask(ctx, c, &c.keyQuestions, d, known, func() *configv1.ConfigRequest {
		return &configv1.ConfigRequest{SubscribeKeys: [][]byte{d[:]}}
	})
}

// send queues a request for the stream; with no stream it is dropped, since a
// new stream starts by asking for everything anew.
func (c *Cache) send(r *configv1.ConfigRequest) {
	select {
	case c.outbox <- r:
	default:
		// The outbox holds more than all open questions and acknowledgements
		// of a healthy stream: whoever waits gets Unavailable and asks again.
		c.o.Logger.Warn("config stream is slow, request dropped")
	}
}

// apply puts an update into force.
func (c *Cache) apply(u *configv1.ConfigUpdate) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.revision.Store(max(c.revision.Load(), u.Revision))
	c.applyPrices(u.Prices) // before the keys that they hold for
	c.applySettings(u)
	c.applyRoutes(u.Routes)
	c.applyUsers(u)
	c.applyCustoms(u)
	c.applyPolicies(u.Policies) // before the keys that name them
	for _, k := range u.Keys {
		if len(k.Digest) == 32 {
			c.put(Digest(k.Digest), &entry{key: keyFromProto(k), revision: k.Revision, epoch: c.epoch.Load()})
		}
	}
	for _, d := range u.AbsentKeys {
		if len(d) == 32 {
			c.put(Digest(d), &entry{revision: u.Revision, epoch: c.epoch.Load()})
		}
	}
	c.removePolicies(u.RemovedPolicies) // when no key names them any more
}

func (c *Cache) applySettings(u *configv1.ConfigUpdate) {
	if len(u.Settings) == 0 && len(u.RemovedSettings) == 0 {
		return
	}
	next := maps.Clone(*c.settings.Load())
	for _, s := range u.Settings {
		if old, ok := next[s.Id]; !ok || old.Revision <= s.Revision {
			next[s.Id] = settingFromProto(s)
		}
	}
	for _, id := range u.RemovedSettings {
		if old, ok := next[id]; ok && old.Revision <= u.Revision {
			delete(next, id)
		}
	}
	c.settings.Store(&next)
}

// put stores e unless something newer is known: a late answer to a lookup never
// revives a key that was revoked or removed meanwhile.
func (c *Cache) put(d Digest, e *entry) {
	isNew := true
	if v, ok := c.keys.Load(d); ok {
		old := v.(*entry)
		isNew = old.key == nil
		if old.epoch == e.epoch && old.revision > e.revision {
			return
		}
	}
	c.keys.Store(d, e)
	if q, ok := c.keyQuestions.pending[d]; ok {
		close(q.done)
		delete(c.keyQuestions.pending, d)
	}
	if e.key == nil {
		c.remember(&c.absent, d, maxAbsent)
	} else if isNew {
		c.remember(&c.known, d, c.maxKnown)
	}
}

// remember adds d to absent or known, and forgets the oldest there beyond limit:
// they are followed no more, and asked for when they are presented again.
func (c *Cache) remember(list *[]Digest, d Digest, limit int) {
	*list = append(*list, d)
	for len(*list) > limit {
		oldest := (*list)[0]
		*list = (*list)[1:]
		if v, ok := c.keys.Load(oldest); ok && (v.(*entry).key == nil) == (list == &c.absent) {
			c.keys.Delete(oldest)
			c.send(&configv1.ConfigRequest{UnsubscribeKeys: [][]byte{oldest[:]}})
		}
	}
}
