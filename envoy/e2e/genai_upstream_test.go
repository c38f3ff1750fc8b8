package e2e

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/bricks-gateway/bricks/internal/fakeprovider"
	"github.com/bricks-gateway/bricks/internal/testenv"
)

// TestGenAIOverTLS: the upstream must show a certificate that is trusted, and all
// credentials that such servers take go on.
func TestGenAIOverTLS(t *testing.T) {
	authority, stranger := testenv.NewAuthority(t), testenv.NewAuthority(t)
	cert, key := authority.Issue("upstream", "spiffe://bricks.test/upstream")
	served, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	wrongCert, wrongKey := stranger.Issue("stranger", "spiffe://bricks.test/stranger")
	wrong, err := tls.LoadX509KeyPair(wrongCert, wrongKey)
	if err != nil {
		t.Fatal(err)
	}
	seen := make(chan *http.Request, 1)
	upstream := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"object":"list","data":[]}`)
	}))
	var shown atomic.Pointer[tls.Certificate]
	shown.Store(&served)
	upstream.TLS = &tls.Config{
		SessionTicketsDisabled: true,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			return &tls.Config{Certificates: []tls.Certificate{*shown.Load()}, SessionTicketsDisabled: true}, nil
		},
	}
	upstream.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that must fail
	upstream.StartTLS()
	t.Cleanup(upstream.Close)
	_, port, err := net.SplitHostPort(upstream.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	e := newEnv(t, testenv.Options{
		Env: []string{
			"SSL_CERT_FILE=" + authority.File, "OPENAI_TLS=true", "OPENAI_DOMAIN=localhost", "OPENAI_PORT=" + port, "GENAI_ADDRESS=127.0.0.1:0",
		},
	})
	a := e.through(t, "GET", "/v1/models", "", "X-Api-Key", "one-of-the-client", "Api-Key", "another-of-the-client")
	if a.status != http.StatusOK {
		t.Fatalf("got %v", a)
	}
	r := <-seen
	if r.Host != "localhost:"+port || r.TLS.ServerName != "localhost" {
		t.Errorf("host = %q, SNI = %q", r.Host, r.TLS.ServerName)
	}
	for name, want := range map[string]string{"Authorization": "Bearer " + foreignKey, "X-Api-Key": "one-of-the-client", "Api-Key": "another-of-the-client"} {
		if got := r.Header.Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	shown.Store(&wrong)
	upstream.CloseClientConnections()
	if a := e.through(t, "GET", "/v1/models", ""); a.status != http.StatusServiceUnavailable && a.status != http.StatusBadGateway {
		t.Errorf("a stranger's certificate: got %v", a)
	}
	if len(seen) > 0 {
		t.Error("the stranger saw a request")
	}
}

// TestGenAIWithoutItsUpstream: nobody listens there. The client is told in
// OpenAI's shape, and the gateway's own listener does not mind; by an Envoy that
// others run.
func TestGenAIWithoutItsUpstream(t *testing.T) {
	host, port, err := net.SplitHostPort(testenv.FreeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	e := newEnv(t, testenv.Options{Serve: true, Args: []string{"--openai-domain", host, "--openai-port", port, "--genai-address", testenv.FreeAddress(t)}})
	testenv.Eventually(t, waitForEvents, "the entry listens", func() bool {
		_, err := e.tryAt(t.Context(), e.GenAI, "GET", "/healthz", "")
		return err == nil
	})
	a := e.through(t, "POST", "/v1/chat/completions", helloChat)
	if got := decodeError(t, a); (a.status != http.StatusServiceUnavailable && a.status != http.StatusBadGateway) || got.Error.Type != "api_error" {
		t.Errorf("got %v", a)
	}
	if a := e.post(t, chat, helloChat); a.status != http.StatusOK {
		t.Errorf("the other listener: got %v", a)
	}
}

// TestGenAITokensInRedis: the limit is the old variables', and follows Redis as
// rate limits do.
func TestGenAITokensInRedis(t *testing.T) {
	server := testenv.StartRedis(t)
	e := newGenAI(t, testenv.Options{Env: []string{
		"RATE_LIMITING_REDIS_CONNECTION_STRING=redis://" + server.Address, "RATE_LIMITING_REDIS_POOL_SIZE=5", "REDIS_CALL_TIME_OUT=5s",
	}})
	untilRefused := func(user string) (passed int, refused answer) {
		for range 50 {
			a := e.through(t, "POST", "/v1/chat/completions", helloChat, "User", user)
			if a.status != http.StatusOK {
				return passed, a
			}
			passed++
		}
		return passed, answer{}
	}
	want, refused := untilRefused("anna")
	if want < 2 || refused.status != http.StatusTooManyRequests {
		t.Fatalf("%d passed, then %v", want, refused)
	}
	genAIAtOnce(t, e)
	server.Kill()
	// One gateway has all of the share: what was used is used, the rest is not.
	if a := e.through(t, "POST", "/v1/chat/completions", helloChat, "User", "anna"); a.status != http.StatusTooManyRequests {
		t.Errorf("used up, then without Redis: got %v", a)
	}
	if n, refused := untilRefused("ben"); n != want || refused.status != http.StatusTooManyRequests {
		t.Errorf("without Redis: %d passed, want %d, then %v", n, want, refused)
	}
}

// TestGenAIOfRolesApart: the same options for the control plane and the processor.
// A processor that is not told of the entry refuses its requests.
func TestGenAIOfRolesApart(t *testing.T) {
	fake := startFake(t, fakeprovider.Options{OpenAIKeys: []string{foreignKey}})
	host, port, err := net.SplitHostPort(fake.Address())
	if err != nil {
		t.Fatal(err)
	}
	entry := testenv.FreeAddress(t)
	r := (&roles{t: t, counters: []string{"OPENAI_DOMAIN=" + host, "OPENAI_PORT=" + port, "GENAI_ADDRESS=" + entry}}).start(1)
	e := &env{Gateway: r.Gateway, client: r.client}
	ask := func() answer {
		a, err := e.tryAt(t.Context(), entry, "POST", "/v1/chat/completions", helloChat, "Authorization", "Bearer "+foreignKey)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	processor := r.startProcessor(r.planes[0])
	if a := ask(); a.status != http.StatusOK || processor.GenAI != entry {
		t.Errorf("got %v at %s", a, processor.GenAI)
	}
	if err := processor.Stop(); err != nil {
		t.Fatal(err)
	}
	r.counters = nil
	r.startNamed("second", r.planes[0])
	testenv.Eventually(t, waitForEvents, "the entry listens", func() bool {
		_, err := e.tryAt(context.Background(), entry, "GET", "/healthz", "")
		return err == nil
	})
	if a := ask(); a.status != http.StatusServiceUnavailable || !strings.Contains(decodeError(t, a).Error.Message, "GenAI") {
		t.Errorf("a processor without the entry: got %v", a)
	}
}
