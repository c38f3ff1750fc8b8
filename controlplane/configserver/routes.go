package configserver

import (
	"context"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/bricks-gateway/bricks/internal/gateway"
	configv1 "github.com/bricks-gateway/bricks/proto/config/v1"
)

// maxRouteBytes bounds the routes of one update, far below gRPC's limit of
// 4 MiB, since keys and settings may come with them.
const maxRouteBytes = 1 << 20

// ticketPurpose names the derived key under which requests sign what they hand
// to their attempts.
const ticketPurpose = "attempt ticket"

// routeWork is what one update tells of routes.
type routeWork struct {
	all     bool
	changed map[string]bool
}

// takeRoutes needs x.mu.
func (x *stream) takeRoutes() routeWork {
	w := routeWork{x.allRoutes, x.dirtyRoutes}
	x.allRoutes, x.dirtyRoutes = false, map[string]bool{}
	return w
}

// putBackRoutes needs x.mu.
func (x *stream) putBackRoutes(w routeWork) {
	x.allRoutes = x.allRoutes || w.all
	for id := range w.changed {
		x.dirtyRoutes[id] = true
	}
}

// routeUpdates reads what w names as it is now, in pieces that fit.
func (s *Server) routeUpdates(ctx context.Context, w routeWork) ([]*configv1.RouteUpdate, error) {
	if !w.all && len(w.changed) == 0 {
		return nil, nil
	}
	var ids []string // nil: all
	if !w.all {
		for id := range w.changed {
			ids = append(ids, id)
		}
	}
	routes, err := s.Store.Routes(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("read routes: %w", err)
	}
	part := &configv1.RouteUpdate{}
	parts := []*configv1.RouteUpdate{part}
	size := 0
	for _, r := range routes {
		p := routeToProto(r)
		if size += proto.Size(p); size > maxRouteBytes && len(part.Routes) > 0 {
			part = &configv1.RouteUpdate{}
			parts, size = append(parts, part), proto.Size(p)
		}
		part.Routes = append(part.Routes, p)
		delete(w.changed, r.ID)
	}
	if w.all {
		key := s.Keyring.Derive(ticketPurpose)
		parts[0].Begin, parts[0].TicketKey, part.Complete = true, key[:], true
		return parts, nil
	}
	for id := range w.changed {
		part.Removed = append(part.Removed, id)
	}
	slices.Sort(part.Removed)
	return parts, nil
}

func routeToProto(r *gateway.Route) *configv1.Route {
	p := &configv1.Route{Id: r.ID, Revision: r.Revision, Path: r.Path, KeyIds: r.KeyIDs, Operation: r.Operation}
	if r.Cache.Enabled {
		p.CacheTtlUs = r.Cache.Lifetime().Microseconds()
	}
	for _, s := range r.Steps {
		p.Steps = append(p.Steps, &configv1.RouteStep{
			Provider: s.Provider, Model: s.Model, Params: s.Params,
			Retries: int32(s.Retries), TimeoutUs: s.Timeout.Microseconds(), //nolint:gosec // the admin API bounds retries
		})
	}
	return p
}
