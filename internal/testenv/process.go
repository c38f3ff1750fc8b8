package testenv

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

type process struct {
	pid  int
	name string
}

// children lists the processes whose parent is pid.
func children(t testing.TB, pid int) []process {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	var out []process
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		// "PID (name) state PPID …"; a name may hold blanks and parentheses.
		open, end := strings.IndexByte(string(b), '('), strings.LastIndexByte(string(b), ')')
		if open < 0 || end < open {
			continue
		}
		rest := strings.Fields(string(b[end+1:]))
		if len(rest) < 2 || rest[0] == "Z" || rest[1] != strconv.Itoa(pid) {
			continue
		}
		child, err := strconv.Atoi(strings.TrimSpace(string(b[:open])))
		if err != nil {
			continue
		}
		out = append(out, process{child, string(b[open+1 : end])})
	}
	return out
}

// Eventually asks condition every 20 ms until it holds, and fails the test when
// it does not within the time.
func Eventually(t testing.TB, within time.Duration, what string, condition func() bool) {
	t.Helper()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for !condition() {
		select {
		case <-deadline.C:
			t.Fatalf("not within %v: %s", within, what)
		case <-ticker.C:
		}
	}
}

// FreeAddress is a host:port of this machine that nobody listens on now.
func FreeAddress(t testing.TB) string { return freeAddress(t) }

// freeAddress is a host:port that nobody listens on now, and that the system
// gives to nobody by itself: whoever asks for any port could be given it before
// it is used.
func freeAddress(t testing.TB) string {
	t.Helper()
	low := 0 // of the ports that the system gives away
	if b, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range"); err == nil {
		_, _ = fmt.Sscan(string(b), &low)
	}
	for range 1000 {
		port := 0
		if low > 14_000 {
			port = low - 1 - rand.IntN(12_000)
		}
		if _, taken := givenPorts.LoadOrStore(port, true); taken && port != 0 {
			continue
		}
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			continue
		}
		address := l.Addr().String()
		_ = l.Close() // nothing was accepted
		return address
	}
	t.Fatal("no port is free")
	return ""
}

// givenPorts are those that freeAddress has given away in this process.
var givenPorts sync.Map

// startEnvoy runs Envoy with the bootstrap that `bricks serve` wrote, and
// returns when its listener answers.
func (g *Gateway) startEnvoy() {
	g.t.Helper()
	run := filepath.Join(g.DataDir, "run")
	// A copy of its own: the gateway's next start clears the directory.
	bootstrap, err := os.ReadFile(filepath.Join(run, "bootstrap.json"))
	if err != nil {
		g.t.Fatal(err)
	}
	if g.options.Between != nil {
		socket := filepath.Join(run, "processor.sock")
		if !bytes.Contains(bootstrap, []byte(socket)) {
			g.t.Fatalf("the bootstrap has no %s", socket)
		}
		bootstrap = bytes.ReplaceAll(bootstrap, []byte(socket), []byte(g.options.Between(socket)))
	}
	file := filepath.Join(g.DataDir, "envoy.json")
	if err := os.WriteFile(file, bootstrap, 0o600); err != nil {
		g.t.Fatal(err)
	}
	g.own = exec.Command(g.envoy, "--config-path", file, "--admin-address-path", g.envoyAdminFile(),
		"--disable-hot-restart", "--concurrency", "2", "--log-level", "warning")
	g.own.Stdout, g.own.Stderr = g.logs, g.logs
	if err := g.own.Start(); err != nil {
		g.t.Fatal(err)
	}
	Eventually(g.t, startTimeout, "Envoy serves", func() bool {
		resp, err := http.Get("http://" + g.Proxy + "/healthz")
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

func (g *Gateway) stopEnvoy() {
	if g.own == nil {
		return
	}
	_ = g.own.Process.Kill()
	_ = g.own.Wait() // it was killed
}

func (g *Gateway) envoyAdminFile() string {
	if g.options.Serve {
		return filepath.Join(g.DataDir, "envoy-admin")
	}
	return filepath.Join(g.DataDir, "run", "envoy-admin")
}

// Freeze stops a process, and returns once none of its threads runs any more:
// the signal alone leaves them time for another request.
func Freeze(t testing.TB, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	Eventually(t, startTimeout, "the process has stopped", func() bool {
		files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
		if err != nil || len(files) == 0 {
			t.Fatalf("process %d is gone", pid)
		}
		for _, file := range files {
			b, err := os.ReadFile(file)
			if state := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:])); err == nil && (len(state) == 0 || state[0] != "T") {
				return false
			}
		}
		return true
	})
}
