package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bricks-gateway/bricks/internal/cli"
)

// TestMain makes the test binary the program itself, for the tests that need one
// as a shell sees it.
func TestMain(m *testing.M) {
	if os.Getenv("BRICKS_TEST_MAIN") == "1" {
		main()
		return
	}
	os.Exit(m.Run())
}

// program is a directory with bricks in it.
func program(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	script := "#!/bin/sh\nBRICKS_TEST_MAIN=1 exec '" + self + "' \"$@\"\n"
	if err := os.WriteFile(filepath.Join(dir, "bricks"), []byte(script), 0o700); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	return dir
}

// problems answers each path with the status that it names.
func problems(t *testing.T) string {
	statuses := map[string]int{"400": 400, "401": 401, "403": 403, "404": 404, "409": 409, "412": 412, "413": 413, "500": 500, "503": 503}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(statuses[r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]])
		_, _ = w.Write([]byte(`{"title":"the title","detail":"the detail","errors":[{"pointer":"/a/b","detail":"is wrong"},{"parameter":"p","detail":"is odd"}]}`))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// TestExitCodes are those that docs/cli.md lists, as a shell sees them.
func TestExitCodes(t *testing.T) {
	dir, url := program(t), problems(t)
	for _, c := range []struct {
		args   string
		want   int
		stderr string
	}{
		{"version", 0, ""},
		{"completion bash", 0, ""},
		{"keys get 500", 1, "the title"},
		{"keys get", 2, "expected \"<id>\""},
		{"keys fly", 2, "fly"},
		{"keys create", 2, "nothing to send"},
		{"keys create --file=/nowhere", 2, "/nowhere"},
		{"keys create --cost-limit=much", 2, "--cost-limit"},
		{"keys create --rate-limit=60", 2, "60/m"},
		{"keys list -o yaml", 2, "--output"},
		{"keys list --admin-url=nonsense", 2, "--admin-url"},
		{"keys delete 404", 2, "--yes"},
		{"up --no-such-flag", 2, "--no-such-flag"},
		{"keys get 400", 3, "the title (400 Bad Request)\n  /a/b: is wrong; p: is odd\n"},
		{"keys get 409", 3, "409"},
		{"keys get 412", 3, "412"},
		{"keys get 413", 3, "413"},
		{"keys get 404", 4, "404"},
		{"keys get 401", 5, "401"},
		{"keys get 403", 5, "403"},
		{"keys get 503", 6, "503"},
		{"keys get x --admin-url=http://127.0.0.1:1", 6, "is the gateway running"},
	} {
		cmd := exec.CommandContext(t.Context(), filepath.Join(dir, "bricks"), strings.Fields(c.args)...)
		// What a server would stumble over is nothing to these.
		cmd.Env = append(os.Environ(), "ADMIN_URL="+url, "PROXY_TIMEOUT=never", "EVENT_RETENTION=1s")
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		_ = cmd.Run() // the exit code is looked at
		if got := cmd.ProcessState.ExitCode(); got != c.want || !strings.Contains(stderr.String(), c.stderr) {
			t.Errorf("bricks %s: exit code %d, want %d and %q: %s", c.args, got, c.want, c.stderr, &stderr)
		}
		if c.want != 0 && stdout.Len() > 0 {
			t.Errorf("bricks %s writes to standard output: %s", c.args, &stdout)
		}
	}
}

// TestAViewerIsToldThatItMayNot shows that a key of ADMIN_KEYS is used though it is
// no admin's.
func TestAViewerIsToldThatItMayNot(t *testing.T) {
	viewer := "viewer=" + strings.Repeat("v", 32)
	s := startGatewayIn(t, []string{"ADMIN_KEYS=" + viewer + "," + strong}, "serve", t.TempDir())
	command := func(keys string, args ...string) error {
		var out, errs bytes.Buffer
		return run(t.Context(), args, []string{"ADMIN_KEYS=" + keys, "ADMIN_URL=http://" + s.address["admin"]}, &out, &errs)
	}
	if err := command(viewer, "keys", "list"); err != nil {
		t.Errorf("a viewer lists: %v", err)
	}
	if err := command(viewer, "users", "create", "--name=u"); cli.ExitCode(err) != cli.ExitForbidden {
		t.Errorf("a viewer creates: %v", err)
	}
	if err := command(viewer+","+strong, "users", "create", "--name=u"); err != nil {
		t.Errorf("an admin beside a viewer: %v", err)
	}
}
