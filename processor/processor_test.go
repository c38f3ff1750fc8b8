package processor_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	filterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/limit"
	"github.com/bricks-gateway/bricks/internal/policy"
	"github.com/bricks-gateway/bricks/internal/pricing"
	"github.com/bricks-gateway/bricks/internal/provider"
	"github.com/bricks-gateway/bricks/internal/secrets"
	"github.com/bricks-gateway/bricks/processor"
	"github.com/bricks-gateway/bricks/processor/configcache"
)

// world is what a processor under test sees.
type world struct {
	keys      map[configcache.Digest]*gateway.Key
	settings  map[string]*configcache.Setting
	customs   map[string]*provider.Custom
	customErr error
	routes    map[string]*gateway.Route
	policies  map[string]*policy.Policy
	keyErr    error
	intentErr error
	users     map[string][]*gateway.User // by name
	userErr   error
	jobs      processor.Jobs

	mu      sync.Mutex
	intents []gateway.Event
	finals  []gateway.Event
	limiter limit.Limiter
}

func (w *world) Key(_ context.Context, d configcache.Digest) (*gateway.Key, error) {
	if w.keyErr != nil {
		return nil, w.keyErr
	}
	if k := w.keys[d]; k != nil {
		return k, nil
	}
	return nil, &gateway.Error{Kind: gateway.Unauthorized, Message: "no such key"}
}

func (w *world) Setting(id string) (*configcache.Setting, bool) {
	s, ok := w.settings[id]
	return s, ok
}

func (w *world) Route(path string) (*gateway.Route, error) {
	if r := w.routes[path]; r != nil {
		return r, nil
	}
	return nil, &gateway.Error{Kind: gateway.NotFound, Message: "no such route"}
}

func (w *world) TicketKey() []byte { return []byte("ticket key") }

func (w *world) Users(_ context.Context, _ *gateway.Key, name string) ([]*gateway.User, error) {
	return w.users[name], w.userErr
}

func (w *world) CustomProvider(name string) (*provider.Custom, error) {
	if p := w.customs[name]; p != nil {
		return p, nil
	}
	if w.customErr != nil {
		return nil, w.customErr
	}
	return nil, &gateway.Error{Kind: gateway.NotFound, Message: "no such custom provider"}
}

func (w *world) Policy(id string) (*policy.Policy, error) {
	if p := w.policies[id]; p != nil {
		return p, nil
	}
	return nil, &gateway.Error{Kind: gateway.Unavailable, Message: "not known yet"}
}

func (w *world) Intent(e *gateway.Event) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.intentErr == nil {
		w.intents = append(w.intents, *e)
	}
	return w.intentErr
}

func (w *world) Final(e *gateway.Event) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.finals = append(w.finals, *e)
	return nil
}

// freeLimiter lets everything pass and counts settlements.
type freeLimiter struct {
	limit.Limiter // the processor asks for no more than what is below
	settled       []gateway.NanoUSD
	exhausted     error
	panics        bool
}

func (l *freeLimiter) Exhausted(context.Context, []limit.Account, bool) error {
	if l.panics {
		panic("broken")
	}
	return l.exhausted
}

func (l *freeLimiter) Reserve(context.Context, limit.Request) (limit.Reservation, error) {
	return &freeReservation{limiter: l, at: time.Now()}, nil
}

type freeReservation struct {
	limiter *freeLimiter
	at      time.Time
}

func (r *freeReservation) At() time.Time                                 { return r.at }
func (r *freeReservation) Granted() gateway.NanoUSD                      { return 0 }
func (r *freeReservation) Extend(context.Context, gateway.NanoUSD) error { return nil }
func (r *freeReservation) State() limit.State                            { return limit.State{} }
func (r *freeReservation) Settle(_ context.Context, cost gateway.NanoUSD) error {
	r.limiter.settled = append(r.limiter.settled, cost)
	return nil
}

const (
	bricksKey  = "bricks-key"
	credential = "sk-provider-credential"
)

func newWorld() *world {
	return &world{
		keys: map[configcache.Digest]*gateway.Key{
			secrets.HashKey(bricksKey): {ID: "key", SettingIDs: []string{"s"}},
		},
		settings: map[string]*configcache.Setting{"s": {
			ProviderSetting: gateway.ProviderSetting{ID: "s", Provider: "openai", APIKey: gateway.NewSecret(credential)},
			Cluster:         "c", Authority: "api.example", PathPrefix: "/prefix",
		}},
		limiter: &freeLimiter{},
	}
}

