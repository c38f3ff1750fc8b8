package testenv

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Options configures a Gateway; the zero value works.
type Options struct {
	// Serve runs `bricks serve`, and its Envoy is a child of the test instead.
	Serve bool
	// Between, with Serve, is given the processor's socket, and returns the one
	// that Envoy is to ask instead.
	Between       func(processorSocket string) string
	Role          string   // one role alone: controlplane, processor or admin
	Args          []string // after the command
	Env           []string // over the few variables that are handed on
	AllowUpstream []string // host:port of upstreams that may be private and plain
}

// Gateway is a bricks process with its Envoy.
type Gateway struct {
	Admin, Proxy, Metrics string // host:port of the ready line
	GenAI                 string // the same, if there is that entry
	Control, Processor    string // the same, of roles alone
	DataDir               string

	t       testing.TB
	options Options
	envoy   string
	cmd     *exec.Cmd
	done    chan struct{} // closed when the process has ended and its output is read
	exit    error         // valid after done
	logs    *logs
	own     *exec.Cmd // Envoy, with Options.Serve
}

const startTimeout = time.Minute

// Start runs `bricks up` with every port free and a data directory of its own,
// and returns once it is ready. The test's end stops it.
func Start(t testing.TB, o Options) *Gateway {
	t.Helper()
	envoy := Envoy(t)
	// Not t.TempDir: the sockets below need a short path.
	dir, err := os.MkdirTemp("", "bricks-")
	if err != nil {
		t.Fatal(err)
	}
	g := &Gateway{t: t, options: o, envoy: envoy, DataDir: dir, logs: &logs{}}
	t.Cleanup(func() {
		g.stopAtEnd()
		g.stopEnvoy()
		if t.Failed() {
			t.Logf("the gateway printed:\n%s", g.logs.tail(200))
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if o.Serve {
		g.Proxy = freeAddress(t)
	}
	g.Restart()
	if o.Serve {
		g.startEnvoy()
	}
	return g
}

// Restart starts the process again, after Kill or Stop, on the same data. Ports
// may change.
func (g *Gateway) Restart() {
	g.t.Helper()
	command, proxy := "up", "127.0.0.1:0"
	if g.options.Serve {
		command, proxy = "serve", g.Proxy // where the Envoy that goes on running listens
	}
	if g.options.Role != "" {
		command, proxy = g.options.Role, "127.0.0.1:1" // Args say better
	}
	args := []string{
		command, "--data-dir", g.DataDir, "--envoy-path", g.envoy, "--log-level", "debug",
		"--admin-address=127.0.0.1:0", "--proxy-address=" + proxy, "--metrics-address=127.0.0.1:0",
	}
	for _, a := range g.options.AllowUpstream {
		args = append(args, "--allow-upstream", a)
	}
	g.cmd = exec.Command(Build(g.t, "./cmd/bricks"), append(args, g.options.Args...)...)
	g.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "ENVOY_CONCURRENCY=2"}, g.options.Env...)
	stdout, err := g.cmd.StdoutPipe()
	if err != nil {
		g.t.Fatal(err)
	}
	g.cmd.Stderr = g.logs
	if err := g.cmd.Start(); err != nil {
		g.t.Fatal(err)
	}
	g.done = make(chan struct{})
	ready := make(chan map[string]string, 1)
	go g.follow(stdout, ready)
	deadline := time.NewTimer(startTimeout)
	defer deadline.Stop()
	select {
	case line := <-ready:
		g.Admin, g.Proxy, g.Metrics = line["admin"], line["proxy"], line["metrics"]
		g.GenAI, g.Control, g.Processor = line["genai"], line["control"], line["processor"]
	case <-g.done:
		g.t.Fatalf("bricks ended before it was ready: %v", g.exit)
	case <-deadline.C:
		g.t.Fatalf("bricks was not ready within %v", startTimeout)
	}
}

// follow reads standard output to its end, then the process's end.
func (g *Gateway) follow(stdout io.Reader, ready chan<- map[string]string) {
	defer close(g.done)
	r := bufio.NewReader(stdout)
	for {
		line, err := r.ReadBytes('\n')
		_, _ = g.logs.Write(line)
		var values map[string]string
		if bytes.HasPrefix(line, []byte(`{"event":"ready"`)) && json.Unmarshal(line, &values) == nil {
			select {
			case ready <- values:
			default: // a second ready line: the tests of the program look for that
			}
		}
		if err != nil {
			break
		}
	}
	g.exit = g.cmd.Wait()
}

// Kill ends the process with SIGKILL and waits for its end.
func (g *Gateway) Kill() {
	g.t.Helper()
	if err := g.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		g.t.Fatal(err)
	}
	<-g.done
}

// Stop ends the process with SIGTERM and returns how it ended.
func (g *Gateway) Stop() error {
	g.t.Helper()
	if err := g.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		g.t.Fatal(err)
	}
	<-g.done
	return g.exit
}

func (g *Gateway) stopAtEnd() {
	if g.cmd == nil || g.cmd.Process == nil {
		return
	}
	_ = g.cmd.Process.Signal(syscall.SIGTERM)
	patience := time.NewTimer(45 * time.Second)
	defer patience.Stop()
	select {
	case <-g.done:
	case <-patience.C:
		g.t.Error("bricks did not end within 45 s of SIGTERM")
		g.Kill()
	}
}

// PID is the process's id.
func (g *Gateway) PID() int { return g.cmd.Process.Pid }

// EnvoyPID is the id of the Envoy that runs now, 0 if none does.
func (g *Gateway) EnvoyPID() int {
	if g.own != nil {
		return g.own.Process.Pid
	}
	for _, child := range children(g.t, g.PID()) {
		if child.name == "envoy" {
			return child.pid
		}
	}
	return 0
}

// EnvoyAdmin is host:port of Envoy's own admin interface.
func (g *Gateway) EnvoyAdmin() string {
	g.t.Helper()
	b, err := os.ReadFile(g.envoyAdminFile())
	if err != nil {
		g.t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

// Logs is everything the gateway and its Envoy printed, over restarts.
func (g *Gateway) Logs() string { return g.logs.String() }

// logs collects output from several writers.
type logs struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *logs) tail(lines int) string {
	all := strings.Split(l.String(), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// Args are the arguments after the command that the test gave.
func (g *Gateway) Args() []string { return g.options.Args }
