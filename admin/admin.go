package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/bricks-gateway/bricks/internal/audit"
	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/limit"
	"github.com/bricks-gateway/bricks/internal/oidc"
	"github.com/bricks-gateway/bricks/internal/provider"
	"github.com/bricks-gateway/bricks/internal/secrets"
	"github.com/bricks-gateway/bricks/internal/store"
)

// Store is what the API needs of the store. Errors are *gateway.Error where the
// client may see them. A non-nil error of a change function aborts the change
// and comes back (wrapped). A context that names no author (audit.By) is refused
// by everything that changes something.
type Store interface {
	Ping(ctx context.Context) error

	CreateSetting(ctx context.Context, s *gateway.ProviderSetting) error
	UpdateSetting(ctx context.Context, id string, change func(*gateway.ProviderSetting) error) (*gateway.ProviderSetting, error)
	DeleteSetting(ctx context.Context, id string) (revision int64, err error)
	Setting(ctx context.Context, id string) (*gateway.ProviderSetting, error)
	Settings(ctx context.Context, ids []string) ([]*gateway.ProviderSetting, error)

	CreateCustomProvider(ctx context.Context, p *gateway.CustomProvider) error
	UpdateCustomProvider(ctx context.Context, id string, change func(*gateway.CustomProvider, []*gateway.ProviderSetting) error) (*gateway.CustomProvider, error)
	DeleteCustomProvider(ctx context.Context, id string) (revision int64, err error)
	CustomProvider(ctx context.Context, id string) (*gateway.CustomProvider, error)
	CustomProviders(ctx context.Context, f store.CustomProviderFilter) ([]*gateway.CustomProvider, error)

	CreateKey(ctx context.Context, k *gateway.Key, s store.NewSecret) error
	UpdateKey(ctx context.Context, id string, change func(*gateway.Key) error) (*gateway.Key, error)
	DeleteKey(ctx context.Context, id string) (revision int64, err error)
	RotateKey(ctx context.Context, id string, s store.NewSecret, oldValidUntil time.Time) (*gateway.Key, error)
	Key(ctx context.Context, id string) (*gateway.Key, error)
	KeySecret(ctx context.Context, id string) (gateway.Secret, error)
	Keys(ctx context.Context, f store.KeyFilter) (keys []*gateway.Key, total int, err error)
	KeyByDigest(ctx context.Context, d secrets.Digest) (*gateway.Key, time.Time, error)

	CreateRoute(ctx context.Context, r *gateway.Route) error
	UpdateRoute(ctx context.Context, id string, change func(*gateway.Route) error) (*gateway.Route, error)
	DeleteRoute(ctx context.Context, id string) (revision int64, err error)
	Route(ctx context.Context, id string) (*gateway.Route, error)
	Routes(ctx context.Context, ids []string) ([]*gateway.Route, error)

	CreatePolicy(ctx context.Context, p *gateway.Policy) error
	UpdatePolicy(ctx context.Context, id string, change func(*gateway.Policy) error) (*gateway.Policy, error)
	DeletePolicy(ctx context.Context, id string) (revision int64, err error)
	Policy(ctx context.Context, id string) (*gateway.Policy, error)
	Policies(ctx context.Context, f store.PolicyFilter) ([]*gateway.Policy, error)

	CreateUser(ctx context.Context, u *gateway.User) error
	UpdateUser(ctx context.Context, id string, change func(*gateway.User) error) (*gateway.User, error)
	DeleteUser(ctx context.Context, id string) (revision int64, err error)
	User(ctx context.Context, id string) (*gateway.User, error)
	Users(ctx context.Context, f store.UserFilter) (users []*gateway.User, total int, err error)

	Events(ctx context.Context, f store.EventFilter) (events []*gateway.Event, total int, err error)
	Report(ctx context.Context, f store.ReportFilter) (*store.Report, error)
	TopKeys(ctx context.Context, f store.KeyFilter, start, end time.Time) ([]store.KeySpend, error)
	SeenIDs(ctx context.Context, f store.SeenFilter) ([]string, error)
	RerateEvents(ctx context.Context, r store.Rerate) (page []store.Rerated, corrections []*gateway.Event, next store.EventCursor, err error)

	PutPriceOverride(ctx context.Context, o *gateway.PriceOverride) error
	DeletePriceOverride(ctx context.Context, id string) (revision int64, err error)
	PriceOverride(ctx context.Context, id string) (*gateway.PriceOverride, error)
	PriceOverrides(ctx context.Context) ([]*gateway.PriceOverride, error)
	UnknownPricePolicy(ctx context.Context) (gateway.UnknownPricePolicy, error)
	SetUnknownPricePolicy(ctx context.Context, p gateway.UnknownPricePolicy) (revision int64, err error)

	CreateAdminKey(ctx context.Context, k *gateway.AdminKey, digest secrets.Digest) error
	DeleteAdminKey(ctx context.Context, id string) (revision int64, err error)
	AdminKey(ctx context.Context, id string) (*gateway.AdminKey, error)
	AdminKeys(ctx context.Context) ([]*gateway.AdminKey, error)
	AdminKeyByDigest(ctx context.Context, d secrets.Digest) (*gateway.AdminKey, error)

	AuditEntries(ctx context.Context, f store.AuditFilter) ([]audit.Entry, error)
	VerifyAudit(ctx context.Context, anchor audit.Anchor) (last audit.Anchor, err error)
}

