package e2e

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bricks-gateway/bricks/internal/testenv"
)

// collectorSecret is what the gateway shows the receiver, and nobody else.
const collectorSecret = "collector-secret-0123456789"

// traceEnv is a gateway that sends its spans to a receiver.
type traceEnv struct {
	*faultEnv
	receiver *receiver
}

func newTraceEnv(t *testing.T, protocol string, variables ...string) *traceEnv {
	t.Helper()
	r := startReceiver(t, protocol)
	e := &traceEnv{receiver: r}
	// Before the env's own, and so run after it: what comes at the end is looked
	// at as well.
	t.Cleanup(func() {
		if e.faultEnv == nil {
			return // skipped
		}
		for _, secret := range e.secrets {
			if strings.Contains(r.everything(), secret) {
				t.Errorf("a span holds a secret: %s", secret)
			}
		}
	})
	e.faultEnv = newFaultEnv(t, testenv.Options{Env: append([]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT=" + r.url, "OTEL_EXPORTER_OTLP_PROTOCOL=" + protocol,
		"OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20" + collectorSecret,
		"OTEL_RESOURCE_ATTRIBUTES=deployment.environment.name=test",
		"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true",
	}, variables...)})
	e.secrets = append(e.secrets, collectorSecret, mailValue, cardValue, saidMail)
	return e
}

var traces atomic.Int64

// newTrace returns a caller's trace: its id, its span, and the header.
func newTrace() (trace, parent, traceparent string) {
	n := traces.Add(1)
	trace, parent = fmt.Sprintf("%032x", 0xabc000+n), fmt.Sprintf("%016x", 0xdef000+n)
	return trace, parent, "00-" + trace + "-" + parent + "-01"
}

func TestTraces(t *testing.T) {
	e := newTraceEnv(t, "grpc", "OTEL_BSP_SCHEDULE_DELAY=50", "OTEL_BSP_EXPORT_TIMEOUT=500")
	for name, test := range map[string]func(*testing.T, *traceEnv){
		"a request and its call":                 tracePlain,
		"a stream":                               traceStream,
		"each attempt of a route has its span":   traceRoute,
		"a refusal":                              traceRefusals,
		"a failure of the provider":              traceFailure,
		"an answer that was kept":                traceCached,
		"messages, as the policy leaves them":    traceContent,
		"a trace begins where none can be read":  traceBegins,
		"what the caller does not sample is not": traceUnsampled,
	} {
		t.Run(name, func(t *testing.T) { test(t, e) })
	}
	e.checkLog(t)
	e.receiver.close()
	if a := e.post(t, chat, helloChat); a.status != 200 {
		t.Errorf("without a receiver: %v", a)
	}
	testenv.Eventually(t, waitForEvents, "a count of spans that nobody took", func() bool {
		return strings.Contains(metrics(t, e.faultEnv), `bricks_trace_spans_total{outcome="failed"} 2`)
	})
}

