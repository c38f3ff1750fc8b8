package envoy

import (
	"strings"
	"testing"

	"github.com/bricks-gateway/bricks/internal/testenv"
)

func overTCP(t *testing.T, host string) BootstrapConfig {
	t.Helper()
	ca := testenv.NewAuthority(t)
	c := testConfig()
	c.XDSSocket, c.XDSAddress = "", host+":7001"
	c.ProcessorSocket, c.ProcessorAddress = "", host+":7002"
	c.TLS = MutualTLS{CAFile: ca.File, Dir: t.TempDir()}
	c.TLS.CertFile, c.TLS.KeyFile = ca.Issue("envoy", "spiffe://bricks.test/envoy")
	return c
}

func TestBootstrapOverTCPIsAcceptedByEnvoy(t *testing.T) {
	binary := testEnvoy(t)
	for _, host := range []string{"127.0.0.1", "[::1]", "localhost"} {
		c := overTCP(t, host)
		if err := c.TLS.WriteSecrets(); err != nil {
			t.Fatal(err)
		}
		b, err := Bootstrap(c)
		if err != nil {
			t.Fatal(err)
		}
		if err := Check(t.Context(), binary, b, t.TempDir()); err != nil {
			t.Errorf("%s: %v", host, err)
		}
		if n := strings.Count(string(b), `"exact": "`+strings.Trim(host, "[]")+`"`); n != 2 {
			t.Errorf("%s: %d clusters compare the server's name with the host, want 2:\n%s", host, n, b)
		}
	}
}

func TestBootstrapOverTCPRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*BootstrapConfig)
		want   string
	}{
		"no mutual TLS":      {func(c *BootstrapConfig) { c.TLS = MutualTLS{} }, "mutual TLS"},
		"a relative path":    {func(c *BootstrapConfig) { c.TLS.CAFile = "ca.pem" }, "absolute"},
		"no port":            {func(c *BootstrapConfig) { c.XDSAddress = "host" }, "address of xds"},
		"port 0":             {func(c *BootstrapConfig) { c.ProcessorAddress = "host:0" }, "address of processor"},
		"nowhere to connect": {func(c *BootstrapConfig) { c.XDSAddress = "" }, "socket path"},
	} {
		t.Run(name, func(t *testing.T) {
			c := overTCP(t, "127.0.0.1")
			tc.change(&c)
			if _, err := Bootstrap(c); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Bootstrap: %v, want an error with %q", err, tc.want)
			}
		})
	}
}
