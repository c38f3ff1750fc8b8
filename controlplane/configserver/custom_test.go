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

// All custom providers come with the first answer, in pieces that gRPC takes;
// later only what changed, and all of them when the control plane begins anew.
func TestCustomProvidersAreToldInFull(t *testing.T) {
	f := setup(t)
	const n = 40
	long := strings.Repeat("x", 100_000) // 4 MB in all
	for i := range n {
		f.store.customs = append(f.store.customs, &gateway.CustomProvider{ID: fmt.Sprint(i), Provider: fmt.Sprint("p", i),
			Routes: []gateway.CustomRoute{{Path: "/chat", StreamEndWord: long}}})
	}
	all := func(what string) (ids []string) {
		t.Helper()
		updates := 0
		for {
			u := f.next()
			f.ack(u)
			updates++
			size := 0
			for _, p := range u.CustomProviders {
				ids = append(ids, p.Id)
				size += len(p.Routes[0].StreamEndWord)
			}
			if size > 1<<20 {
				t.Errorf("%s: an update of %d bytes", what, size)
			}
			if u.CustomProvidersComplete {
				break
			}
			if len(u.Keys)+len(u.AbsentKeys) > 0 {
				t.Errorf("%s: an answer before the custom providers are all told", what)
			}
		}
		slices.Sort(ids)
		if ids = slices.Compact(ids); len(ids) != n || updates < 4 {
			t.Errorf("%s: %d custom providers in %d updates, want %d in several", what, len(ids), updates, n)
		}
		return ids
	}
	f.subscribe("nobody")
	all("first answer")

	b := f.server.Changed([]store.Change{{Kind: store.KindCustomProvider, ID: "7"}, {Kind: store.KindCustomProvider, ID: "gone"}})
	u := f.next()
	if len(u.CustomProviders) != 1 || u.CustomProviders[0].Id != "7" || !slices.Equal(u.RemovedCustomProviders, []string{"gone"}) || u.CustomProvidersComplete {
		t.Errorf("a change told of %d, removed %v", len(u.CustomProviders), u.RemovedCustomProviders)
	}
	if late := f.wait(b, 50*time.Millisecond); len(late) != 1 {
		t.Errorf("late = %v before the acknowledgement", late)
	}
	f.ack(u)
	if late := f.wait(b, 5*time.Second); late != nil {
		t.Errorf("late = %v after it", late)
	}

	b = f.server.Resync()
	all("a control plane that begins")
	if late := f.wait(b, 5*time.Second); late != nil {
		t.Errorf("late = %v", late)
	}
}
