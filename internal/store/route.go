package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/bricks-gateway/bricks/internal/audit"
	"github.com/bricks-gateway/bricks/internal/gateway"
)

const routeColumns = "id, name, path, created_at, updated_at, key_ids, steps, operation, cache, revision"

// storedStep is a step as it is kept.
type storedStep struct {
	Provider    string            `json:"provider"`
	Model       string            `json:"model"`
	Params      map[string]string `json:"params,omitempty"`
	Retries     int               `json:"retries,omitempty"`
	TimeoutUs   int64             `json:"timeoutUs"`
	TimeoutText string            `json:"timeout,omitempty"`
}

type storedCache struct {
	Enabled bool   `json:"enabled"`
	TTL     string `json:"ttl,omitempty"`
}

// CreateRoute keeps a new route. It fills ID when empty, and CreatedAt,
// UpdatedAt and Revision always. An ID or a path that is taken is a Conflict.
func (s *Store) CreateRoute(ctx context.Context, route *gateway.Route) error {
	made := *route
	if made.ID == "" {
		made.ID = uuid.NewString()
	}
	if err := checkID(made.ID); err != nil {
		return err
	}
	made.CreatedAt = s.seconds()
	made.UpdatedAt = made.CreatedAt
	_, err := s.administer(ctx, "create route", func(ctx context.Context, q querier, revision int64) (Change, error) {
		made.Revision = revision
		if err := pathFree(ctx, q, &made); err != nil {
			return Change{}, err
		}
		_, err := q.exec(ctx, "INSERT INTO routes ("+routeColumns+", created_revision) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
			made.ID, text(made.Name), text(made.Path), made.CreatedAt.Unix(), made.UpdatedAt.Unix(), list(made.KeyIDs),
			stepsJSON(made.Steps), text(made.Operation), cacheJSON(made.Cache), revision, revision)
		if duplicate(err) {
			return Change{}, conflict("a route with id %q exists already", made.ID)
		}
		return Change{Kind: KindRoute, ID: made.ID, After: audit.Show(ctx, &made)}, err
	})
	if err != nil {
		return err
	}
	*route = made
	return nil
}

// UpdateRoute lets change edit the route and keeps the result, as UpdateSetting
// does. A path that another route has is a Conflict.
func (s *Store) UpdateRoute(ctx context.Context, id string, change func(*gateway.Route) error) (*gateway.Route, error) {
	var updated *gateway.Route
	_, err := s.administer(ctx, "update route", func(ctx context.Context, q querier, revision int64) (Change, error) {
		route, err := s.route(ctx, q, id)
		if err != nil {
			return Change{}, err
		}
		before, created := audit.Show(ctx, route), route.CreatedAt
		if err := change(route); err != nil {
			return Change{}, err
		}
		route.ID, route.CreatedAt, route.UpdatedAt, route.Revision = id, created, s.seconds(), revision
		if err := pathFree(ctx, q, route); err != nil {
			return Change{}, err
		}
		updated = route
		_, err = q.exec(ctx, "UPDATE routes SET name = ?, path = ?, updated_at = ?, key_ids = ?, steps = ?, operation = ?, cache = ?, revision = ? WHERE id = ?",
			text(route.Name), text(route.Path), route.UpdatedAt.Unix(), list(route.KeyIDs), stepsJSON(route.Steps), text(route.Operation), cacheJSON(route.Cache), revision, id)
		return Change{Kind: KindRoute, ID: id, Before: before, After: audit.Show(ctx, route)}, err
	})
	if err != nil {
		return nil, err
	}
	return updated, nil
}

// DeleteRoute returns the revision from which on the route is gone.
func (s *Store) DeleteRoute(ctx context.Context, id string) (int64, error) {
	return s.administer(ctx, "delete route", func(ctx context.Context, q querier, _ int64) (Change, error) {
		route, err := s.route(ctx, q, id)
		if err != nil {
			return Change{}, err
		}
		_, err = q.exec(ctx, "DELETE FROM routes WHERE id = ?", text(id))
		return Change{Kind: KindRoute, ID: id, Before: audit.Show(ctx, route)}, err
	})
}

// Route returns one route.
func (s *Store) Route(ctx context.Context, id string) (*gateway.Route, error) {
	var route *gateway.Route
	err := s.view(ctx, "read route", func(ctx context.Context, q querier) (err error) {
		route, err = s.route(ctx, q, id)
		return err
	})
	return route, err
}

// Routes returns the routes with the given ids, newest first; nil means all.
// Ids that do not exist are left out.
func (s *Store) Routes(ctx context.Context, ids []string) ([]*gateway.Route, error) {
	if ids != nil && len(ids) == 0 {
		return nil, nil
	}
	var routes []*gateway.Route
	where := conditions{dialect: s.dialect}
	where.among("id", ids)
	err := s.view(ctx, "read routes", func(ctx context.Context, q querier) error {
		rows, err := q.query(ctx, "SELECT "+routeColumns+" FROM routes"+where.where()+" ORDER BY created_revision DESC", where.args...)
		if err != nil {
			return err
		}
		routes, err = collect(rows, scanRoute)
		return err
	})
	return routes, err
}

// pathFree is asked before the write: PostgreSQL spoils the transaction on a
// duplicate, and neither database says which of the two it was. Administrative
// transactions take turns, so nobody takes the path in between.
func pathFree(ctx context.Context, q querier, route *gateway.Route) error {
	var other string
	err := q.queryRow(ctx, "SELECT id FROM routes WHERE path = ? AND id <> ?", text(route.Path), route.ID).Scan(&other)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return err
	}
	return conflict("route %s has the path %q already", other, route.Path)
}

func (s *Store) route(ctx context.Context, q querier, id string) (*gateway.Route, error) {
	route, err := scanRoute(q.queryRow(ctx, "SELECT "+routeColumns+" FROM routes WHERE id = ?", text(id)))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, notFound("route", id)
	}
	return route, err
}

func scanRoute(row scanner) (*gateway.Route, error) {
	var r gateway.Route
	var kept []storedStep
	var c storedCache
	if err := row.Scan(&r.ID, &r.Name, &r.Path, secondsColumn{&r.CreatedAt}, secondsColumn{&r.UpdatedAt},
		jsonColumn{&r.KeyIDs}, jsonColumn{&kept}, &r.Operation, jsonColumn{&c}, &r.Revision); err != nil {
		return nil, err
	}
	for _, k := range kept {
		r.Steps = append(r.Steps, gateway.RouteStep{
			Provider: k.Provider, Model: k.Model, Params: k.Params, Retries: k.Retries,
			Timeout: time.Duration(k.TimeoutUs) * time.Microsecond, TimeoutText: k.TimeoutText,
		})
	}
	r.Cache = gateway.RouteCache(c)
	return &r, nil
}

func stepsJSON(all []gateway.RouteStep) string {
	kept := []storedStep{}
	for _, st := range all {
		params := map[string]string{}
		for name, value := range st.Params {
			params[text(name)] = text(value)
		}
		kept = append(kept, storedStep{
			Provider: text(st.Provider), Model: text(st.Model), Params: params, Retries: st.Retries,
			TimeoutUs: st.Timeout.Microseconds(), TimeoutText: text(st.TimeoutText),
		})
	}
	return asJSON(kept)
}

func cacheJSON(c gateway.RouteCache) string {
	return asJSON(storedCache{Enabled: c.Enabled, TTL: text(c.TTL)})
}
