package house

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const module = "github.com/bricks-gateway/bricks/"

type pkg struct {
	ImportPath, Doc string
	Imports         []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Doc,Imports", module+"...").Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// forbidden: packages below from may not import what matches.
var forbidden = []struct{ from, imports, reason string }{
	{"processor", "^" + module + "(controlplane|admin|internal/store)", "the processor reads no database and knows the control plane by its protocol only"},
	{"controlplane", "^" + module + "(processor|admin)", "roles can run apart"},
	{"admin", "^" + module + "(processor|controlplane)", "roles can run apart"},
	{"internal/gateway", `\.`, "the vocabulary does no I/O and needs the standard library only"},
	{"internal", "^" + module + "(processor|controlplane|admin|cmd)", "arrows point down"},
}

// confined: what matches may be imported below these folders only.
var confined = []struct {
	imports string
	to      []string
	reason  string
}{
	{"pgx|modernc.org/sqlite|pressly/goose", []string{"internal/store", "internal/imports/bricksllm"}, "a database driver is the store's business, and the importer's of another gateway's database"},
	{"go-control-plane", []string{"processor", "controlplane", "envoy", "internal/bench"}, "Envoy's types stop at the edges"},
	{"redis/go-redis", []string{"internal/limit/redis", "internal/cache/redis"}, "Redis is a limiter's and a cache's business"},
	{"aws/(aws-sdk-go-v2|smithy-go)", []string{"internal/pii/comprehend"}, "the SDK of AWS is a detector's business"},
	{"go.opentelemetry.io/", []string{"internal/telemetry"}, "what makes and sends spans is telemetry's business"},
	{"oapi-codegen", []string{"internal/adminclient", "internal/cli"}, "the generated client is the command line's business"},
	{"alecthomas/kong", []string{"cmd", "internal/cli"}, "flags are the program's business"},
	{"danielgtaylor/huma", []string{"admin"}, "HTTP is the admin API's business"},
}

func below(path string, folders ...string) bool {
	for _, f := range folders {
		if path == f || strings.HasPrefix(path, f+"/") {
			return true
		}
	}
	return false
}

func TestImportDirections(t *testing.T) {
	for _, p := range packages(t) {
		path := strings.TrimPrefix(p.ImportPath, module)
		for _, i := range p.Imports {
			for _, f := range forbidden {
				if below(path, f.from) && regexp.MustCompile(f.imports).MatchString(i) {
					t.Errorf("%s imports %s: %s", path, i, f.reason)
				}
			}
			for _, c := range confined {
				if regexp.MustCompile(c.imports).MatchString(i) && !below(path, c.to...) {
					t.Errorf("%s imports %s: %s", path, i, c.reason)
				}
			}
		}
	}
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	for _, p := range packages(t) {
		if p.Doc == "" && !strings.Contains(p.ImportPath, "/proto/") {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}

func TestTheFailureTableNamesTestsThatExist(t *testing.T) {
	const root = "../.."
	table, err := os.ReadFile(filepath.Join(root, "docs/failures.md"))
	if err != nil {
		t.Fatal(err)
	}
	var code strings.Builder
	err = filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		b, err := os.ReadFile(path)
		code.Write(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(table)) {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| What fails") {
			continue
		}
		names := regexp.MustCompile("`(Test[A-Za-z0-9]+)`").FindAllStringSubmatch(line, -1)
		if len(names) == 0 {
			t.Errorf("no test is named in: %s", line)
		}
		for _, n := range names {
			if !strings.Contains(code.String(), "func "+n[1]+"(") {
				t.Errorf("%s does not exist", n[1])
			}
		}
	}
}
