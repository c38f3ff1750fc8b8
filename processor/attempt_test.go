package processor_test

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc/metadata"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/pricing"
	"github.com/bricks-gateway/bricks/internal/secrets"
	"github.com/bricks-gateway/bricks/processor"
	"github.com/bricks-gateway/bricks/processor/configcache"
)

// attemptEnvoy plays the filter of an attempt. While an answer is held back, the
// processor receives in a goroutine of its own.
type attemptEnvoy struct {
	*envoy
	mu  sync.Mutex
	ctx context.Context
}

func (e *attemptEnvoy) Context() context.Context { return e.ctx }

func (e *attemptEnvoy) Recv() (*extprocv3.ProcessingRequest, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.envoy.Recv()
}

func (e *attemptEnvoy) Send(r *extprocv3.ProcessingResponse) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.envoy.Send(r)
}

// processAttempt plays one attempt's stream to its end.
func processAttempt(s *processor.Server, e *envoy) {
	ctx, cancel := context.WithCancel(metadata.NewIncomingContext(context.Background(), metadata.Pairs("x-bricks-role", "attempt")))
	defer cancel()
	_ = s.Process(&attemptEnvoy{envoy: e, ctx: ctx})
}

// attempt runs one attempt on a processor that has never seen the request.
func attempt(w *world, ticket, number string, messages ...*extprocv3.ProcessingRequest) []*extprocv3.ProcessingResponse {
	s := processor.New(processor.Options{
		Config: w, Spool: w, Limiter: w.limiter, Prices: pricing.NewBook(pricing.Default(), nil, ""), Logger: slog.New(slog.DiscardHandler),
	})
	defer s.Close()
	first := requestHeaders(false, ":method", "POST", ":path", "/api/route/r", "x-bricks-ticket", ticket, "x-envoy-attempt-count", number)
	e := &envoy{messages: append([]*extprocv3.ProcessingRequest{first}, messages...), end: io.EOF}
	processAttempt(s, e)
	return e.answers
}

const otherCredential = "sk-other-credential"

func routeWorld() *world {
	w := newWorld()
	w.keys[secrets.HashKey(bricksKey)].SettingIDs = []string{"s", "t"}
	w.settings["t"] = &configcache.Setting{
		ProviderSetting: gateway.ProviderSetting{ID: "t", Provider: "openai", APIKey: gateway.NewSecret(otherCredential), AllowedModels: []string{"gpt-4o-mini"}},
		Cluster:         "d", Authority: "other.example",
	}
	w.settings["s"].AllowedModels = []string{"gpt-4o"}
	w.routes = map[string]*gateway.Route{"/r": {
		ID: "route", Path: "/r", KeyIDs: []string{"key"}, Revision: 3,
		Steps: []gateway.RouteStep{
			{Provider: "openai", Model: "gpt-4o", Retries: 1, Timeout: 2 * time.Second},
			{Provider: "openai", Model: "gpt-4o-mini", Timeout: 7 * time.Second},
		},
	}}
	return w
}

func routeHeaders() *extprocv3.ProcessingRequest {
	return requestHeaders(false, ":method", "POST", ":path", "/api/route/r", "x-request-id", "event-1",
		"authorization", "Bearer "+bricksKey, "content-type", "application/json")
}

const routeChat = `{"model":"any","messages":[]}`

// sets collects the headers that an answer to a request's body sets.
func sets(r *extprocv3.ProcessingResponse) map[string]string {
	got := map[string]string{}
	for _, h := range r.GetRequestBody().GetResponse().GetHeaderMutation().GetSetHeaders() {
		got[h.Header.Key] = string(h.Header.RawValue)
	}
	return got
}

// ticketOf makes a request of the route and returns what it hands on.
func ticketOf(t *testing.T, w *world) string {
	t.Helper()
	answers, _ := process(w, io.EOF, routeHeaders(), requestBody(routeChat))
	if len(answers) != 2 || holds(answers) || strings.Contains(answers[1].String(), otherCredential) {
		t.Fatalf("answers = %v", answers)
	}
	got := sets(answers[1])
	if got["x-bricks-cluster"] != "loop" || got["x-envoy-max-retries"] != "2" || got["x-bricks-ticket"] == "" {
		t.Fatalf("headers = %v", got)
	}
	if answers[1].GetRequestBody().GetResponse().GetBodyMutation() != nil {
		t.Error("the client's body was changed before its attempts")
	}
	return got["x-bricks-ticket"]
}

