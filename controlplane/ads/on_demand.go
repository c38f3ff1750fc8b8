package ads

import (
	"maps"

	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/protobuf/proto"
)

// demand is what Envoys fetch by name. A subscription to everything does not
// tell of it: there may be very many, and each Envoy needs few.
type demand struct {
	is     func(name string) bool
	wanted func(name string)
}

// ServeOnDemand makes the clusters whose names is is true for ones that an Envoy
// is told of only when it asks. wanted is called each time that one does, and
// must not block; the answer waits for PublishOnDemand. Call it before Register.
func (s *Server) ServeOnDemand(is func(name string) bool, wanted func(name string)) {
	s.demand = demand{is, wanted}
}

// PublishOnDemand makes c what every Envoy that asked for it is to have; nil:
// there is no such cluster.
func (s *Server) PublishOnDemand(name string, c proto.Message) error {
	var r *resource
	if c != nil {
		made, err := encode(name, c)
		if err != nil {
			return err
		}
		r = &made
	}
	s.onDemand.Store(name, r)
	for _, x := range s.all() {
		x.poke()
	}
	return nil
}

// ReopenOnDemand leaves open whether there is a cluster of this name. named says
// that an Envoy asked for it before and waits to be told.
func (s *Server) ReopenOnDemand(name string) (named bool) {
	s.onDemand.Delete(name)
	for _, x := range s.all() {
		named = named || x.names(name)
	}
	return named
}

// SweepOnDemand forgets the names that no Envoy asks for and that stand for no
// cluster.
func (s *Server) SweepOnDemand() {
	streams := s.all()
	s.onDemand.Range(func(k, v any) bool {
		for _, x := range streams {
			if x.names(k.(string)) {
				return true
			}
		}
		if v.(*resource) == nil {
			s.onDemand.Delete(k)
		}
		return true
	})
}

func (x *stream) names(name string) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	t := x.types[resourcev3.ClusterType]
	return t != nil && t.names[name]
}

// fetched reports whether name of this type is fetched on demand.
func (s *Server) fetched(url, name string) bool {
	return url == resourcev3.ClusterType && s.demand.is != nil && s.demand.is(name)
}

// decided is what is known of a name that is fetched: r is nil when there is no
// such cluster.
func (s *Server) decided(name string) (r *resource, ok bool) {
	v, ok := s.onDemand.Load(name)
	if !ok {
		return nil, false
	}
	return v.(*resource), true
}

// ask notes that Envoy asks for name, again perhaps: it has it no longer then.
func (t *subscription) ask(name string) {
	t.names[name], t.asked[name] = true, true
}

// view is what x is to have of one type: the snapshot's, and what it fetched. It
// needs x.mu.
func (x *stream) view(url string, t *subscription, have map[string]resource) map[string]resource {
	cloned := false
	for name := range t.names {
		if !x.s.fetched(url, name) {
			continue
		}
		if r, ok := x.s.decided(name); ok && r != nil {
			if !cloned {
				have, cloned = maps.Clone(have), true
				if have == nil {
					have = map[string]resource{}
				}
			}
			have[name] = *r
		}
	}
	return have
}

// absent are the names that Envoy asked for and that stand for nothing. They
// are followed all the same: Envoy does not ask again, it waits. It needs x.mu.
func (x *stream) absent(t *subscription) (names []string) {
	for name := range t.asked {
		if r, ok := x.s.decided(name); ok && r == nil {
			names = append(names, name)
			delete(t.asked, name)
			delete(t.sent, name)
			delete(t.nacked, name)
		}
	}
	return names
}

// pending reports whether nothing is known of name yet: what Envoy has of it
// stays meanwhile.
func (x *stream) pending(url, name string) bool {
	if !x.s.fetched(url, name) {
		return false
	}
	_, ok := x.s.decided(name)
	return !ok
}
