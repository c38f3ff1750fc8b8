package controlplane

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"testing"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

// dns answers what it is told to.
type dns map[string][]netip.Addr

func (d dns) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	if a, ok := d[host]; ok {
		return a, nil
	}
	return nil, errors.New("no such host")
}

func testHosts(t *testing.T, d dns, allow ...string) *hosts {
	t.Helper()
	a, err := parseAllowed(allow)
	if err != nil {
		t.Fatal(err)
	}
	return newHosts(a, d, slog.New(slog.DiscardHandler))
}

func TestCheckURL(t *testing.T) {
	h := testHosts(t, nil, "127.0.0.1:9000", "10.1.0.0/16", "internal.example:8080")
	for _, good := range []string{
		"https://api.example.com/v1", "https://8.8.8.8", "http://127.0.0.1:9000/v1", "http://10.1.2.3:1234",
		"https://10.1.2.3", "http://internal.example:8080", "https://[2606:4700::1111]",
	} {
		if err := h.check(good); err != nil {
			t.Errorf("check(%s) = %v, want nil", good, err)
		}
	}
	for _, bad := range []string{
		"http://api.example.com", "https://127.0.0.1", "http://127.0.0.1:9001", "https://10.2.0.1", "https://192.168.1.1",
		"https://169.254.169.254", "https://[::1]", "https://[::ffff:10.2.0.1]", "https://[fe80::1]", "https://[fd00::1]",
		"https://0.0.0.0", "https://100.64.0.1", "https://224.0.0.1", "https://[64:ff9b::a00:1]", "https://2130706433",
		"https://0x7f.1", "https://127.1", "https://0177.0.0.1", "https://user@api.example.com", "https://x/?a=b", "ftp://x",
		"http://internal.example:8081",
	} {
		if err := h.check(bad); err == nil {
			t.Errorf("check(%s) passed", bad)
		}
	}
}

func TestANameThatTurnsPrivateLeadsNowhere(t *testing.T) {
	d := dns{"rebind.example": {netip.MustParseAddr("93.184.216.34")}}
	h := testHosts(t, d)
	settings := []*gateway.ProviderSetting{{ID: "s", Provider: "openai", Params: map[string]string{"url": "https://rebind.example"}}}
	addresses := func() []netip.Addr {
		for _, u := range h.upstreams(context.Background(), settings) {
			if u.Origin.Host == "rebind.example" {
				if u.ByEnvoy {
					t.Fatal("Envoy would resolve a tenant's host")
				}
				return u.Addresses
			}
		}
		t.Fatal("no upstream")
		return nil
	}
	if got := addresses(); !slices.Equal(got, d["rebind.example"]) {
		t.Fatalf("addresses = %v", got)
	}
	for _, private := range []string{"169.254.169.254", "127.0.0.1", "::ffff:10.0.0.1", "fd00::1"} {
		d["rebind.example"] = []netip.Addr{netip.MustParseAddr(private)}
		if got := addresses(); len(got) != 0 {
			t.Errorf("published %v", got)
		}
	}
}

func TestAnUnresolvableHostKeepsItsLastAddresses(t *testing.T) {
	d := dns{"a.example": {netip.MustParseAddr("93.184.216.34")}}
	h := testHosts(t, d)
	settings := []*gateway.ProviderSetting{{ID: "s", Provider: "openai", Params: map[string]string{"url": "https://a.example"}}}
	h.upstreams(context.Background(), settings)
	delete(d, "a.example")
	for _, u := range h.upstreams(context.Background(), settings) {
		if u.Origin.Host == "a.example" && len(u.Addresses) != 1 {
			t.Errorf("addresses = %v, want the last good one", u.Addresses)
		}
	}
}

func TestParseAllowedRefuses(t *testing.T) {
	for _, bad := range []string{"", "host", "host:", ":80", "10.0.0.0/33"} {
		if _, err := parseAllowed([]string{bad}); err == nil {
			t.Errorf("parseAllowed(%q) passed", bad)
		}
	}
}