func TestARequestOfARouteCarriesNoCredentialAndItsAttemptsOneEach(t *testing.T) {
	w := routeWorld()
	ticket := ticketOf(t, w)
	if len(w.intents) != 1 || w.intents[0].RouteID != "route" {
		t.Errorf("intents = %+v", w.intents)
	}
	for number, want := range map[string]map[string]string{
		"1": {":path": "/prefix/v1/chat/completions", ":authority": "api.example", "x-bricks-cluster": "c", "authorization": "Bearer " + credential, "x-envoy-upstream-rq-per-try-timeout-ms": "2000"},
		"2": {":path": "/prefix/v1/chat/completions", ":authority": "api.example", "x-bricks-cluster": "c", "authorization": "Bearer " + credential, "x-envoy-upstream-rq-per-try-timeout-ms": "2000"},
		"3": {":path": "/v1/chat/completions", ":authority": "other.example", "x-bricks-cluster": "d", "authorization": "Bearer " + otherCredential, "x-envoy-upstream-rq-per-try-timeout-ms": "7000"},
	} {
		answers := attempt(w, ticket, number, requestBody(routeChat))
		if len(answers) != 2 {
			t.Fatalf("attempt %s: %v", number, answers)
		}
		got := sets(answers[1])
		for name, value := range want {
			if got[name] != value {
				t.Errorf("attempt %s: %s = %q, want %q", number, name, got[name], value)
			}
		}
		body := string(answers[1].GetRequestBody().GetResponse().GetBodyMutation().GetBody())
		model := map[bool]string{true: "gpt-4o-mini", false: "gpt-4o"}[number == "3"]
		if body != `{"model":"`+model+`","messages":[]}` {
			t.Errorf("attempt %s: body %s", number, body)
		}
		if removed := strings.Join(answers[1].GetRequestBody().GetResponse().GetHeaderMutation().GetRemoveHeaders(), " "); !strings.Contains(removed, "x-bricks-ticket") {
			t.Errorf("attempt %s removes %s", number, removed)
		}
	}
}

// Everything that stands between a ticket and a credential is asked again.
func TestAnAttemptThatMayNotBeMadeCarriesNoCredential(t *testing.T) {
	good := ticketOf(t, routeWorld())
	for name, c := range map[string]struct {
		ticket, number string
		change         func(*world)
		status         int
	}{
		"no ticket":              {"", "1", nil, 503},
		"a forged ticket":        {good + "A", "1", nil, 503},
		"an attempt too many":    {good, "4", nil, 503},
		"no number":              {good, "", nil, 503},
		"the key is revoked":     {good, "1", func(w *world) { w.keys[secrets.HashKey(bricksKey)].Revoked = true }, 401},
		"the key has expired":    {good, "1", func(w *world) { w.keys[secrets.HashKey(bricksKey)].ExpiresAt = time.Unix(1, 0) }, 401},
		"the key is gone":        {good, "1", func(w *world) { w.keys = nil }, 401},
		"keys cannot be checked": {good, "1", func(w *world) { w.keyErr = &gateway.Error{Kind: gateway.Unavailable} }, 503},
		"another key's secret":   {good, "1", func(w *world) { w.keys[secrets.HashKey(bricksKey)].ID = "other" }, 401},
		"the setting is gone":    {good, "1", func(w *world) { delete(w.settings, "s") }, 503},
		"no longer the key's":    {good, "1", func(w *world) { w.keys[secrets.HashKey(bricksKey)].SettingIDs = []string{"t"} }, 503},
		"another provider's":     {good, "1", func(w *world) { w.settings["s"].Provider = "anthropic" }, 503},
		"the body is not a JSON": {good, "1", nil, 400},
	} {
		t.Run(name, func(t *testing.T) {
			w := routeWorld()
			if c.change != nil {
				c.change(w)
			}
			body := routeChat
			if c.status == 400 {
				body = "{"
			}
			answers := attempt(w, c.ticket, c.number, requestBody(body))
			if status, _ := refusal(t, answers); status != c.status || holds(answers) {
				t.Errorf("status = %d, want %d; credential out: %v", status, c.status, holds(answers))
			}
		})
	}
}

