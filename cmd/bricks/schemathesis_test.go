package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestSchemathesis lets schemathesis make requests of the OpenAPI document, good
// and bad ones, one by one and in chains, and judge the answers by it with every
// check that it has. BRICKS_TEST_SCHEMATHESIS_EXAMPLES is how many requests an
// operation gets in each phase, which then begin at random. It has one worker:
// Python's parser fails at times when several threads use it.
func TestSchemathesis(t *testing.T) {
	python := os.Getenv("BRICKS_TEST_PYTHON_SCHEMATHESIS")
	if python == "" {
		t.Skip("no schemathesis to test with, set BRICKS_TEST_PYTHON_SCHEMATHESIS to a Python that has cmd/bricks/testdata/schemathesis/requirements.txt")
	}
	const key = "admin-key-of-the-schemathesis-test-0123456789"
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"data":[]}`) }))
	defer provider.Close()
	s := startGateway(t, "serve", t.TempDir(), "--admin-key", key, "--log-level", "error", "--allow-upstream", provider.Listener.Addr().String())
	url := "http://" + s.address["admin"]
	call := func(path, body string) []byte {
		t.Helper()
		method := http.MethodGet
		if body != "" {
			method = http.MethodPost
		}
		return callAdmin(t, method, url+path, key, body)
	}
	made := func(path, body string) string {
		t.Helper()
		var object struct{ ID string }
		if err := json.Unmarshal(call(path, body), &object); err != nil {
			t.Fatal(err)
		}
		return object.ID
	}
	objects, err := json.Marshal(map[string]string{
		"setting": made("/api/provider-settings", `{"provider":"openai","setting":{"apikey":"sk-0123456789abcdef","url":"`+provider.URL+`"}}`),
		"policy":  made("/api/policies", `{"tags":["org-1"]}`),
		"url":     provider.URL,
	})
	if err != nil {
		t.Fatal(err)
	}
	// From a file, because it passes over the path that the document is read from.
	dir := t.TempDir()
	document := call("/api/openapi.json", "")
	if err := os.WriteFile(filepath.Join(dir, "openapi.json"), document, 0o600); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Abs("testdata/schemathesis")
	if err != nil {
		t.Fatal(err)
	}
	run := exec.CommandContext(t.Context(), filepath.Join(filepath.Dir(python), "st"), schemathesisArguments(files, url, key)...) //nolint:gosec // the tester's own
	run.Dir = dir
	run.Env = append(os.Environ(), "SCHEMATHESIS_HOOKS=hooks", "PYTHONPATH="+files, "PYTHONDONTWRITEBYTECODE=1", "BRICKS_TEST_OBJECTS="+string(objects))
	started := time.Now()
	output, err := run.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	// What it passed over would be silent.
	for _, want := range []string{`Operations: +` + operations(t, document) + ` selected / ` + operations(t, document) + ` total`,
		`✅ Examples`, `✅ Coverage`, `✅ Fuzzing`, `✅ Stateful`, `[0-9]{4,} generated, [0-9]{4,} passed`} {
		if !regexp.MustCompile(want).Match(output) {
			t.Errorf("its report has no %q:\n%s", want, output)
		}
	}
	t.Logf("measured: schemathesis took %s: %s", time.Since(started).Round(time.Second), regexp.MustCompile(`[0-9]+ generated.*`).Find(output))
}

func schemathesisArguments(files, url, key string) []string {
	arguments := []string{"--config-file", filepath.Join(files, "schemathesis.toml"), "run", "openapi.json", "--url", url, "--header", "X-API-KEY: " + key,
		"--checks", "all", "--phases", "examples,coverage,fuzzing,stateful", "--workers", "1", "--continue-on-failure", "--no-color", "--generation-database", "none",
		"--suppress-health-check", "all"} // they are of its own speed
	if n := os.Getenv("BRICKS_TEST_SCHEMATHESIS_EXAMPLES"); n != "" {
		return append(arguments, "--max-examples", n)
	}
	return append(arguments, "--max-examples", "10", "--seed", "1")
}

// operations counts the operations of a document.
func operations(t *testing.T, document []byte) string {
	t.Helper()
	var d struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(document, &d); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, item := range d.Paths {
		n += len(item)
	}
	return strconv.Itoa(n)
}

// callAdmin makes a request that must succeed and returns the answer.
func callAdmin(t *testing.T, method, url, key, body string) []byte {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-API-KEY", key)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // read only
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %d %s %v", method, url, resp.StatusCode, text, err)
	}
	return text
}
