// Package adminclient calls the admin API of a running gateway. Its types and
// operations are generated from the API's own OpenAPI document (`make generate`);
// what is written by hand is how it connects and what its failures are.
package adminclient

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

// patience is how long an answer may take: pricing a month again takes minutes.
const patience = 10 * time.Minute

// maxAnswer bounds an answer that is read as a whole.
const maxAnswer = 64 << 20

// Options say which gateway is called, and as whom.
type Options struct {
	URL    string         // of the admin API, without a path
	Key    gateway.Secret // an admin key; empty: none is sent
	CAFile string         // certificates to trust instead of the system's; empty: those
}

// New returns a client that is safe for concurrent use. An answer has to come
// within ten minutes.
func New(o Options) (*ClientWithResponses, error) {
	h, err := o.httpClient()
	if err != nil {
		return nil, err
	}
	h.Timeout = patience
	return o.client(doer{h, maxAnswer})
}

// NewStreaming returns a client for answers of any length, which are read as they
// come: an answer has to begin within ten minutes, and has no time to end.
func NewStreaming(o Options) (*ClientWithResponses, error) {
	h, err := o.httpClient()
	if err != nil {
		return nil, err
	}
	return o.client(doer{h, 0})
}

func (o Options) client(d doer) (*ClientWithResponses, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("--admin-url: %q is no http or https URL", o.URL)
	}
	return NewClientWithResponses(strings.TrimRight(o.URL, "/"), WithHTTPClient(d), WithRequestEditorFn(
		func(_ context.Context, r *http.Request) error {
			if !o.Key.Empty() {
				r.Header.Set("X-API-KEY", o.Key.Reveal())
			}
			return nil
		}))
}

func (o Options) httpClient() (*http.Client, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = patience
	if o.CAFile != "" {
		pem, err := os.ReadFile(o.CAFile)
		if err != nil {
			return nil, fmt.Errorf("--admin-ca: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, errors.New("--admin-ca: holds no certificate")
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool}
	}
	return &http.Client{
		Transport: transport,
		// The key must not follow a redirect to another host.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// doer sends requests, and says what it means that nobody answers.
type doer struct {
	client *http.Client
	most   int64 // bytes of an answer; 0: any
}

// Do implements HttpRequestDoer.
func (d doer) Do(r *http.Request) (*http.Response, error) {
	resp, err := d.client.Do(r)
	if err != nil {
		if r.Context().Err() != nil {
			return nil, r.Context().Err()
		}
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err // the server is named below
		}
		return nil, &Unreachable{Server: r.URL.Scheme + "://" + r.URL.Host, Err: err}
	}
	if d.most > 0 {
		resp.Body = http.MaxBytesReader(nil, resp.Body, d.most)
	}
	return resp, nil
}

// Copy writes an answer of NewStreaming's client to w as it comes. What the API
// refused is an *Error.
func Copy(w io.Writer, resp *http.Response, err error) error {
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // read only
	if resp.StatusCode != http.StatusOK {
		return refusal(resp)
	}
	if _, err := io.Copy(w, resp.Body); err != nil {
		return fmt.Errorf("the answer is not whole: %w", err)
	}
	return nil
}
