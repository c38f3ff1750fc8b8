package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bricks-gateway/bricks/controlplane/xds"
	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/provider"
	"github.com/bricks-gateway/bricks/processor"
)

// genAIConfig is the GenAI entry, which is on as soon as its upstream is named.
// Its fields have names of their own, see variableOf.
type genAIConfig struct {
	OpenAIDomain    string         `env:"OPENAI_DOMAIN"`
	OpenAIPort      string         `env:"OPENAI_PORT"`
	OpenAITLS       bool           `env:"OPENAI_TLS"`
	GenAIAddress    string         `env:"GENAI_ADDRESS"` // empty: loopback, at HTTPProxyPort
	HTTPProxyPort   string         `env:"HTTP_PROXY_PORT"`
	HTTPMetricsPort string         `env:"HTTP_PROXY_METRICS_PORT"` // another spelling of METRICS_ADDRESS's
	LimitTokens     bool           `env:"ENABLE_RATE_LIMITING"`
	LimitRedis      gateway.Secret `env:"RATE_LIMITING_REDIS_CONNECTION_STRING"` // another spelling of REDIS_URL
	LimitRedisPool  int            `env:"RATE_LIMITING_REDIS_POOL_SIZE"`         // 0: the client's own
	WindowMinutes   int64          `env:"RATE_LIMITING_WINDOW_DURATION_SIZE_MIN"`
	MaxPromptTokens int64          `env:"RATE_LIMITING_MAX_PROMPT_TOKENS"`
	UserHeader      string         `env:"RATE_LIMITING_USER_HEADER_KEY"`
}

// genAIFlags are the same as flags.
type genAIFlags struct {
	Address         *string `name:"genai-address" placeholder:"IP:PORT" help:"Listener of the GenAI entry (GENAI_ADDRESS; 127.0.0.1 and --http-proxy-port)."`
	Domain          *string `name:"openai-domain" placeholder:"HOST" help:"Upstream of the GenAI entry, which switches it on (OPENAI_DOMAIN; none)."`
	Port            *string `name:"openai-port" placeholder:"PORT" help:"Its port (OPENAI_PORT; 443)."`
	TLS             bool    `name:"openai-tls" help:"It speaks TLS (OPENAI_TLS)."`
	ProxyPort       *string `name:"http-proxy-port" placeholder:"PORT" help:"Port of the GenAI entry (HTTP_PROXY_PORT; 8080)."`
	MetricsPort     *string `name:"http-proxy-metrics-port" placeholder:"PORT" help:"Port of the metrics; the same as --metrics-address's (HTTP_PROXY_METRICS_PORT; 9090)."`
	LimitTokens     bool    `name:"enable-rate-limiting" help:"Limit the prompt tokens of each user of the GenAI entry (ENABLE_RATE_LIMITING)."`
	LimitRedis      *string `name:"rate-limiting-redis-connection-string" placeholder:"URL" help:"The Redis to count in; the same as REDIS_URL (RATE_LIMITING_REDIS_CONNECTION_STRING; none: in the process)."`
	LimitRedisPool  *int    `name:"rate-limiting-redis-pool-size" placeholder:"N" help:"Connections to it (RATE_LIMITING_REDIS_POOL_SIZE; 10 a core)."`
	WindowMinutes   *int64  `name:"rate-limiting-window-duration-size-min" placeholder:"MINUTES" help:"Length of the window (RATE_LIMITING_WINDOW_DURATION_SIZE_MIN; 60)."`
	MaxPromptTokens *int64  `name:"rate-limiting-max-prompt-tokens" placeholder:"N" help:"Most prompt tokens of a user in any window (RATE_LIMITING_MAX_PROMPT_TOKENS; 1000)."`
	UserHeader      *string `name:"rate-limiting-user-header-key" placeholder:"HEADER" help:"The header that names the user (RATE_LIMITING_USER_HEADER_KEY; user)."`
}

