package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// health knows whether the gateway should get traffic. Before ready is set and
// after it is taken back it should not.
type health struct {
	ready atomic.Bool
	// checks are asked when ready is set; they are complete before it is.
	checks []func(context.Context) error
}

func (h *health) check(ctx context.Context) error {
	if !h.ready.Load() {
		return errors.New("starting or stopping")
	}
	for _, check := range h.checks {
		if err := check(ctx); err != nil {
			return err
		}
	}
	return nil
}

// handler serves /metrics, /healthz (the process lives) and /readyz.
func (h *health) handler(registry *prometheus.Registry) http.Handler {
	mux := http.NewServeMux()
	// Exemplars travel in OpenMetrics only, which a scraper has to ask for.
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: true}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), time.Second)
		defer cancel()
		if err := h.check(ctx); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = fmt.Fprintln(w, "ok")
	})
	return mux
}

// probe asks Envoy's listener for /healthz. Envoy's own readiness says nothing:
// it is ready with no listener at all.
type probe struct {
	client *http.Client
	url    string
}

func newProbe(proxy netip.AddrPort, withTLS bool) *probe {
	scheme := "http"
	if withTLS {
		scheme = "https"
	}
	return &probe{
		url: scheme + "://" + reachable(proxy).String() + "/healthz",
		client: &http.Client{Transport: &http.Transport{
			DisableKeepAlives: true, // an idle connection would hold up a drain
			// The certificate names the host that clients use, not this address,
			// and the answer is not trusted with anything.
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // see above
		}},
	}
}

func (p *probe) check(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url, nil)
	if err != nil {
		return fmt.Errorf("probe the proxy: %w", err)
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return fmt.Errorf("probe the proxy: %w", err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("probe the proxy: status %d", resp.StatusCode)
	}
	return nil
}

// await waits until the probe passes, at most for d.
func (p *probe) await(ctx context.Context, d time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := p.check(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-ticker.C:
		}
	}
}

// reachable is an address at which a listener on a can be reached from here.
func reachable(a netip.AddrPort) netip.AddrPort {
	if !a.Addr().IsUnspecified() {
		return a
	}
	if a.Addr().Is4() {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), a.Port())
	}
	return netip.AddrPortFrom(netip.IPv6Loopback(), a.Port())
}
