package e2e

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/bricks-gateway/bricks/internal/fakeprovider"
	"github.com/bricks-gateway/bricks/internal/testenv"
)

// foreignKey is a client's own at the provider.
const foreignKey = "sk-fake-key-of-the-client-0123456789"

// genAITokens is the limit of each user in these tests; hello is 15 tokens of it
// by our count.
const genAITokens = 100

// newGenAI is a gateway whose GenAI entry leads to the fake as well, where a
// client's own key is good beside the setting's.
func newGenAI(t *testing.T, o testenv.Options) *env {
	t.Helper()
	fake := startFake(t, fakeprovider.Options{OpenAIKeys: []string{fakeprovider.OpenAIKey, foreignKey}})
	host, port, err := net.SplitHostPort(fake.Address())
	if err != nil {
		t.Fatal(err)
	}
	o.Args = append([]string{
		"--openai-domain", host, "--openai-port", port, "--genai-address", "127.0.0.1:0",
		"--enable-rate-limiting", "--rate-limiting-max-prompt-tokens", fmt.Sprint(genAITokens),
	}, o.Args...)
	e := newEnvOn(t, fake, o)
	e.secrets = append(e.secrets, foreignKey)
	return e
}

// through sends a request to the GenAI entry, with the client's own key.
func (e *env) through(t *testing.T, method, path, body string, headers ...string) answer {
	t.Helper()
	a, err := e.tryAt(t.Context(), e.GenAI, method, path, body, append([]string{"Authorization", "Bearer " + foreignKey}, headers...)...)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return a
}

func TestGenAI(t *testing.T) {
	r := startReceiver(t, "grpc")
	e := newGenAI(t, testenv.Options{Env: []string{
		"OTEL_EXPORTER_OTLP_ENDPOINT=" + r.url, "OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_BSP_SCHEDULE_DELAY=50",
	}})
	t.Run("metrics", func(t *testing.T) { genAIMetrics(t, e) })
	t.Run("base URLs", func(t *testing.T) { genAIBaseURLs(t, e) })
	t.Run("trace", func(t *testing.T) { genAITrace(t, e, r) })
	t.Run("stream", func(t *testing.T) { genAIStream(t, e) })
	t.Run("what reaches the provider", func(t *testing.T) { genAIHeaders(t, e) })
	t.Run("the provider's refusals pass", func(t *testing.T) { genAIRefusals(t, e) })
	t.Run("what is no path", func(t *testing.T) { genAIPaths(t, e) })
	t.Run("the entries are apart", func(t *testing.T) { genAIApart(t, e) })
	t.Run("limit", func(t *testing.T) { genAILimit(t, e) })
	t.Run("limit of many at once", func(t *testing.T) { genAIAtOnce(t, e) })
	t.Run("langchain", func(t *testing.T) {
		suite{"langchain-openai", "BRICKS_TEST_PYTHON", "python/genai_suite.py"}.run(t, map[string]string{
			"GENAI_URL": "http://" + e.GenAI, "GENAI_KEY": foreignKey,
		})
	})
}

// genAIBaseURLs: with /v1 and without, the answer is the provider's own, and the
// provider is asked at its own path.
func genAIBaseURLs(t *testing.T, e *env) {
	for _, path := range []string{"/v1/chat/completions", "/chat/completions"} {
		e.fake.Reset()
		a := e.through(t, "POST", path, helloChat, "User", "base urls")
		if r := e.forwarded(t); a.status != http.StatusOK || !bytes.Equal(a.body, r.Answer) || r.Target != "/v1/chat/completions" || string(r.Body) != helloChat {
			t.Errorf("%s: got %v; the provider was asked %s %s", path, a, r.Target, r.Body)
		}
	}
	e.fake.Reset()
	if a := e.through(t, "GET", "/models?x=1", ""); a.status != http.StatusOK || e.forwarded(t).Target != "/v1/models?x=1" {
		t.Errorf("models: got %v for %s", a, e.forwarded(t).Target)
	}
	if a, err := e.tryAt(t.Context(), e.GenAI, "GET", "/healthz", ""); err != nil || a.status != http.StatusOK {
		t.Errorf("healthz: got %v, %v", a, err)
	}
}

