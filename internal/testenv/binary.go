package testenv

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// EnvoyVariable names the Envoy to test with.
const EnvoyVariable = "BRICKS_TEST_ENVOY"

var (
	buildMu  sync.Mutex
	buildDir string // of this process's binaries; removed by Main
	built    = map[string]string{}
)

// Main runs m's tests and removes what they built. A package that starts
// gateways calls it from TestMain.
func Main(m *testing.M) int {
	code := m.Run()
	buildMu.Lock()
	defer buildMu.Unlock()
	if buildDir != "" {
		if err := os.RemoveAll(buildDir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return code
}

// Build returns the path of this module's program at pkg ("./cmd/bricks"),
// built once a process.
func Build(t testing.TB, pkg string) string {
	t.Helper()
	buildMu.Lock()
	defer buildMu.Unlock()
	if path, ok := built[pkg]; ok {
		return path
	}
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	if buildDir == "" {
		if buildDir, err = os.MkdirTemp("", "bricks-build-"); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(buildDir, filepath.Base(pkg))
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", path, pkg)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build %s: %v\n%s", pkg, err, out)
	}
	built[pkg] = path
	return path
}

// Root is the module's directory.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("no go.mod above the working directory")
		}
		dir = parent
	}
}

// Envoy returns the Envoy to test with: BRICKS_TEST_ENVOY, ENVOY_PATH, on PATH,
// or the project's own. Without one the test is skipped, visibly.
func Envoy(t testing.TB) string {
	t.Helper()
	for _, name := range []string{EnvoyVariable, "ENVOY_PATH"} {
		if path := os.Getenv(name); path != "" {
			return path
		}
	}
	if path, err := exec.LookPath("envoy"); err == nil {
		return path
	}
	if root, err := Root(); err == nil {
		if path, err := exec.LookPath(filepath.Join(root, ".venv", "bin", "envoy")); err == nil {
			return path
		}
	}
	t.Skipf("no Envoy to test with: run `make envoy`, or set %s", EnvoyVariable)
	return ""
}
