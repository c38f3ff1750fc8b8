package e2e

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/testenv"
)

// TestRoutes is what routes do beside failing over, on one gateway.
func TestRoutes(t *testing.T) {
	e := newFaultEnv(t, testenv.Options{})
	for name, test := range map[string]func(*testing.T, *faultEnv){
		"either path, chat and embeddings":            routePaths,
		"only keys of the route may call it":          routeKeys,
		"bodies are the client's but for the model":   routeBodies,
		"little money lowers each step":               routeLittleMoney,
		"a client may leave":                          routeClientLeaves,
		"a body may come without a length":            routeChunked,
		"Anthropic's API":                             routeAnthropic,
		"a large body is replayed":                    routeLargeBody,
		"what a client sends does not steer":          routeForgery,
		"a short Retry-After is waited for":           routeRetryAfter,
		"content may be late":                         routeLateContent,
		"silence after a preamble is let pass":        routeSilence,
		"the client's time bounds all attempts":       routeDeadline,
		"a failed attempt that was billed is booked":  routeBilledFailure,
		"a step that keeps failing is skipped":        routeHealth,
		"each attempt has a line in the log":          routeLog,
		"a step's key is looked at before every call": routeRevoked,
	} {
		t.Run(name, func(t *testing.T) { test(t, e) })
	}
}

const anyChat = `{"model":"whatever",` + hello + `}`

func routePaths(t *testing.T, e *faultEnv) {
	e.newRoute("/paths/a.b", []testenv.Object{step(0, nil)})
	for _, path := range []string{"/api/route/paths/a.b", "/api/routes/paths/a.b"} {
		a := e.post(t, path, anyChat)
		if a.status != 200 || a.header.Get("X-Bricks-Provider") != "openai" || a.header.Get("X-Bricks-Attempts") != "1" {
			t.Errorf("%s: %v %v", path, a.header, a)
		}
		if ev := e.event(t, a); ev.Path != path || ev.Operation != "chat" || ev.Attempts != 1 {
			t.Errorf("event = %+v", ev)
		}
	}
	embedding := e.CreateSetting("openai", stepCredential(0), e.fakes[0].URL(), testenv.Object{"allowedModels": []string{"text-embedding-3-small"}})
	key := e.CreateKey([]string{embedding}, nil)
	id, _ := e.Do(http.MethodPost, "/api/routes", testenv.Object{
		"name": "e", "path": "/embed", "keyIds": []string{key.ID}, "cacheConfig": testenv.Object{"enabled": false},
		"steps": []testenv.Object{{"provider": "openai", "model": "text-embedding-3-small"}},
	})["id"].(string)
	a := e.post(t, "/api/route/embed", `{"input":"hello there"}`, bearer(key)...)
	if a.status != 200 || !strings.Contains(string(a.body), `"embedding"`) {
		t.Errorf("embeddings: %v", a)
	}
	if ev := e.AwaitEvent(key, a.eventID()); ev.Operation != "embeddings" || ev.RouteID != id || ev.Model != "text-embedding-3-small" {
		t.Errorf("event = %+v", ev)
	}
	for body, status := range map[string]int{`{"input":"a","messages":[]}`: 400, `{"model":"x"}`: 400, `{`: 400, `[]`: 400, `{"model":7,` + hello + `}`: 400, `{"model":"a","model":"b",` + hello + `}`: 400} {
		if a := e.post(t, "/api/route/paths/a.b", body); a.status != status {
			t.Errorf("%s: %v", body, a)
		}
	}
	if a := e.send(t, http.MethodGet, "/api/route/paths/a.b", ""); a.status != 405 {
		t.Errorf("GET: %v", a)
	}
}

func routeKeys(t *testing.T, e *faultEnv) {
	e.newRoute("/keys", []testenv.Object{step(0, nil), step(1, nil)})
	stranger := e.routeKey(nil)
	unknown := e.post(t, "/api/route/no-such", anyChat)
	if a := e.post(t, "/api/route/keys", anyChat, bearer(stranger)...); a.status != 404 ||
		strings.Replace(string(a.body), "keys", "no-such", 1) != string(unknown.body) {
		t.Errorf("a key that is not the route's: %v; an unknown route: %v", a, unknown)
	}
	if a := e.post(t, "/api/route/keys", anyChat, "Authorization", "Bearer nobody-has-this-key"); a.status != 401 {
		t.Errorf("unknown key: %v", a)
	}
	// A model that the key may not use is passed over; when that is all, refused.
	second := e.routeKey(testenv.Object{"allowedModels": []string{stepModels[1]}})
	none := e.routeKey(testenv.Object{"allowedModels": []string{"gpt-5"}})
	bound := e.routeKey(testenv.Object{"allowedPaths": []testenv.Object{{"path": "/api/route/other", "method": "POST"}}})
	e.newRoute("/models", []testenv.Object{step(0, nil), step(1, nil)}, second, none, bound)
	if a := e.post(t, "/api/route/models", anyChat, bearer(second)...); a.status != 200 || e.AwaitEvent(second, a.eventID()).SettingID != e.up[1] {
		t.Errorf("allowed model: %v", a)
	}
	for _, k := range []testenv.Key{none, bound} {
		if a := e.post(t, "/api/route/models", anyChat, bearer(k)...); a.status != 403 {
			t.Errorf("got %v, want 403", a)
		}
	}
}

