package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/fakeprovider"
	"github.com/bricks-gateway/bricks/internal/testenv"
)

// faulty is an upstream that fails as the request's x-fault header says. It
// counts its calls by the x-case header.
type faulty struct {
	*httptest.Server
	fake *fakeprovider.Provider

	mu    sync.Mutex
	calls map[string][]call
}

type call struct {
	at   time.Time
	body []byte

	traceparent string
}

const faultyCredential = "sk-faulty-credential-0123456789"

func startFaulty(t *testing.T) *faulty {
	t.Helper()
	fake, err := fakeprovider.Start(fakeprovider.Options{OpenAIKeys: []string{faultyCredential}})
	if err != nil {
		t.Fatal(err)
	}
	f := &faulty{fake: fake, calls: map[string][]call{}}
	f.Server = httptest.NewServer(f)
	t.Cleanup(func() {
		f.CloseClientConnections()
		f.Close()
		_ = fake.Close()
		if v := fake.Violations(); len(v) > 0 {
			t.Errorf("the faulty upstream saw what it must not see: %q", v)
		}
	})
	return f
}

// seen are the calls of one case.
func (f *faulty) seen(name string) []call {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[name]
}

const roleChunk = `data: {"id":"x","object":"chat.completion.chunk","model":"gpt-4o","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}` + "\n\n"

func (f *faulty) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, fault := r.Header.Get("X-Case"), r.Header.Get("X-Fault")
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	f.mu.Lock()
	f.calls[name] = append(f.calls[name], call{time.Now(), body, r.Header.Get("Traceparent")})
	f.mu.Unlock()
	if got := r.Header.Get("Authorization"); got != "Bearer "+faultyCredential {
		http.Error(w, "another's credential", http.StatusTeapot)
		return
	}
	switch fault {
	case "reset":
		c, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		_ = c.(*net.TCPConn).SetLinger(0)
		_ = c.Close()
	case "429 with retry-after":
		w.Header().Set("Retry-After", "1")
		failAs(w, 429)
	case "429":
		failAs(w, 429)
	case "500":
		failAs(w, 500)
	case "503":
		failAs(w, 503)
	case "408":
		failAs(w, 408)
	case "400":
		failAs(w, 400)
	case "401":
		failAs(w, 401)
	case "timeout":
		<-r.Context().Done()
	case "error event":
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = w.Write([]byte(roleChunk + `data: {"error":{"message":"overloaded","type":"server_error","param":null,"code":null}}` + "\n\n"))
	case "billed error event":
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = w.Write([]byte(roleChunk + `data: {"model":"gpt-4o","choices":[],"usage":{"prompt_tokens":1000,"completion_tokens":100}}` + "\n\n" +
			`data: {"error":{"message":"overloaded","type":"server_error","param":null,"code":null}}` + "\n\n"))
	case "small bill": // 10 tokens in, 5 out
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = w.Write([]byte(roleChunk + `data: {"model":"gpt-3.5-turbo-0125","choices":[],"usage":{"prompt_tokens":10,"completion_tokens":5}}` + "\n\n" +
			`data: {"error":{"message":"overloaded","type":"server_error","param":null,"code":null}}` + "\n\n"))
	case "clean end":
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = w.Write([]byte(roleChunk + `data: {"model":"gpt-4o","choices":[{"index":0,"delta":{"content":"half"},"finish_reason":null}]}` + "\n\n"))
	case "preamble, then cut":
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = w.Write([]byte(roleChunk))
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	case "preamble, then silence":
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = w.Write([]byte(roleChunk))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	case "late content":
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = w.Write([]byte(roleChunk))
		_ = http.NewResponseController(w).Flush()
		select {
		case <-time.After(7 * time.Second): // longer than Envoy waits for the processor
		case <-r.Context().Done():
		}
		_, _ = w.Write([]byte(`data: {"model":"gpt-4o","choices":[{"index":0,"delta":{"content":"late"},"finish_reason":"stop"}]}` + "\n\ndata: [DONE]\n\n"))
	case "cut":
		// The pause lets the first piece reach the client: before that, Envoy
		// answers in the provider's place.
		r.Header.Set("X-Fake-Split", "700")
		r.Header.Set("X-Fake-Cut", "800")
		if r.Header.Get("X-Stream") == "" {
			r.Header.Set("X-Fake-Split", "100")
			r.Header.Set("X-Fake-Cut", "200")
		}
		r.Header.Set("X-Fake-Pace", "500ms")
		f.fake.ServeHTTP(w, r)
	case "trickle":
		r.Header.Set("X-Fake-Split", "24")
		r.Header.Set("X-Fake-Pace", "2ms")
		f.fake.ServeHTTP(w, r)
	default:
		f.fake.ServeHTTP(w, r)
	}
}

func failAs(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"error":{"message":"asked to fail with %d","type":"server_error","param":null,"code":null}}`, status)
}

// faultEnv adds the faulty upstream, and two that cannot be reached. A step
// leads to one of them by its model.
type faultEnv struct {
	*routeEnv
	faulty *faulty
	// settings by what they lead to
	faultySetting string
}

const (
	faultyModel  = "gpt-3.5-turbo"
	refusedModel = "gpt-5-mini"
	tlsModel     = "gpt-5-nano"
)

func newFaultEnv(t *testing.T, o testenv.Options) *faultEnv {
	t.Helper()
	f := startFaulty(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	address := f.Listener.Addr().String()
	o.AllowUpstream = append(o.AllowUpstream, address, nobody)
	e := &faultEnv{routeEnv: newRouteEnv(t, o), faulty: f}
	only := func(model string) testenv.Object { return testenv.Object{"allowedModels": []string{model}} }
	e.faultySetting = e.CreateSetting("openai", faultyCredential, f.URL, only(faultyModel))
	e.up = append(e.up, e.faultySetting,
		e.CreateSetting("openai", faultyCredential, "http://"+nobody, only(refusedModel)),
		e.CreateSetting("openai", faultyCredential, "https://"+address, only(tlsModel)))
	e.secrets = append(e.secrets, faultyCredential)
	e.key = e.routeKey(nil)
	return e
}

// faultyStep is a step at the faulty upstream, or at one that cannot be reached.
func faultyStep(fault string, more testenv.Object) testenv.Object {
	s := testenv.Object{"provider": "openai", "model": faultyModel, "timeout": "500ms"}
	switch fault {
	case "refused":
		s["model"] = refusedModel
	case "tls":
		s["model"] = tlsModel
	}
	for k, v := range more {
		s[k] = v
	}
	return s
}
