package transport

import (
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
)

// A peer that hangs, or a network that swallows packets, is noticed after
// keepaliveTime and keepaliveTimeout together.
const (
	keepaliveTime    = 10 * time.Second
	keepaliveTimeout = 5 * time.Second
)

// handshakeTimeout is how long a client may take to say who it is.
const handshakeTimeout = 10 * time.Second

// ServerOptions are those of a server that listens on a: none but keepalive for
// a Unix socket; for TCP mutual TLS, and each service for its role only.
func ServerOptions(a Address, f Files, allowed Allowed) ([]grpc.ServerOption, error) {
	options := []grpc.ServerOption{
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: keepaliveTime, Timeout: keepaliveTimeout}),
	}
	if a.network == "unix" {
		return options, nil
	}
	mutual, err := newReloading(f)
	if err != nil {
		return nil, fmt.Errorf("mutual TLS on %s: %w", a, err)
	}
	return append(options, grpc.Creds(mutual), grpc.ConnectionTimeout(handshakeTimeout),
		grpc.ChainUnaryInterceptor(allowed.unary), grpc.ChainStreamInterceptor(allowed.stream)), nil
}

// Dial connects to a server on a, by mutual TLS if that is TCP. The server's
// certificate must name the address's host. It connects when it is first used,
// and again whenever the connection breaks.
func Dial(a Address, f Files) (*grpc.ClientConn, error) {
	target, creds := "unix:"+a.text, insecure.NewCredentials() // only this user can open the socket
	if a.network != "unix" {
		mutual, err := newReloading(f)
		if err != nil {
			return nil, fmt.Errorf("mutual TLS to %s: %w", a, err)
		}
		target, creds = "dns:///"+a.text, mutual
	}
	conn, err := grpc.NewClient(target,
		grpc.WithTransportCredentials(creds),
		grpc.WithDisableServiceConfig(), // nothing in DNS decides how we behave
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: reconnect, MinConnectTimeout: 2 * time.Second}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: keepaliveTime, Timeout: keepaliveTimeout, PermitWithoutStream: true}),
	)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", a, err)
	}
	return conn, nil
}

// reconnect tries again every second at most: a control plane that is back must
// be noticed soon.
var reconnect = backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 2, Jitter: 0.2, MaxDelay: time.Second}
