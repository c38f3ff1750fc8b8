package transport_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/bricks-gateway/bricks/internal/testenv"
	"github.com/bricks-gateway/bricks/internal/transport"
	ledgerv1 "github.com/bricks-gateway/bricks/proto/ledger/v1"
)

const processor = "spiffe://test/processor"

type ledger struct {
	ledgerv1.UnimplementedLedgerServer
}

func (ledger) Spend(context.Context, *ledgerv1.SpendRequest) (*ledgerv1.SpendResponse, error) {
	return &ledgerv1.SpendResponse{Cost: 42}, nil
}

func files(a *testenv.Authority, name, identity string) transport.Files {
	cert, key := a.Issue(name, identity)
	return transport.Files{Cert: cert, Key: key, CA: a.File}
}

// serve serves a ledger on address and returns where.
func serve(t *testing.T, address string, f transport.Files, allowed transport.Allowed) transport.Address {
	t.Helper()
	a, err := transport.ParseAddress(address)
	if err != nil {
		t.Fatal(err)
	}
	options, err := transport.ServerOptions(a, f, allowed)
	if err != nil {
		t.Fatal(err)
	}
	l, bound, err := transport.Listen(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer(options...)
	ledgerv1.RegisterLedgerServer(g, ledger{})
	served := make(chan error, 1)
	go func() { served <- g.Serve(l) }()
	t.Cleanup(func() { g.Stop(); <-served })
	return bound
}

// call asks on a connection of its own.
func call(t *testing.T, a transport.Address, f transport.Files) error {
	t.Helper()
	conn, err := transport.Dial(a, f)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // the answer is what counts
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	r, err := ledgerv1.NewLedgerClient(conn).Spend(ctx, &ledgerv1.SpendRequest{})
	if err == nil && r.Cost != 42 {
		err = errors.New("wrong answer")
	}
	return err
}

func TestMutualTLSCalls(t *testing.T) {
	ca := testenv.NewAuthority(t)
	a := serve(t, "127.0.0.1:0", files(ca, "server", "spiffe://test/server"), transport.Allowed{transport.Processor: {processor}, transport.Admin: {"spiffe://test/admin"}})
	for name, c := range map[string]struct {
		files transport.Files
		want  codes.Code
	}{
		"the right one":            {files(ca, "processor", processor), codes.OK},
		"a listed one of a role":   {files(ca, "admin", "spiffe://test/admin"), codes.PermissionDenied},
		"one that nobody listed":   {files(ca, "stranger", "spiffe://test/stranger"), codes.PermissionDenied},
		"one that begins the same": {files(ca, "longer", processor+"/x"), codes.PermissionDenied},
		"one of another authority": {files(testenv.NewAuthority(t), "processor", processor), codes.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			if err := call(t, a, c.files); status.Code(err) != c.want {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

// The certificate of one server is no good for another, though both come from
// the same authority.
func TestAServerMustBeTheOneThatWasDialled(t *testing.T) {
	ca := testenv.NewAuthority(t)
	// Issue's certificates name 127.0.0.1 and localhost.
	a := serve(t, "127.0.0.2:0", files(ca, "server", "spiffe://test/server"), transport.Allowed{transport.Processor: {processor}})
	if err := call(t, a, files(ca, "processor", processor)); err == nil || !strings.Contains(err.Error(), "127.0.0.2") {
		t.Errorf("got %v, want a name that does not match", err)
	}
}

// A new certificate, then a new authority, as operators replace them: first the
// key of a pair, then its certificate; the new authority beside the old one.
func TestFilesRotateWithoutAnError(t *testing.T) {
	ca := testenv.NewAuthority(t)
	server, client := files(ca, "server", "spiffe://test/server"), files(ca, "processor", processor)
	a := serve(t, "127.0.0.1:0", server, transport.Allowed{transport.Processor: {processor}})
	check := func(step string) {
		t.Helper()
		if err := call(t, a, client); err != nil {
			t.Errorf("%s: %v", step, err)
		}
	}
	long, err := transport.Dial(a, client)
	if err != nil {
		t.Fatal(err)
	}
	defer long.Close() //nolint:errcheck // the answers are what counts
	check("before")
	ca.Issue("server", "spiffe://test/server")
	check("the server has a new certificate")
	other, err := os.ReadFile(files(ca, "other", processor).Key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(server.Key, other, 0o600); err != nil {
		t.Fatal(err)
	}
	check("the server's key and certificate do not belong together")
	next := testenv.NewAuthority(t)
	bundle, err := os.ReadFile(next.File)
	if err != nil {
		t.Fatal(err)
	}
	old, err := os.ReadFile(ca.File)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(ca.File, append(old, bundle...), 0o600); err != nil {
		t.Fatal(err)
	}
	ca.Issue("server", "spiffe://test/server")
	check("both authorities are trusted")
	for _, f := range []transport.Files{server, client} {
		fresh := files(next, filepath.Base(f.Cert), processor)
		for from, to := range map[string]string{fresh.Cert: f.Cert, fresh.Key: f.Key} {
			if err := os.Rename(from, to); err != nil {
				t.Fatal(err)
			}
		}
		check("a certificate of the new authority")
	}
	if err := os.WriteFile(ca.File, bundle, 0o600); err != nil {
		t.Fatal(err)
	}
	check("the old authority is trusted no more")
	if err := call(t, a, files(ca, "left", processor)); err == nil {
		t.Error("a certificate of the old authority is still good")
	}
	if _, err := ledgerv1.NewLedgerClient(long).Spend(t.Context(), &ledgerv1.SpendRequest{}); err != nil {
		t.Errorf("a connection from before: %v", err)
	}
}

func TestUnixSocket(t *testing.T) {
	dir, err := os.MkdirTemp("", "t-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "control.sock")
	// What a killed process leaves.
	old, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	old.SetUnlinkOnClose(false)
	_ = old.Close()

	t.Run("serves", func(t *testing.T) {
		a := serve(t, "unix:"+path, transport.Files{}, nil)
		if err := call(t, a, transport.Files{}); err != nil {
			t.Error(err)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("socket: %v, %v; want mode 0600", info, err)
		}
		if _, _, err := transport.Listen(t.Context(), a); err == nil || !strings.Contains(err.Error(), "another process") {
			t.Errorf("a second listener: %v", err)
		}
	})
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestWhatIsNoAddressOrListIsRefused(t *testing.T) {
	for _, text := range []string{"", "x", "unix:", "unix:relative", "unix:/" + strings.Repeat("x", 107), "host:", "host:http", "host:99999"} {
		if a, err := transport.ParseAddress(text); err == nil {
			t.Errorf("%q is taken as %v", text, a)
		}
	}
	if _, err := transport.ParseAllowed([]string{"processor=", "envoy=spiffe://x/*", "nobody=a", "admin"}); err == nil || strings.Count(err.Error(), "\n") != 3 {
		t.Errorf("bad lists: %v, want four faults", err)
	}
}