// envoy plays Envoy's side: it sends one message after the other and keeps the
// answers. It ends the stream with end.
type envoy struct {
	grpc.ServerStream
	messages []*extprocv3.ProcessingRequest
	answers  []*extprocv3.ProcessingResponse
	end      error
}

func (e *envoy) Context() context.Context { return context.Background() }

func (e *envoy) Recv() (*extprocv3.ProcessingRequest, error) {
	// Envoy sends nothing more after an answer of the processor's own.
	if n := len(e.answers); n > 0 && e.answers[n-1].GetImmediateResponse() != nil || len(e.messages) == 0 {
		return nil, e.end
	}
	m := e.messages[0]
	e.messages = e.messages[1:]
	return m, nil
}

func (e *envoy) Send(r *extprocv3.ProcessingResponse) error {
	e.answers = append(e.answers, r)
	return nil
}

func headers(end bool, pairs ...string) *extprocv3.HttpHeaders {
	m := &corev3.HeaderMap{}
	for i := 0; i < len(pairs); i += 2 {
		m.Headers = append(m.Headers, &corev3.HeaderValue{Key: pairs[i], RawValue: []byte(pairs[i+1])})
	}
	return &extprocv3.HttpHeaders{Headers: m, EndOfStream: end}
}

func requestHeaders(end bool, pairs ...string) *extprocv3.ProcessingRequest {
	return &extprocv3.ProcessingRequest{Request: &extprocv3.ProcessingRequest_RequestHeaders{RequestHeaders: headers(end, pairs...)}}
}

func chatHeaders(extra ...string) *extprocv3.ProcessingRequest {
	return headersFor("/api/providers/openai/v1/chat/completions", extra...)
}

func headersFor(path string, extra ...string) *extprocv3.ProcessingRequest {
	return requestHeaders(false, append([]string{
		":method", "POST", ":path", path, "x-request-id", "event-1",
		"authorization", "Bearer " + bricksKey, "content-type", "application/json",
	}, extra...)...)
}

func requestBody(body string) *extprocv3.ProcessingRequest {
	return &extprocv3.ProcessingRequest{Request: &extprocv3.ProcessingRequest_RequestBody{RequestBody: &extprocv3.HttpBody{Body: []byte(body), EndOfStream: true}}}
}

func responseHeaders(pairs ...string) *extprocv3.ProcessingRequest {
	return &extprocv3.ProcessingRequest{Request: &extprocv3.ProcessingRequest_ResponseHeaders{ResponseHeaders: headers(false, pairs...)}}
}

func responseBody(end bool, body string) *extprocv3.ProcessingRequest {
	return &extprocv3.ProcessingRequest{Request: &extprocv3.ProcessingRequest_ResponseBody{ResponseBody: &extprocv3.HttpBody{Body: []byte(body), EndOfStream: end}}}
}

func process(w *world, end error, messages ...*extprocv3.ProcessingRequest) ([]*extprocv3.ProcessingResponse, error) {
	s := processor.New(processor.Options{
		Config: w, Spool: w, Limiter: w.limiter, Prices: pricing.NewBook(pricing.Default(), nil, ""), Policies: emails, Logger: slog.New(slog.DiscardHandler), Jobs: w.jobs,
	})
	e := &envoy{messages: messages, end: end}
	err := s.Process(e)
	s.Close()
	return e.answers, err
}

const chat = `{"model":"gpt-4o","messages":[]}`

// holds reports whether any answer carries the provider's credential.
func holds(answers []*extprocv3.ProcessingResponse) bool {
	for _, a := range answers {
		if strings.Contains(a.String(), credential) {
			return true
		}
	}
	return false
}

func refusal(t *testing.T, answers []*extprocv3.ProcessingResponse) (status int, body string) {
	t.Helper()
	if len(answers) == 0 || answers[len(answers)-1].GetImmediateResponse() == nil {
		t.Fatalf("not refused: %v", answers)
	}
	i := answers[len(answers)-1].GetImmediateResponse()
	return int(i.GetStatus().GetCode()), string(i.Body)
}

