package main

import (
	"bytes"
	"context"
	"database/sql"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bricks-gateway/bricks/admin"
	"github.com/bricks-gateway/bricks/internal/audit"
	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/store/storetest"
)

// TestAuditVerify runs the command against a real admin API, and against the
// store itself, before and after a row was altered in the database's file.
func TestAuditVerify(t *testing.T) {
	dir := t.TempDir()
	c := defaults()
	c.DataDir = dir
	db, keyring, err := openStore(t.Context(), c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b", "c"} {
		if err := db.CreateUser(audit.By(t.Context(), *storetest.Author()), &gateway.User{Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	api, err := admin.New(admin.Options{
		Store: db, Keyring: keyring, Logger: slog.New(slog.DiscardHandler), AdminKeys: []admin.AdminKey{{Key: gateway.NewSecret(strong)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)
	verify := func(args ...string) (string, error) {
		var stdout, stderr bytes.Buffer
		err := run(t.Context(), append([]string{"audit", "verify", "--data-dir", dir, "--admin-url", server.URL}, args...), []string{"ADMIN_PASS=" + strong}, &stdout, &stderr)
		return stdout.String(), err
	}
	out, err := verify()
	anchor := strings.TrimSpace(strings.TrimPrefix(out, "3 entries are as they were written.\nanchor: "))
	if err != nil || !strings.HasPrefix(anchor, "3:") {
		t.Fatalf("%q, %v", out, err)
	}
	if again, err := verify("--anchor", anchor); err != nil || again != out {
		t.Errorf("with the anchor: %q, %v", again, err)
	}
	if _, err := verify("--anchor", "3:zz"); err == nil || !strings.Contains(err.Error(), "anchor") {
		t.Errorf("a wrong anchor: %v", err)
	}
	raw, err := sql.Open("sqlite", filepath.Join(dir, "bricks.db"))
	if err != nil {
		t.Fatal(err)
	}
	alter := func(statement string) {
		t.Helper()
		if _, err := raw.ExecContext(context.WithoutCancel(t.Context()), statement); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _ = raw.Close() })
	alter("UPDATE audit_log SET author_id = 'somebody else' WHERE number = 2")
	for _, way := range [][]string{nil, {"--offline"}} {
		if way != nil {
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
		}
		out, err := verify(way...)
		if out != "" || err == nil || !strings.Contains(err.Error(), "entry 2:") || !strings.Contains(err.Error(), "1 entries before") {
			t.Errorf("%v after an entry was altered: %q, %v", way, out, err)
		}
	}
	alter("UPDATE audit_log SET author_id = 'test' WHERE number = 2")
	if out, err := verify("--offline", "--anchor", anchor); err != nil || !strings.HasSuffix(out, "anchor: "+anchor+"\n") {
		t.Errorf("after it was put back: %q, %v", out, err)
	}
}
