package controlplane

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/envoy"
	"google.golang.org/grpc"
)

// A real Envoy over a Unix socket takes the listener and a new setting's
// cluster, refuses what it cannot load without losing the rest, and answers in
// the gateway's words when no processor is there.
func TestARealEnvoy(t *testing.T) {
	binary := os.Getenv("BRICKS_TEST_ENVOY")
	if binary == "" {
		var err error
		if binary, err = exec.LookPath("envoy"); err != nil {
			t.Skip("no Envoy: set BRICKS_TEST_ENVOY to its binary")
		}
	}
	port := freePort(t)
	f := setupAt(t, port)
	dir, err := os.MkdirTemp("", "bricks") // t.TempDir is too long for a socket's path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	runEnvoy(t, f, binary, dir)

	base := fmt.Sprintf("http://127.0.0.1:%d", port)
	awaitCondition(t, "healthz", func() bool {
		status, _ := get(t, base+"/healthz", nil)
		return status == http.StatusOK
	})

	if late, took := f.apply(f.setting("https://good.example.com").Revision); late != nil {
		t.Errorf("late = %v after %v", late, took)
	} else {
		t.Logf("a new cluster was acknowledged after %v", took)
	}
	if s := f.plane.XDSStatus(); len(s.Nodes) != 1 || s.Nodes[0].Node != "envoy-1" || len(s.Nodes[0].Types) != 3 {
		t.Errorf("status = %+v", s)
	}

	// No processor listens: fail closed, in the shape of the called API.
	for path, want := range map[string]string{
		"/api/providers/openai/v1/models":    `"code":"service_unavailable"`,
		"/api/providers/anthropic/v1/models": `"type":"overloaded_error"`,
	} {
		status, body := get(t, base+path, nil)
		if status != http.StatusServiceUnavailable || !strings.Contains(body, want) {
			t.Errorf("GET %s = %d %s, want 503 with %s", path, status, body, want)
		}
	}
	if status, body := get(t, base+"/a%2fb", nil); status != http.StatusBadRequest || !strings.Contains(body, `"invalid_request_error"`) {
		t.Errorf("an escaped slash: %d %s, want 400 in OpenAI's shape", status, body)
	}

	refused(t, f, base)
}

// refused publishes a listener that Envoy cannot load.
func refused(t *testing.T, f *fixture, base string) {
	t.Helper()
	f.plane.syncing <- struct{}{}
	good := f.plane.o.Listener
	bad := good
	bad.TLSCertFile, bad.TLSKeyFile = "/nonexistent.crt", "/nonexistent.key"
	f.plane.o.Listener = bad
	<-f.plane.syncing
	late, _ := f.apply(f.setting("https://good.example.com/other").Revision)
	if len(late) != 1 || late[0] != "envoy-1" {
		t.Errorf("late = %v, want the Envoy that refused", late)
	}
	nack := ""
	for _, ty := range f.plane.XDSStatus().Nodes[0].Types {
		nack += ty.LastNACK
	}
	if !strings.Contains(nack, "nonexistent") {
		t.Errorf("status names no fault: %q", nack)
	}
	if status, _ := get(t, base+"/healthz", nil); status != http.StatusOK {
		t.Errorf("the last good listener answers %d", status)
	}
}

func runEnvoy(t *testing.T, f *fixture, binary, dir string) {
	t.Helper()
	socket := filepath.Join(dir, "xds.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer()
	f.plane.Register(g)
	served := make(chan error, 1)
	go func() { served <- g.Serve(l) }()
	t.Cleanup(func() { g.Stop(); <-served })
	bootstrap, err := envoy.Bootstrap(envoy.BootstrapConfig{
		NodeID: "envoy-1", AdminAddress: "127.0.0.1:0", XDSSocket: socket, ProcessorSocket: filepath.Join(dir, "none.sock"),
	})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "bootstrap.json")
	if err := os.WriteFile(file, bootstrap, 0o600); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, binary, "-c", file, "--concurrency", "1", "--use-dynamic-base-id", "-l", "warning")
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	})
}

func freePort(t *testing.T) uint32 {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return uint32(l.Addr().(*net.TCPAddr).Port) //nolint:gosec // a port
}

func awaitCondition(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: not in time", what)
		}
	}
}

func get(t *testing.T, url string, header http.Header) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = header
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(b)
}
