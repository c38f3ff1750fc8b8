package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"github.com/bricks-gateway/bricks/admin"
	"github.com/bricks-gateway/bricks/internal/gateway"
)

// minExposedKey is the least length in bytes of an admin key that others than
// this machine can try.
const minExposedKey = 32

// Validate returns all faults of c at once. It fills in what follows from other
// values: PostgreSQL's defaults, and what the GenAI entry spells otherwise.
func (c *config) Validate() error {
	faults := []error{c.validateGenAI()} // first: it fills in what others read
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }

	if c.DataDir == "" {
		fault("--data-dir is empty")
	}
	if _, err := listenAddress(c.ProxyAddress); err != nil {
		fault("--proxy-address: %w", err)
	}
	if _, err := listenAddress(c.MetricsAddress); err != nil {
		fault("--metrics-address: %w", err)
	}
	if a, err := listenAddress(c.EnvoyAdminAddress); err != nil {
		fault("--envoy-admin-address: %w", err)
	} else if !a.Addr().IsLoopback() {
		fault("--envoy-admin-address: %s is not a loopback address, and Envoy's admin interface has no authentication", a)
	}
	faults = append(faults, c.validateAdmin(),
		validatePair("admin", c.AdminTLSCert, c.AdminTLSKey), validatePair("proxy", c.ProxyTLSCert, c.ProxyTLSKey))
	for _, upstream := range c.AllowUpstream {
		if err := validateUpstream(upstream); err != nil {
			fault("--allow-upstream: %w", err)
		}
	}
	if _, err := logLevel(c.LogLevel); err != nil {
		fault("--log-level: %w", err)
	}
	if c.LogProvider != "stdout" {
		fault("LOGGING_PROVIDER: only stdout is known, not %q", c.LogProvider)
	}
	if c.Privacy != "off" && c.Privacy != "strict" {
		fault("--privacy: %q is neither off nor strict", c.Privacy)
	}
	if c.ProxyTimeout <= 0 || c.UpdateInterval <= 0 || c.StaleMaxAge <= 0 || c.ChargeInterval <= 0 {
		fault("PROXY_TIMEOUT, IN_MEMORY_DB_UPDATE_INTERVAL, STALE_CONFIG_MAX_AGE and PENDING_CHARGE_INTERVAL must be above zero")
	}
	if !gateway.UnknownPricePolicy(c.UnknownPrice).Valid() {
		fault("UNKNOWN_PRICE_POLICY: %q is neither deny nor allow", c.UnknownPrice)
	}
	if c.EventConsumers < 1 {
		fault("NUMBER_OF_EVENT_MESSAGE_CONSUMERS must be at least 1")
	}
	if c.EnvoyConcurrency < 0 {
		fault("ENVOY_CONCURRENCY must not be negative")
	}
	if c.MetricsUsers < 0 {
		fault("METRICS_MAX_USERS must not be negative")
	}
	switch c.StatsProvider {
	case "", "prometheus", "datadog", "statsd":
	default:
		fault("STATS_PROVIDER: %q is none of prometheus, datadog and statsd", c.StatsProvider)
	}
	_, err := c.DefaultUser.limits()
	faults = append(faults, err, c.Postgres.validate(), c.Redis.validate(), c.Cache.validate(),
		c.validateComprehend(), c.Presidio.validate(), c.validateRetention(), c.Statsd.validate(), c.OTel.validate())
	return errors.Join(faults...)
}

func (c *config) validateAdmin() error {
	var faults []error
	address, err := listenAddress(c.AdminAddress)
	if err != nil {
		faults = append(faults, fmt.Errorf("--admin-address: %w", err))
	}
	keys, err := c.adminKeys()
	if err != nil {
		faults = append(faults, err)
	}
	if _, err := c.OIDC.verifier(nil); err != nil {
		faults = append(faults, err)
	}
	if len(faults) == 0 && !address.Addr().IsLoopback() {
		if len(keys) == 0 {
			faults = append(faults, fmt.Errorf("--admin-address: %s is not a loopback address and no admin key is set; "+
				"set --admin-key or ADMIN_PASS (make one with `openssl rand -hex 32`)", address))
		}
		for i, k := range keys {
			if len(k.Key.Reveal()) < minExposedKey {
				faults = append(faults, fmt.Errorf("admin key %d has fewer than %d bytes, too few for the non-loopback address %s", i+1, minExposedKey, address))
			}
		}
	}
	return errors.Join(faults...)
}

