package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	grpchealth "google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/test/bufconn"

	"github.com/bricks-gateway/bricks/admin"
	"github.com/bricks-gateway/bricks/controlplane"
	"github.com/bricks-gateway/bricks/controlplane/xds"
	"github.com/bricks-gateway/bricks/envoy"
	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/limit"
	"github.com/bricks-gateway/bricks/internal/pii/scan"
	"github.com/bricks-gateway/bricks/internal/policy"
	"github.com/bricks-gateway/bricks/processor"
	"github.com/bricks-gateway/bricks/processor/configcache"
)

const (
	maxBody = 10 << 20 // of a request, for Envoy and the processor alike
	// healthNotice is how long Envoy takes to see that the processor's health
	// changed: three rounds of its check.
	healthNotice = 3 * 500 * time.Millisecond
)

// startControlPlane serves xDS to Envoy on a Unix socket, and the config stream
// to the processor inside of this process.
func (s *system) startControlPlane(ctx context.Context) error {
	if err := s.makePlane(nil); err != nil {
		return err
	}
	l, err := listenUnix(ctx, s.xdsSocket)
	if err != nil {
		return err
	}
	inner := bufconn.Listen(1 << 20)
	server := newGRPCServer()
	s.plane.Register(server)
	s.onStop(s.workers.start("control plane", s.plane.Run))
	// Discovery streams never end by themselves: there is nothing to wait for.
	s.onStop(s.workers.serveGRPC("discovery", server, 0, l, inner))
	conn, err := grpc.NewClient("passthrough:///control-plane",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return inner.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials())) // it never leaves the process
	if err != nil {
		return fmt.Errorf("connect config stream: %w", err)
	}
	s.onStopTry("close config stream", conn.Close)
	s.conn, s.applier = conn, localApplier{s.plane}
	return nil
}

// makePlane makes the control plane. lockCounting is nil when this process holds
// that lock itself.
func (s *system) makePlane(lockCounting func(context.Context) (func(), error)) (err error) {
	genAI, err := s.genAIListener()
	if err != nil {
		return err
	}
	s.plane, err = controlplane.New(controlplane.Options{
		Store:         s.db,
		Keyring:       s.keyring,
		Logger:        s.logger,
		AllowUpstream: s.config.AllowUpstream,
		PollInterval:  s.config.UpdateInterval,
		StaleAfter:    s.config.StaleMaxAge,
		LockCounting:  lockCounting,
		Registerer:    s.registry,
		Listener: xds.ListenerConfig{
			Address:      s.proxyAddress.Addr().String(),
			Port:         uint32(s.proxyAddress.Port()),
			TLSCertFile:  s.config.ProxyTLSCert,
			TLSKeyFile:   s.config.ProxyTLSKey,
			MaxBodyBytes: maxBody,
			IdleTimeout:  s.config.ProxyTimeout,
			CAFile:       systemCertificates(),
			GenAI:        genAI,
		},
	})
	if err != nil {
		return err
	}
	s.checkURL, s.probe = s.plane.CheckURL, s.plane.Probe
	return nil
}

// startCollector charges what is billed after the answer to its request.
func (s *system) startCollector(context.Context) error {
	o := controlplane.CollectorOptions{
		Store: s.db, Logger: s.logger, AllowUpstream: s.config.AllowUpstream, Registerer: s.registry, Interval: s.config.ChargeInterval,
	}
	if s.limiter != nil { // a control plane alone may have none to tell
		o.Charged = s.bookEvents
	}
	c, err := controlplane.NewCollector(o)
	if err != nil {
		return err
	}
	s.onStop(s.workers.start("collector", c.Run))
	return nil
}

// applier is how the admin API reaches the control plane.
type applier interface {
	admin.Applier
	XDSStatus() any
}

// localApplier is a control plane in this process.
type localApplier struct{ *controlplane.ControlPlane }

func (a localApplier) XDSStatus() any { return a.ControlPlane.XDSStatus() }

