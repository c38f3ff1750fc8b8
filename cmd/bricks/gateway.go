package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"google.golang.org/grpc"

	"github.com/bricks-gateway/bricks/controlplane"
	"github.com/bricks-gateway/bricks/envoy"
	"github.com/bricks-gateway/bricks/internal/event"
	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/limit"
	"github.com/bricks-gateway/bricks/internal/provider"
	"github.com/bricks-gateway/bricks/internal/secrets"
	"github.com/bricks-gateway/bricks/internal/store"
	"github.com/bricks-gateway/bricks/internal/telemetry"
)

const (
	startTimeout = time.Minute      // until Envoy's listener serves
	drainTimeout = 30 * time.Second // for the requests in flight
	flushTimeout = 10 * time.Second // for the events of the last requests
)

// system is all that one process runs. Its start… methods are called once
// each, in the order of parts; each notes how its part is stopped.
type system struct {
	config    config
	role      string // the command of one role alone; empty: all of them
	withEnvoy bool
	demo      *demo // nil: this is none
	logger    *slog.Logger
	workers   *workers
	stops     []func()
	health    *health
	registry  *prometheus.Registry
	tracer    *telemetry.Tracer // nil: nobody traces

	envoyPath       string
	runtimeDir      string
	xdsSocket       string
	processorSocket string

	db       *store.Store
	keyring  *secrets.Keyring
	sink     event.Sink // where events go, and what limits read: the store, or the
	spend    spender    // control plane in its place
	spool    *event.Spool
	unbooked []limit.Booking // what an earlier process left in the spool
	limiter  limit.Limiter
	tokens   limit.TokenWindow // of the GenAI entry; nil: nothing is limited
	plane    *controlplane.ControlPlane
	conn     grpc.ClientConnInterface // the processor's way to the control plane
	applier  applier

	checkURL func(raw string) error
	// probe calls a setting's provider, under the control plane's rules.
	probe func(context.Context, *gateway.ProviderSetting) provider.ProbeResult

	adminAddress     netip.AddrPort // these hold the real ports once they are bound
	proxyAddress     netip.AddrPort
	genAIAddress     netip.AddrPort // zero: there is no GenAI entry
	metricsAddress   netip.AddrPort
	controlAddress   string
	processorAddress string
}

func newSystem(c config, role string, withEnvoy bool, logger *slog.Logger) *system {
	return &system{
		config: c, role: role, withEnvoy: withEnvoy, logger: logger,
		workers:  &workers{logger: logger, failed: make(chan error, 1)},
		health:   &health{},
		registry: prometheus.NewRegistry(),
	}
}

// runGateway starts every part, says that it is ready, and waits for ctx. The
// parts stop in the opposite order: not ready, drain, Envoy, admin API,
// processor, collector, config stream, control plane, events, store.
func runGateway(ctx context.Context, c config, withEnvoy bool, logger *slog.Logger, stdout, stderr io.Writer) error {
	s := newSystem(c, "", withEnvoy, logger)
	return s.run(ctx, stdout, stderr, s.parts()...)
}

// parts are the starts of a whole gateway, in order.
func (s *system) parts() []func(context.Context) error {
	return []func(context.Context) error{
		s.locateEnvoy, // first: the likeliest fault on a new machine
		s.openDirectories,
		s.bindAddresses,
		s.startMetrics, // before the store: one that waits for its database is not dead
		s.startTraces,
		s.openStore,
		s.lockCounting,
		s.makeDefaultSetting,
		s.startEvents,
		s.startLimits,
		s.startControlPlane,
		s.startCollector,
		s.startRetention,
		s.startProcessor,
		s.startAdmin,
		s.startEnvoy,
	}
}

// run starts the parts in order, waits for ctx, and stops them in the opposite
// order.
func (s *system) run(ctx context.Context, stdout, stderr io.Writer, starts ...func(context.Context) error) error {
	defer s.stop()
	for _, start := range starts {
		if err := start(ctx); err != nil {
			if ctx.Err() != nil {
				return nil // told to stop while starting
			}
			return err
		}
	}
	s.health.ready.Store(true)
	s.onStop(func() { s.health.ready.Store(false) })
	if err := s.announce(stdout, stderr); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		s.logger.Info("stopping")
		return nil
	case err := <-s.workers.failed:
		return err
	}
}

// onStop notes what undoes a start.
func (s *system) onStop(f func()) { s.stops = append(s.stops, f) }

// onStopTry is onStop for what can fail; there is nobody left to tell but the
// log.
func (s *system) onStopTry(doing string, f func() error) {
	s.onStop(func() {
		if err := f(); err != nil {
			s.logger.Error("stopping", "doing", doing, "error", err)
		}
	})
}

func (s *system) stop() {
	for i := len(s.stops) - 1; i >= 0; i-- {
		s.stops[i]()
	}
}

func (s *system) locateEnvoy(ctx context.Context) error {
	if !s.withEnvoy {
		return nil
	}
	path, found, err := envoy.Locate(ctx, s.config.EnvoyPath)
	if err != nil {
		return err
	}
	s.logger.Info("found envoy", "path", path, "version", found)
	s.envoyPath = path
	return nil
}