func TestTheCredentialLeavesAfterTheIntentWithThePhasesInForce(t *testing.T) {
	w := newWorld()
	answers, err := process(w, io.EOF, chatHeaders(), requestBody(chat))
	if err != nil || len(answers) != 2 {
		t.Fatalf("answers = %v, %v", answers, err)
	}
	mode := answers[0].GetModeOverride()
	if mode.GetResponseHeaderMode() != filterv3.ProcessingMode_SEND || mode.GetResponseBodyMode() != filterv3.ProcessingMode_STREAMED || mode.GetRequestBodyMode() != filterv3.ProcessingMode_BUFFERED {
		t.Errorf("mode override = %v", mode)
	}
	if holds(answers[:1]) || !holds(answers[1:]) {
		t.Error("the credential is not in the body answer alone")
	}
	// 32 bytes are 8 tokens at 2500: what the request is booked at if its end is lost.
	if len(w.intents) != 1 || w.intents[0].ID != "event-1" || w.intents[0].Cost != 20_000 || w.intents[0].PriceStatus != gateway.Priced {
		t.Errorf("intents = %+v", w.intents)
	}
	got := map[string]string{}
	for _, h := range answers[1].GetRequestBody().GetResponse().GetHeaderMutation().GetSetHeaders() {
		got[h.Header.Key] = string(h.Header.RawValue)
	}
	for name, want := range map[string]string{
		":path": "/prefix/v1/chat/completions", ":authority": "api.example", "x-bricks-cluster": "c", "authorization": "Bearer " + credential,
	} {
		if got[name] != want {
			t.Errorf("%s = %q, want %q", name, got[name], want)
		}
	}
}

func TestNoIntentNoCredential(t *testing.T) {
	w := newWorld()
	w.intentErr = errors.New("disk is full")
	answers, _ := process(w, io.EOF, chatHeaders(), requestBody(chat))
	if status, _ := refusal(t, answers); status != 503 || holds(answers) {
		t.Errorf("status = %d, credential out: %v", status, holds(answers))
	}
	if l := w.limiter.(*freeLimiter); len(l.settled) != 1 || l.settled[0] != 0 {
		t.Errorf("settled = %v, want the reservation given back", l.settled)
	}
}

func TestMessagesOutOfOrderEndTheStreamWithAnError(t *testing.T) {
	for name, messages := range map[string][]*extprocv3.ProcessingRequest{
		"a body first":      {requestBody(chat)},
		"headers twice":     {chatHeaders(), chatHeaders()},
		"a body twice":      {chatHeaders(), requestBody(chat), requestBody(chat)},
		"an empty message":  {{}},
		"body after GET":    {requestHeaders(true, ":method", "GET", ":path", "/api/providers/openai/v1/models", "x-api-key", bricksKey), requestBody(chat)},
		"empty then a body": {chatHeaders(), {}},
	} {
		if _, err := process(newWorld(), io.EOF, messages...); err == nil {
			t.Errorf("%s: the stream ended cleanly, so Envoy would let the request go on", name)
		}
	}
}

func TestAStreamWithoutMessagesIsNoError(t *testing.T) {
	w := newWorld()
	if _, err := process(w, io.EOF); err != nil || len(w.finals) != 0 {
		t.Errorf("err = %v, events = %v", err, w.finals)
	}
	// Envoy's own answer, before it sent us the request.
	if _, err := process(w, io.EOF, responseHeaders(":status", "413")); err != nil || len(w.finals) != 0 {
		t.Errorf("err = %v, events = %v", err, w.finals)
	}
}

func TestAPanicEndsOneRequest(t *testing.T) {
	w := newWorld()
	w.limiter = &freeLimiter{panics: true}
	if _, err := process(w, io.EOF, chatHeaders()); err == nil {
		t.Error("the stream ended cleanly after a panic")
	}
}

func TestUnavailableIsNever401(t *testing.T) {
	w := newWorld()
	w.keyErr = &gateway.Error{Kind: gateway.Unavailable, Message: "control plane away"}
	answers, _ := process(w, io.EOF, chatHeaders())
	if status, _ := refusal(t, answers); status != 503 {
		t.Errorf("status = %d, want 503", status)
	}
}

func TestAnUnknownPriceIsRefusedOnALimitedKey(t *testing.T) {
	w := newWorld()
	w.keys[secrets.HashKey(bricksKey)].CostLimit = gateway.USD
	answers, _ := process(w, io.EOF, chatHeaders(), requestBody(`{"model":"nobody-knows","messages":[]}`))
	if status, body := refusal(t, answers); status != 403 || !strings.Contains(body, "cost_not_boundable") || holds(answers) {
		t.Errorf("status = %d, body = %s", status, body)
	}
}

