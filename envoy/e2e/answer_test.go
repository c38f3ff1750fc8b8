package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bricks-gateway/bricks/internal/fakeprovider"
	"github.com/bricks-gateway/bricks/internal/testenv"
)

// TestAnswersAndTheirEvents sends each kind of call once. The tokens are the
// fake's: 3 a prompt, 4 a message, 1 a word. The money is worked out by hand, in
// nano-dollars a token.
func TestAnswersAndTheirEvents(t *testing.T) {
	e := newEnv(t, testenv.Options{})
	cases := map[string]struct {
		method, path, body string
		headers            []string
		contains           string
		want               testenv.Event
	}{
		// gpt-4o-mini: 150 in, 600 out. 10×150 + 5×600 = 4500.
		"chat": {
			path: chat, body: helloChat, contains: `"content":"You said: hello there gateway"`,
			want: testenv.Event{Model: "gpt-4o-mini-2024-07-18", Operation: "chat", InputTokens: 10, OutputTokens: 5, Cost: "0.0000045", PriceStatus: "priced"},
		},
		// 6×150 + 4 cached×75 + (5+2)×600 = 5400.
		"chat with cached and reasoning tokens": {
			path: chat, body: helloChat, headers: []string{"X-Fake-Cached-Tokens", "4", "X-Fake-Reasoning-Tokens", "2"}, contains: `"cached_tokens":4`,
			want: testenv.Event{Model: "gpt-4o-mini-2024-07-18", Operation: "chat", InputTokens: 10, OutputTokens: 7, CachedTokens: 4, ReasoningTokens: 2, Cost: "0.0000054", PriceStatus: "priced"},
		},
		"chat streamed": {
			path: chat, body: `{"model":"gpt-4o-mini","stream":true,` + hello + `}`, contains: "data: [DONE]\n\n",
			want: testenv.Event{Model: "gpt-4o-mini-2024-07-18", Operation: "chat", Streamed: true, InputTokens: 10, OutputTokens: 5, Cost: "0.0000045", PriceStatus: "priced"},
		},
		"chat streamed with usage": {
			path: chat, body: `{"model":"gpt-4o-mini","stream":true,"stream_options":{"include_usage":true},` + hello + `}`, contains: `"choices":[],"usage":{"prompt_tokens":10`,
			want: testenv.Event{Model: "gpt-4o-mini-2024-07-18", Operation: "chat", Streamed: true, InputTokens: 10, OutputTokens: 5, Cost: "0.0000045", PriceStatus: "priced"},
		},
		// text-embedding-3-small: 20 in. 3×20 = 60.
		"embeddings": {
			path: embeddings, body: `{"model":"text-embedding-3-small","input":["one two","three"],"encoding_format":"base64"}`, contains: `"embedding":"`,
			want: testenv.Event{Model: "text-embedding-3-small", Operation: "embeddings", InputTokens: 3, Cost: "0.00000006", PriceStatus: "priced"},
		},
		"models": {
			method: http.MethodGet, path: models, contains: `"owned_by":"system"`,
			want: testenv.Event{Operation: "list_models", Cost: "0", PriceStatus: "free"},
		},
		"one model": {
			method: http.MethodGet, path: models + "/gpt-4o", contains: `"id":"gpt-4o"`,
			want: testenv.Event{Operation: "get_model", Cost: "0", PriceStatus: "free"},
		},
		// claude-haiku-4-5: 1000 in, 5000 out. 10×1000 + 5×5000 = 35000.
		"message": {
			path: messages, body: helloCall, contains: `"text":"You said: hello there gateway"`,
			want: testenv.Event{Model: "claude-haiku-4-5-20251001", Operation: "chat", InputTokens: 10, OutputTokens: 5, Cost: "0.000035", PriceStatus: "priced"},
		},
		// Read 100, written for 5 minutes 1250, for an hour 2000:
		// 10×1000 + 20×100 + 7×1250 + 3×2000 + 5×5000 = 51750.
		"message with cache": {
			path: messages, body: helloCall, contains: `"cache_read_input_tokens":20`,
			headers: []string{"X-Fake-Cached-Tokens", "20", "X-Fake-Cache-Write-Tokens", "7", "X-Fake-Cache-Write-1h-Tokens", "3"},
			want:    testenv.Event{Model: "claude-haiku-4-5-20251001", Operation: "chat", InputTokens: 40, OutputTokens: 5, CachedTokens: 20, CacheWriteTokens: 10, Cost: "0.00005175", PriceStatus: "priced"},
		},
		"message streamed with cache": {
			path: messages, body: `{"model":"claude-haiku-4-5","max_tokens":64,"stream":true,` + hello + `}`, contains: "event: message_stop\n",
			headers: []string{"X-Fake-Cached-Tokens", "20", "X-Fake-Cache-Write-Tokens", "7", "X-Fake-Cache-Write-1h-Tokens", "3"},
			want:    testenv.Event{Model: "claude-haiku-4-5-20251001", Operation: "chat", Streamed: true, InputTokens: 40, OutputTokens: 5, CachedTokens: 20, CacheWriteTokens: 10, Cost: "0.00005175", PriceStatus: "priced"},
		},
		"count_tokens": {
			path: messages + "/count_tokens", body: `{"model":"claude-haiku-4-5",` + hello + `}`, contains: `{"input_tokens":10}`,
			want: testenv.Event{Model: "claude-haiku-4-5", Operation: "count_tokens", Cost: "0", PriceStatus: "free"},
		},
		"a model without a price": {
			path: chat, body: `{"model":"fake-unpriced",` + hello + `}`, contains: `"You said: hello there gateway"`,
			want: testenv.Event{Model: "fake-unpriced", Operation: "chat", InputTokens: 10, OutputTokens: 5, Cost: "0", PriceStatus: "unpriced"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			e.fake.Reset()
			if c.method == "" {
				c.method = http.MethodPost
			}
			a := e.send(t, c.method, c.path, c.body, append(c.headers, "X-Custom-Event-Id", "my "+name)...)
			if a.status != http.StatusOK || a.err != nil || !strings.Contains(string(a.body), c.contains) {
				t.Fatalf("got %v, want 200 with %s", a, c.contains)
			}
			want := c.want
			want.ID, want.KeyID, want.CustomID, want.Action, want.Attempts = a.eventID(), e.key.ID, "my "+name, "allowed", 1
			want.Status, want.Path, want.Method, want.Provider, want.SettingID = http.StatusOK, c.path, c.method, "openai", e.openAI
			if strings.HasPrefix(c.path, messages) {
				want.Provider, want.SettingID = "anthropic", e.anthropic
			}
			got := e.AwaitEvent(e.key, a.eventID())
			if got.LatencyInMs < 1 {
				t.Errorf("latency = %d ms, want at least 1", got.LatencyInMs)
			}
			got.LatencyInMs = 0
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("event (-want +got):\n%s", diff)
			}
			if len(e.fake.Requests()) != 1 {
				t.Errorf("the provider saw %d requests", len(e.fake.Requests()))
			}
		})
	}
}

