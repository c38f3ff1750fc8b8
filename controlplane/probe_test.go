package controlplane

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/provider"
)

const probeCredential = "sk-canary-0123456789"

// probeOf tests a setting under a deadline of its own.
func probeOf(t *testing.T, h *hosts, s gateway.ProviderSetting, timeout time.Duration) provider.ProbeResult {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	s.APIKey = gateway.NewSecret(probeCredential)
	return (&ControlPlane{hosts: h}).Probe(ctx, &s)
}

// TestProbeAsks: each provider is asked for its models, with its own credential
// header, and the answer's status decides.
func TestProbeAsks(t *testing.T) {
	status := 200
	var got *http.Request
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Clone(context.Background())
		w.Header().Set("Location", "http://169.254.169.254/")
		w.WriteHeader(status)
		_, _ = w.Write([]byte("Incorrect API key provided: " + probeCredential))
	}))
	defer server.Close()
	h := testHosts(t, nil, server.Listener.Addr().String())
	for name, want := range map[string]string{
		"openai":    "/v1/models Authorization: Bearer " + probeCredential,
		"vllm":      "/v1/models Authorization: Bearer " + probeCredential,
		"deepinfra": "/v1/openai/models Authorization: Bearer " + probeCredential,
		"anthropic": "/v1/models X-Api-Key: " + probeCredential,
		"azure":     "/openai/models?api-version=2024-10-21 Api-Key: " + probeCredential,
	} {
		r := probeOf(t, h, gateway.ProviderSetting{Provider: name, Params: map[string]string{"url": server.URL}}, 5*time.Second)
		if !r.OK() || r.Latency <= 0 {
			t.Errorf("%s: %+v", name, r)
		}
		target, header, _ := strings.Cut(want, " ")
		field, value, _ := strings.Cut(header, ": ")
		if got.RequestURI != target || got.Header.Get(field) != value {
			t.Errorf("%s: asked %s with %v, want %s", name, got.RequestURI, got.Header, want)
		}
	}
	for code, word := range map[int]string{302: "redirect", 401: "apiKey", 403: "apiKey", 404: "url", 418: "418", 503: "again"} {
		status = code
		r := probeOf(t, h, gateway.ProviderSetting{Provider: "openai", Params: map[string]string{"url": server.URL}}, 5*time.Second)
		if r.OK() || r.Status != code || !strings.Contains(r.Hint(), word) || strings.Contains(r.Hint(), probeCredential) {
			t.Errorf("%d: %+v, hint %q; want a word about %s", code, r, r.Hint(), word)
		}
	}
	status = 429
	if r := probeOf(t, h, gateway.ProviderSetting{Provider: "openai", Params: map[string]string{"url": server.URL}}, 5*time.Second); !r.OK() {
		t.Errorf("429: %+v; the credential is known", r)
	}
}

// TestProbeGoesNowhereElse: what requests may not reach, a test may not either.
func TestProbeGoesNowhereElse(t *testing.T) {
	reached := false
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer server.Close()
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	private := dns{"inside.example": {netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("169.254.169.254")}}
	for name, s := range map[string]gateway.ProviderSetting{
		"plain http":             {Provider: "openai", Params: map[string]string{"url": server.URL}},
		"a name that is private": {Provider: "vllm", Params: map[string]string{"url": "https://inside.example:" + port}},
		"no such name":           {Provider: "vllm", Params: map[string]string{"url": "https://nowhere.example"}},
		"no place":               {Provider: "vllm"},
		"a resource that is not": {Provider: "azure", Params: map[string]string{"resourceName": "a.b"}},
		"an unknown provider":    {Provider: "x"},
	} {
		r := probeOf(t, testHosts(t, private), s, 5*time.Second)
		if r.Status != 0 || r.Problem == "" || strings.Contains(r.Problem, "127.0.0.1") {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if reached {
		t.Error("the test reached a server that no request may reach")
	}
}

func TestProbeEndsWithItsDeadline(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // nothing was written
	h := testHosts(t, nil, l.Addr().String())
	r := probeOf(t, h, gateway.ProviderSetting{Provider: "vllm", Params: map[string]string{"url": "http://" + l.Addr().String()}}, 100*time.Millisecond)
	if r.Status != 0 || !strings.Contains(r.Problem, "in time") {
		t.Errorf("got %+v", r)
	}
}

// TestAzureOrigin: the resource's name becomes one label of the host, and its
// addresses are looked at like those of any host that a setting names.
func TestAzureOrigin(t *testing.T) {
	h := testHosts(t, dns{"r-1.openai.azure.com": {netip.MustParseAddr("20.1.2.3"), netip.MustParseAddr("10.0.0.1")}})
	list := h.upstreams(t.Context(), []*gateway.ProviderSetting{
		{ID: "a", Provider: "azure", Params: map[string]string{"resourceName": "r-1"}},
		{ID: "b", Provider: "azure", Params: map[string]string{"resourceName": "evil.example/"}},
		{ID: "c", Provider: "vllm"},
	})
	var found []string
	for _, u := range list {
		if u.ByEnvoy {
			continue
		}
		for _, a := range u.Addresses {
			found = append(found, u.Origin.Host+" "+a.String())
		}
	}
	if len(found) != 1 || found[0] != "r-1.openai.azure.com 20.1.2.3" {
		t.Errorf("upstreams %q, want the public address of the resource alone", found)
	}
}