// Applier puts a committed revision in force.
type Applier interface {
	// Apply returns once everyone acknowledged the revision, or after its own
	// deadline the names of those who did not.
	Apply(ctx context.Context, revision int64) (unacknowledged []string)
}

// Options configure the API. Store, Keyring and Logger are required.
type Options struct {
	Store   Store
	Keyring *secrets.Keyring
	Logger  *slog.Logger

	// Applier may be nil: then a write is in force when the store has it.
	Applier Applier
	// XDSStatus answers GET /api/xds/status with any value that JSON can spell;
	// nil: this process runs no xDS server.
	XDSStatus func() any

	// Standing tells how an account's limits stand, and VerifyLedger compares the
	// counters with the events; nil: this process knows of no limiter.
	Standing     func(ctx context.Context, a limit.Account) (limit.Standing, error)
	VerifyLedger func(ctx context.Context) (accounts int, differences []limit.Difference, err error)

	// AdminKeys are good whatever the store holds. None means that everyone who
	// reaches the port is admin: New refuses that unless Loopback says that only
	// this machine can.
	AdminKeys []AdminKey
	Loopback  bool
	// VerifyToken says who holds a bearer token; its errors are *gateway.Error. nil:
	// none is taken.
	VerifyToken func(ctx context.Context, token string) (oidc.Caller, error)

	// Providers that a setting may name; nil: all that this version serves.
	Providers []string
	// Probe calls a setting's provider to see whether the setting works; nil:
	// this process cannot.
	Probe func(ctx context.Context, s *gateway.ProviderSetting) provider.ProbeResult
	// CheckURL judges a setting's url beyond its form (private addresses, plain
	// http). nil: https only.
	CheckURL func(raw string) error

	// UnknownPrice is the policy while none is stored; empty: deny.
	UnknownPrice gateway.UnknownPricePolicy
	// Corrections learns of events that change what was spent, after they are
	// committed: whoever counts spending adds them. nil: nobody counts.
	Corrections func(ctx context.Context, corrections []*gateway.Event) error

	Version string
	Now     func() time.Time // nil: time.Now
}

type api struct {
	Options
	principals []principal
	registry   huma.Registry // schemas of bodies, in the document
	queries    huma.Registry // schemas of queries; the document has their fields only
	routes     []route
	examples   map[string][]example // by operation
	document   []byte               // the OpenAPI document
	mux        *http.ServeMux
	refusals   refusals
}

// New returns the API as a handler that is safe for concurrent use. It fails
// when the options would leave the API open or lack what it needs.
func New(o Options) (http.Handler, error) {
	if o.Store == nil || o.Keyring == nil || o.Logger == nil {
		return nil, errors.New("admin: Store, Keyring and Logger are required")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Providers == nil {
		o.Providers = provider.Names()
	}
	if o.CheckURL == nil {
		o.CheckURL = httpsOnly
	}
	a := newAPI(o)
	var err error
	if a.principals, err = newPrincipals(o); err != nil {
		return nil, fmt.Errorf("admin: %w", err)
	}
	if a.document, err = a.openAPI(); err != nil {
		return nil, fmt.Errorf("admin: build OpenAPI document: %w", err)
	}
	for _, rt := range a.routes {
		a.mux.HandleFunc(rt.method+" "+rt.path, a.serve(rt))
	}
	return a.guard(a.mux), nil
}

func newAPI(o Options) *api {
	a := &api{Options: o, mux: http.NewServeMux(),
		registry: huma.NewMapRegistry(schemaPrefix, huma.DefaultSchemaNamer),
		queries:  huma.NewMapRegistry(schemaPrefix, huma.DefaultSchemaNamer)}
	a.routes = a.table()
	for i := range a.routes {
		if a.routes[i].query == nil {
			a.routes[i].query = reflect.TypeFor[noQuery]()
		}
	}
	return a
}

const schemaPrefix = "#/components/schemas/"

// table lists every route of the API.
func (a *api) table() []route {
	var routes []route
	routes = append(routes, a.settingRoutes()...)
	routes = append(routes, a.customProviderRoutes()...)
	routes = append(routes, a.keyRoutes()...)
	routes = append(routes, a.failoverRoutes()...)
	routes = append(routes, a.policyRoutes()...)
	routes = append(routes, a.userRoutes()...)
	routes = append(routes, a.eventRoutes()...)
	routes = append(routes, a.reportingRoutes()...)
	routes = append(routes, a.standingRoutes()...)
	routes = append(routes, a.pricingRoutes()...)
	routes = append(routes, a.adminKeyRoutes()...)
	routes = append(routes, a.auditRoutes()...)
	return append(routes, a.systemRoutes()...)
}

// storeDown asks the store itself why something failed.
func (a *api) storeDown(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	return a.Store.Ping(ctx) != nil
}

// apply puts a revision in force and notes in the answer who did not follow.
// It goes on when the client has left: the write is already committed.
func (c *call) apply(ctx context.Context, revision int64) []string {
	if c.api.Applier == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	late := c.api.Applier.Apply(ctx, revision)
	for _, name := range late {
		c.header.Add(unacknowledgedHeader, name)
	}
	return late
}
