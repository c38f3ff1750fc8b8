package xds

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/bricks-gateway/bricks/internal/provider"
)

// Names that the bootstrap, the processor and the control plane share.
const (
	ListenerName     = "proxy"
	RouteConfigName  = "proxy"
	ProcessorCluster = "processor" // in Envoy's bootstrap
	ClusterHeader    = "x-bricks-cluster"
)

// Defaults of ListenerConfig.
const (
	DefaultMaxBodyBytes   = 10 << 20
	DefaultMessageTimeout = 5 * time.Second
	DefaultIdleTimeout    = 10 * time.Minute
)

// ListenerConfig is what an operator decides about the proxy's listener and the
// connections behind it.
type ListenerConfig struct {
	Address string // IP address
	Port    uint32
	// TLSCertFile and TLSKeyFile are paths as Envoy sees them; both empty for
	// plain HTTP.
	TLSCertFile, TLSKeyFile string
	// MaxBodyBytes is the largest request body; DefaultMaxBodyBytes if 0.
	MaxBodyBytes uint32
	// MessageTimeout is how long the processor may take to answer one message;
	// DefaultMessageTimeout if 0.
	MessageTimeout time.Duration
	// IdleTimeout is the longest silence between the parts of a request or its
	// answer; DefaultIdleTimeout if 0.
	IdleTimeout time.Duration
	// CAFile holds the certificates that upstreams are checked against; the
	// system's own store, as Envoy finds it, if empty.
	CAFile string
	// GenAI is a second listener; nil: there is none.
	GenAI *GenAIEntry
}

// Upstream is an origin and where it is found.
type Upstream struct {
	Origin provider.Origin
	// ByEnvoy lets Envoy resolve the host. It is for the providers' own hosts
	// only: Envoy does not filter the addresses that it resolves.
	ByEnvoy bool
	// Addresses are the endpoints when Envoy does not resolve the host. None is
	// a cluster that answers 503.
	Addresses []netip.Addr
}

// State is everything that Envoy's configuration is made of.
type State struct {
	Listener  ListenerConfig
	Upstreams []Upstream // one an origin
}

// normal returns s with defaults filled in and every list sorted.
func (s State) normal() State {
	if s.Listener.MaxBodyBytes == 0 {
		s.Listener.MaxBodyBytes = DefaultMaxBodyBytes
	}
	if s.Listener.MessageTimeout == 0 {
		s.Listener.MessageTimeout = DefaultMessageTimeout
	}
	if s.Listener.IdleTimeout == 0 {
		s.Listener.IdleTimeout = DefaultIdleTimeout
	}
	s.Upstreams = slices.Clone(s.Upstreams)
	for i := range s.Upstreams {
		addresses := slices.Clone(s.Upstreams[i].Addresses)
		slices.SortFunc(addresses, netip.Addr.Compare)
		s.Upstreams[i].Addresses = slices.Compact(addresses)
	}
	slices.SortFunc(s.Upstreams, func(a, b Upstream) int {
		return cmp.Compare(a.Origin.Cluster(), b.Origin.Cluster())
	})
	return s
}
