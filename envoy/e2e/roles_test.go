package e2e

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/bricks-gateway/bricks/internal/testenv"
)

// TestRolesApart walks a key through separate processes.
func TestRolesApart(t *testing.T) {
	t.Run("mutual TLS", func(t *testing.T) { walkRoles(t, false) })
	t.Run("Unix sockets", func(t *testing.T) { walkRoles(t, true) })
}

func walkRoles(t *testing.T, unix bool) {
	t.Helper()
	r := (&roles{t: t, unix: unix}).start(1)
	p := r.startProcessor(r.planes[0])
	key := r.CreateKey([]string{r.setting}, testenv.Object{"costLimitInUsd": 1})
	if got := r.ask(p.Proxy, key); got != http.StatusOK {
		t.Fatalf("status = %d, want 200", got)
	}
	events := r.AwaitEvents(key, 1)
	if len(events) != 1 || events[0].Cost.String() != "0.0000045" {
		t.Errorf("events = %+v, want one that cost 0.0000045", events)
	}
	r.Do(http.MethodPatch, "/api/key-management/keys/"+key.ID, testenv.Object{"revoked": true})
	if got := r.ask(p.Proxy, key); got != http.StatusUnauthorized {
		t.Errorf("status after the revocation = %d, want 401", got)
	}
	for name, g := range map[string]*testenv.Gateway{"control plane": r.planes[0], "processor": p, "admin": r.Gateway} {
		resp, err := r.client.Get("http://" + g.Metrics + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || strings.Contains(string(text), "bricks_control_certificate_expiry_timestamp_seconds") == unix {
			t.Errorf("%s: over Unix sockets = %v, its metrics tell when a certificate ends = %v; %v", name, unix, unix, err)
		}
	}
}
