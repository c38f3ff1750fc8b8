package fakeprovider

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Default credentials of the fake.
const (
	OpenAIKey    = "sk-fake-openai-credential-0123456789"
	AnthropicKey = "sk-ant-fake-credential-0123456789"
	AzureKey     = "azure-fake-credential-0123456789" // as api-key or as a bearer token
)

// Prefix may stand before every path, as with compatible servers that live below
// one.
const Prefix = "/compatible"

// Options configures a Provider; the zero value works.
type Options struct {
	Address       string   // to listen on; 127.0.0.1:0 if empty
	OpenAIKeys    []string // accepted; OpenAIKey if empty
	AnthropicKeys []string // accepted; AnthropicKey if empty
	// Unrecorded: no request is kept. For benchmarks.
	Unrecorded bool
}

// Request is one request as it came in, and what it got.
type Request struct {
	Method  string
	Target  string // path and query as sent
	Host    string
	Header  http.Header
	Body    []byte
	Status  int    // of the answer; 0 while there is none
	Answer  []byte // body bytes sent so far
	Refused string // why it was refused; empty when it was not
	Usage   Usage  // what was billed for it
}

// Usage is what the fake bills for a request, in the provider's own terms made
// equal: InputTokens includes cached ones.
type Usage struct {
	Model            string // as answered
	InputTokens      int64
	CachedTokens     int64
	CacheWriteTokens int64
	OutputTokens     int64
	ReasoningTokens  int64 // part of OutputTokens
}

// Provider is a running fake. Safe for concurrent use.
type Provider struct {
	o        Options
	listener net.Listener
	server   *http.Server

	mu         sync.Mutex
	requests   []*Request
	changed    chan struct{} // closed at each change of requests
	violations []string
	forbidden  []string
	holds      map[string]chan struct{}
	jobs       map[string]*job   // by the path that tells their state
	files      map[string][]byte // of requests, by id
	made       int
}

// Start listens and serves until Close.
func Start(o Options) (*Provider, error) {
	if o.Address == "" {
		o.Address = "127.0.0.1:0"
	}
	if len(o.OpenAIKeys) == 0 {
		o.OpenAIKeys = []string{OpenAIKey}
	}
	if len(o.AnthropicKeys) == 0 {
		o.AnthropicKeys = []string{AnthropicKey}
	}
	l, err := net.Listen("tcp", o.Address)
	if err != nil {
		return nil, err
	}
	p := &Provider{o: o, listener: l, changed: make(chan struct{}), holds: map[string]chan struct{}{}, jobs: map[string]*job{}, files: map[string][]byte{}}
	p.server = &http.Server{Handler: p, ReadHeaderTimeout: time.Minute}
	go func() { _ = p.server.Serve(l) }()
	return p, nil
}

// Address is the host:port that the fake listens on.
func (p *Provider) Address() string { return p.listener.Addr().String() }

// URL is the fake's origin, for a provider setting's url.
func (p *Provider) URL() string { return "http://" + p.Address() }

// Close stops the fake and cuts the requests that run.
func (p *Provider) Close() error {
	if err := p.server.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// Forbid makes every later request whose headers, target or body hold text a
// violation. Give it the gateway's keys.
func (p *Provider) Forbid(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forbidden = append(p.forbidden, text)
}

// Requests returns copies of the records so far, in the order of arrival.
func (p *Provider) Requests() []Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]Request, len(p.requests))
	for i, r := range p.requests {
		out[i] = *r
		out[i].Answer = slices.Clip(r.Answer)
	}
	return out
}

// Violations lists what no gateway may forward but came in.
func (p *Provider) Violations() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.violations)
}

// Bill sums up what was billed for each model.
func (p *Provider) Bill() map[string]Usage {
	bill := map[string]Usage{}
	for _, r := range p.Requests() {
		if r.Usage.Model == "" {
			continue
		}
		b := bill[r.Usage.Model]
		b.Model = r.Usage.Model
		b.InputTokens += r.Usage.InputTokens
		b.CachedTokens += r.Usage.CachedTokens
		b.CacheWriteTokens += r.Usage.CacheWriteTokens
		b.OutputTokens += r.Usage.OutputTokens
		b.ReasoningTokens += r.Usage.ReasoningTokens
		bill[b.Model] = b
	}
	return bill
}

// Reset forgets the requests. Violations stay.
func (p *Provider) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests = nil
}

// Await returns the first recorded request that match accepts, waiting for it
// until ctx ends.
func (p *Provider) Await(ctx context.Context, match func(Request) bool) (Request, error) {
	for {
		p.mu.Lock()
		changed := p.changed
		p.mu.Unlock()
		for _, r := range p.Requests() {
			if match(r) {
				return r, nil
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Request{}, ctx.Err()
		}
	}
}

// Release lets go of all requests, running and future, with x-fake-hold: name.
func (p *Provider) Release(name string) {
	c := p.hold(name)
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-c:
	default:
		close(c)
	}
}

func (p *Provider) hold(name string) chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	c, ok := p.holds[name]
	if !ok {
		c = make(chan struct{})
		p.holds[name] = c
	}
	return c
}

// change runs f on the records and wakes whoever waits for a change.
func (p *Provider) change(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
	close(p.changed)
	p.changed = make(chan struct{})
}

// ServeHTTP answers one request.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the sender left in the middle: no request
	}
	x := &exchange{p: p, w: w, r: r, body: body, record: &Request{
		Method: r.Method, Target: r.RequestURI, Host: r.Host, Header: r.Header.Clone(), Body: body,
	}}
	if !p.o.Unrecorded {
		p.change(func() { p.requests = append(p.requests, x.record) })
	}
	x.path = strings.TrimPrefix(r.URL.Path, Prefix)
	x.anthropic = strings.HasPrefix(x.path, "/v1/messages") || x.path == "/v1/complete" || r.Header.Get("Anthropic-Version") != ""
	x.azure = strings.HasPrefix(x.path, "/openai/")
	if err := x.serve(); err != nil {
		x.refuse(err)
	}
}
