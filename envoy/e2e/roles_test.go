package e2e

import (
	"net/http"
	"testing"

	"github.com/bricks-gateway/bricks/internal/testenv"
)

// TestRolesApart walks a key through separate processes.
func TestRolesApart(t *testing.T) {
	r := newRoles(t, 1)
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
}
