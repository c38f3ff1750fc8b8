package e2e

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	grpchealth "google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/bricks-gateway/bricks/envoy"
	"github.com/bricks-gateway/bricks/internal/event"
	"github.com/bricks-gateway/bricks/internal/ledger"
	"github.com/bricks-gateway/bricks/internal/limit"
	"github.com/bricks-gateway/bricks/internal/limit/memory"
	"github.com/bricks-gateway/bricks/internal/testenv"
	"github.com/bricks-gateway/bricks/internal/transport"
	"github.com/bricks-gateway/bricks/processor"
	"github.com/bricks-gateway/bricks/processor/configcache"
)

// Two processors of the program cannot count limits in their own processes on
// one database. The second one of these tests is the test binary itself, run
// again: the same parts, but it refuses keys with limits and says that it does
// not count. uncountedVariable asks for it; its value is the control address.
const uncountedVariable = "BRICKS_E2E_UNCOUNTED_PROCESSOR"

func runAgain() bool { return os.Getenv(uncountedVariable) != "" }

// limitless is a limiter for keys without limits.
type limitless struct{ limit.Limiter }

var errLimited = errors.New("this processor has nothing to count in")

func (l limitless) Exhausted(ctx context.Context, accounts []limit.Account, money bool) error {
	for _, a := range accounts {
		if a.Limits.Any() {
			return errLimited
		}
	}
	return l.Limiter.Exhausted(ctx, accounts, money)
}

// startUncounted runs the second processor and its Envoy on a control plane. It
// returns once its Envoy answers.
func (r *roles) startUncounted(plane *testenv.Gateway) (proxy string, process *os.Process) {
	r.t.Helper()
	dir, err := os.MkdirTemp("", "bricks-")
	if err != nil {
		r.t.Fatal(err)
	}
	cert, key := r.ca.Issue("second", processorID)
	cmd := exec.Command(os.Args[0]) //nolint:gosec // this test
	cmd.Env = append(os.Environ(), uncountedVariable+"="+plane.Control, "TEST_DIR="+dir, "TEST_CERT="+cert, "TEST_KEY="+key,
		"TEST_CA="+r.ca.File, "ENVOY_PATH="+testenv.Envoy(r.t))
	out, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		r.t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGCONT)
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			r.t.Errorf("second processor: %v", err)
		}
		if r.t.Failed() {
			text, _ := os.ReadFile(filepath.Join(dir, "log"))
			r.t.Logf("the second processor printed:\n%.20000s", text)
		}
		_ = out.Close()
		_ = os.RemoveAll(dir)
	})
	proxy = flag(plane, "--proxy-address")
	testenv.Eventually(r.t, waitForEvents, "the second Envoy serves", func() bool {
		resp, err := r.client.Get("http://" + proxy + "/healthz")
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == 200
	})
	return proxy, cmd.Process
}

// mainUncounted is the second processor's program.
func mainUncounted() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := uncounted(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func uncounted(ctx context.Context) error {
	logger := slog.New(slog.NewJSONHandler(os.Stdout, nil))
	dir := os.Getenv("TEST_DIR")
	files := transport.Files{Cert: os.Getenv("TEST_CERT"), Key: os.Getenv("TEST_KEY"), CA: os.Getenv("TEST_CA")}
	address, err := transport.ParseAddress(os.Getenv(uncountedVariable))
	if err != nil {
		return err
	}
	conn, err := transport.Dial(address, files)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // the process ends
	spool, err := event.Open(filepath.Join(dir, "spool"), event.Options{Logger: logger})
	if err != nil {
		return err
	}
	defer spool.Close() //nolint:errcheck // nothing is asserted of it
	cache := configcache.New(configcache.Options{NodeID: "processor-second", Conn: conn, Logger: logger})
	filter := processor.New(processor.Options{
		Config: cache, Spool: spool, Limiter: limitless{memory.New(nil, nil)}, Prices: cache, Logger: logger,
	})
	server, health := grpc.NewServer(), grpchealth.NewServer()
	filter.Register(server)
	healthv1.RegisterHealthServer(server, health)
	l, err := net.Listen("unix", filepath.Join(dir, "p.sock"))
	if err != nil {
		return err
	}
	supervisor, err := secondEnvoy(dir, files, address, logger)
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return spool.Run(ctx, ledger.NewClient(conn)) })
	g.Go(func() error { _ = cache.Run(ctx); return nil })
	g.Go(func() error { return server.Serve(l) })
	g.Go(func() error { return supervisor.Run(ctx) })
	g.Go(func() error { <-ctx.Done(); server.Stop(); return nil })
	return g.Wait()
}

func secondEnvoy(dir string, files transport.Files, control transport.Address, logger *slog.Logger) (*envoy.Supervisor, error) {
	mutual := envoy.MutualTLS{CertFile: files.Cert, KeyFile: files.Key, CAFile: files.CA, Dir: dir}
	if err := mutual.WriteSecrets(); err != nil {
		return nil, err
	}
	b := envoy.BootstrapConfig{NodeID: "envoy-second", AdminAddress: "127.0.0.1:0", ProcessorSocket: filepath.Join(dir, "p.sock"), TLS: mutual}
	b.XDSAddress = control.HostPort()
	bootstrap, err := envoy.Bootstrap(b)
	if err != nil {
		return nil, err
	}
	return envoy.NewSupervisor(envoy.SupervisorOptions{Path: os.Getenv("ENVOY_PATH"), Bootstrap: bootstrap, Dir: dir, Concurrency: 1, Logger: logger})
}
