package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/fakeprovider"
	"github.com/bricks-gateway/bricks/internal/testenv"
)

// waitForEvents is how long what comes later may take.
const waitForEvents = 10 * time.Second

func TestMain(m *testing.M) { os.Exit(testenv.Main(m)) }

const (
	chat       = "/api/providers/openai/v1/chat/completions"
	embeddings = "/api/providers/openai/v1/embeddings"
	models     = "/api/providers/openai/v1/models"
	messages   = "/api/providers/anthropic/v1/messages"
	hello      = `"messages":[{"role":"user","content":"hello there gateway"}]`
	helloChat  = `{"model":"gpt-4o-mini",` + hello + `}`
	helloCall  = `{"model":"claude-haiku-4-5","max_tokens":64,` + hello + `}`
)

// env is a gateway with a fake provider behind it, a setting for each API and a
// key that may do everything.
type env struct {
	*testenv.Gateway
	fake              *fakeprovider.Provider
	openAI, anthropic string // ids of the settings
	key               testenv.Key
	client            *http.Client
	secrets           []string // that may come out nowhere
	keys              []testenv.Key
}

func newEnv(t *testing.T, o testenv.Options) *env {
	t.Helper()
	return newEnvOn(t, startFake(t, fakeprovider.Options{}), o)
}

func startFake(t *testing.T, o fakeprovider.Options) *fakeprovider.Provider {
	t.Helper()
	fake, err := fakeprovider.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = fake.Close() })
	return fake
}

// newEnvOn is newEnv with a provider that runs already.
func newEnvOn(t *testing.T, fake *fakeprovider.Provider, o testenv.Options) *env {
	t.Helper()
	o.AllowUpstream = append(o.AllowUpstream, fake.Address())
	// What is charged later is asked for in tests of that only: others count the
	// requests that the fake sees.
	o.Env = append([]string{"PENDING_CHARGE_INTERVAL=1h"}, o.Env...)
	e := &env{Gateway: testenv.Start(t, o), fake: fake, client: newClient(t)}
	e.openAI = e.CreateSetting("openai", fakeprovider.OpenAIKey, fake.URL(), nil)
	e.anthropic = e.CreateSetting("anthropic", fakeprovider.AnthropicKey, fake.URL()+"/v1", nil)
	e.secrets = []string{fakeprovider.OpenAIKey, fakeprovider.AnthropicKey}
	e.key = e.newKey(nil)
	t.Cleanup(func() {
		if violations := fake.Violations(); len(violations) > 0 {
			t.Errorf("the provider saw what it must not see: %q", violations)
		}
		e.checkNoLeak(t)
	})
	return e
}

// newClient returns a client that neither asks for compression nor follows
// redirects, so that a test sees the gateway's own bytes.
func newClient(t *testing.T) *http.Client {
	transport := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 32}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// newKey makes a key for both settings. From then on its secret may reach
// neither the provider nor any output.
func (e *env) newKey(more testenv.Object) testenv.Key {
	k := e.CreateKey([]string{e.openAI, e.anthropic}, more)
	e.fake.Forbid(k.Secret)
	e.secrets = append(e.secrets, k.Secret)
	e.keys = append(e.keys, k)
	return k
}

// checkNoLeak searches everything that the gateway tells for its secrets.
func (e *env) checkNoLeak(t *testing.T) {
	t.Helper()
	outputs := map[string]string{"logs": e.Logs()}
	for name, address := range map[string]string{
		"metrics": "http://" + e.Metrics + "/metrics", "config_dump": "http://" + e.EnvoyAdmin() + "/config_dump?include_eds",
		"envoy stats": "http://" + e.EnvoyAdmin() + "/stats", "keys": "http://" + e.Admin + "/api/key-management/keys",
		"settings": "http://" + e.Admin + "/api/provider-settings", "xds status": "http://" + e.Admin + "/api/xds/status",
	} {
		resp, err := e.client.Get(address)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		b, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Errorf("%s: got %d, %v", name, resp.StatusCode, err)
		}
		outputs[name] = string(b)
	}
	var ids []string
	for _, k := range e.keys {
		ids = append(ids, k.ID)
	}
	outputs["events"] = fmt.Sprint(e.Events(url.Values{"keyIds": ids}))
	e.addFiles(t, outputs)
	for name, text := range outputs {
		for _, secret := range e.secrets {
			if i := strings.Index(text, secret); i >= 0 {
				t.Errorf("%s hold a secret: …%s", name, text[max(0, i-200):min(len(text), i+8)])
			}
		}
	}
}

