// Package provider knows the providers: which endpoints each has, where its
// credential goes, and where an answer says what it used. Everything is data or
// pure functions over bytes; nothing here does I/O.
//
// One file a provider holds its table of endpoints. A path that is in no table
// does not exist for the gateway, so a new endpoint is a new row.
package provider

import (
	"strings"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

// PathPrefix stands before a provider's name in every public path.
const PathPrefix = "/api/providers/"

// BodyMode says what of a request's body the processor must see before the
// request may go on.
type BodyMode int

// A JSON body is buffered and read; NoBody endpoints refuse one.
const (
	NoBody BodyMode = iota
	JSONBody
)

// Meter names the way in which an answer tells its usage.
type Meter int

// MeterNone is for calls that bill nothing.
const (
	MeterNone Meter = iota
	MeterOpenAI
	MeterAnthropic
	MeterCustom // tells nothing: tokens are counted
)

// Endpoint is a row of a provider's table.
type Endpoint struct {
	Method    string
	Path      string // below the provider's origin; {name} stands for one segment
	Operation string // gen_ai.operation.name
	Body      BodyMode
	Meter     Meter
	Streams   bool // the body's "stream" switches to server-sent events
	// StreamUsage: usage comes in a stream only when stream_options asks for it.
	StreamUsage bool
	// OutputLimits are the body's fields that bound the output, the strongest first.
	OutputLimits []string
	// OutputFactors are the body's fields that multiply the output.
	OutputFactors []string
}

// ErrorShape is the form of a provider's error bodies.
type ErrorShape int

// OpenAI's shape is used everywhere but on Anthropic's paths.
const (
	OpenAIErrors ErrorShape = iota
	AnthropicErrors
)

// Provider is one provider's facts.
type Provider struct {
	Name      string
	BaseURL   string // origin used by settings without a url
	Errors    ErrorShape
	Endpoints []Endpoint
	// Credential sets the provider's credential headers for a setting.
	Credential func(s Credential) []Header
}

// Credential is what a provider needs to build its credential headers.
type Credential struct {
	APIKey gateway.Secret
	Params map[string]string
	// ClientVersion is the client's anthropic-version header, if any.
	ClientVersion string
}

// Header is one request header. Its value may be a secret.
type Header struct {
	Name  string
	Value gateway.Secret
}

// All are the providers that this version serves, by name.
var all = map[string]*Provider{
	openAI.Name:    &openAI,
	anthropic.Name: &anthropic,
}

// Get returns the provider called name.
func Get(name string) (*Provider, bool) {
	p, ok := all[name]
	return p, ok
}

// Names lists the providers that this version serves, sorted.
func Names() []string { return []string{anthropic.Name, openAI.Name} }

// Match is where a public path leads.
type Match struct {
	Provider *Provider
	Endpoint *Endpoint
	Path     string // below the provider's origin, rebuilt from the table
}

// Find looks a public path (without its query) up in the tables. found says
// that the path exists; m.Endpoint is nil when it does but not with this method.
func Find(method, path string) (m Match, found bool) {
	rest, ok := strings.CutPrefix(path, PathPrefix)
	if !ok || !plain(path) {
		return Match{}, false
	}
	name, below, ok := strings.Cut(rest, "/")
	if !ok {
		return Match{}, false
	}
	p, ok := all[name]
	if !ok {
		return Match{}, false
	}
	m.Provider = p
	below = "/" + below
	for i := range p.Endpoints {
		e := &p.Endpoints[i]
		if !matchTemplate(e.Path, below) {
			continue
		}
		found = true
		if e.Method == method {
			m.Endpoint, m.Path = e, below
			return m, true
		}
	}
	return m, found
}

// plain reports whether path is made of the characters that routing needs. What
// other parsers could read differently (escapes, parameters, backslashes, dots
// as segments, empty segments) is no path of ours.
func plain(path string) bool {
	for i := 0; i < len(path); i++ {
		c := path[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '/' || c == '-' || c == '_' || c == '.' || c == ':':
		default:
			return false
		}
	}
	return !strings.Contains(path, "//") && !strings.Contains(path, "/.") && len(path) <= 1024
}

func matchTemplate(template, path string) bool {
	for {
		want, restWant, moreWant := cutSegment(template)
		got, restGot, moreGot := cutSegment(path)
		if strings.HasPrefix(want, "{") {
			if got == "" {
				return false
			}
		} else if want != got {
			return false
		}
		if moreWant != moreGot {
			return false
		}
		if !moreWant {
			return true
		}
		template, path = restWant, restGot
	}
}

// cutSegment splits "/a/b" into "a" and "/b".
func cutSegment(path string) (segment, rest string, more bool) {
	path = strings.TrimPrefix(path, "/")
	if i := strings.IndexByte(path, '/'); i >= 0 {
		return path[:i], path[i:], true
	}
	return path, "", false
}