// routeBodies sends bytes that no encoder would write, through four attempts.
func routeBodies(t *testing.T, e *faultEnv) {
	const name = "bodies"
	e.newRoute("/bodies", []testenv.Object{faultyStep("500", testenv.Object{"retries": 2}), step(0, nil)})
	const sent = "{ \"temperature\" : 1.0 , \"messages\":[ {\"role\":\"user\",\"content\":\"h\\u0069\"} ],\r\n \"model\" :\"mine\",\"seed\":1e2 }"
	e.reset()
	if a := e.post(t, "/api/route/bodies", sent, "X-Fault", "500", "X-Case", name); a.status != 200 {
		t.Fatalf("got %v", a)
	}
	calls := e.faulty.seen(name)
	if len(calls) != 3 {
		t.Fatalf("%d calls", len(calls))
	}
	for _, c := range calls {
		if want := strings.Replace(sent, `"mine"`, `"`+faultyModel+`"`, 1); string(c.body) != want {
			t.Errorf("the faulty step got %q, want %q", c.body, want)
		}
	}
	if got, want := string(e.fakes[0].Requests()[0].Body), strings.Replace(sent, `"mine"`, `"gpt-4o-mini"`, 1); got != want {
		t.Errorf("the last step got %q, want %q", got, want)
	}
	// Headers: the client's own, and nothing of the gateway's.
	for name := range e.fakes[0].Requests()[0].Header {
		if n := strings.ToLower(name); strings.HasPrefix(n, "x-bricks") || strings.HasPrefix(n, "x-envoy") || n == "x-request-id" || n == "x-forwarded-proto" {
			t.Errorf("the provider got %s", name)
		}
	}
}

func routeLargeBody(t *testing.T, e *faultEnv) {
	e.newRoute("/large", []testenv.Object{faultyStep("503", testenv.Object{"retries": 2, "timeout": "20s"}), step(0, testenv.Object{"timeout": "20s"})})
	body := `{"model":"mine","messages":[{"role":"user","content":"` + strings.Repeat("word ", 1<<20) + `"}]}`
	e.reset()
	if a := e.post(t, "/api/route/large", body, "X-Fault", "503", "X-Case", "large"); a.status != 200 {
		t.Fatalf("got %d", a.status)
	}
	want := []byte(strings.Replace(body, `"mine"`, `"gpt-4o-mini"`, 1))
	if got := e.fakes[0].Requests()[0].Body; !bytes.Equal(got, want) {
		t.Errorf("the last step got %d bytes, want %d", len(got), len(want))
	}
	if n := len(e.faulty.seen("large")); n != 3 {
		t.Errorf("%d calls", n)
	}
}

// routeClientLeaves in the second try of the first step.
func routeClientLeaves(t *testing.T, e *faultEnv) {
	key := e.routeKey(testenv.Object{"costLimitInUsd": 1.0})
	e.newRoute("/leave", []testenv.Object{faultyStep("", testenv.Object{"retries": 1, "timeout": "1s"}), step(0, nil)}, key)
	e.reset()
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() {
		_, err := e.try(ctx, http.MethodPost, "/api/route/leave", anyChat, append(bearer(key), "X-Fault", "timeout", "X-Case", "leave")...)
		left <- err
	}()
	testenv.Eventually(t, waitForEvents, "the second try is under way", func() bool { return len(e.faulty.seen("leave")) == 2 })
	cancel()
	if err := <-left; err == nil {
		t.Fatal("the client did not leave")
	}
	ev := e.AwaitEvents(key, 1)[0]
	if ev.Status != 499 || !ev.Incomplete || e.calls()[0] != 0 || len(e.faulty.seen("leave")) != 2 {
		t.Errorf("event = %+v, calls %v", ev, e.calls())
	}
	testenv.Eventually(t, waitForEvents, "nothing stays reserved", func() bool {
		_, b := e.Call(http.MethodGet, "/api/reporting/keys/"+key.ID, nil)
		return strings.Contains(string(b), `"runningRequests":0`) && strings.Contains(string(b), `"reservedInUsd":0`)
	})
}

