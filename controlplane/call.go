package controlplane

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strconv"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/provider"
)

var (
	errNowhere = errors.New("the setting leads nowhere")
	errClosed  = errors.New("no address may be called")
)

// get asks s's provider for target, a path and query below the setting's own,
// under the rules for requests: the same hosts and addresses are open to it, and
// no others. It follows no redirect. The caller closes the body, and gives ctx a
// deadline.
func (h *hosts) get(ctx context.Context, s *gateway.ProviderSetting, target string, headers []provider.Header) (*http.Response, error) {
	origin, err := provider.OriginOf(s)
	if err != nil {
		return nil, errNowhere
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, origin.Scheme+"://"+origin.Authority()+origin.Prefix+target, nil)
	if err != nil {
		return nil, errNowhere
	}
	for _, header := range headers {
		r.Header.Set(header.Name, header.Value.Reveal())
	}
	transport := &http.Transport{
		// The environment's proxy is not for this: it would resolve the name itself.
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return h.dial(ctx, origin) },
		// Few calls are made, and an answer is to be as long as it says.
		DisableKeepAlives: true, DisableCompression: true,
	}
	return transport.RoundTrip(r) // not Client.Do, which follows redirects
}

// dial connects to an address that Envoy would be given.
func (h *hosts) dial(ctx context.Context, o provider.Origin) (net.Conn, error) {
	var addresses []netip.Addr
	if o.Given {
		if addresses = h.addresses(ctx, o); len(addresses) == 0 {
			return nil, errClosed
		}
	} else {
		found, err := h.lookup(ctx, o.Host)
		if err != nil {
			return nil, err
		}
		addresses = found
	}
	var (
		dialer net.Dialer
		failed error
	)
	for _, a := range addresses {
		conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(a.String(), strconv.Itoa(o.Port)))
		if err == nil {
			return conn, nil
		}
		failed = err
	}
	return nil, failed
}
