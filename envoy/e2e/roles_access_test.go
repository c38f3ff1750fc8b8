package e2e

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/bricks-gateway/bricks/internal/fakeprovider"
	"github.com/bricks-gateway/bricks/internal/testenv"
	configv1 "github.com/bricks-gateway/bricks/proto/config/v1"
	controlv1 "github.com/bricks-gateway/bricks/proto/control/v1"
	eventv1 "github.com/bricks-gateway/bricks/proto/event/v1"
	ledgerv1 "github.com/bricks-gateway/bricks/proto/ledger/v1"
)

// door is one call of a service, and whose it is.
type door struct {
	name, server, role string
	call               func(context.Context, *grpc.ClientConn) error
}

// stream opens a stream, says first and waits for an answer.
func stream[Req, Resp any](open func(context.Context, ...grpc.CallOption) (grpc.BidiStreamingClient[Req, Resp], error), first *Req) func(context.Context) error {
	return func(ctx context.Context) error {
		s, err := open(ctx)
		if err != nil {
			return err
		}
		_ = s.Send(first) // Recv says why
		_, err = s.Recv()
		return err
	}
}

var doors = []door{
	{"config stream", "control", "processor", func(ctx context.Context, c *grpc.ClientConn) error {
		return stream(configv1.NewConfigDiscoveryClient(c).Stream, &configv1.ConfigRequest{NodeId: "rogue", SubscribeKeys: [][]byte{make([]byte, 32)}})(ctx)
	}},
	{"events", "control", "processor", func(ctx context.Context, c *grpc.ClientConn) error {
		_, err := ledgerv1.NewLedgerClient(c).WriteEvents(ctx, &ledgerv1.WriteEventsRequest{Events: []*eventv1.Event{{Id: "forged", KeyId: "k"}}})
		return err
	}},
	{"spend", "control", "processor", func(ctx context.Context, c *grpc.ClientConn) error {
		_, err := ledgerv1.NewLedgerClient(c).Spend(ctx, &ledgerv1.SpendRequest{Account: "key:k"})
		return err
	}},
	{"apply", "control", "admin", func(ctx context.Context, c *grpc.ClientConn) error {
		_, err := controlv1.NewControlClient(c).Apply(ctx, &controlv1.ApplyRequest{})
		return err
	}},
	{"xDS status", "control", "admin", func(ctx context.Context, c *grpc.ClientConn) error {
		_, err := controlv1.NewControlClient(c).XDSStatus(ctx, &controlv1.XDSStatusRequest{})
		return err
	}},
	{"xDS, delta", "control", "envoy", func(ctx context.Context, c *grpc.ClientConn) error {
		return stream(discoveryv3.NewAggregatedDiscoveryServiceClient(c).DeltaAggregatedResources, &discoveryv3.DeltaDiscoveryRequest{TypeUrl: resourcev3.ListenerType})(ctx)
	}},
	{"ext_proc", "processor", "envoy", func(ctx context.Context, c *grpc.ClientConn) error {
		return stream(extprocv3.NewExternalProcessorClient(c).Process, &extprocv3.ProcessingRequest{
			Request: &extprocv3.ProcessingRequest_RequestHeaders{RequestHeaders: &extprocv3.HttpHeaders{}},
		})(ctx)
	}},
	{"health", "processor", "envoy", func(ctx context.Context, c *grpc.ClientConn) error {
		_, err := healthv1.NewHealthClient(c).Check(ctx, &healthv1.HealthCheckRequest{})
		return err
	}},
}

// TestOnlyListedClientsAreServed knocks at every service of every role with
// every wrong client, and with the right one.
func TestOnlyListedClientsAreServed(t *testing.T) {
	r := newRoles(t, 1)
	p := r.startProcessor(r.planes[0], "--processor-address", "127.0.0.1:0", "--control-allow", "envoy="+processorID)
	servers := map[string]string{"control": r.planes[0].Control, "processor": p.Processor}

	// Envoy itself reaches the processor by TCP here.
	key := r.CreateKey([]string{r.setting}, nil)
	if got := r.ask(p.Proxy, key); got != 200 {
		t.Errorf("through Envoy by TCP: status = %d, want 200", got)
	}
	stranger := testenv.NewAuthority(t)
	clients := map[string]struct {
		creds credentials.TransportCredentials
		role  string // whose services it may call
		want  codes.Code
	}{
		"plain text":                 {insecure.NewCredentials(), "", codes.Unavailable},
		"no certificate":             {r.credentials(nil, "", ""), "", codes.Unavailable},
		"another authority's":        {r.credentials(stranger, "envoy", processorID), "", codes.Unavailable},
		"a name that is on no list":  {r.credentials(r.ca, "stranger", "spiffe://bricks.test/stranger"), "", codes.PermissionDenied},
		"the admin API's":            {r.credentials(r.ca, "admin2", adminID), "admin", codes.PermissionDenied},
		"the processor's or Envoy's": {r.credentials(r.ca, "processor2", processorID), "processor envoy", codes.PermissionDenied},
	}
	for name, c := range clients {
		for _, d := range doors {
			t.Run(name+"/"+d.name, func(t *testing.T) {
				conn, err := grpc.NewClient(servers[d.server], grpc.WithTransportCredentials(c.creds))
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close() //nolint:errcheck // the answer is what counts
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				want := c.want
				if strings.Contains(c.role, d.role) {
					want = codes.OK
				}
				if err := d.call(ctx, conn); status.Code(err) != want {
					t.Errorf("got %v, want %v", err, want)
				}
			})
		}
	}
}