// genAITrace: the call's span is below the request's, and the provider is told of it.
func genAITrace(t *testing.T, e *env, r *receiver) {
	e.fake.Reset()
	trace, parent, traceparent := newTrace()
	if a := e.through(t, "POST", "/chat/completions", helloChat, "User", "trace", "Traceparent", traceparent); a.status != http.StatusOK {
		t.Fatal(a)
	}
	all := r.tree(t, trace, parent, 2)
	request, call := all[0], all[1]
	if got, want := e.forwarded(t).Header.Get("Traceparent"), "00-"+trace+"-"+call.ID+"-01"; got != want {
		t.Errorf("the provider got %s, want %s", got, want)
	}
	host, _, _ := strings.Cut(e.fake.Address(), ":")
	if request.Name != "POST /v1/chat/completions" || request.Attributes["user.id"] != "trace" || call.Name != "chat gpt-4o-mini" ||
		call.Attributes["server.address"] != host || call.Attributes["gen_ai.usage.input_tokens"] != int64(10) {
		t.Errorf("spans %s %v and %s %v", request.Name, request.Attributes, call.Name, call.Attributes)
	}
}

// genAIStream: usage is asked for, and its extra chunk is taken out again.
func genAIStream(t *testing.T, e *env) {
	const body = `{"model":"gpt-4o-mini","stream":true,` + hello + `}`
	e.fake.Reset()
	a := e.through(t, "POST", "/v1/chat/completions", body, "User", "stream")
	r := e.forwarded(t)
	if a.status != http.StatusOK || bytes.Contains(a.body, []byte(`"usage"`)) || !bytes.HasSuffix(a.body, []byte("data: [DONE]\n\n")) {
		t.Errorf("got %v", a)
	}
	if !bytes.Contains(r.Body, []byte(`"include_usage":true`)) || !bytes.Contains(r.Answer, []byte(`"usage":{`)) {
		t.Errorf("the provider was asked %s and answered %s", r.Body, r.Answer)
	}
}

// genAIHeaders: the client's credential and organization go on unchanged, and
// nothing else that is not the provider's business.
func genAIHeaders(t *testing.T, e *env) {
	e.fake.Reset()
	a := e.through(t, "POST", "/v1/chat/completions", helloChat,
		"User", "headers", "OpenAI-Organization", "org-of-the-client", "OpenAI-Project", "proj", "X-Other", "passes",
		"Cookie", "a=b", "X-Forwarded-For", "10.0.0.1", "Forwarded", "for=x", "X-Real-Ip", "10.0.0.1",
		"X-Bricks-Cluster", "upstream/https/api.openai.com:443", "X-Bricks-Role", "attempt", "X-User-Id", "other", "X-Metadata", `{"a":1}`, "X-Custom-Event-Id", "c")
	if a.status != http.StatusOK || a.header.Get("Set-Cookie") != "" || a.header.Get("Server") != "" {
		t.Fatalf("got %v %v", a, a.header)
	}
	got := e.forwarded(t).Header
	for name, want := range map[string]string{
		"Authorization": "Bearer " + foreignKey, "Openai-Organization": "org-of-the-client", "Openai-Project": "proj", "X-Other": "passes", "User": "",
	} {
		if got.Get(name) != want {
			t.Errorf("%s = %q, want %q", name, got.Get(name), want)
		}
	}
	if host := e.forwarded(t).Host; host != e.fake.Address() {
		t.Errorf("host = %q", host)
	}
}

// genAIRefusals: they are about the client's own key, so it must see them.
func genAIRefusals(t *testing.T, e *env) {
	e.fake.Reset()
	a := e.through(t, "POST", "/v1/chat/completions", helloChat, "User", "refusals", "Authorization", "Bearer sk-wrong")
	if r := e.forwarded(t); a.status != http.StatusUnauthorized || !bytes.Equal(a.body, r.Answer) {
		t.Errorf("got %v, want %s", a, r.Answer)
	}
}