func TestEventsOfHowAnAnswerEnded(t *testing.T) {
	sse := responseHeaders(":status", "200", "content-type", "text/event-stream")
	// One piece of two tokens.
	chunk := "data: {\"model\":\"gpt-4o\",\"choices\":[{\"delta\":{\"content\":\" two words\"}}]}\n\n"
	usage := "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":19,\"completion_tokens\":10}}\n\n"
	stream := `{"model":"gpt-4o","stream":true,"messages":[]}` // no message: 3 tokens of framing, 4 of margin
	tests := []struct {
		name     string
		end      error
		messages []*extprocv3.ProcessingRequest
		want     gateway.Event
	}{
		{"JSON to its end: 19 x 2500 + 10 x 10000", io.EOF, []*extprocv3.ProcessingRequest{
			chatHeaders(), requestBody(chat), responseHeaders(":status", "200", "content-type", "application/json"),
			responseBody(false, `{"model":"gpt-4o","usage":{"prompt_`), responseBody(true, `tokens":19,"completion_tokens":10}}`),
		}, gateway.Event{Status: 200, Cost: 147_500, Usage: gateway.Usage{InputTokens: 19, OutputTokens: 10}}},
		{"a stream to its end", context.Canceled, []*extprocv3.ProcessingRequest{
			chatHeaders(), requestBody(stream), sse, responseBody(false, chunk+usage), responseBody(true, "data: [DONE]\n\n"),
		}, gateway.Event{Status: 200, Cost: 147_500, Usage: gateway.Usage{InputTokens: 19, OutputTokens: 10}}},
		{"the client left after two events: 7 x 2500 + 4 tokens x 10000", io.EOF, []*extprocv3.ProcessingRequest{
			chatHeaders(), requestBody(stream), sse, responseBody(false, chunk), responseBody(false, chunk),
		}, gateway.Event{Status: 499, Cost: 57_500, Estimated: true, Incomplete: true, Usage: gateway.Usage{InputTokens: 7, OutputTokens: 4}}},
		{"the provider broke off after one event", context.Canceled, []*extprocv3.ProcessingRequest{
			chatHeaders(), requestBody(stream), sse, responseBody(false, chunk),
		}, gateway.Event{Status: 200, Cost: 37_500, Estimated: true, Incomplete: true, Usage: gateway.Usage{InputTokens: 7, OutputTokens: 2}}},
		{"a stream without usage", io.EOF, []*extprocv3.ProcessingRequest{
			chatHeaders(), requestBody(stream), sse, responseBody(false, chunk), responseBody(true, "data: [DONE]\n\n"),
		}, gateway.Event{Status: 200, Cost: 37_500, Estimated: true, Usage: gateway.Usage{InputTokens: 7, OutputTokens: 2}}},
		{"refused by the provider", io.EOF, []*extprocv3.ProcessingRequest{
			chatHeaders(), requestBody(chat), responseHeaders(":status", "429", "content-type", "application/json"), responseBody(true, `{"error":{}}`),
		}, gateway.Event{Status: 429}},
		{"no answer at all: 7 tokens at 2500", io.EOF, []*extprocv3.ProcessingRequest{chatHeaders(), requestBody(chat)},
			gateway.Event{Status: 499, Cost: 17_500, Estimated: true, Incomplete: true, Usage: gateway.Usage{InputTokens: 7}}},
		{"the client left right after the end marker", io.EOF, []*extprocv3.ProcessingRequest{
			chatHeaders(), requestBody(stream), sse, responseBody(false, chunk+usage+"data: [DONE]\n\n"),
		}, gateway.Event{Status: 200, Cost: 147_500, Usage: gateway.Usage{InputTokens: 19, OutputTokens: 10}}},
	}
	for _, tt := range tests {
		w := newWorld()
		if _, err := process(w, tt.end, tt.messages...); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if len(w.finals) != 1 {
			t.Errorf("%s: %d events", tt.name, len(w.finals))
			continue
		}
		e := w.finals[0]
		if e.Status != tt.want.Status || e.Cost != tt.want.Cost || e.Usage != tt.want.Usage || e.Estimated != tt.want.Estimated || e.Incomplete != tt.want.Incomplete {
			t.Errorf("%s:\n got status %d cost %d usage %+v estimated %v incomplete %v\nwant status %d cost %d usage %+v estimated %v incomplete %v", tt.name,
				e.Status, e.Cost, e.Usage, e.Estimated, e.Incomplete, tt.want.Status, tt.want.Cost, tt.want.Usage, tt.want.Estimated, tt.want.Incomplete)
		}
		if l := w.limiter.(*freeLimiter); len(l.settled) != 1 || l.settled[0] != tt.want.Cost {
			t.Errorf("%s: settled %v, want %d once", tt.name, l.settled, tt.want.Cost)
		}
	}
}

