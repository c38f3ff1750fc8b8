package gateway

import "time"

// RoutePrefix stands before a route's path in its public path; the alias has
// the plural.
const (
	RoutePrefix      = "/api/route"
	RoutePrefixAlias = "/api/routes"
)

// Operations that a route may have.
const (
	OperationChat       = "chat"
	OperationEmbeddings = "embeddings"
)

// DefaultStepTimeout is a step's timeout when it names none.
const DefaultStepTimeout = 5 * time.Minute

// Route calls the first of several models that answers.
type Route struct {
	ID        string
	Name      string
	Path      string // below RoutePrefix, with a leading slash; no two routes share one
	CreatedAt time.Time
	UpdatedAt time.Time

	KeyIDs    []string // that may call it
	Steps     []RouteStep
	Operation string // empty: the body decides
	Cache     RouteCache

	Revision int64
}

// RouteStep is one model of a route.
type RouteStep struct {
	Provider string
	Model    string
	Params   map[string]string // what the provider's path needs, such as deploymentId
	Retries  int               // tries after the first
	Timeout  time.Duration     // to the first byte of the answer, for each try
	// TimeoutText is the timeout as the administrator wrote it; empty: none given.
	TimeoutText string
}

// RouteCache says how a route's answers are cached.
type RouteCache struct {
	Enabled bool
	TTL     string // as the administrator wrote it; empty: the default
}

// DefaultCacheTTL is how long an answer is kept when the route says nothing.
const DefaultCacheTTL = 168 * time.Hour

// Lifetime is how long an answer is kept. The TTL of a saved route can be read.
func (c RouteCache) Lifetime() time.Duration {
	if d, err := time.ParseDuration(c.TTL); err == nil && d > 0 {
		return d
	}
	return DefaultCacheTTL
}
