package configcache

import (
	"maps"
	"slices"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
	configv1 "github.com/bricks-gateway/bricks/proto/config/v1"
)

// routeTable is all routes as of one moment. It is never changed.
type routeTable struct {
	byID   map[string]*gateway.Route
	byPath map[string]*gateway.Route
}

// Route returns the route with this path below gateway.RoutePrefix. The error's
// kind is NotFound when there is none, and Unavailable as long as the control
// plane has told of no routes yet.
func (c *Cache) Route(path string) (*gateway.Route, error) {
	t := c.routes.Load()
	if t == nil {
		return nil, unavailable("the gateway does not know its routes yet")
	}
	if r, ok := t.byPath[path]; ok {
		return r, nil
	}
	return nil, &gateway.Error{Kind: gateway.NotFound, Message: "no such route"}
}

// TicketKey is the key under which a request signs what it hands to its
// attempts; nil until the control plane has told it.
func (c *Cache) TicketKey() []byte {
	if k := c.ticketKey.Load(); k != nil {
		return *k
	}
	return nil
}

// applyRoutes needs c.mu.
func (c *Cache) applyRoutes(u *configv1.RouteUpdate) {
	if u == nil {
		return
	}
	if len(u.TicketKey) > 0 {
		key := slices.Clone(u.TicketKey)
		c.ticketKey.Store(&key)
	}
	if u.Begin {
		c.arriving = map[string]*gateway.Route{}
	}
	next := c.arriving
	if next == nil { // a change of what is known
		t := c.routes.Load()
		if t == nil {
			return // the beginning did not come: nothing to change
		}
		next = maps.Clone(t.byID)
	}
	for _, r := range u.Routes {
		next[r.Id] = routeFromProto(r)
	}
	for _, id := range u.Removed {
		delete(next, id)
	}
	if c.arriving != nil && !u.Complete {
		return
	}
	c.arriving = nil
	t := &routeTable{byID: next, byPath: make(map[string]*gateway.Route, len(next))}
	for _, r := range next {
		t.byPath[r.Path] = r
	}
	c.routes.Store(t)
	if c.o.RoutesKnown != nil {
		revisions := make(map[string]int64, len(next))
		for id, r := range next {
			revisions[id] = r.Revision
		}
		c.o.RoutesKnown(revisions)
	}
}

func routeFromProto(p *configv1.Route) *gateway.Route {
	r := &gateway.Route{ID: p.Id, Path: p.Path, KeyIDs: p.KeyIds, Operation: p.Operation, Revision: p.Revision}
	if p.CacheTtlUs > 0 {
		ttl := time.Duration(p.CacheTtlUs) * time.Microsecond
		r.Cache = gateway.RouteCache{Enabled: true, TTL: ttl.String()}
	}
	for _, s := range p.Steps {
		r.Steps = append(r.Steps, gateway.RouteStep{
			Provider: s.Provider, Model: s.Model, Params: s.Params,
			Retries: int(s.Retries), Timeout: time.Duration(s.TimeoutUs) * time.Microsecond,
		})
	}
	return r
}