// adminKeys returns the admin keys in force: those of the flags, else those of
// the variables.
func (c *config) adminKeys() ([]admin.AdminKey, error) {
	texts, from := c.AdminKeyFlags, "--admin-key"
	var keys []admin.AdminKey
	if len(texts) == 0 {
		from = "ADMIN_KEYS"
		if !c.AdminPass.Empty() {
			keys = append(keys, admin.AdminKey{Key: c.AdminPass, Name: "ADMIN_PASS", Role: admin.RoleAdmin})
		}
		for text := range strings.SplitSeq(c.AdminKeys.Reveal(), ",") {
			if text = strings.TrimSpace(text); text != "" {
				texts = append(texts, gateway.NewSecret(text))
			}
		}
	}
	var faults []error
	for i, text := range texts {
		k, err := parseAdminKey(text.Reveal())
		if err != nil {
			faults = append(faults, fmt.Errorf("admin key %d: %w", i+1, err))
			continue
		}
		k.Name = fmt.Sprintf("%s, key %d", from, i+1)
		keys = append(keys, k)
	}
	return keys, errors.Join(faults...)
}

// role[tag tag]=key; the tags, or all before the key, may be left out.
var (
	adminKeyPattern = regexp.MustCompile(`^(admin|viewer)(\[[^\]]*\])?=(.*)$`)
	adminKeyPiece   = regexp.MustCompile(`^(admin|viewer)\[|\]=`) // of one that is spelled wrong
)

func parseAdminKey(text string) (admin.AdminKey, error) {
	k := admin.AdminKey{Key: gateway.NewSecret(text), Role: admin.RoleAdmin}
	if m := adminKeyPattern.FindStringSubmatch(text); m != nil {
		k = admin.AdminKey{Key: gateway.NewSecret(m[3]), Role: admin.Role(m[1]), Tags: strings.Fields(strings.Trim(m[2], "[]"))}
		if m[2] != "" && len(k.Tags) == 0 {
			return k, errors.New("has brackets without a tag; leave them out for a key without limits")
		}
	} else if adminKeyPiece.MatchString(text) {
		return k, errors.New("is not role[tag tag]=key; tags stand apart by blanks")
	}
	if k.Key.Empty() {
		return k, errors.New("is empty")
	}
	return k, nil
}

// listenAddress reads host:port. An empty host means every interface; names
// other than localhost are refused, because Envoy binds addresses only.
func listenAddress(text string) (netip.AddrPort, error) {
	host, portText, err := net.SplitHostPort(text)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("%q is not host:port", text)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("%q has no port from 0 to 65535", text)
	}
	switch host {
	case "":
		host = "0.0.0.0"
	case "localhost":
		host = "127.0.0.1"
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("%q: the host must be an IP address or localhost", text)
	}
	return netip.AddrPortFrom(ip, uint16(port)), nil
}

// validatePair checks that a certificate and its key are given together and
// belong together.
func validatePair(name, cert, key string) error {
	switch {
	case cert == "" && key == "":
		return nil
	case cert == "" || key == "":
		return fmt.Errorf("--%s-tls-cert and --%s-tls-key must be given together", name, name)
	}
	if _, err := tls.LoadX509KeyPair(cert, key); err != nil {
		return fmt.Errorf("--%s-tls-cert: %w", name, err)
	}
	return nil
}

func validateUpstream(text string) error {
	if _, err := netip.ParsePrefix(text); err == nil {
		return nil
	}
	if _, err := netip.ParseAddr(text); err == nil {
		return nil
	}
	host, port, err := net.SplitHostPort(text)
	if err == nil && host != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err == nil && n > 0 {
			return nil
		}
	}
	return fmt.Errorf("%q is no host:port, address or CIDR", text)
}

// logLevel maps the names that older versions knew to the four that exist.
func logLevel(name string) (slog.Level, error) {
	switch strings.ToLower(name) {
	case "panic", "fatal", "error":
		return slog.LevelError, nil
	case "warn", "warning":
		return slog.LevelWarn, nil
	case "info":
		return slog.LevelInfo, nil
	case "debug", "trace":
		return slog.LevelDebug, nil
	}
	return 0, fmt.Errorf("%q is none of panic, fatal, error, warn, info, debug and trace", name)
}

func (p *postgresConfig) validate() error {
	if !p.enabled() {
		return nil
	}
	var faults []error
	if len(p.Hosts) == 0 {
		p.Hosts = []string{"localhost"}
	}
	if p.Username == "" {
		faults = append(faults, errors.New("POSTGRESQL_USERNAME is required with PostgreSQL"))
	}
	if p.SSLMode == "" {
		p.SSLMode = "disable"
		if p.SSLEnabled {
			p.SSLMode = "require"
		}
	}
	switch p.SSLMode {
	case "disable", "allow", "prefer", "require", "verify-ca", "verify-full":
	default:
		faults = append(faults, fmt.Errorf("POSTGRESQL_SSL_MODE: %q is not a mode of PostgreSQL", p.SSLMode))
	}
	if p.Port < 1 || p.Port > 65535 {
		faults = append(faults, fmt.Errorf("POSTGRESQL_PORT: %d is not a port", p.Port))
	}
	if p.ReadTimeout <= 0 || p.WriteTimeout <= 0 {
		faults = append(faults, errors.New("POSTGRESQL_READ_TIME_OUT and POSTGRESQL_WRITE_TIME_OUT must be above zero"))
	}
	return errors.Join(faults...)
}
