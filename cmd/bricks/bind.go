package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// reservePort binds address without listening on it, and returns the address
// with its real port. Envoy, which binds with SO_REUSEPORT, can listen there
// while the reservation is held, again and again; so port 0 stays the same port
// over Envoy's restarts, and no other program gets it in between. release gives
// the port back; so does the end of the process.
func reservePort(address netip.AddrPort) (bound netip.AddrPort, release func(), err error) {
	// Without SO_REUSEPORT first: with it, two gateways of one user would
	// share the port, and the traffic, without a word.
	probe, err := bind(address, false)
	if err != nil {
		return netip.AddrPort{}, nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	if err := unix.Close(probe.fd); err != nil {
		return netip.AddrPort{}, nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	held, err := bind(address, true)
	if err != nil {
		return netip.AddrPort{}, nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	return netip.AddrPortFrom(address.Addr(), held.port), func() { _ = unix.Close(held.fd) }, nil
}

type boundSocket struct {
	fd   int
	port uint16
}

func bind(address netip.AddrPort, shared bool) (s boundSocket, err error) {
	family := unix.AF_INET
	ip := address.Addr().Unmap()
	var target unix.Sockaddr
	if ip.Is4() {
		target = &unix.SockaddrInet4{Addr: ip.As4(), Port: int(address.Port())}
	} else {
		family, target = unix.AF_INET6, &unix.SockaddrInet6{Addr: ip.As16(), Port: int(address.Port())}
	}
	// The lock keeps a child that is forked right now from inheriting it.
	syscall.ForkLock.RLock()
	fd, err := unix.Socket(family, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return s, err
	}
	defer func() {
		if err != nil {
			_ = unix.Close(fd)
		}
	}()
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return s, err
	}
	if shared {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
			return s, err
		}
	}
	if err := unix.Bind(fd, target); err != nil {
		return s, err
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		return s, err
	}
	switch n := name.(type) {
	case *unix.SockaddrInet4:
		return boundSocket{fd, uint16(n.Port)}, nil
	case *unix.SockaddrInet6:
		return boundSocket{fd, uint16(n.Port)}, nil
	}
	return s, fmt.Errorf("socket has an address of type %T", name)
}

// lockDataDir makes the data directory and takes it for this process. Two
// processes on one spool or one embedded store would spoil both.
func lockDataDir(dir string) (release func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make data directory: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock data directory: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("data directory %s is in use by another bricks process", dir)
		}
		return nil, fmt.Errorf("lock data directory: %w", err)
	}
	return func() { _ = f.Close() }, nil
}

// maxRuntimeDir leaves room for a socket's name: a Unix socket's path has at
// most 107 bytes.
const maxRuntimeDir = 90

// makeRuntimeDir makes the private directory of the sockets: run, below the data
// directory, or one below the temporary directory when that path is too long.
func makeRuntimeDir(dataDir string) (dir string, remove func(), err error) {
	dir, err = filepath.Abs(filepath.Join(dataDir, "run"))
	if err != nil {
		return "", nil, fmt.Errorf("make runtime directory: %w", err)
	}
	if len(dir) > maxRuntimeDir {
		dir, err = os.MkdirTemp("", "bricks-")
		if err != nil {
			return "", nil, fmt.Errorf("make runtime directory: %w", err)
		}
		return dir, func() { _ = os.RemoveAll(dir) }, nil
	}
	// What a killed process left there is of no use to anyone.
	if err := os.RemoveAll(dir); err != nil {
		return "", nil, fmt.Errorf("make runtime directory: %w", err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", nil, fmt.Errorf("make runtime directory: %w", err)
	}
	return dir, func() { _ = os.RemoveAll(dir) }, nil
}

// listenUnix listens on a socket that only this user can reach.
func listenUnix(ctx context.Context, path string) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	return l, nil
}
