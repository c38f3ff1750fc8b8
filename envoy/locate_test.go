package envoy

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fakeEnvoy writes a program that answers --version as Envoy does.
func fakeEnvoy(t *testing.T, path, version string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\necho\necho 'envoy  version: 0123abcd/" + version + "/Clean/RELEASE/BoringSSL'\n"
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLocateOrder(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("PATH", filepath.Join(dir, "bin")+":/bin:/usr/bin")
	venv := fakeEnvoy(t, filepath.Join(dir, ".venv/bin/envoy"), "1.40.0")

	expect := func(what, explicit, wantPath, wantVersion string) {
		t.Helper()
		path, version, err := Locate(t.Context(), explicit)
		if err != nil || path != wantPath || version != wantVersion {
			t.Errorf("%s: Locate(%q) = %q, %q, %v; want %q, %q", what, explicit, path, version, err, wantPath, wantVersion)
		}
	}
	expect("only the virtual environment", "", venv, "1.40.0")
	onPath := fakeEnvoy(t, filepath.Join(dir, "bin/envoy"), "1.39.2")
	expect("PATH too old", "", venv, "1.40.0")
	fakeEnvoy(t, onPath, "1.41.1")
	expect("PATH recent", "", onPath, "1.41.1")
	named := fakeEnvoy(t, filepath.Join(dir, "elsewhere/envoy-2"), "2.0.0")
	expect("explicit", named, named, "2.0.0")
	expect("explicit, relative", "elsewhere/envoy-2", named, "2.0.0")
}

func TestLocateSaysWhatToDo(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("PATH", "/nowhere:/bin")
	old := fakeEnvoy(t, filepath.Join(dir, "old"), "1.9.9")
	other := filepath.Join(dir, "other")
	if err := os.WriteFile(other, []byte("#!/bin/sh\necho hello\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct{ explicit, want string }{
		"nothing found":  {"", "envoy: executable file not found"},
		"missing":        {filepath.Join(dir, "missing"), "no such file"},
		"too old":        {old, "version 1.9.9 is too old"},
		"not an envoy":   {other, "does not answer like Envoy"},
		"a directory":    {dir, "directory"},
		"not on PATH":    {"envoy-9", "envoy-9"},
		"not executable": {"/etc/passwd", "permission denied"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := Locate(t.Context(), tc.explicit)
			if _, ok := errors.AsType[*NotFoundError](err); !ok {
				t.Fatalf("Locate: %v, want a *NotFoundError", err)
			}
			for _, want := range []string{tc.want, "make envoy", "--envoy-path", PinnedVersion()} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("Locate: %q does not say %q", err, want)
				}
			}
		})
	}
}

func TestPinnedVersionIsRecentEnough(t *testing.T) {
	if !recent(PinnedVersion()) {
		t.Errorf("version.txt names %q", PinnedVersion())
	}
}
