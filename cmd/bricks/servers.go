package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
)

// workers runs the parts that live as long as the gateway does. They do not end
// with the signal: each is stopped in its turn.
type workers struct {
	logger *slog.Logger
	failed chan error // the first part that ended by itself
}

// start runs f until stop is called, which waits for its end.
func (w *workers) start(name string, f func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		err := f(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = errors.New("ended")
		}
		select {
		case w.failed <- fmt.Errorf("%s: %w", name, err):
		default:
			w.logger.Error("part of the gateway ended", "part", name, "error", err)
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// serveHTTP serves handler on address until stop is called; requests in flight
// then have 5 s. A certificate makes it TLS. bound is the address with its real
// port.
func (w *workers) serveHTTP(ctx context.Context, name string, address netip.AddrPort, cert, key string, handler http.Handler) (bound netip.AddrPort, stop func(), err error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address.String())
	if err != nil {
		return netip.AddrPort{}, nil, fmt.Errorf("%s: %w", name, err)
	}
	tcp, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}, nil, fmt.Errorf("%s: listener has an address of type %T", name, l.Addr())
	}
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		TLSConfig:         &tls.Config{MinVersion: tls.VersionTLS12},
		ErrorLog:          slog.NewLogLogger(w.logger.Handler(), slog.LevelDebug),
	}
	stop = w.start(name, func(ctx context.Context) error {
		served := make(chan error, 1)
		go func() {
			if cert != "" {
				served <- server.ServeTLS(l, cert, key)
			} else {
				served <- server.Serve(l)
			}
		}()
		select {
		case err := <-served:
			return err
		case <-ctx.Done():
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			w.logger.Warn("requests were cut", "server", name, "error", err)
			_ = server.Close()
		}
		<-served
		return nil
	})
	return netip.AddrPortFrom(address.Addr(), uint16(tcp.Port)), stop, nil //nolint:gosec // a port fits
}

// maxMessage has room for the largest record of a spool, and for a batch.
const maxMessage = 72 << 20

// newGRPCServer has room for the largest body that Envoy sends on.
func newGRPCServer(more ...grpc.ServerOption) *grpc.Server {
	return grpc.NewServer(append(more,
		grpc.MaxRecvMsgSize(maxMessage),
		grpc.MaxConcurrentStreams(1<<20),
		grpc.InitialWindowSize(1<<20),
		grpc.InitialConnWindowSize(16<<20),
		grpc.ReadBufferSize(128<<10),
		grpc.WriteBufferSize(128<<10),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}),
	)...)
}

// serveGRPC serves on every listener until stop is called; streams in flight
// then have grace to end.
func (w *workers) serveGRPC(name string, server *grpc.Server, grace time.Duration, listeners ...net.Listener) (stop func()) {
	return w.start(name, func(ctx context.Context) error {
		served := make(chan error, len(listeners))
		for _, l := range listeners {
			go func() { served <- server.Serve(l) }()
		}
		select {
		case err := <-served:
			server.Stop()
			return err
		case <-ctx.Done():
		}
		timer := time.AfterFunc(grace, server.Stop)
		defer timer.Stop()
		server.GracefulStop()
		for range listeners {
			<-served
		}
		return nil
	})
}