// addFiles adds what lies on disk: store, spool, bootstrap. In the secrets'
// directory are the gateway's own keys only.
func (e *env) addFiles(t *testing.T, outputs map[string]string) {
	t.Helper()
	err := filepath.WalkDir(e.DataDir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil // a socket, or a file that is gone by now
		}
		if b, err := os.ReadFile(path); err == nil {
			outputs[path] = string(b)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// answer is what a client got.
type answer struct {
	status int
	header http.Header
	body   []byte
	err    error // of reading the body: a cut answer
}

func (a answer) String() string { return fmt.Sprintf("%d %s %v", a.status, a.body, a.err) }

// eventID is the id of the request's event.
func (a answer) eventID() string { return a.header.Get("X-Bricks-Event-Id") }

// send makes a request with the env's key as a bearer token. headers are pairs
// that come on top; an empty value takes a header away.
func (e *env) send(t *testing.T, method, path, body string, headers ...string) answer {
	t.Helper()
	a, err := e.try(t.Context(), method, path, body, headers...)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return a
}

func (e *env) post(t *testing.T, path, body string, headers ...string) answer {
	t.Helper()
	return e.send(t, http.MethodPost, path, body, headers...)
}

// try is send for a gateway that may be down.
func (e *env) try(ctx context.Context, method, path, body string, headers ...string) (answer, error) {
	return e.tryAt(ctx, e.Proxy, method, path, body, headers...)
}

// tryAt is try at another listener than the proxy's.
func (e *env) tryAt(ctx context.Context, address, method, path, body string, headers ...string) (answer, error) {
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://"+address+path, reader)
	if err != nil {
		return answer{}, err
	}
	r.Header.Set("Authorization", "Bearer "+e.key.Secret)
	r.Header.Set("User-Agent", "e2e")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		if r.Header.Set(headers[i], headers[i+1]); headers[i+1] == "" {
			r.Header.Del(headers[i])
		}
	}
	resp, err := e.client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close() //nolint:errcheck // read only
	a := answer{status: resp.StatusCode, header: resp.Header}
	a.body, a.err = io.ReadAll(resp.Body)
	return a, nil
}

// bearer is the header pair for a key.
func bearer(k testenv.Key) []string { return []string{"Authorization", "Bearer " + k.Secret} }

// forwarded returns the one request that the fake saw since its last Reset.
func (e *env) forwarded(t *testing.T) fakeprovider.Request {
	t.Helper()
	requests := e.fake.Requests()
	if len(requests) != 1 {
		t.Fatalf("the provider saw %d requests, want 1", len(requests))
	}
	return requests[0]
}

// direct asks the fake itself, with its own credential.
func (e *env) direct(t *testing.T, path, body string, headers ...string) []byte {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, e.fake.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(path, "/v1/messages") {
		r.Header.Set("X-Api-Key", fakeprovider.AnthropicKey)
		r.Header.Set("Anthropic-Version", "2023-06-01")
	} else {
		r.Header.Set("Authorization", "Bearer "+fakeprovider.OpenAIKey)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := e.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // read only
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// apiError is an error body in either shape.
type apiError struct {
	Type  string // "error" in Anthropic's shape
	Error struct {
		Message string
		Type    string
		Param   *string
		Code    *string
	}
}

func decodeError(t *testing.T, a answer) apiError {
	t.Helper()
	var e apiError
	d := json.NewDecoder(bytes.NewReader(a.body))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil || e.Error.Message == "" || a.header.Get("Content-Type") != "application/json" {
		t.Errorf("%v with content-type %q is no error of the API: %v", a, a.header.Get("Content-Type"), err)
	}
	return e
}
