package xds

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// envoyBinary is the Envoy to test against.
func envoyBinary(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("BRICKS_TEST_ENVOY"); path != "" {
		return path
	}
	path, err := exec.LookPath("envoy")
	if err != nil {
		t.Skip("no Envoy: set BRICKS_TEST_ENVOY to its binary")
	}
	return path
}

func TestEnvoyAcceptsEveryGoldenState(t *testing.T) {
	binary := envoyBinary(t)
	for _, path := range inputs(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			s := readState(t, path)
			withTestCertificate(t, &s)
			r, err := Build(s)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "bootstrap.json")
			if err := os.WriteFile(file, staticBootstrap(t, r), 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := exec.CommandContext(t.Context(), binary, "--mode", "validate", "-c", file, "-l", "warning").CombinedOutput()
			if err != nil {
				t.Errorf("envoy: %v\n%s", err, out)
			} else {
				t.Logf("%s", out)
			}
		})
	}
}

// staticBootstrap embeds the resources in a bootstrap without a control plane.
// The route configuration takes the place of its discovery, or Envoy would not
// look at it.
func staticBootstrap(t *testing.T, r *Resources) []byte {
	t.Helper()
	clusters := append(rawAll(t, r.Clusters), json.RawMessage(`{
		"name": "processor", "type": "STATIC",
		"load_assignment": {"cluster_name": "processor", "endpoints": [{"lb_endpoints": [{"endpoint": {"address": {"pipe": {"path": "/tmp/none.sock"}}}}]}]}
	}`))
	listeners := rawAll(t, r.Listeners)
	routes := rawAll(t, r.Routes)
	for i, raw := range listeners {
		var l map[string]any
		if err := json.Unmarshal(raw, &l); err != nil {
			t.Fatal(err)
		}
		chain := l["filter_chains"].([]any)[0].(map[string]any)
		manager := chain["filters"].([]any)[0].(map[string]any)["typed_config"].(map[string]any)
		if _, discovered := manager["rds"]; discovered {
			delete(manager, "rds")
			manager["route_config"] = routes[0]
		}
		b, err := json.Marshal(l)
		if err != nil {
			t.Fatal(err)
		}
		listeners[i] = b
	}
	b, err := json.Marshal(map[string]any{
		"node": map[string]any{"id": "test", "cluster": "test"},
		"bootstrap_extensions": []any{map[string]any{
			"name":         "envoy.bootstrap.internal_listener",
			"typed_config": map[string]any{"@type": "type.googleapis.com/envoy.extensions.bootstrap.internal_listener.v3.InternalListener"},
		}},
		"static_resources": map[string]any{"listeners": listeners, "clusters": clusters},
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func rawAll(t *testing.T, resources map[string]proto.Message) []json.RawMessage {
	t.Helper()
	var out []json.RawMessage
	for _, name := range slices.Sorted(maps.Keys(resources)) {
		b, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(resources[name])
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, b)
	}
	return out
}
