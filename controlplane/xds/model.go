package xds

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// Names that the processor and the bootstrap refer to.
const (
	ListenerName    = "proxy"
	RouteConfigName = "proxy"
	// ClusterHeader is the request header in which the processor names the
	// upstream cluster. A client's own copy is removed before the processor runs.
	ClusterHeader = "x-bricks-cluster"
)

// What ListenerConfig's zero values mean.
const (
	DefaultMaxBodyBytes   = 10 << 20
	DefaultMessageTimeout = 5 * time.Second
	// DefaultIdleTimeout is as long as the official clients wait: a model may
	// think for minutes without sending a byte.
	DefaultIdleTimeout = 10 * time.Minute
)

// State is all that Envoy's configuration is made of.
type State struct {
	Listener  ListenerConfig
	Upstreams []Upstream
}

// ListenerConfig is the public listener. Zero sizes and times mean the defaults
// above.
type ListenerConfig struct {
	Address string // IP address
	Port    uint32
	// Both or neither. Envoy reads the files; without them the listener is plain.
	TLSCertFile, TLSKeyFile string

	MaxBodyBytes   uint32        // larger request bodies get 413
	MessageTimeout time.Duration // for one answer of the processor
	IdleTimeout    time.Duration // for a stream on which nothing moves
	// CAFile is the bundle that upstream certificates are verified with. It may
	// be empty as long as no upstream uses TLS.
	CAFile string
}

// Upstream is one origin that requests can be sent to.
type Upstream struct {
	Name string // of the cluster
	Host string // must not be empty
	Port uint32
	TLS  bool
	// Addresses are Host's, already resolved and checked. Nil lets Envoy resolve
	// Host, which is only right for hosts that no tenant chose.
	Addresses []string
}

func (c ListenerConfig) withDefaults() ListenerConfig {
	c.MaxBodyBytes = cmp.Or(c.MaxBodyBytes, DefaultMaxBodyBytes)
	c.MessageTimeout = cmp.Or(c.MessageTimeout, DefaultMessageTimeout)
	c.IdleTimeout = cmp.Or(c.IdleTimeout, DefaultIdleTimeout)
	return c
}

// validate returns all faults at once. It looks at what protobuf validation
// cannot see; Build does the latter too.
func (s State) validate() error {
	var faults []error
	l := s.Listener
	if _, err := netip.ParseAddr(l.Address); err != nil {
		faults = append(faults, fmt.Errorf("listener address: %w", err))
	}
	if l.Port > 65535 {
		faults = append(faults, fmt.Errorf("listener port %d is above 65535", l.Port))
	}
	if (l.TLSCertFile == "") != (l.TLSKeyFile == "") {
		faults = append(faults, errors.New("listener: TLS needs both a certificate and a key file"))
	}
	seen := make(map[string]bool, len(s.Upstreams))
	for _, u := range s.Upstreams {
		if seen[u.Name] {
			faults = append(faults, fmt.Errorf("upstream %q is given twice", u.Name))
		}
		seen[u.Name] = true
		if err := u.validate(l.CAFile); err != nil {
			faults = append(faults, fmt.Errorf("upstream %q: %w", u.Name, err))
		}
	}
	return errors.Join(faults...)
}

func (u Upstream) validate(caFile string) error {
	var faults []error
	if u.Name == "" || u.Host == "" {
		faults = append(faults, errors.New("name and host must not be empty"))
	}
	if u.Port == 0 || u.Port > 65535 {
		faults = append(faults, fmt.Errorf("port %d is not in 1 to 65535", u.Port))
	}
	if u.Addresses != nil && len(u.Addresses) == 0 {
		faults = append(faults, errors.New("no address is left"))
	}
	for _, a := range u.Addresses {
		if _, err := netip.ParseAddr(a); err != nil {
			faults = append(faults, err)
		}
	}
	if u.TLS && caFile == "" {
		faults = append(faults, errors.New("TLS needs a CA file to verify the certificate with"))
	}
	return errors.Join(faults...)
}