// startProcessor connects the processor's view of keys and settings, and serves
// ext_proc once that view is there.
func (s *system) startProcessor(ctx context.Context) error {
	answers, err := s.makeCache()
	if err != nil {
		return err
	}
	cache := configcache.New(configcache.Options{
		NodeID: s.nodeID("processor"), Conn: s.conn, StaleAfter: s.config.StaleMaxAge, Logger: s.logger, Registerer: s.registry,
		CountsInProcess: !s.config.Redis.enabled(), UnknownPrice: gateway.UnknownPricePolicy(s.config.UnknownPrice),
		RoutesKnown: func(revisions map[string]int64) {
			if answers != nil {
				answers.Keep(revisions)
			}
		},
	})
	s.onStop(s.workers.start("config stream", cache.Run))

	defaultUser, err := s.config.DefaultUser.limits()
	if err != nil {
		return err
	}
	detectors, err := s.makeDetectors(ctx)
	if err != nil {
		return err
	}
	filter := processor.New(processor.Options{
		Config:     cache,
		Spool:      s.spool,
		Limiter:    s.limiter,
		Prices:     cache,
		Logger:     s.logger,
		Registerer: s.registry,
		Tracer:     s.tracer,
		Usage:      s.config.usage(),
		GenAI:      s.genAI(),
		Strict:     s.config.Privacy == "strict",
		Timeout:    s.config.ProxyTimeout,
		MaxBody:    maxBody,
		Jobs:       ledger{s.spool, s.spend},
		Cache:      answers,
		Policies:   &policy.Engine{Embedded: scan.Append, Detectors: detectors},
		MaxCached:  int(s.config.Cache.AnswerBytes),

		DefaultUser: defaultUser,
	})
	s.onStop(filter.Close)
	select {
	case <-cache.Ready():
	case <-ctx.Done():
		return ctx.Err()
	case err := <-s.workers.failed:
		return err
	}
	l, options, err := s.listenProcessor(ctx)
	if err != nil {
		return err
	}
	server, status := newGRPCServer(options...), grpchealth.NewServer()
	filter.Register(server)
	healthv1.RegisterHealthServer(server, status)
	s.onStop(s.workers.serveGRPC("processor", server, drainTimeout, l))
	s.onStop(func() {
		status.Shutdown()
		if !s.withEnvoy { // one that others run must see it first
			<-time.After(healthNotice)
		}
	})
	s.health.checks = append(s.health.checks, func(context.Context) error { return cache.Check() })
	return nil
}

func (s *system) startAdmin(ctx context.Context) error {
	keys, err := s.config.adminKeys()
	if err != nil {
		return err
	}
	options := admin.Options{
		Store:     s.db,
		Keyring:   s.keyring,
		Logger:    s.logger,
		Applier:   s.applier,
		CheckURL:  s.checkURL,
		Probe:     s.probe,
		XDSStatus: s.applier.XDSStatus,
		AdminKeys: keys,
		Loopback:  s.adminAddress.Addr().IsLoopback(),
		Version:   version(),

		UnknownPrice: gateway.UnknownPricePolicy(s.config.UnknownPrice),
	}
	if s.limiter != nil { // alone, it has none to ask
		options.Standing = s.limiter.Standing
		options.Corrections = s.bookEvents
		options.VerifyLedger = func(ctx context.Context) (int, []limit.Difference, error) {
			return limit.Verify(ctx, s.limiter, ledger{s.spool, s.spend}, nil)
		}
	}
	tokens, err := s.config.OIDC.verifier(s.logger)
	if err != nil {
		return err
	}
	if tokens != nil {
		options.VerifyToken = tokens.Verify
	}
	api, err := admin.New(options)
	if err != nil {
		return err
	}
	bound, stop, err := s.workers.serveHTTP(ctx, "admin", s.adminAddress, s.config.AdminTLSCert, s.config.AdminTLSKey, api)
	if err != nil {
		return err
	}
	s.onStop(stop)
	s.adminAddress = bound
	return nil
}

// bootstrapFor is the bootstrap of the Envoy that belongs to this process.
func bootstrapFor(c config, xdsSocket, processorSocket string) ([]byte, error) {
	address, err := listenAddress(c.EnvoyAdminAddress)
	if err != nil {
		return nil, err
	}
	return envoy.Bootstrap(envoy.BootstrapConfig{
		NodeID:          hostNode("envoy"),
		AdminAddress:    address.String(),
		XDSSocket:       xdsSocket,
		ProcessorSocket: processorSocket,
	})
}

// systemCertificates is the file of the certificate authorities that this
// machine trusts: SSL_CERT_FILE, or where the distributions put it. Empty: none
// was found, and Envoy looks for itself.
func systemCertificates() string {
	for _, path := range []string{
		os.Getenv("SSL_CERT_FILE"),
		"/etc/ssl/certs/ca-certificates.crt",                // Debian, Ubuntu, Alpine, Arch
		"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // Fedora, RHEL
		"/etc/ssl/ca-bundle.pem",                            // SUSE
		"/etc/ssl/cert.pem",                                 // macOS, BSD
	} {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path
		}
	}
	return ""
}

// hostNode names this machine's part to the control plane.
func hostNode(part string) string {
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "local"
	}
	return part + "-" + host
}
