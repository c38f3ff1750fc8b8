package ads

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
)

// order is the order in which types are sent: what is referred to comes first.
var order = []string{resourcev3.ClusterType, resourcev3.ListenerType, resourcev3.RouteType}

// stream is one Envoy's.
type stream struct {
	s    *Server
	wake chan struct{}

	mu      sync.Mutex
	node    string
	types   map[string]*subscription
	nonces  int
	changed chan struct{} // closed and renewed when something was acknowledged
	ended   bool
}

// subscription is what an Envoy wants and has of one type.
type subscription struct {
	wildcard bool
	names    map[string]bool
	asked    map[string]bool   // of the names that are fetched: those that wait for an answer
	sent     map[string]string // version by name
	pending  string            // nonce that waits for its answer
	answered bool              // the first request was responded to
	nack     string            // text of the last refusal; empty after an acceptance
	nackedAt time.Time
	nacked   map[string]string // versions that were in a refused response
	inFlight map[string]string
	isolate  []string // were in a refused response together: sent again one by one
}

func newStream(s *Server) *stream {
	return &stream{s: s, wake: make(chan struct{}, 1), types: map[string]*subscription{}, changed: make(chan struct{})}
}

func (x *stream) poke() {
	select {
	case x.wake <- struct{}{}:
	default:
	}
}

// request notes what Envoy asks for or acknowledges.
func (x *stream) request(r *discoveryv3.DeltaDiscoveryRequest) {
	for _, name := range x.note(r) {
		x.s.demand.wanted(name)
	}
}

// note returns the names that are fetched and that Envoy asks for.
func (x *stream) note(r *discoveryv3.DeltaDiscoveryRequest) (wanted []string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if id := r.GetNode().GetId(); id != "" {
		x.node = id
	}
	t := x.types[r.TypeUrl]
	if t == nil {
		t = &subscription{
			wildcard: len(r.ResourceNamesSubscribe) == 0, names: map[string]bool{}, asked: map[string]bool{},
			sent: maps.Clone(r.InitialResourceVersions), nacked: map[string]string{},
		}
		if t.sent == nil {
			t.sent = map[string]string{}
		}
		x.types[r.TypeUrl] = t
		for name := range t.sent { // from an earlier stream
			if x.s.fetched(r.TypeUrl, name) {
				t.ask(name)
				wanted = append(wanted, name)
			}
		}
	} else {
		for _, name := range r.ResourceNamesSubscribe {
			if x.s.fetched(r.TypeUrl, name) {
				delete(t.sent, name) // who asks again has it no longer
			}
		}
	}
	for _, name := range r.ResourceNamesSubscribe {
		switch {
		case name == "*":
			t.wildcard = true
		case x.s.fetched(r.TypeUrl, name):
			t.ask(name)
			wanted = append(wanted, name)
		default:
			t.names[name] = true
		}
	}
	for _, name := range r.ResourceNamesUnsubscribe {
		delete(t.names, name)
		if name == "*" {
			t.wildcard = false
		}
		if !t.wildcard || x.s.fetched(r.TypeUrl, name) {
			delete(t.sent, name) // who subscribes again no longer has it
			delete(t.nacked, name)
			delete(t.asked, name)
		}
	}
	if r.ResponseNonce != "" && r.ResponseNonce == t.pending {
		x.settle(t, r)
	}
	return wanted
}

// settle takes Envoy's answer to the response in flight. It needs x.mu.
func (x *stream) settle(t *subscription, r *discoveryv3.DeltaDiscoveryRequest) {
	t.pending = ""
	if e := r.ErrorDetail; e != nil {
		t.nack, t.nackedAt = e.Message, time.Now()
		x.s.nacks.Add(1)
		if len(t.inFlight) > 1 {
			// Which one was it? Each is sent again alone, and the culprit's own
			// refusal names it.
			t.isolate = slices.Sorted(maps.Keys(t.inFlight))
			for name := range t.inFlight {
				delete(t.sent, name)
			}
		} else {
			maps.Copy(t.nacked, t.inFlight)
		}
		x.s.logger.Error("Envoy refused a configuration update", slog.String("node", x.node), slog.String("type", r.TypeUrl), slog.String("reason", e.Message))
	} else {
		if len(t.nacked) == 0 && len(t.isolate) == 0 {
			t.nack = ""
		}
		for name := range t.inFlight {
			delete(t.nacked, name)
		}
	}
	t.inFlight = nil
	close(x.changed)
	x.changed = make(chan struct{})
}

