package main

import (
	"errors"
	"fmt"

	"github.com/bricks-gateway/bricks/internal/transport"
)

// validateRole returns all faults of c that concern one role alone.
func (c *config) validateRole(command string) error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	switch command {
	case "controlplane", "admin":
		if !c.Postgres.enabled() {
			fault("%s alone needs PostgreSQL (POSTGRESQL_HOSTS, …): the embedded store belongs to one process, and `bricks serve` is that", command)
		}
	case "processor":
		if c.Postgres.enabled() || !c.Pepper.Empty() || c.PepperFile != "" || !c.EncryptionKey.Empty() || c.EncryptionKeyFile != "" {
			fault("a processor alone opens no database and holds neither pepper nor encryption key: unset POSTGRESQL_*, BRICKS_PEPPER* and BRICKS_ENCRYPTION_KEY*")
		}
		if address, err := listenAddress(c.ProxyAddress); c.WithEnvoy && err == nil && address.Port() == 0 {
			fault("--proxy-address: port 0 cannot be: the control plane says where Envoy listens; give both the same address")
		}
		if address, err := c.GenAI.address(); c.WithEnvoy && c.GenAI.enabled() && err == nil && address.Port() == 0 {
			fault("--genai-address: port 0 cannot be: the control plane says where Envoy listens; give both the same address")
		}
	default:
		return nil
	}
	addresses, err := c.controlAddresses()
	if err != nil {
		faults = append(faults, err)
	}
	if n := len(c.ControlAddress); n == 0 {
		fault("--control-address is required: unix:/path or host:port of the control plane")
	} else if n > 1 && command != "admin" {
		fault("--control-address: %s takes one", command)
	}
	serves := []transport.Address{}
	if command == "controlplane" {
		serves = addresses
	}
	if command == "processor" && c.ProcessorAddress != "" {
		address, err := transport.ParseAddress(c.ProcessorAddress)
		if err != nil {
			fault("--processor-address: %w", err)
		} else {
			serves = append(serves, address)
		}
	}
	return errors.Join(append(faults, c.validateTransport(addresses, serves))...)
}

// controlAddresses reads --control-address.
func (c *config) controlAddresses() (all []transport.Address, err error) {
	var faults []error
	for _, text := range c.ControlAddress {
		a, err := transport.ParseAddress(text)
		if err != nil {
			faults = append(faults, fmt.Errorf("--control-address: %w", err))
			continue
		}
		all = append(all, a)
	}
	return all, errors.Join(faults...)
}

// validateTransport wants mutual TLS as soon as one address is TCP, on loopback
// as well: who can connect there is handed credentials.
func (c *config) validateTransport(all, serves []transport.Address) error {
	var faults []error
	_, errAllow := transport.ParseAllowed(c.ControlAllow)
	if errAllow != nil {
		faults = append(faults, fmt.Errorf("--control-allow: %w", errAllow))
	}
	needsTLS := false
	for _, a := range append(serves, all...) {
		if hostPort := a.HostPort(); hostPort != "" && !needsTLS {
			needsTLS = true
			faults = append(faults, c.validateFiles(hostPort))
		}
	}
	for _, a := range serves {
		if hostPort := a.HostPort(); hostPort != "" && len(c.ControlAllow) == 0 {
			faults = append(faults, fmt.Errorf("%s needs a list of the clients that may connect: --control-allow processor=…, admin=…, envoy=…", hostPort))
		}
	}
	return errors.Join(faults...)
}

func (c *config) validateFiles(hostPort string) error {
	var faults []error
	for _, f := range []struct{ flag, file string }{
		{"--control-tls-cert", c.ControlTLSCert}, {"--control-tls-key", c.ControlTLSKey}, {"--control-tls-ca", c.ControlTLSCA},
	} {
		if f.file == "" {
			faults = append(faults, fmt.Errorf("%s is TCP, which needs mutual TLS: %s is missing", hostPort, f.flag))
		}
	}
	if len(faults) > 0 {
		return errors.Join(faults...)
	}
	if err := c.controlFiles().Validate(); err != nil {
		return fmt.Errorf("--control-tls-cert, --control-tls-key, --control-tls-ca: %w", err)
	}
	return nil
}

func (c *config) controlFiles() transport.Files {
	return transport.Files{Cert: c.ControlTLSCert, Key: c.ControlTLSKey, CA: c.ControlTLSCA}
}
