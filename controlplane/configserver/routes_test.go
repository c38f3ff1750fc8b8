package configserver

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/store"
)

func TestAStreamBeginsWithAllRoutesAndTellsTheirChanges(t *testing.T) {
	f := setup(t)
	f.store.routes = map[string]*gateway.Route{"r": {
		ID: "r", Path: "/a", KeyIDs: []string{"k"}, Operation: "chat", Revision: 1,
		Steps: []gateway.RouteStep{{Provider: "openai", Model: "m", Params: map[string]string{"deploymentId": "d"}, Retries: 2, Timeout: time.Second}},
	}}
	f.subscribe("secret")
	u := f.next()
	first := u.Routes
	if first == nil || !first.Begin || !first.Complete || len(first.TicketKey) != 32 || len(first.Routes) != 1 || len(u.AbsentKeys) != 1 {
		t.Fatalf("first update = %v", u)
	}
	r := first.Routes[0]
	if r.Path != "/a" || !slices.Equal(r.KeyIds, []string{"k"}) || r.Operation != "chat" || r.Steps[0].Retries != 2 || r.Steps[0].TimeoutUs != 1_000_000 || r.Steps[0].Params["deploymentId"] != "d" {
		t.Errorf("route = %v", r)
	}
	f.ack(u)

	f.store.change(func(revision int64) { f.store.routes["s"] = &gateway.Route{ID: "s", Path: "/b", Revision: revision} })
	b := f.server.Changed([]store.Change{{Kind: store.KindRoute, ID: "s"}})
	if u = f.next(); u.Routes == nil || u.Routes.Begin || len(u.Routes.Routes) != 1 || u.Routes.Routes[0].Id != "s" {
		t.Fatalf("after creation = %v", u)
	}
	if late := f.wait(b, 50*time.Millisecond); len(late) != 1 {
		t.Errorf("late = %v before the acknowledgement", late)
	}
	f.ack(u)
	if late := f.wait(b, 3*time.Second); late != nil {
		t.Errorf("late = %v after the acknowledgement", late)
	}
	f.store.change(func(int64) { delete(f.store.routes, "s") })
	f.server.Changed([]store.Change{{Kind: store.KindRoute, ID: "s"}})
	if u = f.next(); u.Routes == nil || !slices.Equal(u.Routes.Removed, []string{"s"}) {
		t.Errorf("after deletion = %v", u)
	}
}

func TestManyRoutesArriveInPartsThatFit(t *testing.T) {
	f := setup(t)
	f.store.routes = map[string]*gateway.Route{}
	for i := range 300 {
		id := fmt.Sprint(i)
		f.store.routes[id] = &gateway.Route{ID: id, Path: "/" + id, KeyIDs: []string{strings.Repeat("k", 30_000)}}
	}
	f.subscribe()
	got, parts := 0, 0
	for done := false; !done; parts++ {
		u := f.next()
		got, done = got+len(u.Routes.Routes), u.Routes.Complete
		if u.Routes.Begin != (parts == 0) {
			t.Errorf("part %d: begin = %v", parts, u.Routes.Begin)
		}
	}
	if got != 300 || parts < 8 {
		t.Errorf("%d routes in %d parts", got, parts)
	}
}
