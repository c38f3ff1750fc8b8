// Package provider knows the providers: which endpoints each has, where its
// credential goes, and where an answer says what it used. Everything is data or
// pure functions over bytes; nothing here does I/O.
//
// One file a provider holds its table of endpoints. A path that is in no table
// does not exist for the gateway, so a new endpoint is a new row.
package provider

import (
	"maps"
	"slices"
	"strings"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

// PathPrefix stands before a provider's name in every public path.
const PathPrefix = "/api/providers/"

// BodyMode says what of a request's body the processor must see before the
// request may go on.
type BodyMode int

// Bodies that decide something are buffered and read. A StreamedBody goes to
// the provider as it comes, and the processor sees nothing of it.
const (
	NoBody          BodyMode = iota // a body is refused
	JSONBody                        // a JSON object
	OptionalJSON                    // a JSON object or nothing
	MultipartBody                   // multipart/form-data
	JSONOrMultipart                 // either
	StreamedBody                    // anything, of any length
)

// Largest bodies in bytes that the provider's own limits make useful.
const (
	MaxMultipart = 32 << 20  // audio has at most 25 MB
	MaxStreamed  = 512 << 20 // a file
)

// Multipart reports whether the mode takes multipart/form-data to be read.
func (b BodyMode) Multipart() bool { return b == MultipartBody || b == JSONOrMultipart }

// JSON reports whether the mode takes a JSON object.
func (b BodyMode) JSON() bool { return b == JSONBody || b == OptionalJSON || b == JSONOrMultipart }

// Endpoint is a row of a provider's table.
type Endpoint struct {
	Method string
	Path   string // behind the provider's name in the public path; {name} stands for one segment
	// Upstream and UpstreamMethod are the provider's own, where they differ from
	// the public ones. Upstream's {names} are Path's.
	Upstream, UpstreamMethod string

	Operation string // gen_ai.operation.name
	Body      BodyMode
	Meter     Meter
	Streams   bool // the body's "stream" switches to server-sent events
	// StreamUsage: usage comes in a stream only when stream_options asks for it.
	StreamUsage bool
	// ModelOptional: the body need not name a model.
	ModelOptional bool
	// Unbounded: what the call will cost cannot be known when it is made.
	Unbounded bool
	// RawAnswer: the answer may be huge and tells nothing: it does not pass the
	// processor.
	RawAnswer bool
	// OutputLimits are the body's fields that bound the output, the strongest first.
	OutputLimits []string
	// OutputRigid: the body has no field that bounds the output, whatever
	// OutputLimits say of its size.
	OutputRigid bool
	// OutputFactors are the body's fields that multiply the output: a number by
	// itself, a list by its length.
	OutputFactors []string
	// Unseen are the body's fields that bring input which the body does not spell out.
	Unseen []string
}

// Bills reports whether a call of the endpoint can cost money.
func (e *Endpoint) Bills() bool { return e.Meter != MeterNone || e.Unbounded }

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
	BaseURL   string // origin used by settings without a url; empty: there is none
	Errors    ErrorShape
	Endpoints []Endpoint
	// Credential sets the provider's credential headers for a setting.
	Credential func(s Credential) []Header

	bySlashes map[int][]*Endpoint // the rows by the number of their segments
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

// all are the providers that this version serves, by name.
var all = index(&anthropic, &azure, &deepInfra, &openAI, &vLLM)

func index(providers ...*Provider) map[string]*Provider {
	byName := map[string]*Provider{}
	for _, p := range providers {
		p.bySlashes = map[int][]*Endpoint{}
		for i := range p.Endpoints {
			n := strings.Count(p.Endpoints[i].Path, "/")
			p.bySlashes[n] = append(p.bySlashes[n], &p.Endpoints[i])
		}
		byName[p.Name] = p
	}
	return byName
}

// Get returns the provider called name.
func Get(name string) (*Provider, bool) {
	p, ok := all[name]
	return p, ok
}

// Names lists the providers that this version serves, sorted.
func Names() []string { return slices.Sorted(maps.Keys(all)) }

// Match is where a public path leads.
type Match struct {
	Provider *Provider
	Endpoint *Endpoint
	Method   string // at the provider
	Path     string // below the provider's origin, rebuilt from the table
	// Deployment is the path's {deployment}: it stands for a model.
	Deployment string
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
	return p.find(method, "/"+below)
}

// FindOpenAI is Find for a path of OpenAI's API itself, with its /v1 or without.
func FindOpenAI(method, path string) (m Match, found bool) {
	if !plain(path) {
		return Match{}, false
	}
	if !strings.HasPrefix(path, "/v1/") {
		path = "/v1" + path
	}
	return openAI.find(method, path)
}

func (p *Provider) find(method, below string) (m Match, found bool) {
	m.Provider = p
	for _, e := range p.bySlashes[strings.Count(below, "/")] {
		if !matchTemplate(e.Path, below) {
			continue
		}
		found = true
		if e.Method == method {
			m.Endpoint = e
			m.Method, m.Path = e.upstream(below)
			if p == &azure {
				m.Deployment = segment(e.Path, below, "{deployment}")
			}
			return m, true
		}
	}
	return m, found
}

// upstream is what the provider is called with for a path that fits e.Path.
func (e *Endpoint) upstream(path string) (method, target string) {
	method, target = e.Method, e.Upstream
	if e.UpstreamMethod != "" {
		method = e.UpstreamMethod
	}
	if target == "" {
		return method, path // which fits, segment by segment
	}
	var b strings.Builder
	for more := true; more; {
		var name string
		name, target, more = cutSegment(target)
		if strings.HasPrefix(name, "{") {
			name = segment(e.Path, path, name)
		}
		b.WriteByte('/')
		b.WriteString(name)
	}
	return method, b.String()
}

// segment is the segment of path that stands where template has name.
func segment(template, path, name string) string {
	for more := true; more; {
		var want, got string
		want, template, more = cutSegment(template)
		got, path, _ = cutSegment(path)
		if want == name {
			return got
		}
	}
	return ""
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
