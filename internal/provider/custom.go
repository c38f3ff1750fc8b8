package provider

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

// CustomPathPrefix stands before a custom provider's name in its public paths.
const CustomPathPrefix = "/api/custom/providers/"

// CustomClusterPrefix begins the names of custom providers' clusters. Envoy
// fetches those when a request first needs them.
const CustomClusterPrefix = "custom/"

// reserved are names of providers that the gateway serves or will, and those that
// metrics give to others: of custom providers, and of the GenAI entry's upstream.
var reserved = []string{"openai", "azure", "anthropic", "vllm", "deepinfra", "bedrock", "gemini", "vertex", "custom", "genai"}

// Reserved reports whether name, in any case, is kept for a provider of the
// gateway's own.
func Reserved(name string) bool {
	name = strings.ToLower(name)
	_, ours := Get(name)
	return ours || slices.Contains(reserved, name)
}

// IsCustom reports whether a setting of this provider belongs to a custom one.
func IsCustom(name string) bool { return !Reserved(name) }

// Custom is a custom provider made ready for requests. It does not change.
type Custom struct {
	ID       string
	Revision int64
	Provider Provider
	// Authenticated: a setting without a credential is of no use.
	Authenticated bool
	// QueryParameter carries the credential; empty: a header does, or nothing.
	QueryParameter string

	routes map[string]*CustomRoute
}

// CustomRoute is one path of it.
type CustomRoute struct {
	gateway.CustomRoute
	Target   Target
	Endpoint Endpoint
}

// NewCustom makes c ready, or says why it cannot be.
func NewCustom(c *gateway.CustomProvider) (*Custom, error) {
	out := &Custom{
		ID: c.ID, Revision: c.Revision, Authenticated: c.AuthenticationParam != "",
		Provider: Provider{Name: c.Provider, Errors: OpenAIErrors, Credential: customCredential(c)},
		routes:   make(map[string]*CustomRoute, len(c.Routes)),
	}
	if out.Authenticated {
		out.QueryParameter = c.AuthenticationQuery
	}
	for _, r := range c.Routes {
		t, err := ParseTarget(r.TargetURL)
		if err != nil {
			return nil, fmt.Errorf("custom provider %s: path %s: %w", c.Provider, r.Path, err)
		}
		out.routes[r.Path] = &CustomRoute{CustomRoute: r, Target: t, Endpoint: Endpoint{
			Method: "POST", Path: r.Path, Operation: "custom", Body: JSONBody, Meter: MeterCustom, Streams: r.StreamLocation != "",
		}}
	}
	return out, nil
}

// Route is the one with exactly this path; nil: there is none.
func (c *Custom) Route(path string) *CustomRoute { return c.routes[path] }

func customCredential(c *gateway.CustomProvider) func(Credential) []Header {
	header := strings.ToLower(c.AuthenticationHeader)
	switch {
	case c.AuthenticationParam == "" || c.AuthenticationQuery != "":
		return func(Credential) []Header { return nil }
	case header != "":
		return func(s Credential) []Header { return []Header{{header, s.APIKey}} }
	}
	return func(s Credential) []Header { return []Header{bearer(s.APIKey)} }
}

// CutCustomPath splits a public path of a custom provider into the provider's
// name and the path below it.
func CutCustomPath(path string) (name, below string, ok bool) {
	rest, ok := strings.CutPrefix(path, CustomPathPrefix)
	if !ok || !plain(path) {
		return "", "", false
	}
	name, below, ok = strings.Cut(rest, "/")
	return name, "/" + below, ok
}

// Target is where a custom route leads.
type Target struct {
	Origin Origin
	Path   string
	Query  string // without the question mark; may be empty
}

// ParseTarget reads a target_url: an origin, a path and perhaps a query. What
// it returns is rebuilt from checked parts, so no other parser reads the text.
func ParseTarget(raw string) (Target, error) {
	if strings.ContainsFunc(raw, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '\\' }) {
		return Target{}, errors.New("must be printable ASCII without blanks and backslashes")
	}
	u, err := url.Parse(raw)
	if err != nil || u.Opaque != "" || u.Hostname() == "" {
		return Target{}, errors.New("must be a URL such as https://api.example.com/v1/chat")
	}
	if u.User != nil || strings.Contains(raw, "#") {
		return Target{}, errors.New("must have no user and no fragment")
	}
	o, err := ParseOrigin(u.Scheme + "://" + u.Host)
	if err != nil {
		return Target{}, err
	}
	o.Given = true
	t := Target{Origin: o, Path: u.EscapedPath(), Query: u.RawQuery}
	if t.Path == "" {
		t.Path = "/"
	}
	if !targetPath(t.Path) {
		return Target{}, errors.New("has a path with an escape, an empty or dotted segment, or a character that URLs do not need")
	}
	return t, nil
}

func targetPath(path string) bool {
	for i := 0; i < len(path); i++ {
		c := path[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case strings.IndexByte("/-_.:~@!$&'()*+,=", c) >= 0:
		default:
			return false
		}
	}
	return !strings.Contains(path, "//") && !strings.Contains(path, "/.")
}

// CustomCluster is the name of the cluster of custom routes to the origin. It
// is another one than a setting's, so that each comes and goes by itself.
func (o Origin) CustomCluster() string {
	return CustomClusterPrefix + strings.TrimPrefix(o.Cluster(), "upstream/")
}

// IsCustomCluster reports whether name is that of a cluster of custom routes.
func IsCustomCluster(name string) bool { return strings.HasPrefix(name, CustomClusterPrefix) }