func tracePlain(t *testing.T, e *traceEnv) {
	key := e.newKey(testenv.Object{"rateLimitOverTime": 10, "rateLimitUnit": "h", "costLimitInUsd": 1})
	trace, parent, traceparent := newTrace()
	e.fake.Reset()
	a := e.post(t, chat, helloChat, append(bearer(key), "Traceparent", traceparent, "Tracestate", "vendor=1", "Baggage", "a=b", "X-User-Id", "anna")...)
	if a.status != 200 {
		t.Fatal(a)
	}
	all := e.receiver.tree(t, trace, parent, 2)
	request, call := all[0], all[1]
	sent := e.forwarded(t).Header
	if got, want := sent.Get("Traceparent"), "00-"+trace+"-"+call.ID+"-01"; got != want {
		t.Errorf("the provider got %s, want %s", got, want)
	}
	if sent.Get("Tracestate") != "vendor=1" || call.State != "vendor=1" || sent.Get("Baggage") != "a=b" {
		t.Errorf("the provider got tracestate %q, baggage %q", sent.Get("Tracestate"), sent.Get("Baggage"))
	}
	if request.Name != "POST "+chat || call.Name != "chat gpt-4o-mini" || call.Kind != "Client" || request.Failed || call.Failed {
		t.Errorf("spans %q and %q (%s)", request.Name, call.Name, call.Kind)
	}
	want := map[string]any{
		"http.request.method": "POST", "http.route": chat, "http.response.status_code": int64(200),
		"user.id": "anna", "bricks.event.id": a.eventID(), "bricks.key.id": key.ID, "bricks.action": "allowed", "bricks.requests.remaining": int64(9),
	}
	if diff := cmp.Diff(want, request.without(t, "bricks.cost.usd", "bricks.cost.remaining.usd")); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
	host, _, _ := strings.Cut(e.fake.Address(), ":")
	want = map[string]any{
		"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai",
		"gen_ai.request.model": "gpt-4o-mini", "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
		"gen_ai.usage.input_tokens": int64(10), "gen_ai.usage.output_tokens": int64(5),
		"gen_ai.response.finish_reasons": []any{"stop"},
		"http.response.status_code":      int64(200), "server.address": host, "bricks.setting.id": e.openAI,
	}
	if diff := cmp.Diff(want, call.without(t, "server.port")); diff != "" {
		t.Errorf("call (-want +got):\n%s", diff)
	}
	about := request.Resource
	if about["service.name"] != "bricks" || about["service.version"] == "" || about["service.instance.id"] == nil || about["deployment.environment.name"] != "test" {
		t.Errorf("the resource is %v", about)
	}
	e.receiver.mu.Lock()
	defer e.receiver.mu.Unlock()
	if h := e.receiver.headers[0]; h != "Bearer "+collectorSecret {
		t.Errorf("the receiver was shown %q", h)
	}
}

func traceStream(t *testing.T, e *traceEnv) {
	trace, parent, traceparent := newTrace()
	if a := e.post(t, messages, `{"stream":true,`+helloCall[1:], append(bearer(e.newKey(nil)), "Traceparent", traceparent)...); a.status != 200 {
		t.Fatal(a)
	}
	call := e.receiver.tree(t, trace, parent, 2)[1]
	want := map[string]any{
		"gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic", "gen_ai.request.stream": true,
		"gen_ai.request.model": "claude-haiku-4-5", "gen_ai.response.model": "claude-haiku-4-5-20251001",
		"gen_ai.response.finish_reasons": []any{"end_turn"}, "http.response.status_code": int64(200), "bricks.setting.id": e.anthropic,
	}
	got := call.without(t, "server.address", "server.port", "gen_ai.response.time_to_first_chunk", "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("call (-want +got):\n%s", diff)
	}
}

