package configcache

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bricks-gateway/bricks/internal/gateway"
	configv1 "github.com/bricks-gateway/bricks/proto/config/v1"
)

func wantRoutes(t *testing.T, c *Cache, want map[string]string) {
	t.Helper()
	for _, path := range []string{"/a", "/b", "/c"} {
		r, err := c.Route(path)
		switch id := want[path]; {
		case id == "" && gateway.KindOf(err) != gateway.NotFound:
			t.Errorf("%s: %v, %v; want none", path, r, err)
		case id != "" && (err != nil || r.ID != id):
			t.Errorf("%s: %v, %v; want %s", path, r, err, id)
		}
	}
}

func TestRoutesAreUnknownUntilAllOfThemAreThere(t *testing.T) {
	c := New(Options{})
	tell := func(u *configv1.RouteUpdate) { c.apply(&configv1.ConfigUpdate{Routes: u}) }
	route := func(id, path string) *configv1.Route { return &configv1.Route{Id: id, Path: path} }
	tell(&configv1.RouteUpdate{Begin: true, TicketKey: []byte("key"), Routes: []*configv1.Route{route("1", "/a")}})
	if _, err := c.Route("/a"); gateway.KindOf(err) != gateway.Unavailable {
		t.Errorf("half of the routes are there: %v, want unavailable", err)
	}
	tell(&configv1.RouteUpdate{Complete: true, Routes: []*configv1.Route{route("2", "/b")}})
	wantRoutes(t, c, map[string]string{"/a": "1", "/b": "2"})
	if string(c.TicketKey()) != "key" {
		t.Errorf("ticket key = %q", c.TicketKey())
	}

	// A change, a move to another path, a removal.
	tell(&configv1.RouteUpdate{Routes: []*configv1.Route{route("1", "/c")}, Removed: []string{"2"}})
	wantRoutes(t, c, map[string]string{"/c": "1"})

	// A new stream: what it does not tell is gone, and what was known is served
	// until all of it is there.
	c.begin()
	tell(&configv1.RouteUpdate{Begin: true, Routes: []*configv1.Route{route("3", "/a")}})
	wantRoutes(t, c, map[string]string{"/c": "1"})
	c.begin() // it broke off half way
	tell(&configv1.RouteUpdate{Begin: true, Complete: true, Routes: []*configv1.Route{route("4", "/b")}})
	wantRoutes(t, c, map[string]string{"/b": "4"})
}

func TestVersionsOfRoutesAreTold(t *testing.T) {
	var told []map[string]int64
	c := New(Options{RoutesKnown: func(revisions map[string]int64) { told = append(told, revisions) }})
	tell := func(u *configv1.RouteUpdate) { c.apply(&configv1.ConfigUpdate{Routes: u}) }
	tell(&configv1.RouteUpdate{Begin: true, Routes: []*configv1.Route{{Id: "1", Path: "/a", Revision: 3, CacheTtlUs: 5_000_000}}})
	tell(&configv1.RouteUpdate{Complete: true, Routes: []*configv1.Route{{Id: "2", Path: "/b", Revision: 4}}})
	tell(&configv1.RouteUpdate{Routes: []*configv1.Route{{Id: "1", Path: "/a", Revision: 7}}, Removed: []string{"2"}})
	want := []map[string]int64{{"1": 3, "2": 4}, {"1": 7}}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	tell(&configv1.RouteUpdate{Routes: []*configv1.Route{{Id: "3", Path: "/c", CacheTtlUs: 90_000_000}}})
	for path, want := range map[string]time.Duration{"/a": 0, "/c": 90 * time.Second} {
		r, err := c.Route(path)
		if err != nil || r.Cache.Enabled != (want > 0) || want > 0 && r.Cache.Lifetime() != want {
			t.Errorf("%s: %+v, %v", path, r, err)
		}
	}
}
