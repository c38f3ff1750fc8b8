package controlplane

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"syscall"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/provider"
)

// Probe calls s's provider once, under the rules for requests: the same hosts
// and addresses are open to it, and no others. It needs ctx to have a deadline.
func (c *ControlPlane) Probe(ctx context.Context, s *gateway.ProviderSetting) provider.ProbeResult {
	return c.hosts.tryOut(ctx, s)
}

// NewProbe is Probe for a process that runs no control plane. allowUpstream is as
// in Options, and must be the same as theirs.
func NewProbe(allowUpstream []string, r Resolver, logger *slog.Logger) (func(context.Context, *gateway.ProviderSetting) provider.ProbeResult, error) {
	allowed, err := parseAllowed(allowUpstream)
	if err != nil {
		return nil, err
	}
	return newHosts(allowed, r, logger).tryOut, nil
}

func (h *hosts) tryOut(ctx context.Context, s *gateway.ProviderSetting) provider.ProbeResult {
	start := time.Now()
	status, err := h.probe(ctx, s)
	r := provider.ProbeResult{Status: status, Latency: time.Since(start)}
	if err != nil {
		r.Problem = problem(err)
	}
	return r
}

func (h *hosts) probe(ctx context.Context, s *gateway.ProviderSetting) (status int, err error) {
	target, headers, ok := provider.Probe(s)
	if !ok {
		return 0, errNowhere
	}
	resp, err := h.get(ctx, s, target, headers)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close() //nolint:errcheck // read only
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20))
	return resp.StatusCode, nil
}

// problem says what kept a provider from answering, without what the network
// said: that may name addresses inside.
func problem(err error) string {
	var (
		dns         *net.DNSError
		certificate *tls.CertificateVerificationError
		record      tls.RecordHeaderError
		status      badStatus
	)
	switch {
	case errors.As(err, &status):
		return status.Error()
	case errors.Is(err, errNowhere):
		return "The setting does not say where the provider is: check url or resourceName."
	case errors.Is(err, errClosed):
		return "The host does not resolve, or to private addresses only, which the operator has not allowed (--allow-upstream)."
	case errors.As(err, &dns):
		return "The provider's host does not resolve."
	case errors.Is(err, context.DeadlineExceeded):
		return "The provider did not answer in time."
	case errors.As(err, &certificate):
		return "The host's certificate is not to be trusted: check url."
	case errors.As(err, &record):
		return "The host does not speak TLS: check url."
	case errors.Is(err, syscall.ECONNREFUSED):
		return "Nothing listens at the provider's address: check url."
	}
	return "The connection to the provider failed."
}
