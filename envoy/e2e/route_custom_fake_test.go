package e2e

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/fakeprovider"
	"github.com/bricks-gateway/bricks/internal/testenv"
)

// alike is an upstream that speaks OpenAI's API, at paths of its own and with a
// credential in a place of its own. It fails as the header x-own-fault says.
type alike struct {
	*httptest.Server
	fake  *fakeprovider.Provider
	where string // of the credential: bearer, header or query

	mu       sync.Mutex
	forbid   []string // that no request may hold
	requests []string // "path?query body" of each
	faults   []string
}

// alikeKey has another spelling in a query.
const alikeKey = "alike+credential/0123456789"

func startAlike(t *testing.T, where string) *alike {
	t.Helper()
	fake, err := fakeprovider.Start(fakeprovider.Options{OpenAIKeys: []string{alikeKey}})
	if err != nil {
		t.Fatal(err)
	}
	p := &alike{fake: fake, where: where}
	p.Server = httptest.NewServer(p)
	t.Cleanup(func() {
		p.CloseClientConnections()
		p.Close()
		_ = fake.Close()
		p.mu.Lock()
		defer p.mu.Unlock()
		if faults := append(p.faults, fake.Violations()...); len(faults) > 0 {
			t.Errorf("the custom provider (%s) saw what it must not see: %q", where, faults)
		}
	})
	return p
}

func (p *alike) address() string { return p.Listener.Addr().String() }

// taken returns the requests since the last call.
func (p *alike) taken() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := p.requests
	p.requests = nil
	return out
}

func (p *alike) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	p.note(r, body)
	path := map[string]string{"/llm/chat": "/v1/chat/completions", "/llm/embed": "/v1/embeddings"}[r.URL.Path]
	if path == "" || r.Method != http.MethodPost || r.URL.Query().Get("version") != "7" {
		failAs(w, http.StatusTeapot)
		return
	}
	switch r.Header.Get("X-Own-Fault") {
	case "429":
		failAs(w, 429)
		return
	case "500":
		failAs(w, 500)
		return
	case "reset":
		if c, _, err := w.(http.Hijacker).Hijack(); err == nil {
			_ = c.(*net.TCPConn).SetLinger(0)
			_ = c.Close()
		}
		return
	case "error event":
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = w.Write([]byte(roleChunk + `data: {"error":{"message":"overloaded","type":"server_error","param":null,"code":null}}` + "\n\n"))
		return
	}
	r.Body, r.URL.Path, r.URL.RawQuery, r.RequestURI = io.NopCloser(bytes.NewReader(body)), path, "", path
	r.Header.Del("X-Token")
	r.Header.Set("Authorization", "Bearer "+alikeKey)
	p.fake.ServeHTTP(w, r)
}

// note keeps the request and looks for what may not be in it.
func (p *alike) note(r *http.Request, body []byte) {
	all := fmt.Sprint(r.URL, r.Header, string(body))
	given := []string{r.Header.Get("Authorization"), r.Header.Get("X-Token"), strings.Join(r.URL.Query()["key"], ",")}
	want := map[string][]string{"bearer": {"Bearer " + alikeKey, "", ""}, "header": {"", alikeKey, ""}, "query": {"", "", alikeKey}}[p.where]
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.forbid {
		if strings.Contains(all, f) {
			p.faults = append(p.faults, all)
		}
	}
	for name := range r.Header {
		if strings.HasPrefix(name, "X-Bricks") || strings.HasPrefix(name, "X-Envoy") || strings.HasPrefix(name, "X-Forwarded") || name == "X-Request-Id" {
			p.faults = append(p.faults, name)
		}
	}
	if fmt.Sprint(given) != fmt.Sprint(want) {
		p.faults = append(p.faults, fmt.Sprintf("credentials %q, want %q", given, want))
	}
	p.requests = append(p.requests, r.URL.Path+"?"+r.URL.RawQuery+" "+string(body))
}