func (g *genAIConfig) apply(f *genAIFlags) {
	lay(f.Address, &g.GenAIAddress)
	lay(f.Domain, &g.OpenAIDomain)
	lay(f.Port, &g.OpenAIPort)
	lay(f.ProxyPort, &g.HTTPProxyPort)
	lay(f.MetricsPort, &g.HTTPMetricsPort)
	lay(f.LimitRedisPool, &g.LimitRedisPool)
	lay(f.WindowMinutes, &g.WindowMinutes)
	lay(f.MaxPromptTokens, &g.MaxPromptTokens)
	lay(f.UserHeader, &g.UserHeader)
	if f.LimitRedis != nil {
		g.LimitRedis = gateway.NewSecret(*f.LimitRedis)
	}
	g.OpenAITLS = g.OpenAITLS || f.TLS
	g.LimitTokens = g.LimitTokens || f.LimitTokens
}

func lay[T any](given, target *T) {
	if given != nil {
		*target = *given
	}
}

func (g *genAIConfig) enabled() bool { return g.OpenAIDomain != "" }

// window is the length of the token limit's window.
func (g *genAIConfig) window() time.Duration { return time.Duration(g.WindowMinutes) * time.Minute }

// portGiven reports whether a port is given. What Kubernetes puts there for a
// service of that name is none.
func portGiven(text string) bool { return text != "" && !strings.Contains(text, "://") }

func portOr(text string, standard uint16) (uint16, error) {
	if !portGiven(text) {
		return standard, nil
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("%q is not a port", text)
	}
	return uint16(n), nil
}

// address is where the entry listens: on loopback, unless an address says more.
func (g *genAIConfig) address() (netip.AddrPort, error) {
	port, err := portOr(g.HTTPProxyPort, 8080)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("--http-proxy-port: %w", err)
	}
	if g.GenAIAddress == "" {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port), nil
	}
	address, err := listenAddress(g.GenAIAddress)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("--genai-address: %w", err)
	}
	if portGiven(g.HTTPProxyPort) && address.Port() != port {
		return netip.AddrPort{}, fmt.Errorf("--genai-address and --http-proxy-port name different ports: %d and %d", address.Port(), port)
	}
	return address, nil
}

// upstream is where the entry leads.
func (g *genAIConfig) upstream() (provider.Origin, error) {
	scheme := "http"
	if g.OpenAITLS {
		scheme = "https"
	}
	port, err := portOr(g.OpenAIPort, 443)
	if err == nil && port == 0 {
		err = errors.New("0 is not a port")
	}
	if err != nil {
		return provider.Origin{}, fmt.Errorf("--openai-port: %w", err)
	}
	if port == 443 && !g.OpenAITLS {
		return provider.Origin{}, errors.New("--openai-port 443 without --openai-tls: nothing speaks plain HTTP there; give --openai-tls, or the port")
	}
	o, err := provider.ParseOrigin(scheme + "://" + net.JoinHostPort(g.OpenAIDomain, strconv.Itoa(int(port))))
	if ip, errIP := netip.ParseAddr(o.Host); err != nil || !strings.EqualFold(o.Host, strings.TrimSuffix(g.OpenAIDomain, ".")) || errIP == nil && ip.IsUnspecified() {
		return o, fmt.Errorf("--openai-domain: %q is not the name or the address of a host", g.OpenAIDomain)
	}
	return o, nil
}

// validateGenAI checks the entry, and hands on what is another spelling of a value
// that others read.
func (c *config) validateGenAI() error {
	g := &c.GenAI
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if err := c.takeMetricsPort(); err != nil {
		faults = append(faults, err)
	}
	g.UserHeader = strings.ToLower(g.UserHeader)
	if !g.enabled() {
		// Without the entry nothing would be limited, and nothing listen.
		if g.LimitTokens {
			fault("--enable-rate-limiting limits the GenAI entry, which --openai-domain switches on")
		}
		if g.GenAIAddress != "" {
			fault("--genai-address is the GenAI entry's, which --openai-domain switches on")
		}
		return errors.Join(faults...)
	}
	_, errAddress := g.address()
	_, errUpstream := g.upstream()
	faults = append(faults, errAddress, errUpstream)
	if !userHeader(g.UserHeader) {
		fault("--rate-limiting-user-header-key: %q cannot be the header that names users", g.UserHeader)
	}
	if g.WindowMinutes < 1 || g.WindowMinutes > 366*24*60 {
		fault("--rate-limiting-window-duration-size-min must be from 1 to %d", 366*24*60)
	}
	if g.MaxPromptTokens < 1 || g.MaxPromptTokens > 1<<40 {
		fault("--rate-limiting-max-prompt-tokens must be from 1 to %d", int64(1)<<40)
	}
	if g.LimitRedisPool < 0 {
		fault("--rate-limiting-redis-pool-size must not be negative")
	}
	if g.LimitTokens {
		faults = append(faults, c.takeLimitRedis())
	}
	return errors.Join(faults...)
}

