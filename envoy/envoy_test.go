package envoy

import (
	"context"
	"os"
	"testing"
	"time"
)

// testEnvoy returns the real binary, from BRICKS_TEST_ENVOY or where Locate
// finds one; without one the test is skipped, visibly.
func testEnvoy(t testing.TB) string {
	t.Helper()
	path, _, err := Locate(t.Context(), os.Getenv("BRICKS_TEST_ENVOY"))
	if err != nil {
		t.Skipf("no Envoy to test with, set BRICKS_TEST_ENVOY: %v", err)
	}
	return path
}

func testConfig() BootstrapConfig {
	return BootstrapConfig{
		NodeID:          "node-1",
		AdminAddress:    "127.0.0.1:0",
		XDSSocket:       "/run/bricks/xds.sock",
		ProcessorSocket: "/run/bricks/processor.sock",
	}
}

// eventually polls condition every 20 ms until it holds.
func eventually(t testing.TB, within time.Duration, what string, condition func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for !condition() {
		select {
		case <-ctx.Done():
			t.Fatalf("not within %v: %s", within, what)
		case <-ticker.C:
		}
	}
}