func traceRoute(t *testing.T, e *traceEnv) {
	e.newRoute("/traced", []testenv.Object{faultyStep("", testenv.Object{"retries": 1}), step(0, nil)})
	for name, c := range map[string]struct {
		fault, body, problem string
		status               int64
	}{
		"a body":   {"503", anyChat, "503", 503},
		"a stream": {"error event", `{"stream":true,` + hello + `}`, "upstream_error", 200},
	} {
		t.Run(name, func(t *testing.T) {
			e.reset()
			trace, parent, traceparent := newTrace()
			a := e.post(t, "/api/route/traced", c.body, "X-Fault", c.fault, "X-Case", "trace "+name, "Traceparent", traceparent)
			if a.status != 200 {
				t.Fatal(a)
			}
			all := e.receiver.tree(t, trace, parent, 4)
			request := all[0]
			if request.Name != "POST /api/route/traced" || request.Failed || request.Attributes["bricks.attempts"] != int64(3) || request.Attributes["bricks.event.id"] != a.eventID() {
				t.Errorf("request %s: %v", request.Name, request.Attributes)
			}
			var sent []string
			for _, call := range e.faulty.seen("trace " + name) {
				sent = append(sent, call.traceparent)
			}
			sent = append(sent, e.fakes[0].Requests()[0].Header.Get("Traceparent"))
			for i, s := range all[1:] {
				if want := "00-" + trace + "-" + s.ID + "-01"; s.Kind != "Client" || i >= len(sent) || sent[i] != want {
					t.Errorf("attempt %d: the provider got %q, want %s", i+1, sent, want)
				}
				failed := i < 2
				if s.Failed != failed || s.Attributes["bricks.attempt"] != int64(i+1) {
					t.Errorf("attempt %d, failed %t: %v", i+1, s.Failed, s.Attributes)
				}
				if failed && (s.Name != "chat "+faultyModel || s.Attributes["error.type"] != c.problem || s.Attributes["http.response.status_code"] != c.status || s.Attributes["bricks.step"] != int64(0)) {
					t.Errorf("failed attempt %d: %s %v", i+1, s.Name, s.Attributes)
				}
			}
			last := all[3]
			if last.Name != "chat "+stepModels[0] || last.Attributes["gen_ai.response.model"] != "gpt-4o-mini-2024-07-18" || last.Attributes["bricks.step"] != int64(1) ||
				last.Attributes["gen_ai.usage.input_tokens"] != int64(10) || last.Attributes["gen_ai.usage.output_tokens"] != int64(5) ||
				!cmp.Equal(last.Attributes["gen_ai.response.finish_reasons"], []any{"stop"}) {
				t.Errorf("last attempt: %s %v", last.Name, last.Attributes)
			}
		})
	}
}

func traceRefusals(t *testing.T, e *traceEnv) {
	key := e.newKey(testenv.Object{"allowedModels": []string{"gpt-4o"}})
	for name, c := range map[string]struct {
		path, body string
		headers    []string
		status     int64
		code, name string
		known      bool
	}{
		"no key":      {chat, helloChat, []string{"Authorization", "Bearer made-up-0123456789"}, 401, "invalid_api_key", "POST " + chat, false},
		"no path":     {"/api/providers/openai/v1/made-up", helloChat, bearer(key), 404, "not_found", "POST", true},
		"not allowed": {chat, helloChat, bearer(key), 403, "model_not_allowed", "POST " + chat, true},
	} {
		t.Run(name, func(t *testing.T) {
			trace, parent, traceparent := newTrace()
			a := e.post(t, c.path, c.body, append(c.headers, "Traceparent", traceparent)...)
			s := e.receiver.tree(t, trace, parent, 1)[0]
			keyID, known := s.Attributes["bricks.key.id"]
			if s.Name != c.name || s.Failed || s.Attributes["error.type"] != c.code || s.Attributes["http.response.status_code"] != c.status ||
				known != c.known || known && keyID != key.ID || s.Attributes["bricks.event.id"] != a.eventID() || int64(a.status) != c.status {
				t.Errorf("%v: %s %v", a, s.Name, s.Attributes)
			}
		})
	}
	if strings.Contains(e.receiver.everything(), "made-up") {
		t.Error("what a client made up, which may be a key of others, is in a span")
	}
}

func traceFailure(t *testing.T, e *traceEnv) {
	trace, parent, traceparent := newTrace()
	e.post(t, chat, helloChat, append(bearer(e.newKey(nil)), "Traceparent", traceparent, "X-Fake-Status", "500")...)
	for _, s := range e.receiver.tree(t, trace, parent, 2) {
		if !s.Failed || s.Attributes["error.type"] != "500" || s.Attributes["http.response.status_code"] != int64(500) {
			t.Errorf("%s: %v", s.Name, s.Attributes)
		}
	}
	trace, parent, traceparent = newTrace()
	broken := e.post(t, chat, `{"stream":true,`+helloChat[1:], append(bearer(e.newKey(nil)), "Traceparent", traceparent, "X-Fake-Pace", "20ms", "X-Fake-Cut", "1200")...)
	if broken.status != 200 || broken.err == nil {
		t.Fatalf("not broken off: %v", broken)
	}
	// Envoy does not always tell who broke off: the span says what the event does.
	for _, s := range e.receiver.tree(t, trace, parent, 2) {
		if kind := s.Attributes["error.type"]; kind != "upstream_error" && kind != "client_gone" || s.Attributes["bricks.incomplete"] != true || !s.Failed && s.Kind == "Client" {
			t.Errorf("broken off: %s: %v", s.Name, s.Attributes)
		}
	}
}

