package e2e

import (
	"database/sql"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/testenv"
)

// TestPostgreSQLAwayWithRolesApart: the control plane and the admin API lose the
// database, the processor never had one. Known keys are served, unknown ones get
// 503 and never 401, admin writes get 503, and no event is lost.
func TestPostgreSQLAwayWithRolesApart(t *testing.T) {
	r := newRoles(t, 1)
	p := r.startProcessor(r.planes[0])
	known, fresh := r.CreateKey([]string{r.setting}, nil), r.CreateKey([]string{r.setting}, nil)
	if got := r.ask(p.Proxy, known); got != http.StatusOK {
		t.Fatalf("status = %d, want 200", got)
	}
	r.AwaitEvents(known, 1)
	back := r.takeDatabaseAway()
	const requests = 30
	for i := range requests {
		if got := r.ask(p.Proxy, known); got != http.StatusOK {
			t.Fatalf("request %d of a known key without a database: status = %d, want 200", i, got)
		}
	}
	for _, key := range []testenv.Key{fresh, {Secret: "never-made-by-anybody"}} {
		if got := r.ask(p.Proxy, key); got != http.StatusServiceUnavailable {
			t.Errorf("an unknown key without a database: status = %d, want 503", got)
		}
	}
	if status, body := r.Call(http.MethodPatch, "/api/key-management/keys/"+known.ID, testenv.Object{"name": "x"}); status != http.StatusServiceUnavailable {
		t.Errorf("an admin write without a database: %d %s, want 503", status, body)
	}
	back()
	testenv.Eventually(t, 10*time.Second, "new keys are known again", func() bool { return r.ask(p.Proxy, fresh) == http.StatusOK })
	if events := r.AwaitEvents(known, requests+1); len(events) != requests+1 {
		t.Errorf("%d events, want %d", len(events), requests+1)
	}
}

// takeDatabaseAway cuts every connection to the roles' database and lets none
// in, until back is called.
func (r *roles) takeDatabaseAway() (back func()) {
	r.t.Helper()
	db, err := sql.Open("pgx", os.Getenv("BRICKS_TEST_POSTGRES"))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = db.Close() })
	var name string
	for _, v := range r.variables {
		if value, ok := strings.CutPrefix(v, "POSTGRESQL_DB_NAME="); ok {
			name = value
		}
	}
	run := func(statement string, args ...any) {
		r.t.Helper()
		if _, err := db.ExecContext(r.t.Context(), statement, args...); err != nil {
			r.t.Fatal(err)
		}
	}
	run("ALTER DATABASE " + name + " ALLOW_CONNECTIONS false")
	run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
	return func() { run("ALTER DATABASE " + name + " ALLOW_CONNECTIONS true") }
}
