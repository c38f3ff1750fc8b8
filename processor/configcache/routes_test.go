package configcache

import (
	"testing"

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
