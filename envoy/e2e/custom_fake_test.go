package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/bricks-gateway/bricks/internal/testenv"
)

const customKey = "own-credential-0123456789"

// ownProvider is a provider with an API of its own kind. It refuses what is not
// exactly what it expects.
type ownProvider struct {
	*httptest.Server
	where string // of the credential: bearer, header or query

	mu       sync.Mutex
	forbid   []string // that no request may hold
	requests []string // "path?query body" of each that was taken
	faults   []string
}

func startOwn(t *testing.T, where string) *ownProvider {
	t.Helper()
	p := &ownProvider{where: where}
	p.Server = httptest.NewServer(http.HandlerFunc(p.serve))
	t.Cleanup(func() {
		p.Close()
		p.mu.Lock()
		defer p.mu.Unlock()
		if len(p.faults) > 0 {
			t.Errorf("the provider saw what it must not see: %q", p.faults)
		}
	})
	return p
}

func (p *ownProvider) address() string { return strings.TrimPrefix(p.URL, "http://") }

// taken returns the requests since the last call.
func (p *ownProvider) taken() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := p.requests
	p.requests = nil
	return out
}

func (p *ownProvider) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	all := fmt.Sprint(r.URL, r.Header, string(body))
	p.mu.Lock()
	for _, f := range p.forbid {
		if strings.Contains(all, f) {
			p.faults = append(p.faults, all)
		}
	}
	for name := range r.Header {
		if strings.HasPrefix(name, "X-Bricks") || strings.HasPrefix(name, "X-Envoy") || strings.HasPrefix(name, "X-Forwarded") || name == "X-Request-Id" || name == "Cookie" {
			p.faults = append(p.faults, name)
		}
	}
	p.mu.Unlock()
	given := map[string]string{"authorization": r.Header.Get("Authorization"), "x-token": r.Header.Get("X-Token"), "key": strings.Join(r.URL.Query()["key"], ",")}
	want := map[string]map[string]string{
		"bearer": {"authorization": "Bearer " + customKey}, "header": {"x-token": customKey}, "query": {"key": customKey}, "none": {},
	}[p.where]
	for name, value := range given {
		if value != want[name] {
			p.answer(w, http.StatusUnauthorized, `{"fault":"wrong `+name+` `+value+`"}`)
			return
		}
	}
	if r.Method != http.MethodPost || r.URL.Path != "/v2/generate" || r.URL.Query().Get("version") != "7" {
		p.answer(w, http.StatusNotFound, `{"fault":"no such path"}`)
		return
	}
	p.mu.Lock()
	p.requests = append(p.requests, r.URL.Path+"?"+r.URL.RawQuery+" "+string(body))
	p.mu.Unlock()
	p.generate(w, r, body)
}

func (p *ownProvider) answer(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

func (p *ownProvider) generate(w http.ResponseWriter, r *http.Request, body []byte) {
	var in struct {
		Options struct {
			Engine string
			Live   bool
		}
		Turns []struct{ Text string }
	}
	if err := json.Unmarshal(body, &in); err != nil || len(in.Turns) == 0 {
		p.answer(w, http.StatusBadRequest, `{"fault":"not a request"}`)
		return
	}
	switch in.Options.Engine {
	case "broken":
		p.answer(w, http.StatusInternalServerError, `{"fault":"broken"}`)
		return
	case "elsewhere":
		w.Header().Set("Location", "http://"+in.Turns[0].Text+"/v2/generate")
		p.answer(w, http.StatusTemporaryRedirect, `{"moved":true}`)
		return
	case "silent":
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, strings.Repeat(": nothing\n\n", 11))
		w.(http.Flusher).Flush()
		<-r.Context().Done() // until the gateway hangs up
		return
	}
	if !in.Options.Live {
		p.answer(w, http.StatusOK, ` {"results": [ {"text":"an answer of 22 bytes."} ],"cost":1.50} `)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	for _, part := range []string{": hello\n\ndata: {\"piece\": \"12345", "678\", \"n\":1}\n\n", "event: more\ndata: {\"piece\":\"12345678\"}\n\nda", "ta: <end>\n\n"} {
		_, _ = io.WriteString(w, part)
		w.(http.Flusher).Flush()
	}
}

// direct asks the provider itself.
func (p *ownProvider) direct(t *testing.T, body string) []byte {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.URL+"/v2/generate?version=7", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	switch p.where {
	case "bearer":
		r.Header.Set("Authorization", "Bearer "+customKey)
	case "header":
		r.Header.Set("X-Token", customKey)
	case "query":
		r.URL.RawQuery += "&key=" + customKey
	}
	resp, err := newClient(t).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // read only
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	p.taken()
	return b
}

// ownRoutes are the route configurations for a provider at this address.
func ownRoutes(address string) []testenv.Object {
	return []testenv.Object{{
		"path": "/talk/now", "target_url": "http://" + address + "/v2/generate?version=7", "model_location": "options.engine",
		"request_prompt_location": "turns.#.text", "response_completion_location": "results.#.text", "stream_location": "options.live",
		"stream_end_word": "<end>", "stream_response_completion_location": "piece", "stream_max_empty_messages": 10,
	}}
}

// own makes a custom provider with a setting and a key for p. Its credential and
// the key's secret may come out nowhere.
func (e *env) own(t *testing.T, name string, p *ownProvider, more testenv.Object) (id string, key testenv.Key) {
	t.Helper()
	body := testenv.Object{"provider": name, "route_configs": ownRoutes(p.address()), "authentication_param": "token"}
	switch p.where {
	case "header":
		body["authentication_header"] = "X-Token"
	case "query":
		body["authentication_query"] = "key"
	}
	id, _ = e.Do(http.MethodPost, "/api/custom/providers", body)["id"].(string)
	key = e.CreateKey([]string{e.ownSetting(name, customKey)}, more)
	e.secrets = append(e.secrets, customKey, key.Secret)
	e.keys = append(e.keys, key)
	p.mu.Lock()
	p.forbid = append(p.forbid, key.Secret)
	p.mu.Unlock()
	return id, key
}

func (e *env) ownSetting(name, credential string) string {
	id, _ := e.Do(http.MethodPost, "/api/provider-settings", testenv.Object{"provider": name, "setting": testenv.Object{"token": credential}})["id"].(string)
	return id
}

// ownPath is the public path of a custom provider's one route.
func ownPath(name string) string { return "/api/custom/providers/" + name + "/talk/now" }

func talk(engine string, live bool, turns ...string) string {
	if len(turns) == 0 {
		turns = []string{"a prompt", "of 17 byte"} // 8 + 10
	}
	b, err := json.Marshal(map[string]any{"options": map[string]any{"engine": engine, "live": live}, "turns": texts(turns)})
	if err != nil {
		panic(err) // texts always encode
	}
	return string(b)
}

func texts(list []string) (out []map[string]string) {
	for _, t := range list {
		out = append(out, map[string]string{"text": t})
	}
	return out
}
