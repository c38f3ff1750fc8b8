package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/envoy"
)

// testEnvoy returns the real binary, from BRICKS_TEST_ENVOY or where the
// program itself would find one; without one the test is skipped, visibly.
func testEnvoy(t testing.TB) string {
	t.Helper()
	path, _, err := envoy.Locate(t.Context(), os.Getenv("BRICKS_TEST_ENVOY"))
	if err != nil {
		t.Skipf("no Envoy to test with, set BRICKS_TEST_ENVOY: %v", err)
	}
	return path
}

// output collects what run prints, and hands out the ready line.
type output struct {
	mu    sync.Mutex
	text  bytes.Buffer
	ready chan map[string]string
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var line map[string]string
	if bytes.HasPrefix(p, []byte(`{"event":"ready"`)) && json.Unmarshal(p, &line) == nil {
		o.ready <- line
	}
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// started is a gateway that run runs in this process.
type started struct {
	t       *testing.T
	address map[string]string // the ready line
	stdout  *output
	stderr  *bytes.Buffer
	stop    func() error // ends run and returns its error
}

func startGateway(t *testing.T, command, dataDir string, args ...string) *started {
	t.Helper()
	return startGatewayIn(t, nil, command, dataDir, args...)
}

// startGatewayIn is startGateway with more variables.
func startGatewayIn(t *testing.T, environment []string, command, dataDir string, args ...string) *started {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s := &started{t: t, stdout: &output{ready: make(chan map[string]string, 1)}, stderr: &bytes.Buffer{}}
	done := make(chan error, 1)
	args = append([]string{
		command, "--data-dir", dataDir, "--admin-address=127.0.0.1:0", "--proxy-address=127.0.0.1:0", "--metrics-address=127.0.0.1:0",
	}, args...)
	go func() {
		done <- run(ctx, args, append([]string{"ENVOY_CONCURRENCY=1"}, environment...), s.stdout, s.stderr)
	}()
	s.stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Errorf("run: %v", err)
		}
		if t.Failed() {
			t.Logf("output:\n%s", s.stdout)
		}
	})
	select {
	case s.address = <-s.stdout.ready:
	case err := <-done:
		done <- err
		t.Fatalf("run ended before it was ready: %v", err)
	case <-time.After(time.Minute):
		t.Fatal("not ready within a minute")
	}
	return s
}

// get returns status and body; status 0 means that nothing answered.
func get(t *testing.T, url string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close() //nolint:errcheck // read only
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func free(t *testing.T, address string) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Errorf("%s is still in use: %v", address, err)
		return
	}
	_ = l.Close()
}

func TestUpServesAndStops(t *testing.T) {
	s := startGateway(t, "up", t.TempDir(), "--envoy-path", testEnvoy(t))
	for url, want := range map[string]int{
		"http://" + s.address["proxy"] + "/healthz":                                200,
		"http://" + s.address["proxy"] + "/api/providers/openai/v1/models":         401,
		"http://" + s.address["admin"] + "/api/health":                             200,
		"http://" + s.address["metrics"] + "/metrics":                              200,
		"http://" + s.address["metrics"] + "/healthz":                              200,
		"http://" + s.address["metrics"] + "/readyz":                               200,
		"http://" + s.address["admin"] + "/api/key-management/keys":                200,
		"http://" + s.address["proxy"] + "/api/providers/openai/v1/no/such/path/x": 401,
	} {
		if got, body := get(t, url); got != want {
			t.Errorf("GET %s = %d, want %d: %s", url, got, want, body)
		}
	}
	if text := s.stderr.String(); !strings.Contains(text, "curl") || !strings.Contains(text, s.address["proxy"]) {
		t.Errorf("standard error has no first curl:\n%s", text)
	}
	for line := range strings.Lines(s.stdout.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("standard output has a line that is no JSON: %q", line)
		}
	}
	if err := s.stop(); err != nil {
		t.Errorf("run: %v", err)
	}
	for _, name := range []string{"proxy", "admin", "metrics"} {
		free(t, s.address[name])
	}
}

