package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"

	"google.golang.org/grpc"

	"github.com/bricks-gateway/bricks/controlplane"
	"github.com/bricks-gateway/bricks/envoy"
	"github.com/bricks-gateway/bricks/internal/control"
	remote "github.com/bricks-gateway/bricks/internal/ledger"
	"github.com/bricks-gateway/bricks/internal/transport"
)

// runControlPlane runs the control plane alone: it has the store, and serves
// Envoys, processors and the admin API on the control address.
func runControlPlane(ctx context.Context, c config, logger *slog.Logger, stdout, stderr io.Writer) error {
	s := newSystem(c, "controlplane", false, logger)
	return s.run(ctx, stdout, stderr,
		s.readAddresses, s.startMetrics, s.watchCertificate, s.openStore, s.lookAtLimits, s.serveControl, s.startCollector, s.startRetention)
}

// runProcessor runs a processor alone, with its own spool, and with Envoy beside
// it if that is asked for.
func runProcessor(ctx context.Context, c config, logger *slog.Logger, stdout, stderr io.Writer) error {
	s := newSystem(c, "processor", c.WithEnvoy, logger)
	return s.run(ctx, stdout, stderr,
		s.locateEnvoy, s.openDirectories, s.bindAddresses, s.startMetrics, s.startTraces, s.watchCertificate,
		s.connectControl, s.startEvents, s.startLimits, s.startProcessor, s.startEnvoy)
}

// runAdmin runs the admin API alone: it has the store, and tells the control
// planes of changes.
func runAdmin(ctx context.Context, c config, logger *slog.Logger, stdout, stderr io.Writer) error {
	s := newSystem(c, "admin", false, logger)
	return s.run(ctx, stdout, stderr,
		s.readAddresses, s.startMetrics, s.watchCertificate, s.openStore, s.makeDefaultSetting, s.lookAtLimits, s.connectControlPlanes, s.startAdmin)
}

// serveControl starts the control plane and all its services on the control
// address.
func (s *system) serveControl(ctx context.Context) error {
	if err := s.makePlane(s.db.LockSingleProcessor); err != nil {
		return err
	}
	address, err := transport.ParseAddress(s.config.ControlAddress[0])
	if err != nil {
		return err
	}
	l, options, bound, err := s.listen(ctx, address)
	if err != nil {
		return err
	}
	s.controlAddress = bound.String()
	server := newGRPCServer(options...)
	s.plane.Register(server)
	s.plane.RegisterControl(server)
	remote.NewServer(s.db, s.logger).Register(server)
	s.onStop(s.workers.start("control plane", s.plane.Run))
	s.onStop(s.workers.serveGRPC("control", server, 0, l))
	s.health.checks = append(s.health.checks, s.db.Ping)
	return nil
}

// listen listens on address as its kind demands.
func (s *system) listen(ctx context.Context, address transport.Address) (net.Listener, []grpc.ServerOption, transport.Address, error) {
	allowed, err := transport.ParseAllowed(s.config.ControlAllow)
	if err != nil {
		return nil, nil, address, err
	}
	options, err := transport.ServerOptions(address, s.config.controlFiles(), allowed)
	if err != nil {
		return nil, nil, address, err
	}
	l, bound, err := transport.Listen(ctx, address)
	return l, options, bound, err
}

// listenProcessor listens for Envoy: on a socket in the runtime directory, or
// where a processor alone was told to.
func (s *system) listenProcessor(ctx context.Context) (net.Listener, []grpc.ServerOption, error) {
	if s.config.ProcessorAddress == "" {
		l, err := listenUnix(ctx, s.processorSocket)
		return l, nil, err
	}
	address, err := transport.ParseAddress(s.config.ProcessorAddress)
	if err != nil {
		return nil, nil, err
	}
	l, options, bound, err := s.listen(ctx, address)
	s.processorAddress = bound.String()
	return l, options, err
}

// connectControl makes the control plane take the store's place for events and
// spend, and the one inside of this process for the config stream.
func (s *system) connectControl(context.Context) error {
	peers, err := s.dialControl()
	if err != nil {
		return err
	}
	events := remote.NewClient(peers[0].Conn)
	s.conn, s.sink, s.spend = peers[0].Conn, events, events
	return nil
}

// connectControlPlanes makes changes known to every control plane.
func (s *system) connectControlPlanes(context.Context) error {
	peers, err := s.dialControl()
	if err != nil {
		return err
	}
	s.applier = control.New(peers, s.logger)
	if s.checkURL, err = controlplane.NewURLCheck(s.config.AllowUpstream, nil, s.logger); err != nil {
		return err
	}
	s.probe, err = controlplane.NewProbe(s.config.AllowUpstream, nil, s.logger)
	s.health.checks = append(s.health.checks, s.db.Ping)
	return err
}

func (s *system) dialControl() (peers []control.Peer, err error) {
	addresses, err := s.config.controlAddresses()
	if err != nil {
		return nil, err
	}
	for _, a := range addresses {
		conn, err := transport.Dial(a, s.config.controlFiles())
		if err != nil {
			return nil, err
		}
		s.onStopTry("close connection to "+a.String(), conn.Close)
		peers = append(peers, control.Peer{Address: a.String(), Conn: conn})
	}
	if len(peers) == 0 {
		return nil, errors.New("no control address")
	}
	return peers, nil
}

// bootstrap is that of the Envoy that belongs to this process.
func (s *system) bootstrap() ([]byte, error) {
	if s.role == "" {
		return bootstrapFor(s.config, s.xdsSocket, s.processorSocket)
	}
	return s.remoteBootstrap()
}

// remoteBootstrap is for an Envoy whose control plane is elsewhere. By TCP it
// shows the processor's own certificate.
func (s *system) remoteBootstrap() ([]byte, error) {
	address, err := listenAddress(s.config.EnvoyAdminAddress)
	if err != nil {
		return nil, err
	}
	b := envoy.BootstrapConfig{NodeID: s.nodeID("envoy"), AdminAddress: address.String(), ProcessorSocket: s.processorSocket}
	addresses, err := s.config.controlAddresses()
	if err != nil {
		return nil, err
	}
	b.XDSSocket = addresses[0].Socket()
	b.XDSAddress = addresses[0].HostPort()
	if s.processorAddress != "" {
		address, err := transport.ParseAddress(s.processorAddress)
		if err != nil {
			return nil, err
		}
		b.ProcessorSocket = address.Socket()
		b.ProcessorAddress = address.HostPort()
	}
	if files := s.config.controlFiles(); files.Given() {
		b.TLS = envoy.MutualTLS{CertFile: files.Cert, KeyFile: files.Key, CAFile: files.CA, Dir: s.runtimeDir}
		if err := b.TLS.WriteSecrets(); err != nil {
			return nil, err
		}
	}
	return envoy.Bootstrap(b)
}

// nodeID names this process's part to the control plane.
func (s *system) nodeID(part string) string {
	if s.config.NodeID == "" {
		return hostNode(part)
	}
	return part + "-" + s.config.NodeID
}
