package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/store"
)

func addRoute(t *testing.T, s *store.Store, path string) *gateway.Route {
	t.Helper()
	r := &gateway.Route{Name: "route " + path, Path: path, KeyIDs: []string{"k"},
		Steps: []gateway.RouteStep{{Provider: "openai", Model: "gpt-4o", Timeout: time.Minute}}}
	must(t, s.CreateRoute(t.Context(), r))
	return r
}

func routeRoundTrip(t *testing.T, s *store.Store) {
	want := &gateway.Route{
		Name: "Größe", Path: "/production/chat", KeyIDs: []string{"b", "a"}, Operation: "chat",
		Steps: []gateway.RouteStep{
			{Provider: "azure", Model: "gpt-4o", Params: map[string]string{"deploymentId": `a"'?$1`}, Retries: 2, Timeout: 1500 * time.Millisecond, TimeoutText: "1500ms"},
			{Provider: "openai", Model: "gpt-4o-mini", Timeout: 5 * time.Minute},
		},
		Cache: gateway.RouteCache{Enabled: true, TTL: "5s"},
	}
	must(t, s.CreateRoute(t.Context(), want))
	full(t, *want)
	full(t, want.Steps[0])
	full(t, want.Cache)
	got, err := s.Route(t.Context(), want.ID)
	must(t, err)
	if diff := cmp.Diff(want, got, same); diff != "" {
		t.Errorf("route differs (-want +got):\n%s", diff)
	}
	wantKind(t, s.CreateRoute(t.Context(), &gateway.Route{ID: want.ID, Path: "/other"}), gateway.Conflict)
	_, err = s.Route(t.Context(), "nobody")
	wantKind(t, err, gateway.NotFound)
	changes, err := s.ChangesSince(t.Context(), want.Revision-1)
	must(t, err)
	if len(changes) != 1 || changes[0].Kind != store.KindRoute || changes[0].ID != want.ID {
		t.Errorf("changes = %+v", changes)
	}
}

func routeUpdate(t *testing.T, s *store.Store) {
	r := addRoute(t, s, "/a")
	got, err := s.UpdateRoute(t.Context(), r.ID, func(r *gateway.Route) error {
		r.ID, r.Name, r.Steps[0].Retries = "another id is not taken", "new name", 3
		return nil
	})
	must(t, err)
	if got.ID != r.ID || got.Name != "new name" || got.Revision != r.Revision+1 || got.Steps[0].Retries != 3 {
		t.Errorf("after the update: %+v", got)
	}
	refusal := errors.New("refused")
	_, err = s.UpdateRoute(t.Context(), r.ID, func(r *gateway.Route) error {
		r.Name = "never"
		return refusal
	})
	if !errors.Is(err, refusal) {
		t.Errorf("got %v, want the error of change", err)
	}
	kept, err := s.Route(t.Context(), r.ID)
	must(t, err)
	if diff := cmp.Diff(got, kept, same); diff != "" {
		t.Errorf("kept route differs (-want +got):\n%s", diff)
	}
	_, err = s.UpdateRoute(t.Context(), "nobody", func(*gateway.Route) error { return nil })
	wantKind(t, err, gateway.NotFound)
}

func routePaths(t *testing.T, s *store.Store) {
	a, b := addRoute(t, s, "/a"), addRoute(t, s, "/b")
	wantKind(t, s.CreateRoute(t.Context(), &gateway.Route{Path: "/a"}), gateway.Conflict)
	_, err := s.UpdateRoute(t.Context(), b.ID, func(r *gateway.Route) error { r.Path = "/a"; return nil })
	wantKind(t, err, gateway.Conflict)
	_, err = s.UpdateRoute(t.Context(), a.ID, func(r *gateway.Route) error { r.Name = "the path stays"; return nil })
	must(t, err)
	_, err = s.DeleteRoute(t.Context(), a.ID)
	must(t, err)
	_, err = s.UpdateRoute(t.Context(), b.ID, func(r *gateway.Route) error { r.Path = "/a"; return nil })
	must(t, err)
}

func routeList(t *testing.T, s *store.Store) {
	first, second, third := addRoute(t, s, "/1"), addRoute(t, s, "/2"), addRoute(t, s, "/3")
	ids := func(routes []*gateway.Route) (ids []string) {
		for _, r := range routes {
			ids = append(ids, r.ID)
		}
		return ids
	}
	all, err := s.Routes(t.Context(), nil)
	must(t, err)
	wantList(t, "all routes", ids(all), third.ID, second.ID, first.ID)
	some, err := s.Routes(t.Context(), []string{first.ID, "nobody"})
	must(t, err)
	wantList(t, "one route", ids(some), first.ID)
	none, err := s.Routes(t.Context(), []string{})
	must(t, err)
	wantList(t, "no routes", ids(none))
	revision, err := s.DeleteRoute(t.Context(), second.ID)
	must(t, err)
	if last, err := s.Revision(t.Context()); err != nil || last != revision {
		t.Errorf("revision is %d (%v), the deletion said %d", last, err, revision)
	}
	_, err = s.DeleteRoute(t.Context(), second.ID)
	wantKind(t, err, gateway.NotFound)
}