func routeChunked(t *testing.T, e *faultEnv) {
	e.newRoute("/chunked", []testenv.Object{faultyStep("500", testenv.Object{"retries": 1}), step(0, nil)})
	e.reset()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+e.Proxy+"/api/route/chunked", io.MultiReader(strings.NewReader(`{"stream":true,`), strings.NewReader(hello+`}`)))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"Authorization": "Bearer " + e.key.Secret, "Content-Type": "application/json", "X-Fault": "500", "X-Case": "chunked"} {
		r.Header.Set(name, value)
	}
	resp, err := e.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // read only
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 || len(e.faulty.seen("chunked")) != 2 {
		t.Fatalf("%d calls, got %d %s, %v", len(e.faulty.seen("chunked")), resp.StatusCode, b, err)
	}
	if got, want := string(e.fakes[0].Requests()[0].Body), `{"stream_options":{"include_usage":true},"model":"gpt-4o-mini","stream":true,`+hello+`}`; got != want {
		t.Errorf("forwarded %s, want %s", got, want)
	}
	if strings.Contains(string(b), `"usage"`) {
		t.Errorf("the client got usage that it did not ask for: %s", b)
	}
}

func routeAnthropic(t *testing.T, e *faultEnv) {
	key := e.newKey(nil)
	e.Do(http.MethodPost, "/api/routes", testenv.Object{
		"name": "a", "path": "/anthropic", "keyIds": []string{key.ID}, "cacheConfig": testenv.Object{"enabled": false},
		"steps": []testenv.Object{{"provider": "anthropic", "model": "fake-529", "retries": 1}, {"provider": "anthropic", "model": "claude-haiku-4-5"}},
	})
	for _, stream := range []string{"true", "false"} {
		e.fake.Reset()
		a := e.post(t, "/api/route/anthropic", `{"max_tokens":64,"stream":`+stream+`,`+hello+`}`, bearer(key)...)
		if a.status != 200 || a.err != nil || a.header.Get("X-Bricks-Provider") != "anthropic" || a.header.Get("X-Bricks-Attempts") != "3" || len(e.fake.Requests()) != 3 {
			t.Errorf("got %v %v", a.header, a)
		}
		if ev := e.AwaitEvent(key, a.eventID()); ev.Model != "claude-haiku-4-5-20251001" || ev.Cost == "0" || ev.Incomplete || ev.Estimated {
			t.Errorf("event = %+v", ev)
		}
	}
	if a := e.post(t, "/api/route/anthropic", `{"input":"x"}`, bearer(key)...); a.status != 400 || decodeError(t, a).Type != "error" {
		t.Errorf("embeddings: %v", a)
	}
}

// routeForgery: no header of a client's reaches the loop or tells it what to do.
func routeForgery(t *testing.T, e *faultEnv) {
	e.newRoute("/forgery", []testenv.Object{faultyStep("500", nil), step(0, nil)})
	forged := []string{
		"X-Bricks-Ticket", "e30.AAAA", "X-Bricks-Cluster", "loop", "X-Bricks-Step", "1", "X-Bricks-Attempt", "1", "X-Bricks-Retry", "1",
		"X-Envoy-Attempt-Count", "7", "X-Envoy-Max-Retries", "9", "X-Envoy-Retry-On", "5xx", "X-Envoy-Upstream-Rq-Per-Try-Timeout-Ms", "1",
	}
	a := e.post(t, "/api/route/forgery", anyChat, append(forged, "X-Fault", "500", "X-Case", "forgery")...)
	if n := len(e.faulty.seen("forgery")); a.status != 200 || n != 1 || a.header.Get("X-Bricks-Attempts") != "2" {
		t.Errorf("%d calls, %v %v", n, a.header, a)
	}
	for _, path := range []string{chat, "/api/route/forgery"} {
		if a := e.post(t, path, helloChat, append(forged, "Authorization", "")...); a.status != 401 {
			t.Errorf("%s without a key: %v", path, a)
		}
	}
}

func routeRetryAfter(t *testing.T, e *faultEnv) {
	e.newRoute("/wait", []testenv.Object{faultyStep("", testenv.Object{"retries": 1, "timeout": "5s"}), step(0, nil)})
	a := e.post(t, "/api/route/wait", anyChat, "X-Fault", "429 with retry-after", "X-Case", "wait")
	calls := e.faulty.seen("wait")
	if a.status != 200 || len(calls) != 2 {
		t.Fatalf("%d calls, %v", len(calls), a)
	}
	if gap := calls[1].at.Sub(calls[0].at); gap < time.Second || gap > 3*time.Second {
		t.Errorf("the second try came %v after the first, want a second or a little more", gap)
	}
}