func TestAProvidersRefusalOfTheCredentialIsReplaced(t *testing.T) {
	w := newWorld()
	answers, _ := process(w, io.EOF, chatHeaders(), requestBody(chat), responseHeaders(":status", "401", "x-echo", credential))
	status, body := refusal(t, answers)
	if status != 401 || strings.Contains(body, credential) || holds(answers[2:]) {
		t.Errorf("status = %d, body = %s", status, body)
	}
}

func TestRefusalsShareEventsAboveTenASecond(t *testing.T) {
	w := newWorld()
	w.limiter = &freeLimiter{exhausted: &limit.Refusal{Code: "rate_limit_exceeded", Message: "slow down", RetryAfter: time.Second}}
	s := processor.New(processor.Options{Config: w, Spool: w, Limiter: w.limiter, Prices: pricing.NewBook(pricing.Default(), nil, ""), Policies: emails, Logger: slog.New(slog.DiscardHandler)})
	const requests = 300
	for range requests {
		if err := s.Process(&envoy{messages: []*extprocv3.ProcessingRequest{chatHeaders()}, end: io.EOF}); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	counted := 0
	for _, e := range w.finals {
		counted += e.RefusedCount
		if e.Status != 429 || e.RefusalCode != "rate_limit_exceeded" || e.Cost != 0 {
			t.Fatalf("event = %+v", e)
		}
	}
	// At most ten and one for every second that the loop took.
	if counted != requests || len(w.finals) > 60 {
		t.Errorf("%d events stand for %d requests, want few for %d", len(w.finals), counted, requests)
	}
}

func TestALimiterThatCannotSayRefuses(t *testing.T) {
	w := newWorld()
	w.limiter = &freeLimiter{exhausted: errors.New("ledger away")}
	answers, _ := process(w, io.EOF, chatHeaders())
	if status, _ := refusal(t, answers); status != 503 {
		t.Errorf("an error of the limiter: status = %d, want 503", status)
	}
}

// cancelledStream ends by its context, as a completed exchange does.
type cancelledStream struct {
	envoy
	ctx    context.Context
	cancel context.CancelFunc
}

func (c *cancelledStream) Context() context.Context { return c.ctx }

func (c *cancelledStream) Recv() (*extprocv3.ProcessingRequest, error) {
	// Not envoy's: that one looks at the answers, which another goroutine sends.
	if len(c.messages) == 0 {
		c.cancel()
		return nil, c.end
	}
	m := c.messages[0]
	c.messages = c.messages[1:]
	return m, nil
}

func TestARequestTimeoutDoesNotOutliveTheExchange(t *testing.T) {
	for range 50 { // the end arrives by two ways at once
		w := newWorld()
		c := &cancelledStream{envoy: envoy{end: context.Canceled, messages: []*extprocv3.ProcessingRequest{
			chatHeaders("x-request-timeout", "10m"), requestBody(chat), responseHeaders(":status", "200", "content-type", "application/json"),
			responseBody(true, `{"model":"gpt-4o","usage":{"prompt_tokens":19,"completion_tokens":10}}`),
		}}}
		c.ctx, c.cancel = context.WithCancel(context.Background())
		s := processor.New(processor.Options{
			Config: w, Spool: w, Limiter: w.limiter, Prices: pricing.NewBook(pricing.Default(), nil, ""), Policies: emails, Logger: slog.New(slog.DiscardHandler), Timeout: time.Hour,
		})
		if err := s.Process(c); err != nil {
			t.Fatal(err)
		}
		if len(w.finals) != 1 || w.finals[0].Incomplete || w.finals[0].Cost != 147_500 {
			t.Fatalf("events = %+v", w.finals)
		}
	}
}