func TestAttemptsBodiesAreBoundedWithAllOthers(t *testing.T) {
	w := routeWorld()
	ticket := ticketOf(t, w)
	s := processor.New(processor.Options{
		Config: w, Spool: w, Limiter: w.limiter, Prices: pricing.NewBook(pricing.Default(), nil, ""), Logger: slog.New(slog.DiscardHandler), MaxBodies: 100,
	})
	defer s.Close()
	for length, want := range map[string]int{"101": 503, "40": 0, "60": 0} {
		e := &envoy{end: io.EOF, messages: []*extprocv3.ProcessingRequest{
			requestHeaders(false, "x-bricks-ticket", ticket, "x-envoy-attempt-count", "1", "content-length", length), requestBody(routeChat),
		}}
		processAttempt(s, e)
		if got := int(e.answers[len(e.answers)-1].GetImmediateResponse().GetStatus().GetCode()); got != want {
			t.Errorf("%s bytes: refused with %d, want %d", length, got, want)
		}
	}
}

// A stream that says it is an attempt gets nothing for a request without a
// ticket, and one that says nothing gets nothing for a ticket.
func TestATicketIsGoodForAttemptsOnly(t *testing.T) {
	w := routeWorld()
	ticket := ticketOf(t, w)
	answers, _ := process(w, io.EOF, requestHeaders(false, ":method", "POST", ":path", "/api/route/r", "content-type", "application/json",
		"x-bricks-ticket", ticket, "x-envoy-attempt-count", "1"), requestBody(routeChat))
	if status, _ := refusal(t, answers); status != 401 || holds(answers) {
		t.Errorf("status = %d, credential out: %v", status, holds(answers))
	}
}

// TestAnAnswerIsHeldUntilItIsOne feeds a stream's events one by one.
func TestAnAnswerIsHeldUntilItIsOne(t *testing.T) {
	role := `data: {"choices":[{"delta":{"role":"assistant","content":""}}]}` + "\n\n"
	word := `data: {"choices":[{"delta":{"content":"hi"}}]}` + "\n\n"
	tool := `data: {"choices":[{"delta":{"tool_calls":[{"function":{"name":"f","arguments":""}}]}}]}` + "\n\n"
	fail := `data: {"error":{"message":"overloaded"}}` + "\n\n"
	overloaded := "event: error\ndata: {\"type\":\"overloaded\"}\n\n"
	done := `data: {"choices":[{"delta":{},"finish_reason":"content_filter"}]}` + "\n\n"
	ticket := ticketOf(t, routeWorld())
	for name, c := range map[string]struct {
		chunks []string
		end    bool
		held   int  // chunks that no answer is given for
		retry  bool // what comes out in the end
	}{
		"content at once":          {[]string{word}, false, 0, false},
		"content behind the role":  {[]string{role, word}, false, 1, false},
		"a tool call":              {[]string{role, tool}, false, 1, false},
		"a reason to stop":         {[]string{role, done}, false, 1, false},
		"split in an event":        {[]string{role[:20], role[20:], word[:30], word[30:]}, false, 3, false},
		"an error at once":         {[]string{fail}, false, 0, true},
		"an error behind the role": {[]string{role, ": ping\n\n", fail}, false, 2, true},
		"an error by its name":     {[]string{role, overloaded}, false, 1, true},
		"an end without content":   {[]string{role}, true, 0, true},
		"the end marker alone":     {[]string{"data: [DONE]\n\n"}, true, 0, false},
		"too much without content": {[]string{strings.Repeat(": ping\n\n", 10_000)}, false, 0, false},
		"content, then an error":   {[]string{word + fail}, false, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			messages := []*extprocv3.ProcessingRequest{requestBody(routeChat), responseHeaders(":status", "200", "content-type", "text/event-stream", "x-bricks-retry", "by the provider")}
			for i, chunk := range c.chunks {
				messages = append(messages, responseBody(c.end && i == len(c.chunks)-1, chunk))
			}
			answers := attempt(routeWorld(), ticket, "1", messages...)[2:]
			for i := range c.held + 1 { // the headers are held too
				if answers[i].Response != nil || answers[i].OverrideMessageTimeout == nil {
					t.Fatalf("message %d was answered with %v, want more time", i, answers[i])
				}
			}
			passed := answers[c.held+1:]
			if len(passed) != 1+len(c.chunks) || passed[0].GetResponseHeaders() == nil || passed[1].GetResponseBody() == nil {
				t.Fatalf("passed: %v", passed)
			}
			mutation := passed[0].GetResponseHeaders().GetResponse().GetHeaderMutation()
			retry := strings.Contains(mutation.String(), `key:"x-bricks-retry"`)
			if retry != c.retry {
				t.Errorf("retry = %v, want %v: %v", retry, c.retry, mutation)
			}
			if !strings.Contains(strings.Join(mutation.GetRemoveHeaders(), " "), "x-bricks-retry") {
				t.Error("the provider's own header passes")
			}
		})
	}
}
