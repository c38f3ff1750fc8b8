package xds

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/bricks-gateway/bricks/internal/provider"
)

var update = flag.Bool("update", false, "write testdata/out anew")

// input is a State as the files in testdata/in spell it.
type input struct {
	Listener struct {
		Address        string
		Port           uint32
		TLSCertFile    string
		TLSKeyFile     string
		MaxBodyBytes   uint32
		MessageTimeout string
		CAFile         string
	}
	GenAI *struct {
		Address  string
		Port     uint32
		Upstream string
	}
	Upstreams []struct {
		Origin    string
		ByEnvoy   bool
		Addresses []netip.Addr
	}
}

func readState(t *testing.T, path string) State {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var in input
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	l := in.Listener
	s := State{Listener: ListenerConfig{
		Address: l.Address, Port: l.Port, TLSCertFile: l.TLSCertFile, TLSKeyFile: l.TLSKeyFile,
		MaxBodyBytes: l.MaxBodyBytes, CAFile: l.CAFile,
	}}
	if l.MessageTimeout != "" {
		if s.Listener.MessageTimeout, err = time.ParseDuration(l.MessageTimeout); err != nil {
			t.Fatal(err)
		}
	}
	if in.GenAI != nil {
		o, err := provider.ParseOrigin(in.GenAI.Upstream)
		if err != nil {
			t.Fatal(err)
		}
		s.Listener.GenAI = &GenAIEntry{Address: in.GenAI.Address, Port: in.GenAI.Port, Upstream: o}
	}
	for _, u := range in.Upstreams {
		o, err := provider.ParseOrigin(u.Origin)
		if err != nil {
			t.Fatalf("%s: %v", u.Origin, err)
		}
		s.Upstreams = append(s.Upstreams, Upstream{Origin: o, ByEnvoy: u.ByEnvoy, Addresses: u.Addresses})
	}
	return s
}

func inputs(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob("testdata/in/*.json")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no inputs: %v", err)
	}
	return paths
}

// spell writes the resources of one type as JSON, sorted by name.
func spell(t *testing.T, resources map[string]proto.Message) []byte {
	t.Helper()
	all := []json.RawMessage{}
	for _, name := range slices.Sorted(maps.Keys(resources)) {
		raw, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(resources[name])
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, raw)
	}
	out, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(out, '\n')
}

func spellAll(t *testing.T, r *Resources) map[string][]byte {
	t.Helper()
	return map[string][]byte{
		"listeners": spell(t, r.Listeners),
		"routes":    spell(t, r.Routes),
		"clusters":  spell(t, r.Clusters),
	}
}

func TestGolden(t *testing.T) {
	var wanted []string
	for _, path := range inputs(t) {
		name := strings.TrimSuffix(filepath.Base(path), ".json")
		t.Run(name, func(t *testing.T) {
			r, err := Build(readState(t, path))
			if err != nil {
				t.Fatal(err)
			}
			for kind, got := range spellAll(t, r) {
				file := filepath.Join("testdata/out", name+"."+kind+".json")
				wanted = append(wanted, file)
				if *update {
					if err := os.WriteFile(file, got, 0o600); err != nil {
						t.Fatal(err)
					}
					continue
				}
				want, err := os.ReadFile(file)
				if err != nil {
					t.Fatalf("%v; run with -update", err)
				}
				if !bytes.Equal(got, want) {
					t.Errorf("%s differs; run with -update and read the diff. got:\n%s", file, got)
				}
			}
		})
	}
	stale(t, wanted)
}

// stale finds outputs that no input makes, and deletes them when updating.
func stale(t *testing.T, wanted []string) {
	t.Helper()
	files, err := filepath.Glob("testdata/out/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if slices.Contains(wanted, file) {
			continue
		}
		if !*update {
			t.Errorf("%s has no input", file)
		} else if err := os.Remove(file); err != nil {
			t.Error(err)
		}
	}
}

func TestBuildGivesTheSameBytesInAnyOrder(t *testing.T) {
	for _, path := range inputs(t) {
		s := readState(t, path)
		first := encode(t, s)
		for range 20 {
			rand.Shuffle(len(s.Upstreams), func(i, j int) {
				s.Upstreams[i], s.Upstreams[j] = s.Upstreams[j], s.Upstreams[i]
			})
			for _, u := range s.Upstreams {
				rand.Shuffle(len(u.Addresses), func(i, j int) {
					u.Addresses[i], u.Addresses[j] = u.Addresses[j], u.Addresses[i]
				})
			}
			if again := encode(t, s); !maps.EqualFunc(first, again, bytes.Equal) {
				t.Fatalf("%s: the same state gave other bytes", path)
			}
		}
	}
}

func encode(t *testing.T, s State) map[string][]byte {
	t.Helper()
	r, err := Build(s)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for kind, resources := range map[string]map[string]proto.Message{"l": r.Listeners, "r": r.Routes, "c": r.Clusters} {
		for name, m := range resources {
			b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			out[kind+"/"+name] = b
		}
	}
	return out
}

func TestBuildRefusesTheSameOriginTwice(t *testing.T) {
	o, err := provider.ParseOrigin("https://api.openai.com")
	if err != nil {
		t.Fatal(err)
	}
	_, err = Build(State{
		Listener:  ListenerConfig{Address: "127.0.0.1", Port: 8002},
		Upstreams: []Upstream{{Origin: o}, {Origin: o, ByEnvoy: true}},
	})
	if err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("Build: %v, want an error about the origin that is there twice", err)
	}
}

func TestFindCAFile(t *testing.T) {
	for want, there := range map[string][]string{
		"/etc/ssl/certs/ca-certificates.crt": {"/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/cert.pem"},
		"/etc/pki/tls/certs/ca-bundle.crt":   {"/etc/pki/tls/certs/ca-bundle.crt"},
		"":                                   nil,
	} {
		if got := FindCAFile(func(p string) bool { return slices.Contains(there, p) }); got != want {
			t.Errorf("FindCAFile with %v = %q, want %q", there, got, want)
		}
	}
}
