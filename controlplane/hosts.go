package controlplane

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bricks-gateway/bricks/controlplane/xds"
	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/provider"
)

// Resolver looks a host's addresses up. *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// A sync waits lookupTimeout for all hosts together, since revocations wait for
// the sync; refresh, for which nothing waits, gives them refreshTimeout.
const (
	lookupTimeout  = 300 * time.Millisecond
	refreshTimeout = 5 * time.Second
)

// hosts decides where settings may lead, against requests forged to reach the
// inside of the network: hosts that settings name are resolved here, and only
// public addresses are published, unless the operator allowed others. Envoy
// never resolves such a name, so one that turns private later leads nowhere.
type hosts struct {
	allowed  allowed
	resolver Resolver
	logger   *slog.Logger

	mu   sync.Mutex
	last map[string][]netip.Addr // the last good answer by host
}

func newHosts(a allowed, r Resolver, logger *slog.Logger) *hosts {
	if r == nil {
		r = net.DefaultResolver
	}
	return &hosts{allowed: a, resolver: r, logger: logger, last: map[string][]netip.Addr{}}
}

// upstreams lists the origins that settings and the providers' defaults use. It
// looks all hosts up side by side.
func (h *hosts) upstreams(ctx context.Context, settings []*gateway.ProviderSetting) []xds.Upstream {
	byCluster := h.origins(settings)
	out := make([]xds.Upstream, 0, len(byCluster))
	for _, u := range byCluster {
		out = append(out, u)
	}
	h.each(ctx, lookupTimeout, out, func(ctx context.Context, u *xds.Upstream) {
		u.Addresses = h.addresses(ctx, u.Origin)
	})
	return out
}

// refresh looks all hosts of settings up with more patience than a sync has, so
// that the next sync knows them. resolved says that none is left unknown.
func (h *hosts) refresh(ctx context.Context, settings []*gateway.ProviderSetting) (resolved bool) {
	var all []xds.Upstream
	for _, u := range h.origins(settings) {
		all = append(all, u)
	}
	h.each(ctx, refreshTimeout, all, func(ctx context.Context, u *xds.Upstream) {
		if found, err := h.lookup(ctx, u.Origin.Host); err == nil {
			h.keep(u.Origin.Host, found)
		}
	})
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, u := range all {
		if _, ok := h.last[u.Origin.Host]; !ok && !u.ByEnvoy {
			return false
		}
	}
	return true
}

// each calls f for every upstream that Envoy does not resolve, a few at a time.
func (h *hosts) each(ctx context.Context, timeout time.Duration, all []xds.Upstream, f func(context.Context, *xds.Upstream)) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var wg sync.WaitGroup
	slots := make(chan struct{}, 32)
	for i := range all {
		if all[i].ByEnvoy {
			continue
		}
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			f(ctx, &all[i])
		})
	}
	wg.Wait()
}

func (h *hosts) keep(host string, found []netip.Addr) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last[host] = found
}

func (h *hosts) known(host string) []netip.Addr {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.last[host]
}

// origins are the upstreams by cluster, without their addresses.
func (h *hosts) origins(settings []*gateway.ProviderSetting) map[string]xds.Upstream {
	byCluster := map[string]xds.Upstream{}
	for _, name := range provider.Names() {
		p, _ := provider.Get(name)
		o, err := provider.ParseOrigin(p.BaseURL)
		if err == nil {
			byCluster[o.Cluster()] = xds.Upstream{Origin: o, ByEnvoy: true}
		}
	}
	for _, s := range settings {
		if provider.IsCustom(s.Provider) {
			continue // its routes have clusters of their own
		}
		o, err := provider.OriginOf(s)
		if err != nil {
			h.logger.Error("provider setting leads nowhere", slog.String("setting_id", s.ID), slog.Any("error", err))
			continue
		}
		if _, ok := byCluster[o.Cluster()]; !ok {
			byCluster[o.Cluster()] = xds.Upstream{Origin: o}
		}
	}
	return byCluster
}