// takeMetricsPort makes --http-proxy-metrics-port the metrics' own.
func (c *config) takeMetricsPort() error {
	port, err := portOr(c.GenAI.HTTPMetricsPort, 0)
	if err != nil {
		return fmt.Errorf("--http-proxy-metrics-port: %w", err)
	}
	address, err := listenAddress(c.MetricsAddress)
	switch {
	case !portGiven(c.GenAI.HTTPMetricsPort) || err != nil: // the address's own fault is told elsewhere
	case c.MetricsAddress == defaults().MetricsAddress:
		c.MetricsAddress = netip.AddrPortFrom(address.Addr(), port).String()
	case address.Port() != port:
		return fmt.Errorf("--metrics-address and --http-proxy-metrics-port name different ports: %d and %d", address.Port(), port)
	}
	return nil
}

// takeLimitRedis makes the Redis of the token limit that of all limits.
func (c *config) takeLimitRedis() error {
	c.Redis.PoolSize = c.GenAI.LimitRedisPool
	url := c.GenAI.LimitRedis
	switch {
	case url.Empty():
	case !c.Redis.enabled():
		c.Redis.URL = url
	case c.Redis.URL.Reveal() != url.Reveal():
		return errors.New("--rate-limiting-redis-connection-string and REDIS_* name different Redis: all limits are counted in one")
	}
	return nil
}

var (
	plainHeader = regexp.MustCompile(`^[a-z0-9-]+$`) // Envoy refuses underscores
	// otherHeaders mean something else already, or do not reach the processor.
	otherHeaders = []string{
		"authorization", "x-api-key", "api-key", "cookie", "host", "expect", "connection", "keep-alive", "te", "trailer", "transfer-encoding",
		"upgrade", "forwarded", "x-real-ip", "x-request-id", "content-type", "content-length", "content-encoding", "accept-encoding", "traceparent", "tracestate",
	}
	otherPrefixes = []string{"proxy-", "x-bricks-", "x-envoy-", "x-forwarded-"}
)

func userHeader(name string) bool {
	return plainHeader.MatchString(name) && !slices.Contains(otherHeaders, name) &&
		!slices.ContainsFunc(otherPrefixes, func(p string) bool { return strings.HasPrefix(name, p) })
}

// genAIListener is the entry's listener for Envoy; nil: there is none.
func (s *system) genAIListener() (*xds.GenAIEntry, error) {
	if !s.config.GenAI.enabled() {
		return nil, nil
	}
	upstream, err := s.config.GenAI.upstream()
	if err != nil {
		return nil, err
	}
	return &xds.GenAIEntry{Address: s.genAIAddress.Addr().String(), Port: uint32(s.genAIAddress.Port()), Upstream: upstream}, nil
}

// genAI is the entry for the processor; nil: there is none.
func (s *system) genAI() *processor.GenAI {
	if !s.config.GenAI.enabled() {
		return nil
	}
	upstream, _ := s.config.GenAI.upstream() // checked at the start
	return &processor.GenAI{UserHeader: s.config.GenAI.UserHeader, Authority: upstream.Authority(), Tokens: s.tokens}
}

// warnGenAI says that the upstream is reached in plain text.
func (s *system) warnGenAI() {
	o, err := s.config.GenAI.upstream()
	if err != nil || !s.config.GenAI.enabled() || o.Scheme == "https" || s.role == "admin" {
		return
	}
	if ip, err := netip.ParseAddr(o.Host); o.Host == "localhost" || err == nil && ip.IsLoopback() {
		return
	}
	s.logger.Warn("clients' keys go to the GenAI entry's upstream in plain text: give --openai-tls", "host", o.Host)
}
