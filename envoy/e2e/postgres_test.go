package e2e

import (
	"database/sql"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver that the store uses

	"github.com/bricks-gateway/bricks/internal/testenv"
)

// database makes an empty database on the server of BRICKS_TEST_POSTGRES and
// returns the gateway's variables for it.
func database(t *testing.T) []string {
	t.Helper()
	const variable = "BRICKS_TEST_POSTGRES"
	if os.Getenv(variable) == "" {
		t.Skipf("no PostgreSQL to test with: scripts/test starts one, or set %s to a postgres:// URL", variable)
	}
	u, err := url.Parse(os.Getenv(variable))
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("pgx", u.String())
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("bricks_e2e_%d_%s", os.Getpid(), strings.NewReplacer("/", "_", "#", "_").Replace(strings.ToLower(t.Name())))
	if _, err := db.ExecContext(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := db.Exec("DROP DATABASE " + name + " WITH (FORCE)"); err != nil {
			t.Error(err)
		}
		_ = db.Close()
	})
	password, _ := u.User.Password()
	host, port := u.Hostname(), u.Port()
	if h := u.Query().Get("host"); h != "" {
		host = h
	}
	secret := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	vars := []string{
		"POSTGRESQL_HOSTS=" + host, "POSTGRESQL_USERNAME=" + u.User.Username(), "POSTGRESQL_PASSWORD=" + password,
		"POSTGRESQL_DB_NAME=" + name,
		"BRICKS_PEPPER=" + secret("pepper-0123456789abcdef012345678"), "BRICKS_ENCRYPTION_KEY=" + secret("cipher-0123456789abcdef012345678"),
	}
	if port != "" {
		vars = append(vars, "POSTGRESQL_PORT="+port)
	}
	return vars
}

// TestServesFromPostgreSQL walks the way of a key through the production store.
func TestServesFromPostgreSQL(t *testing.T) {
	e := newEnv(t, testenv.Options{Env: database(t)})
	for path, body := range map[string]string{chat: helloChat, messages: helloCall} {
		a := e.post(t, path, body)
		if a.status != http.StatusOK {
			t.Fatalf("%s: got %v", path, a)
		}
		want := map[string]string{chat: "0.0000045", messages: "0.000035"}[path]
		if ev := e.AwaitEvent(e.key, a.eventID()); ev.Cost.String() != want {
			t.Errorf("%s: event = %+v, want cost %s", path, ev, want)
		}
	}
	e.Kill()
	e.Restart()
	if a := e.post(t, chat, helloChat); a.status != http.StatusOK {
		t.Errorf("after a kill: got %v", a)
	}
	e.Do(http.MethodPatch, "/api/key-management/keys/"+e.key.ID, testenv.Object{"revoked": true})
	if a := e.post(t, chat, helloChat); a.status != http.StatusUnauthorized {
		t.Errorf("after the revocation: got %v", a)
	}
}