func genAIPaths(t *testing.T, e *env) {
	e.fake.Reset()
	for _, c := range []struct {
		method, path, body string
		status             int
		code               string
	}{
		{"POST", "/", "{}", 404, "not_found"},
		{"POST", "/v1/messages", "{}", 404, "not_found"},
		{"POST", "/v2/chat/completions", "{}", 404, "not_found"},
		{"POST", chat, helloChat, 404, "not_found"},
		{"POST", "/api/route/r", helloChat, 404, "not_found"},
		{"PUT", "/v1/chat/completions", helloChat, 405, "method_not_allowed"},
		{"POST", "/v1/chat/completions", "{", 400, "invalid_request_error"},
		{"POST", "/v1/chat/completions", `{"model":"gpt-4o-mini","model":"gpt-4o",` + hello + `}`, 400, "invalid_request_error"},
		{"POST", "/v1/batches", `{"input_file_id":"f","endpoint":"/v1/responses","completion_window":"24h"}`, 403, "tokens_not_countable"},
	} {
		a := e.through(t, c.method, c.path, c.body, "User", "paths")
		if got := decodeError(t, a); a.status != c.status || got.Error.Code == nil || *got.Error.Code != c.code {
			t.Errorf("%s %s: got %v, want %d %s", c.method, c.path, a, c.status, c.code)
		}
	}
	// A header that comes twice names two users.
	r, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+e.GenAI+"/v1/chat/completions", strings.NewReader(helloChat))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{"Authorization": {"Bearer " + foreignKey}, "Content-Type": {"application/json"}, "User": {"one", "two"}}
	resp, err := e.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusBadRequest || len(e.fake.Requests()) > 0 {
		t.Errorf("two users: got %d; the provider saw %d requests", resp.StatusCode, len(e.fake.Requests()))
	}
}

// genAIApart: a provider's key is nothing to the gateway's own listener, whatever
// the client claims, and a key of the gateway goes nowhere from the entry.
func genAIApart(t *testing.T, e *env) {
	e.fake.Reset()
	chosen := e.newKey(testenv.Object{"key": "a-key-that-an-admin-chose"})
	for name, a := range map[string]answer{
		"a provider's key": e.post(t, chat, helloChat, "Authorization", "Bearer "+foreignKey),
		"a claim":          e.post(t, "/v1/chat/completions", helloChat, "Authorization", "Bearer "+foreignKey, "X-Bricks-Role", "genai", "User", "anna"),
		"a key":            e.through(t, "POST", "/v1/chat/completions", helloChat, bearer(e.key)...),
		"a chosen key":     e.through(t, "POST", "/v1/chat/completions", helloChat, bearer(chosen)...),
		"in x-api-key":     e.through(t, "POST", "/v1/chat/completions", helloChat, "Authorization", "", "X-Api-Key", e.key.Secret),
		"beside its own":   e.through(t, "POST", "/v1/chat/completions", helloChat, "Api-Key", chosen.Secret),
		"without a scheme": e.through(t, "POST", "/v1/chat/completions", helloChat, "Authorization", e.key.Secret),
	} {
		if got := decodeError(t, a); a.status != http.StatusUnauthorized || *got.Error.Code != "invalid_api_key" {
			t.Errorf("%s: got %v, want 401", name, a)
		}
	}
	if n := len(e.fake.Requests()); n > 0 {
		t.Errorf("the provider saw %d requests", n)
	}
	// The gateway's own listener does not know the header.
	if a := e.post(t, chat, helloChat, "User", "anna"); a.status != http.StatusOK || e.forwarded(t).Header.Get("Authorization") != "Bearer "+fakeprovider.OpenAIKey {
		t.Errorf("got %v with %q", a, e.forwarded(t).Header)
	}
}

