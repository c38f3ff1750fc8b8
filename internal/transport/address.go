package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Address is where a role listens: a Unix socket or a TCP address.
type Address struct {
	network string // "unix" or "tcp"
	text    string // path or host:port
}

// maxSocketPath is what fits in sun_path, and what Listen appends to a path.
const maxSocketPath = 107 - len("/.new-0123456789/s")

// ParseAddress reads unix:/path or host:port.
func ParseAddress(text string) (Address, error) {
	if path, ok := strings.CutPrefix(text, "unix:"); ok {
		if !filepath.IsAbs(path) || len(path) > maxSocketPath {
			return Address{}, fmt.Errorf("%q: the path must be absolute and have at most %d bytes", text, maxSocketPath)
		}
		return Address{"unix", path}, nil
	}
	_, port, err := net.SplitHostPort(text)
	if err != nil {
		return Address{}, fmt.Errorf("%q is neither unix:/path nor host:port", text)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return Address{}, fmt.Errorf("%q has no port from 0 to 65535", text)
	}
	return Address{"tcp", text}, nil
}

// Socket is the path of the Unix socket; empty for TCP.
func (a Address) Socket() string {
	if a.network == "unix" {
		return a.text
	}
	return ""
}

// HostPort is the TCP address; empty for a Unix socket.
func (a Address) HostPort() string {
	if a.network == "tcp" {
		return a.text
	}
	return ""
}

func (a Address) String() string {
	if a.network == "unix" {
		return "unix:" + a.text
	}
	return a.text
}

// Listen listens on a. bound has the real port. A socket that a killed process
// left is replaced, and one that somebody serves is an error. Closing the
// listener removes the socket.
func Listen(ctx context.Context, a Address) (l net.Listener, bound Address, err error) {
	if a.network == "unix" {
		l, err := listenUnix(ctx, a.text)
		return l, a, err
	}
	var lc net.ListenConfig
	if l, err = lc.Listen(ctx, "tcp", a.text); err != nil {
		return nil, Address{}, err
	}
	return l, Address{"tcp", l.Addr().String()}, nil
}

type unixListener struct {
	*net.UnixListener
	path string
}

func (l unixListener) Close() error {
	err := l.UnixListener.Close()
	if errRemove := os.Remove(l.path); errRemove != nil && !errors.Is(errRemove, os.ErrNotExist) && err == nil {
		err = errRemove
	}
	return err
}

// listenUnix binds in a directory that nobody else can enter and moves the
// socket from there: it is never reachable with a wider mode, and it takes the
// place of an old one in one step.
func listenUnix(ctx context.Context, path string) (net.Listener, error) {
	if c, err := net.Dial("unix", path); err == nil {
		_ = c.Close()
		return nil, fmt.Errorf("listen on %s: another process serves it", path)
	} else if !errors.Is(err, os.ErrNotExist) && !errors.Is(err, syscall.ECONNREFUSED) {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	dir, err := os.MkdirTemp(filepath.Dir(path), ".new-") // mode 0700
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // empty by now
	var lc net.ListenConfig
	made := filepath.Join(dir, "s")
	l, err := lc.Listen(ctx, "unix", made)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	u, ok := l.(*net.UnixListener)
	if !ok {
		return nil, errors.Join(fmt.Errorf("listen on %s: listener is a %T", path, l), l.Close())
	}
	u.SetUnlinkOnClose(false)
	if err := errors.Join(os.Chmod(made, 0o600), os.Rename(made, path)); err != nil {
		return nil, errors.Join(fmt.Errorf("listen on %s: %w", path, err), l.Close())
	}
	return unixListener{u, path}, nil
}
