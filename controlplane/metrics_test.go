package controlplane

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

func TestMetricsTellWhoIsBehind(t *testing.T) {
	f := setup(t)
	e, p := f.envoy(true), f.processor("secret", true)
	p.next(t)
	expect := func(revision int64, behind int) {
		t.Helper()
		want := fmt.Sprintf(`
# HELP bricks_controlplane_processors Processors that are connected.
# TYPE bricks_controlplane_processors gauge
bricks_controlplane_processors 1
# HELP bricks_controlplane_revision The store's revision that is distributed; -1 before the first one.
# TYPE bricks_controlplane_revision gauge
bricks_controlplane_revision %d
# HELP bricks_xds_nodes Envoys that are connected.
# TYPE bricks_xds_nodes gauge
bricks_xds_nodes 1
# HELP bricks_xds_nodes_out_of_sync Connected Envoys that do not have all that they should.
# TYPE bricks_xds_nodes_out_of_sync gauge
bricks_xds_nodes_out_of_sync %d
# HELP bricks_xds_nacks_total Updates that an Envoy refused.
# TYPE bricks_xds_nacks_total counter
bricks_xds_nacks_total 0
`, revision, behind)
		if err := testutil.GatherAndCompare(f.registry, strings.NewReader(want),
			"bricks_controlplane_processors", "bricks_controlplane_revision", "bricks_xds_nodes", "bricks_xds_nodes_out_of_sync", "bricks_xds_nacks_total"); err != nil {
			t.Error(err)
		}
	}
	k := f.key("secret", f.setting("https://good.example.com").ID)
	if late, _ := f.apply(k.Revision); late != nil {
		t.Fatalf("late = %v", late)
	}
	expect(k.Revision, 0)

	e.mu.Lock()
	e.answering = false
	e.mu.Unlock()
	s := f.setting("https://good.example.com:8443")
	if late, _ := f.apply(s.Revision); late == nil {
		t.Fatal("nobody is late")
	}
	expect(s.Revision, 1)
}

func TestASyncThatFailedIsCounted(t *testing.T) {
	m := newMetrics(nil, nil)
	m.synced(t.Context(), &gateway.Error{Kind: gateway.Unavailable, Message: "no store"})
	over, cancel := context.WithCancel(t.Context())
	cancel()
	m.synced(over, errors.New("its caller left"))
	if got := testutil.ToFloat64(m.syncErrors); got != 1 {
		t.Errorf("errors = %v, want 1", got)
	}
	if got := testutil.ToFloat64(m.lastSync); got != 0 {
		t.Errorf("last sync = %v, though none went well", got)
	}
}