// responses builds what has to be sent now: for each type at most one response
// that waits for its answer.
func (x *stream) responses() []*discoveryv3.DeltaDiscoveryResponse {
	snapshot := x.s.current()
	x.mu.Lock()
	defer x.mu.Unlock()
	var out []*discoveryv3.DeltaDiscoveryResponse
	for _, url := range order {
		if t := x.types[url]; t != nil && t.pending == "" {
			if r := x.response(url, t, x.view(url, t, snapshot[url])); r != nil {
				out = append(out, r)
			}
		}
	}
	return out
}

// response needs x.mu.
func (x *stream) response(url string, t *subscription, have map[string]resource) *discoveryv3.DeltaDiscoveryResponse {
	r := &discoveryv3.DeltaDiscoveryResponse{TypeUrl: url}
	inFlight := map[string]string{}
	names := slices.Sorted(maps.Keys(have))
	if len(t.isolate) > 0 {
		names, t.isolate = t.isolate[:1], t.isolate[1:]
	}
	for _, name := range names {
		if _, ok := have[name]; !ok {
			continue
		}
		if !t.wildcard && !t.names[name] || t.sent[name] == have[name].version {
			continue
		}
		r.Resources = append(r.Resources, &discoveryv3.Resource{Name: name, Version: have[name].version, Resource: have[name].body})
		inFlight[name] = have[name].version
		t.sent[name] = have[name].version
		delete(t.asked, name)
	}
	r.RemovedResources = x.absent(t)
	for name := range t.sent {
		if _, ok := have[name]; !ok && !x.pending(url, name) {
			r.RemovedResources = append(r.RemovedResources, name)
			delete(t.sent, name)
			delete(t.nacked, name)
		}
	}
	slices.Sort(r.RemovedResources)
	if len(r.Resources) == 0 && len(r.RemovedResources) == 0 && (t.answered || len(t.sent) > 0) {
		if len(t.isolate) > 0 {
			return x.response(url, t, have)
		}
		return nil
	}
	t.answered = true
	x.nonces++
	r.Nonce = strconv.Itoa(x.nonces)
	t.pending, t.inFlight = r.Nonce, inFlight
	return r
}

// has reports whether this Envoy runs what snapshot says of the types that it
// subscribed to.
func (x *stream) has(snapshot Snapshot) (done bool, changed chan struct{}) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.ended {
		return true, x.changed
	}
	for url, t := range x.types {
		if t.pending != "" {
			return false, x.changed
		}
		for name, r := range x.view(url, t, snapshot[url]) {
			if (t.wildcard || t.names[name]) && t.sent[name] != r.version {
				return false, x.changed
			}
		}
	}
	return true, x.changed
}

// refused reports whether Envoy refused something that snapshot holds.
func (x *stream) refused(snapshot Snapshot) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	for url, t := range x.types {
		have := x.view(url, t, snapshot[url])
		for name, version := range t.nacked {
			if have[name].version == version {
				return true
			}
		}
	}
	return false
}

func (x *stream) end() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.ended = true
	close(x.changed)
	x.changed = make(chan struct{})
}

// Wait returns once every connected Envoy has answered for all of snapshot, or
// when ctx ends, with the nodes that do not run it: they did not answer, or
// refused a part.
func (s *Server) Wait(ctx context.Context, snapshot Snapshot) (missing []string) {
	for _, x := range s.all() {
		if !x.wait(ctx, snapshot) || x.refused(snapshot) {
			missing = append(missing, x.node)
		}
	}
	return missing
}

func (x *stream) wait(ctx context.Context, snapshot Snapshot) bool {
	for {
		done, changed := x.has(snapshot)
		if done {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}
