package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"

	"github.com/bricks-gateway/bricks/internal/transport"
	ledgerv1 "github.com/bricks-gateway/bricks/proto/ledger/v1"
)

// TestTheDocumentedCertificatesWork runs docs/roles.md's openssl commands, and
// lets the roles call one another with what they make.
func TestTheDocumentedCertificatesWork(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("no openssl to test with")
	}
	text, err := os.ReadFile("../../docs/roles.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	i := slices.IndexFunc(blocks, func(b []string) bool { return strings.Contains(b[1], "openssl req") })
	if i < 0 {
		t.Fatal("docs/roles.md has no openssl commands")
	}
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "sh", "-e", "-c", blocks[i][1])
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	files := func(role string) transport.Files {
		at := func(name string) string { return filepath.Join(dir, name) }
		return transport.Files{Cert: at(role + ".pem"), Key: at(role + ".key"), CA: at("ca.pem")}
	}
	address, err := transport.ParseAddress("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	options, err := transport.ServerOptions(address, files("controlplane"), transport.Allowed{transport.Processor: {"spiffe://bricks/processor"}})
	if err != nil {
		t.Fatal(err)
	}
	l, bound, err := transport.Listen(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(options...)
	ledgerv1.RegisterLedgerServer(server, ledgerv1.UnimplementedLedgerServer{})
	go func() { _ = server.Serve(l) }()
	defer server.Stop()
	for role, want := range map[string]codes.Code{"processor": codes.Unimplemented, "admin": codes.PermissionDenied} {
		conn, err := transport.Dial(bound, files(role))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ledgerv1.NewLedgerClient(conn).Spend(t.Context(), &ledgerv1.SpendRequest{}); grpcstatus.Code(err) != want {
			t.Errorf("%s: %v, want %v", role, err, want)
		}
		_ = conn.Close()
	}
}