func traceCached(t *testing.T, e *traceEnv) {
	e.cachedRoute("/trace-cached", "", []testenv.Object{step(0, nil)})
	for i, want := range []string{"miss", "hit"} {
		trace, parent, traceparent := newTrace()
		if a := e.post(t, "/api/route/trace-cached", anyChat, "Traceparent", traceparent); a.status != 200 {
			t.Fatal(a)
		}
		if s := e.receiver.tree(t, trace, parent, 2-i)[0]; s.Attributes["bricks.cache"] != want || s.Attributes["http.response.status_code"] != int64(200) {
			t.Errorf("%s: %v", want, s.Attributes)
		}
	}
}

// contentAttributes are those that may hold what people say.
var contentAttributes = []string{"gen_ai.system_instructions", "gen_ai.input.messages", "gen_ai.output.messages"}

func traceContent(t *testing.T, e *traceEnv) {
	p := &policyEnv{e.env}
	kept := testenv.Object{"shouldLogRequest": true, "shouldLogResponse": true}
	redact := with(rules("allow_but_redact"), testenv.Object{"applyToResponse": true})
	in := `[{"role":"system","parts":[{"type":"text","content":"Be brief."}]},{"role":"user","parts":[{"type":"text","content":"Mail [EMAIL]"},{"type":"image_url"}]}]`
	for name, c := range map[string]struct {
		key  testenv.Key
		body string
		want []any
	}{
		"a key that keeps both": {p.under(redact, nil), "", []any{nil, in,
			`[{"role":"assistant","parts":[{"type":"text","content":"You said: Mail [EMAIL]"}],"finish_reason":"stop"}]`}},
		"a stream": {p.under(redact, nil), `"stream":true,`, []any{nil, in,
			`[{"role":"assistant","parts":[{"type":"text","content":"You said: Mail [EMAIL]"}],"finish_reason":"stop"}]`}},
		"a key that keeps none":            {p.under(redact, testenv.Object{"shouldLogRequest": false, "shouldLogResponse": false}), "", []any{nil, nil, nil}},
		"what is put back is the client's": {p.under(with(rules("allow_but_redact"), testenv.Object{"restoreInResponse": true}), nil), "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			trace, parent, traceparent := newTrace()
			body := `{"model":"gpt-4o-mini",` + c.body + `"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":[` +
				`{"type":"text","text":"Mail ` + mailValue + `"},{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgo="}}]}]}`
			if a := e.post(t, chat, body, append(bearer(c.key), "Traceparent", traceparent)...); a.status != 200 {
				t.Fatal(a)
			}
			call := e.receiver.tree(t, trace, parent, 2)[1]
			var got []any
			for _, name := range contentAttributes {
				got = append(got, call.Attributes[name])
			}
			if c.want == nil { // the secrets are looked for at the end
				if in, _ := got[1].(string); !strings.Contains(in, "Mail [EMAIL_") || got[2] != nil {
					t.Errorf("messages: %v", got)
				}
				return
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("messages (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("a route", func(t *testing.T) {
		e.newRoute("/told", []testenv.Object{step(0, nil)}, e.key)
		key := e.routeKey(with(kept, testenv.Object{"policyId": p.policy(redact)}))
		e.newRoute("/told-kept", []testenv.Object{step(0, nil)}, key)
		trace, parent, traceparent := newTrace()
		if a := e.post(t, "/api/route/told-kept", `{"messages":[{"role":"user","content":"Mail `+mailValue+`"}]}`, append(bearer(key), "Traceparent", traceparent)...); a.status != 200 {
			t.Fatal(a)
		}
		all := e.receiver.tree(t, trace, parent, 2)
		if got := all[0].Attributes["gen_ai.input.messages"]; got != `[{"role":"user","parts":[{"type":"text","content":"Mail [EMAIL]"}]}]` {
			t.Errorf("the request says %v", got)
		}
		for _, name := range contentAttributes {
			if got, ok := all[1].Attributes[name]; ok {
				t.Errorf("the attempt, which sees an answer before its policy does, says %v", got)
			}
		}
	})
}

func traceBegins(t *testing.T, e *traceEnv) {
	for _, given := range []string{"", "00-00000000000000000000000000000000-00f067aa0ba902b7-01", "garbage", "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"} {
		e.fake.Reset()
		headers := []string{"Tracestate", "vendor=1"}
		if given != "" {
			headers = append(headers, "Traceparent", given)
		}
		a := e.post(t, chat, helloChat, append(bearer(e.newKey(nil)), headers...)...)
		var begun []span
		testenv.Eventually(t, waitForEvents, "a trace", func() bool {
			begun = e.receiver.of(func(s span) bool { return s.Attributes["bricks.event.id"] == a.eventID() })
			return len(begun) == 1
		})
		all := e.receiver.tree(t, begun[0].Trace, "", 2)
		sent := e.forwarded(t).Header
		if got, want := sent.Get("Traceparent"), "00-"+all[0].Trace+"-"+all[1].ID+"-01"; got != want || sent.Get("Tracestate") != "" {
			t.Errorf("%q: the provider got %s with state %q, want %s", given, got, sent.Get("Tracestate"), want)
		}
	}
}

func traceUnsampled(t *testing.T, e *traceEnv) {
	trace, parent, traceparent := newTrace()
	e.fake.Reset()
	if a := e.post(t, chat, helloChat, append(bearer(e.newKey(nil)), "Traceparent", strings.TrimSuffix(traceparent, "1")+"0")...); a.status != 200 {
		t.Fatal(a)
	}
	sent := strings.Split(e.forwarded(t).Header.Get("Traceparent"), "-")
	if len(sent) != 4 || sent[1] != trace || sent[2] == parent || sent[3] != "00" {
		t.Errorf("the provider got %q", sent)
	}
	// A later request is there: what was before it would be, too.
	other, otherParent, traceparent := newTrace()
	e.post(t, chat, helloChat, append(bearer(e.newKey(nil)), "Traceparent", traceparent)...)
	e.receiver.tree(t, other, otherParent, 2)
	if all := e.receiver.of(func(s span) bool { return s.Trace == trace }); len(all) > 0 {
		t.Errorf("there are spans: %+v", all)
	}
}

// TestTracesOfPrivateBodies: with PRIVACY=strict nothing that people say is in a
// span, whatever the key and the variable ask for. Spans that wait are sent at
// the end.
func TestTracesOfPrivateBodies(t *testing.T) {
	e := newTraceEnv(t, "http/protobuf", "PRIVACY=strict", "OTEL_BSP_SCHEDULE_DELAY=3600000")
	key := e.newKey(testenv.Object{"shouldLogRequest": true, "shouldLogResponse": true})
	trace, parent, traceparent := newTrace()
	a := e.post(t, chat, helloChat, append(bearer(key), "Traceparent", traceparent)...)
	if a.status != 200 {
		t.Fatal(a)
	}
	if err := e.Stop(); err != nil {
		t.Fatal(err)
	}
	for _, s := range e.receiver.tree(t, trace, parent, 2) {
		for _, name := range contentAttributes {
			if v, ok := s.Attributes[name]; ok {
				t.Errorf("%s has %s: %v", s.Name, name, v)
			}
		}
	}
	if strings.Contains(e.receiver.everything(), "hello there gateway") {
		t.Error("the prompt is in a span")
	}
	e.Restart() // for the look at what leaked
}