// addresses resolves and filters. A host that does not resolve right now keeps
// its last good addresses, filtered anew.
func (h *hosts) addresses(ctx context.Context, o provider.Origin) []netip.Addr {
	if o.Scheme != "https" && !h.allowed.plain(o) {
		return nil
	}
	found, err := h.lookup(ctx, o.Host)
	if err != nil {
		h.logger.Warn("host of a provider setting does not resolve", slog.String("host", o.Host), slog.Any("error", err))
		found = h.known(o.Host)
	} else {
		h.keep(o.Host, found)
	}
	var good []netip.Addr
	for _, a := range found {
		if a = a.Unmap(); public(a) || h.allowed.address(o, a) {
			good = append(good, a)
		} else {
			h.logger.Warn("address of a provider setting is not public", slog.String("host", o.Host), slog.String("address", a.String()))
		}
	}
	return good
}

func (h *hosts) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	return h.resolver.LookupNetIP(ctx, "ip", host)
}

// check says why a setting may not have this url.
func (h *hosts) check(raw string) error {
	o, err := provider.ParseOrigin(raw)
	if err != nil {
		return err
	}
	if o.Scheme != "https" && !h.allowed.plain(o) {
		return errors.New("url must start with https://, unless the operator allows this upstream (--allow-upstream host:port)")
	}
	a, err := netip.ParseAddr(o.Host)
	if err != nil {
		if number(o.Host) {
			return errors.New("url has a host that reads like a number; write an IPv4 address as four decimals")
		}
		return nil
	}
	if a = a.Unmap(); !public(a) && !h.allowed.address(o, a) {
		return errors.New("url names a private address, which the operator has not allowed (--allow-upstream host:port)")
	}
	return nil
}

// number reports whether a host could be read as an IPv4 address in one of its
// old spellings: 2130706433, 0x7f.1, 127.1.
func number(host string) bool {
	last := host[strings.LastIndexByte(host, '.')+1:]
	if _, err := strconv.ParseUint(last, 0, 64); err == nil {
		return true
	}
	_, err := strconv.ParseUint(last, 10, 64)
	return err == nil
}

// notPublic are special-purpose ranges that netip's own predicates do not
// cover. Source: IANA special-purpose address registries.
var notPublic = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("192.88.99.0/24"), netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("100::/64"),
	netip.MustParsePrefix("2001::/23"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2002::/16"),
	netip.MustParsePrefix("fec0::/10"),
}

func public(a netip.Addr) bool {
	if !a.IsValid() || !a.IsGlobalUnicast() || a.IsPrivate() || a.Zone() != "" {
		return false
	}
	for _, p := range notPublic {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

// allowed is what the operator lets be private and plain http.
type allowed struct {
	hosts    map[string]bool // host:port
	prefixes []netip.Prefix
}

func parseAllowed(list []string) (allowed, error) {
	a := allowed{hosts: map[string]bool{}}
	var errs []error
	for _, entry := range list {
		if p, err := netip.ParsePrefix(entry); err == nil {
			a.prefixes = append(a.prefixes, p.Masked())
		} else if ip, err := netip.ParseAddr(entry); err == nil {
			a.prefixes = append(a.prefixes, netip.PrefixFrom(ip, ip.BitLen()))
		} else if host, port, err := net.SplitHostPort(entry); err == nil && host != "" && port != "" {
			a.hosts[net.JoinHostPort(strings.ToLower(host), port)] = true
		} else {
			errs = append(errs, fmt.Errorf("--allow-upstream %q is not host:port, an address or a CIDR", entry))
		}
	}
	return a, errors.Join(errs...)
}

func (a allowed) named(o provider.Origin) bool {
	return a.hosts[net.JoinHostPort(o.Host, strconv.Itoa(o.Port))]
}

// plain reports whether o may be called without TLS.
func (a allowed) plain(o provider.Origin) bool {
	if a.named(o) {
		return true
	}
	ip, err := netip.ParseAddr(o.Host)
	return err == nil && a.address(o, ip.Unmap())
}

// address reports whether o may lead to a private address.
func (a allowed) address(o provider.Origin, ip netip.Addr) bool {
	if a.named(o) {
		return true
	}
	for _, p := range a.prefixes {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}
