package redis

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	goredis "github.com/redis/go-redis/v9"
	"golang.org/x/sync/singleflight"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/limit"
	"github.com/bricks-gateway/bricks/internal/limit/memory"
)

// WhenLost says what a limit does while Redis cannot be asked.
type WhenLost string

// Closed refuses with Unavailable. Open admits. Local gives each replica an
// equal share of a rate limit, counted in its process.
const (
	Closed WhenLost = "closed"
	Open   WhenLost = "open"
	Local  WhenLost = "local"
)

// Options configures a Limiter. Server and Ledger are required.
type Options struct {
	Server Server
	Ledger limit.Ledger
	// LostCost is Closed (if empty) or Open, LostRate Local (if empty), Closed or
	// Open. Parallel requests go with the rate.
	LostCost, LostRate WhenLost
	Logger             *slog.Logger          // discarded if nil
	Registerer         prometheus.Registerer // none if nil

	Prefix  string           // of every key; "bricks:" if empty
	Lease   time.Duration    // a reservation's life between two renewals; 45 s if 0
	Timeout time.Duration    // of one call on the request path; 50 ms if 0
	Now     func() time.Time // a test's clock; Redis's own if nil
}

const (
	defaultLease   = 45 * time.Second
	defaultTimeout = 50 * time.Millisecond
)

// Limiter implements limit.Limiter. Events must be written before their
// reservation is settled. Run must run while the limiter is used by more than
// one process or for longer than a lease.
type Limiter struct {
	o       Options
	client  goredis.UniversalClient
	cluster bool
	name    string // of this replica, new with every process
	breaker breaker
	running atomic.Bool // Run does; then only its beats probe a Redis that is away
	loads   singleflight.Group
	members membership
	retain  retained
	local   *memory.Limiter // what this replica admitted, for when Redis is away
	metrics metrics
	logLine throttle
	unfit   atomic.Pointer[error] // why the server must not be used

	mu      sync.Mutex
	open    map[string]*reservation // by id
	doubt   map[gateway.AccountID]gateway.Unit
	charged map[gateway.AccountID]time.Time // when it was last
	suspect bool                            // Redis has failed: writes may be lost
}

var _ limit.Limiter = (*Limiter)(nil)

// New returns a limiter. Nothing is connected yet.
func New(o Options) *Limiter {
	o.Prefix = cmp.Or(o.Prefix, "bricks:")
	o.Lease = cmp.Or(o.Lease, defaultLease)
	o.Timeout = cmp.Or(o.Timeout, defaultTimeout)
	o.LostCost = cmp.Or(o.LostCost, Closed)
	o.LostRate = cmp.Or(o.LostRate, Local)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	goredis.SetLogger(quiet{})
	l := &Limiter{
		o: o, client: o.Server.Client(), cluster: o.Server.Cluster || len(o.Server.Addresses) > 1,
		name: uuid.NewString(), local: memory.New(o.Ledger, o.Now),
		open: map[string]*reservation{}, doubt: map[gateway.AccountID]gateway.Unit{}, charged: map[gateway.AccountID]time.Time{},
	}
	l.metrics = newMetrics(o.Registerer, l)
	return l
}

// quiet drops the lines that go-redis prints by itself: what fails is logged
// here, once a second at most.
type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}

// Close closes the connections. It is called after Run has returned.
func (l *Limiter) Close() error { return l.client.Close() }

// keysOf are the keys of an account, in the order of the scripts.
func (l *Limiter) keysOf(id gateway.AccountID) []string {
	base := l.o.Prefix + "{" + string(id) + "}:"
	return []string{base + "m", base + "o", base + "d", base + "r", base + "c"}
}

func (l *Limiter) keysOfAll(accounts []limit.Account) []string {
	keys := make([]string, 0, 5*len(accounts))
	for _, a := range accounts {
		keys = append(keys, l.keysOf(a.ID)...)
	}
	return keys
}

// clock is the scripts' first argument: a test's time, or "" for Redis's.
func (l *Limiter) clock() string {
	if l.o.Now == nil {
		return ""
	}
	return micros(l.o.Now())
}

// now is for requests that ask nothing of Redis.
func (l *Limiter) now() time.Time {
	if l.o.Now != nil {
		return l.o.Now()
	}
	return time.Now()
}

func micros(t time.Time) string { return strconv.FormatInt(t.UnixMicro(), 10) }

func amount(n gateway.NanoUSD) string { return strconv.FormatInt(int64(n), 10) }

func duration(d time.Duration) string { return strconv.FormatInt(d.Microseconds(), 10) }

func flag(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

// bound are the accounts that limit the request, in the order in which they are
// asked.
func bound(accounts []limit.Account) []limit.Account {
	out := make([]limit.Account, 0, len(accounts))
	for _, a := range accounts {
		if a.Limits.Any() {
			out = append(out, a)
		}
	}
	slices.SortFunc(out, func(a, b limit.Account) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// calls splits accounts into those that one script can see at once.
func (l *Limiter) calls(accounts []limit.Account) [][]limit.Account {
	if !l.cluster {
		return [][]limit.Account{accounts}
	}
	out := make([][]limit.Account, len(accounts))
	for i := range accounts {
		out[i] = accounts[i : i+1]
	}
	return out
}

// limitsOf are the arguments that describe an account's limits.
func limitsOf(args []any, l gateway.Limits) []any {
	rate, length := int64(0), time.Duration(0)
	if l.RateLimitOverTime > 0 {
		rate, length = l.RateLimitOverTime, limit.Length(l.RateLimitUnit)
	}
	return append(args, amount(max(l.CostLimit, 0)), amount(max(l.CostLimitOverTime, 0)), string(l.CostLimitUnit), flag(l.HasCost()),
		strconv.FormatInt(rate, 10), duration(length), strconv.Itoa(l.MaxParallelRequests))
}

func unavailable(err error) error {
	return &gateway.Error{Kind: gateway.Unavailable, Message: "the limits cannot be checked now", Err: err}
}

// detached outlives the request, for a while.
func detached(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), d)
}
