package envoy

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func TestBootstrapIsAcceptedByEnvoy(t *testing.T) {
	binary := testEnvoy(t)
	b, err := Bootstrap(testConfig())
	if err != nil {
		t.Fatal(err)
	}
	if err := Check(t.Context(), binary, b, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	if err := Check(t.Context(), binary, []byte(`{"unknown": 1}`), t.TempDir()); err == nil {
		t.Error("Check accepts a bootstrap with an unknown field")
	}
}

func TestBootstrapIsStable(t *testing.T) {
	first, err := Bootstrap(testConfig())
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		again, err := Bootstrap(testConfig())
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(first, again) {
			t.Fatalf("the same configuration gave other bytes:\n%s\n%s", first, again)
		}
	}
}

func TestBootstrapHasTheStaticClusters(t *testing.T) {
	b, err := Bootstrap(testConfig())
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		StaticResources struct {
			Clusters []struct {
				Name         string
				HealthChecks []json.RawMessage `json:"health_checks"`
			}
		} `json:"static_resources"`
	}
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	checks := map[string]int{}
	for _, c := range got.StaticResources.Clusters {
		checks[c.Name] = len(c.HealthChecks)
	}
	if len(checks) != 2 || checks[ProcessorCluster] != 1 {
		t.Errorf("health checks by cluster = %v, want %q with one and %q", checks, ProcessorCluster, XDSCluster)
	}
}

func TestBootstrapRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*BootstrapConfig)
		want   string
	}{
		"an admin address beyond loopback": {func(c *BootstrapConfig) { c.AdminAddress = "0.0.0.0:9901" }, "loopback"},
		"an admin address without a port":  {func(c *BootstrapConfig) { c.AdminAddress = "127.0.0.1" }, "admin address"},
		"an empty node id":                 {func(c *BootstrapConfig) { c.NodeID = "" }, "node id"},
		"a socket path that is too long":   {func(c *BootstrapConfig) { c.XDSSocket = "/" + strings.Repeat("x", 107) }, "107 bytes"},
		"no processor socket":              {func(c *BootstrapConfig) { c.ProcessorSocket = "" }, "socket path"},
	} {
		t.Run(name, func(t *testing.T) {
			c := testConfig()
			tc.change(&c)
			_, err := Bootstrap(c)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Bootstrap: %v, want an error with %q", err, tc.want)
			}
		})
	}
}