// genAIMetrics: the nine counters count both entries, by model and user. Nothing
// else was asked before.
func genAIMetrics(t *testing.T, e *env) {
	a := e.through(t, "POST", "/v1/chat/completions", helloChat, "User", "metrics")
	own := e.post(t, chat, `{"model":"gpt-4o-mini","user":"metrics",`+hello+`}`)
	if a.status != http.StatusOK || own.status != http.StatusOK {
		t.Fatalf("got %v, %v", a, own)
	}
	var input, output float64
	for _, r := range e.fake.Requests() {
		input, output = input+float64(r.Usage.InputTokens), output+float64(r.Usage.OutputTokens)
	}
	var all []sample
	testenv.Eventually(t, waitForEvents, "both are counted", func() bool {
		all = read(t, e.scrape(t))
		return sum(t, all, "bricks_requests_total") == 2
	})
	for name, want := range map[string]float64{
		"prompt_tokens_total": input, "completion_tokens_total": output, "tokens_total": input + output,
		"prompt_tokens_by_model_total": input, "completion_tokens_by_model_total": output, "tokens_by_model_total": input + output,
		"prompt_tokens_by_user_by_model_total": input, "completion_tokens_by_user_by_model_total": output, "tokens_by_user_by_model_total": input + output,
		"gen_ai_client_token_usage_sum": input + output,
	} {
		if got := sum(t, all, name); got != want || want == 0 {
			t.Errorf("%s = %v, want %v", name, got, want)
		}
	}
	for _, s := range all {
		if s.Name == "bricks_requests_total" && (s.Labels["provider"] != "genai" && s.Labels["provider"] != "openai" || s.Value != "1.0") {
			t.Errorf("%v = %s, want one of each listener", s.Labels, s.Value)
		}
		if s.Name == "tokens_by_user_by_model_total" && (s.Labels["user"] != "metrics" || s.Labels["model"] != "gpt-4o-mini") {
			t.Errorf("labels = %v", s.Labels)
		}
	}
	if events := e.AwaitEvents(e.key, 1); len(events) != 1 || events[0].ID != own.eventID() {
		t.Errorf("events = %v, want that of the key alone", events)
	}
}

// genAILimit: a user's prompt tokens are used up, another's are not.
func genAILimit(t *testing.T, e *env) {
	e.fake.Reset()
	passed := 0
	var refused answer
	for range 20 {
		a := e.through(t, "POST", "/v1/chat/completions", helloChat, "User", "limited")
		if a.status != http.StatusOK {
			refused = a
			break
		}
		passed++
	}
	used := int64(0)
	for _, r := range e.fake.Requests() {
		used += r.Usage.InputTokens
	}
	if passed < 2 || used > genAITokens || len(e.fake.Requests()) != passed {
		t.Errorf("%d passed with %d tokens; the provider saw %d", passed, used, len(e.fake.Requests()))
	}
	if got := decodeError(t, refused); refused.status != http.StatusTooManyRequests || *got.Error.Code != "rate_limit_exceeded" || got.Error.Type != "rate_limit_error" || refused.header.Get("Retry-After") == "" || refused.header.Get("X-Should-Retry") != "" {
		t.Errorf("got %v %v", refused, refused.header)
	}
	for _, user := range []string{"not limited", ""} { // who names none shares one window
		if a := e.through(t, "POST", "/v1/chat/completions", helloChat, "User", user); a.status != http.StatusOK {
			t.Errorf("%q: got %v", user, a)
		}
	}
	long := `{"model":"gpt-4o-mini","messages":[{"role":"user","content":"` + strings.Repeat("word ", genAITokens) + `"}]}`
	if a := e.through(t, "POST", "/v1/chat/completions", long, "User", "too long"); a.status != http.StatusTooManyRequests || a.header.Get("X-Should-Retry") != "false" || a.header.Get("Retry-After") != "" {
		t.Errorf("a prompt above the whole limit: got %v %v", a, a.header)
	}
	if a := e.through(t, "GET", "/v1/models", "", "User", "limited"); a.status != http.StatusOK {
		t.Errorf("what reads no prompt: got %v", a)
	}
}

// genAIAtOnce: requests that run at once do not pass the limit together.
func genAIAtOnce(t *testing.T, e *env) {
	e.fake.Reset()
	var all sync.WaitGroup
	var refused atomic.Int64
	for range 30 {
		all.Go(func() {
			a, err := e.tryAt(t.Context(), e.GenAI, "POST", "/v1/chat/completions", helloChat, "Authorization", "Bearer "+foreignKey, "User", "at once")
			switch {
			case err != nil || a.status != http.StatusOK && a.status != http.StatusTooManyRequests:
				t.Errorf("got %v, %v", a, err)
			case a.status == http.StatusTooManyRequests:
				refused.Add(1)
			}
		})
	}
	all.Wait()
	used := int64(0)
	for _, r := range e.fake.Requests() {
		used += r.Usage.InputTokens
	}
	if used > genAITokens || used < genAITokens/2 || int(refused.Load())+len(e.fake.Requests()) != 30 {
		t.Errorf("%d tokens passed, %d refused", used, refused.Load())
	}
}