// alikeRoutes are the route configurations of a custom provider at the address.
func alikeRoutes(address string) []testenv.Object {
	route := func(path, target, prompt string, more testenv.Object) testenv.Object {
		o := testenv.Object{
			"path": path, "target_url": strings.Replace("http://"+address, "http://https://", "https://", 1) + target + "?version=7", "model_location": "model", "request_prompt_location": prompt,
			"response_completion_location": "", "stream_location": "", "stream_end_word": "", "stream_response_completion_location": "", "stream_max_empty_messages": 0,
		}
		for k, v := range more {
			o[k] = v
		}
		return o
	}
	return []testenv.Object{
		route("/v9/chat/completions", "/llm/chat", "messages.#.content", testenv.Object{"stream_location": "stream", "stream_end_word": "[DONE]", "response_completion_location": "choices.#.message.content"}),
		route("/v9/embeddings", "/llm/embed", "input", nil),
	}
}

// customEnv is a gateway with the upstreams of a faultEnv and a custom provider
// for each place of a credential, called alike-bearer and so on, one called
// alike-priced whose price is known, and two that cannot be reached: nobody
// listens at alike-nobody, and alike-nowhere's host is unknown.
type customEnv struct {
	*faultEnv
	alikes   map[string]*alike
	fresh    *alike            // that nothing leads to yet
	ids      map[string]string // of the custom providers
	settings map[string]string
}

func newCustomEnv(t *testing.T) *customEnv {
	t.Helper()
	e := &customEnv{alikes: map[string]*alike{}, ids: map[string]string{}, settings: map[string]string{}}
	var o testenv.Options
	addresses := map[string]string{"nobody": testenv.FreeAddress(t), "nowhere": "https://no-such-host.invalid"}
	for _, where := range []string{"bearer", "header", "query"} {
		e.alikes[where] = startAlike(t, where)
		addresses[where] = e.alikes[where].address()
	}
	e.fresh = startAlike(t, "bearer")
	o.AllowUpstream = append(o.AllowUpstream, e.fresh.address())
	for where, address := range addresses {
		if where == "nowhere" {
			continue
		}
		o.AllowUpstream = append(o.AllowUpstream, address)
	}
	e.faultEnv = newFaultEnv(t, o)
	for where, address := range addresses {
		e.addAlike("alike-"+where, where, address)
	}
	e.addAlike("alike-priced", "bearer", addresses["bearer"])
	e.Do(http.MethodPut, "/api/pricing/settings/"+e.settings["alike-priced"]+"/models/gpt-4o-mini", testenv.Object{
		"effectiveFrom": time.Now().Unix() - 3600,
		"prices":        testenv.Object{"input_cost_per_token": 1.25e-6, "output_cost_per_token": 3.001e-6},
	})
	e.key = e.routeKey(nil)
	for _, f := range append(e.fakes, e.faulty.fake, e.fake) {
		f.Forbid(alikeKey)
		f.Forbid(url.QueryEscape(alikeKey))
	}
	e.secrets = append(e.secrets, alikeKey, url.QueryEscape(alikeKey))
	return e
}

// addAlike makes a custom provider with a setting, which later keys have.
func (e *customEnv) addAlike(name, where, address string) {
	body := testenv.Object{"provider": name, "route_configs": alikeRoutes(address), "authentication_param": "token"}
	switch where {
	case "header":
		body["authentication_header"] = "X-Token"
	case "query":
		body["authentication_query"] = "key"
	}
	e.ids[name], _ = e.Do(http.MethodPost, "/api/custom/providers", body)["id"].(string)
	e.settings[name], _ = e.Do(http.MethodPost, "/api/provider-settings", testenv.Object{"provider": name, "setting": testenv.Object{"token": alikeKey}})["id"].(string)
	e.up = append(e.up, e.settings[name])
}

// routeKey is a key with all settings, which no upstream may see.
func (e *customEnv) routeKey(more testenv.Object) testenv.Key {
	k := e.routeEnv.routeKey(more)
	for _, p := range append(slices.Collect(maps.Values(e.alikes)), e.fresh) {
		p.mu.Lock()
		p.forbid = append(p.forbid, k.Secret, faultyCredential, stepCredential(0))
		p.mu.Unlock()
	}
	return k
}

// alikeStep is a step at the custom provider alike-name.
func alikeStep(name string, more testenv.Object) testenv.Object {
	s := testenv.Object{"provider": "alike-" + name, "model": "gpt-4o-mini"}
	for k, v := range more {
		s[k] = v
	}
	return s
}