func TestUpKeepsItsPortWhenEnvoyDies(t *testing.T) {
	s := startGateway(t, "up", t.TempDir(), "--envoy-path", testEnvoy(t))
	pid := envoyPID(t, s)
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for envoyPID(t, s) == pid || status(t, "http://"+s.address["proxy"]+"/healthz") != 200 {
		select {
		case <-ctx.Done():
			t.Fatal("Envoy does not serve again within 5 s")
		case <-ticker.C:
		}
	}
}

func status(t *testing.T, url string) int {
	code, _ := get(t, url)
	return code
}

// envoyPID reads the last "envoy started" record.
func envoyPID(t *testing.T, s *started) int {
	t.Helper()
	pid := 0
	for line := range strings.Lines(s.stdout.String()) {
		var record struct {
			Msg string
			PID int
		}
		if err := json.Unmarshal([]byte(line), &record); err == nil && record.Msg == "envoy started" {
			pid = record.PID
		}
	}
	if pid == 0 {
		t.Fatal("no record says that Envoy was started")
	}
	return pid
}

func TestDataSurvivesARestart(t *testing.T) {
	dir := t.TempDir()
	binary := testEnvoy(t)
	first := startGateway(t, "serve", dir)
	resp, err := http.Post("http://"+first.address["admin"]+"/api/provider-settings", "application/json",
		strings.NewReader(`{"provider":"openai","name":"kept","setting":{"apikey":"sk-test-0123456789"}}`))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("create setting: %d", resp.StatusCode)
	}
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	second := startGateway(t, "up", dir, "--envoy-path", binary)
	if code, body := get(t, "http://"+second.address["admin"]+"/api/provider-settings"); code != 200 || !strings.Contains(body, `"kept"`) {
		t.Errorf("settings after a restart: %d %s", code, body)
	}
}

func TestServeWritesABootstrap(t *testing.T) {
	dir := t.TempDir()
	s := startGateway(t, "serve", dir)
	if code, _ := get(t, "http://"+s.address["metrics"]+"/readyz"); code != 200 {
		t.Errorf("readyz = %d", code)
	}
	bootstrap, err := os.ReadFile(filepath.Join(dir, "run", "bootstrap.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := envoy.Check(t.Context(), testEnvoy(t), bootstrap, t.TempDir()); err != nil {
		t.Error(err)
	}
}

func TestOneGatewayOnADataDirectory(t *testing.T) {
	dir := t.TempDir()
	startGateway(t, "serve", dir)
	err := run(t.Context(), []string{"serve", "--data-dir", dir, "--admin-address=127.0.0.1:0", "--metrics-address=127.0.0.1:0"}, nil, io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("second gateway: %v, want in use", err)
	}
}

func TestCheckAndVersion(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), []string{"check", "--envoy-path", testEnvoy(t)}, nil, &out, io.Discard); err != nil || !strings.Contains(out.String(), "configuration: ok") {
		t.Errorf("check: %v, %s", err, out.String())
	}
	out.Reset()
	if err := run(t.Context(), []string{"version"}, nil, &out, io.Discard); err != nil || !strings.Contains(out.String(), envoy.PinnedVersion()) {
		t.Errorf("version: %v, %s", err, out.String())
	}
}

func TestUpWithoutEnvoySaysWhatToDo(t *testing.T) {
	err := run(t.Context(), []string{"up", "--data-dir", t.TempDir(), "--envoy-path", "/nowhere/envoy"}, nil, io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "make envoy") {
		t.Errorf("up: %v", err)
	}
}

func TestMetricsAreSentToStatsD(t *testing.T) {
	var lc net.ListenConfig
	conn, err := lc.ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // a test's
	c := defaults()
	host, port, err := net.SplitHostPort(conn.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	c.StatsProvider, c.Statsd, c.MetricsAddress = "datadog", statsdConfig{host, port}, "127.0.0.1:0"
	s := newSystem(c, "", false, slog.New(slog.DiscardHandler))
	if err := s.readAddresses(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.startMetrics(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.stop() // the last metrics are sent then
	if err := conn.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	datagram := make([]byte, 1<<16)
	n, _, err := conn.ReadFrom(datagram)
	if want := "bricks_build_info:1|g|#version:"; err != nil || !bytes.Contains(datagram[:n], []byte(want)) {
		t.Errorf("got %q, %v; want %s", datagram[:n], err, want)
	}
}
