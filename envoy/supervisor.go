package envoy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"
)

const (
	minBackOff  = 100 * time.Millisecond
	maxBackOff  = 5 * time.Second
	steadyAfter = 10 * time.Second // an Envoy that ran this long starts over with minBackOff
	killAfter   = 5 * time.Second  // between SIGTERM and SIGKILL
	drainPeriod = time.Second      // listeners still accept, answers say connection: close
)

// SupervisorOptions are the parts of a Supervisor.
type SupervisorOptions struct {
	Path        string // the binary, as Locate returns it
	Bootstrap   []byte // as Bootstrap returns it
	Dir         string // private directory for the bootstrap file and the admin address
	Concurrency int    // worker threads; 0 leaves the choice to Envoy
	Logger      *slog.Logger
}

// Supervisor runs one Envoy as a child process and starts it again, with
// back-off from 100 ms to 5 s, whenever it dies. Safe for concurrent use.
type Supervisor struct {
	options     SupervisorOptions
	bootstrap   string // file names
	adminPath   string
	environment []string

	mu       sync.Mutex
	pid      int // 0 while none runs
	draining bool
}

// NewSupervisor writes the bootstrap to the directory and returns a Supervisor
// that has not started Envoy yet.
func NewSupervisor(o SupervisorOptions) (*Supervisor, error) {
	s := &Supervisor{
		options:   o,
		bootstrap: filepath.Join(o.Dir, "bootstrap.json"),
		adminPath: filepath.Join(o.Dir, "envoy-admin"),
	}
	// Envoy needs none of our variables, and some of them are secrets that
	// would stand in its /proc entry.
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "LANG", "SSL_CERT_FILE", "SSL_CERT_DIR"} {
		if v, ok := os.LookupEnv(name); ok {
			s.environment = append(s.environment, name+"="+v)
		}
	}
	if err := os.WriteFile(s.bootstrap, o.Bootstrap, 0o600); err != nil {
		return nil, fmt.Errorf("write envoy bootstrap: %w", err)
	}
	return s, nil
}

// Run keeps Envoy running until ctx ends; then it asks Envoy to stop, kills its
// process group after 5 s, and returns nil once it is gone. Run is called once.
func (s *Supervisor) Run(ctx context.Context) error {
	backOff := minBackOff
	for {
		started := time.Now()
		err := s.runOnce(ctx)
		if ctx.Err() != nil || s.isDraining() {
			return nil
		}
		if time.Since(started) > steadyAfter {
			backOff = minBackOff
		}
		s.options.Logger.Error("envoy died, starting it again", "error", err, "wait", backOff.String())
		timer := time.NewTimer(backOff)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
		backOff = min(2*backOff, maxBackOff)
	}
}

// runOnce starts Envoy and waits for its end.
func (s *Supervisor) runOnce(ctx context.Context) error {
	// The last process's address must not be taken for the next one's.
	if err := os.Remove(s.adminPath); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove old admin address: %w", err)
	}
	cmd := exec.Command(s.options.Path, s.arguments()...) //nolint:gosec // the operator names the binary
	cmd.Env = s.environment
	cmd.SysProcAttr = childAttr()
	logs := &logWriter{logger: s.options.Logger}
	cmd.Stdout, cmd.Stderr = logs, logs
	cmd.WaitDelay = 2 * time.Second

	started, done := make(chan error, 1), make(chan error, 1)
	go func() {
		// The kernel sends the death signal when the *thread* that forked
		// exits, not the process. This goroutine keeps that thread to itself
		// for as long as Envoy lives.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			done <- cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start envoy: %w", err)
	}
	s.setPID(cmd.Process.Pid)
	defer s.setPID(0)
	s.options.Logger.Info("envoy started", "pid", cmd.Process.Pid)

	select {
	case err := <-done:
		logs.flush()
		return exitError(err)
	case <-ctx.Done():
	}
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
	timer := time.NewTimer(killAfter)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-done
	}
	logs.flush()
	return nil
}

func (s *Supervisor) arguments() []string {
	args := []string{
		"--config-path", s.bootstrap,
		"--admin-address-path", s.adminPath,
		// Hot restart would need a base id of its own for each Envoy on the host.
		"--disable-hot-restart",
		"--drain-time-s", strconv.Itoa(int(drainPeriod / time.Second)),
		"--drain-strategy", "immediate",
		// Never debug or trace: at these levels Envoy logs header values, and
		// with them keys and credentials.
		"--log-level", "warning",
		"--log-format", logFormat,
		"--file-flush-interval-msec", "500", // of access logs; 10 s otherwise
	}
	if s.options.Concurrency > 0 {
		args = append(args, "--concurrency", strconv.Itoa(s.options.Concurrency))
	}
	return args
}

func exitError(err error) error {
	if err == nil {
		return errors.New("exited with status 0")
	}
	return err
}

// PID is the process id of the running Envoy, 0 while none runs.
func (s *Supervisor) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pid
}

func (s *Supervisor) setPID(pid int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pid = pid
}

func (s *Supervisor) isDraining() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.draining
}

// Check has Envoy judge a bootstrap without running it. dir is where the
// bootstrap is written to.
func Check(ctx context.Context, path string, bootstrap []byte, dir string) error {
	file := filepath.Join(dir, "bootstrap.json")
	if err := os.WriteFile(file, bootstrap, 0o600); err != nil {
		return fmt.Errorf("write envoy bootstrap: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "--mode", "validate", "--disable-hot-restart", "--config-path", file) //nolint:gosec // the operator names the binary
	cmd.WaitDelay = time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("envoy refuses its bootstrap: %w: %s", err, out)
	}
	return nil
}
