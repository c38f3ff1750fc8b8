package main

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// sharedListen listens as Envoy does.
func sharedListen(t *testing.T, address string) net.Listener {
	t.Helper()
	lc := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var set error
		err := raw.Control(func(fd uintptr) {
			set = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
		})
		return errors.Join(err, set)
	}}
	l, err := lc.Listen(context.Background(), "tcp", address)
	if err != nil {
		t.Fatalf("listen on the reserved port: %v", err)
	}
	return l
}

func TestReservedPortStaysTheSame(t *testing.T) {
	bound, release, err := reservePort(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	if bound.Port() == 0 {
		t.Fatal("no port was bound")
	}
	if c, err := net.Dial("tcp", bound.String()); err == nil {
		_ = c.Close()
		t.Error("the reservation itself accepts connections")
	}
	for range 3 { // Envoy, and Envoy started again
		l := sharedListen(t, bound.String())
		for range 20 { // every connection reaches the listener, none the reservation
			c, err := net.Dial("tcp", bound.String())
			if err != nil {
				t.Fatal(err)
			}
			accepted, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			_, _ = accepted.Close(), c.Close()
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestReservePortInUse(t *testing.T) {
	l := sharedListen(t, "127.0.0.1:0") // as the Envoy of another gateway would
	defer l.Close()                     //nolint:errcheck // a test's listener
	if _, release, err := reservePort(netip.MustParseAddrPort(l.Addr().String())); err == nil {
		release()
		t.Fatal("a port on which another process listens was reserved")
	} else if !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("reservePort: %v, want address in use", err)
	}
}

func TestReservePortIPv6(t *testing.T) {
	bound, release, err := reservePort(netip.MustParseAddrPort("[::1]:0"))
	if errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT) {
		t.Skip("this machine has no IPv6")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	if bound.Port() == 0 {
		t.Error("no port was bound")
	}
}

func TestDataDirectoryHasOneOwner(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "data")
	release, err := lockDataDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lockDataDir(dir); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("second lock: %v, want in use", err)
	}
	release()
	release, err = lockDataDir(dir)
	if err != nil {
		t.Fatalf("lock after release: %v", err)
	}
	release()
}

func TestRuntimeDirFitsASocketPath(t *testing.T) {
	for name, data := range map[string]string{
		"short": filepath.Join(t.TempDir(), "d"),
		"long":  filepath.Join(t.TempDir(), strings.Repeat("long", 30)),
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.MkdirAll(data, 0o700); err != nil {
				t.Fatal(err)
			}
			dir, remove, err := makeRuntimeDir(data)
			if err != nil {
				t.Fatal(err)
			}
			info, err := os.Stat(dir)
			if err != nil || info.Mode().Perm() != 0o700 {
				t.Errorf("runtime directory: %v, %v; want mode 0700", info, err)
			}
			path := filepath.Join(dir, "processor.sock")
			l, err := listenUnix(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("socket: %v, %v; want mode 0600", info, err)
			}
			_ = l.Close()
			remove()
			if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the directory is still there: %v", err)
			}
		})
	}
}