func (s *system) openDirectories(context.Context) error {
	unlock, err := lockDataDir(s.config.DataDir)
	if err != nil {
		return err
	}
	s.onStop(unlock)
	dir, remove, err := makeRuntimeDir(s.config.DataDir)
	if err != nil {
		return err
	}
	s.onStop(remove)
	s.runtimeDir = dir
	s.xdsSocket, s.processorSocket = filepath.Join(dir, "xds.sock"), filepath.Join(dir, "processor.sock")
	return nil
}

// bindAddresses reads the addresses, and takes those that Envoy will listen on.
func (s *system) bindAddresses(ctx context.Context) (err error) {
	if err := s.readAddresses(ctx); err != nil {
		return err
	}
	if !s.withEnvoy {
		return nil
	}
	for name, address := range map[string]*netip.AddrPort{"proxy": &s.proxyAddress, "GenAI entry": &s.genAIAddress} {
		if !address.IsValid() {
			continue
		}
		bound, release, err := reservePort(*address)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		s.onStop(release)
		*address = bound
	}
	return nil
}

func (s *system) readAddresses(context.Context) (err error) {
	if s.adminAddress, err = listenAddress(s.config.AdminAddress); err != nil {
		return err
	}
	if s.metricsAddress, err = listenAddress(s.config.MetricsAddress); err != nil {
		return err
	}
	if s.config.GenAI.enabled() {
		if s.genAIAddress, err = s.config.GenAI.address(); err != nil {
			return err
		}
	}
	s.proxyAddress, err = listenAddress(s.config.ProxyAddress)
	return err
}

func (s *system) startMetrics(ctx context.Context) error {
	s.registry.MustRegister(buildInfo(), goRuntime(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	bound, stop, err := s.workers.serveHTTP(ctx, "metrics", s.metricsAddress, "", "", s.health.handler(s.registry))
	if err != nil {
		return err
	}
	s.onStop(stop)
	s.metricsAddress = bound
	s.startStats()
	return s.startPush(ctx)
}

func (s *system) openStore(ctx context.Context) (err error) {
	if s.db, s.keyring, err = awaitStore(ctx, s.config, s.logger); err != nil {
		return err
	}
	s.onStopTry("close store", s.db.Close)
	s.sink, s.spend = s.db, s.db
	return nil
}

// lockCounting makes sure that no other process counts in itself: it would admit
// every limit again.
func (s *system) lockCounting(ctx context.Context) error {
	if s.config.Redis.enabled() {
		return nil
	}
	unlock, err := s.db.LockSingleProcessor(ctx)
	if err != nil {
		return err
	}
	s.onStop(unlock)
	return nil
}

// startEvents opens the spool, which settles what a killed process left, and
// starts its delivery.
func (s *system) startEvents(context.Context) (err error) {
	s.spool, err = event.Open(filepath.Join(s.config.DataDir, "spool"), event.Options{
		Logger: s.logger, Consumers: s.config.EventConsumers, Recovered: s.recover, Registerer: s.registry,
	})
	if err != nil {
		return err
	}
	s.onStopTry("close event spool", s.spool.Close)
	s.onStop(s.workers.start("event spool", func(ctx context.Context) error { return s.spool.Run(ctx, s.sink) }))
	s.onStopTry("flush events", func() error {
		ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
		defer cancel()
		return s.spool.Flush(ctx)
	})
	return nil
}

// startEnvoy runs Envoy and waits until its listener serves; without Envoy it
// leaves the bootstrap for one that others run.
func (s *system) startEnvoy(ctx context.Context) error {
	bootstrap, err := s.bootstrap()
	if err != nil {
		return err
	}
	if !s.withEnvoy {
		if err := os.WriteFile(filepath.Join(s.runtimeDir, "bootstrap.json"), bootstrap, 0o600); err != nil {
			return fmt.Errorf("write envoy bootstrap: %w", err)
		}
		return nil
	}
	supervisor, err := envoy.NewSupervisor(envoy.SupervisorOptions{
		Path: s.envoyPath, Bootstrap: bootstrap, Dir: s.runtimeDir,
		Concurrency: s.config.EnvoyConcurrency, Logger: s.logger,
	})
	if err != nil {
		return err
	}
	s.onStop(s.workers.start("envoy", supervisor.Run))
	for _, address := range []netip.AddrPort{s.proxyAddress, s.genAIAddress} {
		if !address.IsValid() {
			continue
		}
		serving := newProbe(address, s.config.ProxyTLSCert != "")
		if err := serving.await(ctx, startTimeout); err != nil {
			return fmt.Errorf("envoy does not serve, its log lines say more: %w", err)
		}
		s.health.checks = append(s.health.checks, serving.check)
	}
	s.onStopTry("drain", func() error {
		ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
		defer cancel()
		return supervisor.Drain(ctx)
	})
	return nil
}