func TestBodiesAreKeptOnlyWhenTheKeyAsks(t *testing.T) {
	e := newEnv(t, testenv.Options{})
	keeping := e.newKey(testenv.Object{"shouldLogRequest": true, "shouldLogResponse": true})
	a := e.post(t, chat, helloChat, bearer(keeping)...)
	ev := e.AwaitEvent(keeping, a.eventID())
	if string(ev.Request) != helloChat || string(ev.Response) != string(a.body) {
		t.Errorf("kept request %s and response %s, want what was sent: %s", ev.Request, ev.Response, a.body)
	}
	a = e.post(t, chat, helloChat)
	if ev := e.AwaitEvent(e.key, a.eventID()); ev.Request != nil || ev.Response != nil {
		t.Errorf("kept request %s and response %s unasked", ev.Request, ev.Response)
	}
}

func TestStrictPrivacyKeepsNoBodies(t *testing.T) {
	e := newEnv(t, testenv.Options{Args: []string{"-p", "strict"}})
	key := e.newKey(testenv.Object{"shouldLogRequest": true, "shouldLogResponse": true})
	a := e.post(t, chat, helloChat, bearer(key)...)
	if ev := e.AwaitEvent(key, a.eventID()); a.status != http.StatusOK || ev.Request != nil || ev.Response != nil {
		t.Errorf("got %v; kept request %s and response %s", a, ev.Request, ev.Response)
	}
}

// TestUpstreamPath: a url's prefix and the client's query arrive, a trailing
// /v1 of the url does not.
func TestUpstreamPath(t *testing.T) {
	e := newEnv(t, testenv.Options{})
	a := e.send(t, http.MethodGet, models+"?limit=3&after=x%20y", "")
	if r := e.forwarded(t); a.status != http.StatusOK || r.Target != "/v1/models?limit=3&after=x%20y" || r.Host != e.fake.Address() {
		t.Errorf("got %v for %s at %s", a, r.Target, r.Host)
	}
	e.fake.Reset()
	prefixed := e.CreateSetting("openai", fakeprovider.OpenAIKey, e.fake.URL()+fakeprovider.Prefix+"/v1", nil)
	key := e.CreateKey([]string{prefixed}, nil)
	a = e.send(t, http.MethodGet, models, "", bearer(key)...)
	if r := e.forwarded(t); a.status != http.StatusOK || r.Target != "/compatible/v1/models" {
		t.Errorf("got %v for %s", a, r.Target)
	}
}

func TestHealth(t *testing.T) {
	e := newEnv(t, testenv.Options{})
	for _, address := range []string{"http://" + e.Proxy + "/healthz", "http://" + e.Metrics + "/healthz", "http://" + e.Metrics + "/readyz", "http://" + e.Admin + "/api/health"} {
		resp, err := e.client.Get(address)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s: got %d", address, resp.StatusCode)
		}
	}
	var status map[string]any
	if code, b := e.Call(http.MethodGet, "/api/xds/status", nil); code != http.StatusOK || json.Unmarshal(b, &status) != nil {
		t.Errorf("xds status: got %d %s", code, b)
	}
}