// routeLateContent: Envoy waits 5 s for the processor unless asked for more.
func routeLateContent(t *testing.T, e *faultEnv) {
	e.newRoute("/late", []testenv.Object{faultyStep("", testenv.Object{"timeout": "30s"}), step(0, nil)})
	a := e.post(t, "/api/route/late", `{"stream":true,`+hello+`}`, "X-Fault", "late content", "X-Case", "late")
	if a.status != 200 || a.err != nil || text(a.body) != "late" || len(e.faulty.seen("late")) != 1 {
		t.Errorf("got %v", a)
	}
}

func routeSilence(t *testing.T, e *faultEnv) {
	e.newRoute("/silence", []testenv.Object{faultyStep("", testenv.Object{"timeout": "700ms"}), step(0, nil)})
	a := e.post(t, "/api/route/silence", `{"stream":true,`+hello+`}`, "X-Fault", "preamble, then silence", "X-Case", "silence", "X-Request-Timeout", "2s")
	if a.status != 200 || !strings.Contains(string(a.body), "assistant") || a.err == nil {
		t.Errorf("got %v, want the preamble and a cut", a)
	}
}

// routeDeadline: two steps of 10 s each, but the client waits a second only.
func routeDeadline(t *testing.T, e *faultEnv) {
	slow := testenv.Object{"timeout": "10s", "retries": 2}
	e.newRoute("/deadline", []testenv.Object{faultyStep("", slow), faultyStep("", slow)})
	begin := time.Now()
	a := e.post(t, "/api/route/deadline", anyChat, "X-Fault", "timeout", "X-Case", "deadline", "X-Request-Timeout", "1s")
	if took := time.Since(begin); a.status != 504 || took < 900*time.Millisecond || took > 5*time.Second || len(e.faulty.seen("deadline")) != 1 {
		t.Errorf("%d calls in %v: %v", len(e.faulty.seen("deadline")), took, a)
	}
	decodeError(t, a)
}

// routeHealth: after five failures in a row the step is passed over, and comes
// back when a probe finds it well.
func routeHealth(t *testing.T, e *faultEnv) {
	e.newRoute("/health", []testenv.Object{faultyStep("", nil), step(0, nil)})
	ask := func(fault string) (attempts string) {
		a := e.post(t, "/api/route/health", anyChat, "X-Fault", fault, "X-Case", "health")
		if a.status != 200 {
			t.Errorf("got %v", a)
		}
		return a.header.Get("X-Bricks-Attempts")
	}
	for range 5 {
		if got := ask("500"); got != "2" {
			t.Fatalf("%s attempts, want 2", got)
		}
	}
	begin := time.Now()
	for range 20 {
		ask("500")
	}
	calls := len(e.faulty.seen("health")) - 5
	if most := int(time.Since(begin)/time.Second) + 1; calls > most {
		t.Errorf("the failing step was called %d times in %v, want %d at most", calls, time.Since(begin), most)
	}
	if !strings.Contains(metrics(t, e), "\nbricks_route_steps_down 1\n") {
		t.Error("the metric does not show the step")
	}
	testenv.Eventually(t, 10*time.Second, "a probe brings the step back", func() bool {
		ask("")
		return len(e.faulty.seen("health")) > 5+calls && ask("") == "1"
	})
	if !strings.Contains(metrics(t, e), "\nbricks_route_steps_down 0\n") {
		t.Error("the metric still shows the step")
	}
}

func metrics(t *testing.T, e *faultEnv) string {
	t.Helper()
	return metricsAt(t, e.env, e.Metrics)
}

func metricsAt(t *testing.T, e *env, address string) string {
	t.Helper()
	resp, err := e.client.Get("http://" + address + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // read only
	var b bytes.Buffer
	if _, err := b.ReadFrom(resp.Body); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// routeRevoked: a revoked key is refused at once, and so is the next attempt of
// a request that is under way.
func routeRevoked(t *testing.T, e *faultEnv) {
	key := e.routeKey(nil)
	e.newRoute("/revoked", []testenv.Object{faultyStep("", testenv.Object{"timeout": "2s"}), step(0, nil)}, key)
	e.reset()
	running := make(chan answer, 1)
	go func() {
		a, _ := e.try(t.Context(), http.MethodPost, "/api/route/revoked", anyChat, append(bearer(key), "X-Fault", "timeout", "X-Case", "revoked")...)
		running <- a
	}()
	testenv.Eventually(t, waitForEvents, "the first attempt is under way", func() bool { return len(e.faulty.seen("revoked")) == 1 })
	e.Do(http.MethodPatch, "/api/key-management/keys/"+key.ID, testenv.Object{"revoked": true})
	if a := e.post(t, "/api/route/revoked", anyChat, bearer(key)...); a.status != 401 {
		t.Errorf("revoked key: %v", a)
	}
	if a := <-running; a.status != 401 || len(e.fakes[0].Requests()) != 0 {
		t.Errorf("the running request: %v, and %d calls", a, len(e.fakes[0].Requests()))
	}
}
