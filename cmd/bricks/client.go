package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	neturl "net/url"
	"os"
	"strings"
	"time"

	"github.com/bricks-gateway/bricks/admin"
	"github.com/bricks-gateway/bricks/internal/gateway"
)

// adminClient calls the admin API of a running gateway: the tools that look at
// what it counts, or change what it has, go through the door that everyone else
// uses.
type adminClient struct {
	url    string
	key    gateway.Secret
	client *http.Client
}

func newAdminClient(c config) (*adminClient, error) {
	key, err := c.clientKey()
	if err != nil {
		return nil, err
	}
	u, err := neturl.Parse(c.AdminURL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("--admin-url: %q is no http or https URL", c.AdminURL)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if c.AdminCA != "" {
		pem, err := os.ReadFile(c.AdminCA)
		if err != nil {
			return nil, fmt.Errorf("--admin-ca: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, errors.New("--admin-ca: holds no certificate")
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool}
	}
	return &adminClient{
		url: strings.TrimRight(c.AdminURL, "/"), key: key,
		client: &http.Client{
			Transport: transport, Timeout: 10 * time.Minute,
			// The key must not follow a redirect to another host.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// clientKey is the admin key to call with: the first that may write everything.
func (c *config) clientKey() (gateway.Secret, error) {
	keys, err := c.adminKeys()
	for _, k := range keys {
		if k.Role == admin.RoleAdmin && len(k.Tags) == 0 {
			return k.Key, err
		}
	}
	return gateway.Secret{}, err
}

// call sends in (none if nil) and reads the answer into out. A refusal's error
// has the API's own words.
func (c *adminClient) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("spell the request: %w", err)
		}
		body = bytes.NewReader(b)
	}
	r, err := http.NewRequestWithContext(ctx, method, c.url+path, body)
	if err != nil {
		return fmt.Errorf("--admin-url: %w", err)
	}
	if in != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if !c.key.Empty() {
		r.Header.Set("X-API-KEY", c.key.Reveal())
	}
	resp, err := c.client.Do(r)
	if err != nil {
		return fmt.Errorf("the admin API at %s does not answer (is the gateway running? --admin-url names another): %w", c.url, err)
	}
	defer resp.Body.Close() //nolint:errcheck // read only
	b, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		var p struct{ Title, Detail string }
		if json.Unmarshal(b, &p) != nil || p.Title == "" {
			return fmt.Errorf("%s answered %s", c.url, resp.Status)
		}
		return fmt.Errorf("%s: %s (%s)", p.Title, p.Detail, resp.Status)
	}
	if err := json.Unmarshal(b, out); err != nil {
		return errors.New("--admin-url: what answers there is not the admin API")
	}
	return nil
}
