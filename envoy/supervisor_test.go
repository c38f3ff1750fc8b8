package envoy

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// helperVariable makes the test binary play the parent that is killed.
const helperVariable = "BRICKS_TEST_SUPERVISOR_PARENT"

func TestMain(m *testing.M) {
	if binary := os.Getenv(helperVariable); binary != "" {
		playParent(binary)
		return
	}
	goleak.VerifyTestMain(m)
}

// playParent supervises Envoy until it is killed, and prints Envoy's process id
// and admin address once that is up.
func playParent(binary string) {
	dir, err := os.MkdirTemp("", "bricks-test")
	if err != nil {
		panic(err)
	}
	b, err := Bootstrap(testConfig())
	if err != nil {
		panic(err)
	}
	s, err := NewSupervisor(SupervisorOptions{Path: binary, Bootstrap: b, Dir: dir, Concurrency: 1, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		panic(err)
	}
	go func() { _ = s.Run(context.Background()) }()
	for range time.Tick(20 * time.Millisecond) {
		if address, ok := serving(s); ok {
			fmt.Printf("%d %s %s\n", s.PID(), address, dir)
			select {}
		}
	}
}

func serving(s *Supervisor) (string, bool) {
	address, err := s.AdminAddress()
	if err != nil {
		return "", false
	}
	req, err := http.NewRequest(http.MethodGet, "http://"+address+"/server_info", nil)
	if err != nil {
		return "", false
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", false
	}
	_ = resp.Body.Close()
	return address, resp.StatusCode == http.StatusOK
}

// start runs a supervised Envoy until the test ends.
func start(t *testing.T) (*Supervisor, *bytes.Buffer) {
	t.Helper()
	binary := testEnvoy(t)
	b, err := Bootstrap(testConfig())
	if err != nil {
		t.Fatal(err)
	}
	var logs bytes.Buffer
	s, err := NewSupervisor(SupervisorOptions{
		Path: binary, Bootstrap: b, Dir: t.TempDir(), Concurrency: 1,
		Logger: slog.New(slog.NewJSONHandler(&logs, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		if s.PID() != 0 {
			t.Errorf("Envoy %d still runs after Run", s.PID())
		}
		if t.Failed() {
			t.Logf("logs:\n%s", logs.String())
		}
	})
	eventually(t, 20*time.Second, "Envoy serves its admin interface", func() bool { _, ok := serving(s); return ok })
	return s, &logs
}

func TestSupervisorStartsEnvoyAgain(t *testing.T) {
	s, _ := start(t)
	first := s.PID()
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, 5*time.Second, "Envoy is back", func() bool {
		_, ok := serving(s)
		return ok && s.PID() != first
	})
}

func TestSupervisorDrains(t *testing.T) {
	s, _ := start(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := s.Drain(ctx); err != nil {
		t.Fatal(err)
	}
	// A drained Envoy that dies stays down.
	if err := syscall.Kill(s.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, 5*time.Second, "Envoy is gone", func() bool { return s.PID() == 0 })
	if err := s.Drain(ctx); err != nil {
		t.Errorf("Drain without a process: %v", err)
	}
}

func TestSupervisorPassesLogsOn(t *testing.T) {
	var out bytes.Buffer
	w := &logWriter{logger: slog.New(slog.NewJSONHandler(&out, nil))}
	for _, part := range []string{
		`{"level":"warning","logger":"config","mess`, `age":"a \"quoted\" word"}` + "\nplain text\n\n", `{"access":"attempt","status":503,"model":"m"}` + "\n", `{"level":"critical","logger":"main","message":"last"}`,
	} {
		if n, err := w.Write([]byte(part)); n != len(part) || err != nil {
			t.Fatalf("Write = %d, %v", n, err)
		}
	}
	w.flush()
	got := out.String()
	for _, want := range []string{
		`"level":"WARN","msg":"envoy","text":"a \"quoted\" word","logger":"config"`,
		`"level":"WARN","msg":"envoy","text":"plain text"`,
		`"level":"INFO","msg":"access","attempt":{"access":"attempt","status":503,"model":"m"}`,
		`"level":"ERROR","msg":"envoy","text":"last","logger":"main"`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("logs lack %s:\n%s", want, got)
		}
	}
	if n := strings.Count(got, "\n"); n != 4 {
		t.Errorf("%d records, want 4:\n%s", n, got)
	}
}

// The supervisor's process is killed with SIGKILL, so that none of its code
// runs: Envoy must be gone all the same, and its port free.
func TestEnvoyDiesWithAKilledParent(t *testing.T) {
	binary := testEnvoy(t)
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), helperVariable+"="+binary)
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the parent did not start Envoy: %v", err)
	}
	fields := strings.Fields(line)
	pid, err := strconv.Atoi(fields[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(fields[2]) })

	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	eventually(t, 5*time.Second, "Envoy is gone", func() bool { return !alive(pid) })
	eventually(t, 5*time.Second, "the port is free", func() bool {
		l, err := net.Listen("tcp", fields[1])
		if err != nil {
			return false
		}
		_ = l.Close()
		return true
	})
}

// alive reports whether a process runs; a zombie that waits for its reaper does
// not.
func alive(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	_, rest, _ := bytes.Cut(stat, []byte(") "))
	return len(rest) > 0 && rest[0] != 'Z'
}