// credentials is TLS with a certificate of the authority, or with none.
func (r *roles) credentials(a *testenv.Authority, name, identity string) credentials.TransportCredentials {
	r.t.Helper()
	pem, err := os.ReadFile(r.ca.File)
	if err != nil {
		r.t.Fatal(err)
	}
	config := &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: x509.NewCertPool()}
	config.RootCAs.AppendCertsFromPEM(pem)
	if a != nil {
		pair, err := tls.LoadX509KeyPair(a.Issue(name, identity))
		if err != nil {
			r.t.Fatal(err)
		}
		// Whatever the server says whom it trusts.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	}
	return credentials.NewTLS(config)
}

// TestTCPWithoutMutualTLSDoesNotStart: neither on loopback nor beyond.
func TestTCPWithoutMutualTLSDoesNotStart(t *testing.T) {
	binary := testenv.Build(t, "./cmd/bricks")
	postgres := []string{"POSTGRESQL_USERNAME=u", "POSTGRESQL_HOSTS=127.0.0.1:1"}
	ca := testenv.NewAuthority(t)
	cert, key := ca.Issue("x", processorID)
	tlsFlags := []string{"--control-tls-cert", cert, "--control-tls-key", key, "--control-tls-ca", ca.File}
	for name, c := range map[string]struct {
		args, env []string
		want      []string
	}{
		"control plane on loopback": {[]string{"controlplane", "--control-address", "127.0.0.1:0"}, postgres,
			[]string{"--control-tls-cert is missing", "--control-tls-key is missing", "--control-tls-ca is missing", "--control-allow"}},
		"control plane everywhere":           {[]string{"controlplane", "--control-address", "0.0.0.0:0"}, postgres, []string{"--control-tls-cert is missing"}},
		"control plane that trusts everyone": {append([]string{"controlplane", "--control-address", "127.0.0.1:0"}, tlsFlags...), postgres, []string{"--control-allow"}},
		"control plane without PostgreSQL":   {[]string{"controlplane", "--control-address", "127.0.0.1:0"}, nil, []string{"PostgreSQL", "--control-tls-cert is missing"}},
		"admin without PostgreSQL":           {[]string{"admin", "--control-address", "unix:/nowhere/c.sock"}, nil, []string{"PostgreSQL"}},
		"admin without a control plane":      {[]string{"admin"}, postgres, []string{"--control-address"}},
		"admin to TCP":                       {[]string{"admin", "--control-address", "127.0.0.1:1"}, postgres, []string{"--control-tls-cert is missing"}},
		"processor to TCP":                   {[]string{"processor", "--control-address", "127.0.0.1:1"}, nil, []string{"--control-tls-cert is missing"}},
		"processor that serves TCP": {[]string{"processor", "--control-address", "unix:/nowhere/c.sock", "--processor-address", "127.0.0.1:0"}, nil,
			[]string{"--control-tls-cert is missing", "--control-allow"}},
		"processor with a pepper": {[]string{"processor", "--control-address", "unix:/nowhere/c.sock"}, []string{"BRICKS_PEPPER=x"}, []string{"neither pepper nor encryption key"}},
		"files that are not there": {[]string{"processor", "--control-address", "127.0.0.1:1", "--control-tls-cert", "/nowhere/a", "--control-tls-key", "/nowhere/b", "--control-tls-ca", "/nowhere/c"}, nil,
			[]string{"/nowhere/a", "/nowhere/c"}},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			cmd := exec.CommandContext(ctx, binary, append(c.args, "--data-dir", t.TempDir(), "--metrics-address=127.0.0.1:0", "--admin-address=127.0.0.1:0")...)
			cmd.Env = c.env
			out, err := cmd.CombinedOutput()
			if err == nil || ctx.Err() != nil {
				t.Fatalf("it started: %v\n%s", ctx.Err(), out)
			}
			for _, want := range c.want {
				if !strings.Contains(string(out), want) {
					t.Errorf("the message lacks %q:\n%s", want, out)
				}
			}
		})
	}
}

// TestAProcessorHoldsNoSecretOfTheStore: it serves without a pepper, an
// encryption key and a database, and none of them, nor a provider's credential or
// a key, lies in its files or its log.
func TestAProcessorHoldsNoSecretOfTheStore(t *testing.T) {
	r := newRoles(t, 1)
	p := r.startProcessor(r.planes[0])
	key := r.CreateKey([]string{r.setting}, nil)
	if got := r.ask(p.Proxy, key); got != 200 {
		t.Fatalf("status = %d, want 200", got)
	}
	secrets := []string{fakeprovider.OpenAIKey, key.Secret}
	for _, v := range r.variables {
		if name, value, _ := strings.Cut(v, "="); strings.HasPrefix(name, "BRICKS_") || name == "POSTGRESQL_DB_NAME" {
			secrets = append(secrets, value)
		}
	}
	outputs := map[string]string{"log": p.Logs()}
	(&env{Gateway: p}).addFiles(t, outputs)
	for name, text := range outputs {
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("%s holds %q", name, secret)
			}
		}
		if strings.Contains(name, "/secrets/") || strings.HasSuffix(name, ".db") {
			t.Errorf("it has %s", name)
		}
	}
}
