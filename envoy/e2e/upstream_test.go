package e2e

import (
	"bytes"
	"net"
	"strings"
	"testing"

	"github.com/bricks-gateway/bricks/internal/fakeprovider"
	"github.com/bricks-gateway/bricks/internal/testenv"
)

// TestProvidersErrorsPass as they are, and cost nothing.
func TestProvidersErrorsPass(t *testing.T) {
	e := newEnv(t, testenv.Options{})
	cases := map[string]struct {
		path, direct, body string
		status             int
	}{
		"500":                 {chat, "/v1/chat/completions", `{"model":"fake-500",` + hello + `}`, 500},
		"503":                 {chat, "/v1/chat/completions", `{"model":"fake-503",` + hello + `}`, 503},
		"429":                 {chat, "/v1/chat/completions", `{"model":"fake-429",` + hello + `}`, 429},
		"404":                 {chat, "/v1/chat/completions", `{"model":"no-such-model",` + hello + `}`, 404},
		"400":                 {chat, "/v1/chat/completions", `{"model":"gpt-4o-mini","messages":[]}`, 400},
		"500 to a stream":     {chat, "/v1/chat/completions", `{"model":"fake-500","stream":true,` + hello + `}`, 500},
		"anthropic 529":       {messages, "/v1/messages", `{"model":"fake-529","max_tokens":9,` + hello + `}`, 529},
		"anthropic 404":       {messages, "/v1/messages", `{"model":"no-such-model","max_tokens":9,` + hello + `}`, 404},
		"anthropic 400":       {messages, "/v1/messages", `{"model":"claude-haiku-4-5",` + hello + `}`, 400},
		"anthropic's counter": {messages + "/count_tokens", "/v1/messages/count_tokens", `{"model":"fake-500",` + hello + `}`, 500},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			want := e.direct(t, c.direct, c.body)
			a := e.post(t, c.path, c.body)
			if a.status != c.status || !bytes.Equal(a.body, want) {
				t.Errorf("got %v, want %d %s", a, c.status, want)
			}
			if c.status == 429 && a.header.Get("Retry-After") != "7" {
				t.Errorf("the provider's Retry-After did not pass: %v", a.header)
			}
			ev := e.AwaitEvent(e.key, a.eventID())
			if ev.Status != c.status || ev.Cost != "0" || ev.RefusalCode != "" {
				t.Errorf("event = %+v", ev)
			}
		})
	}
}

// TestProviderThatCannotBeReached: nobody listens, or nobody answers in time.
func TestProviderThatCannotBeReached(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	e := newEnv(t, testenv.Options{AllowUpstream: []string{nobody}})
	away := e.CreateKey([]string{
		e.CreateSetting("openai", fakeprovider.OpenAIKey, "http://"+nobody, nil),
		e.CreateSetting("anthropic", fakeprovider.AnthropicKey, "http://"+nobody, nil),
	}, nil)
	cases := map[string]struct {
		key      testenv.Key
		headers  []string
		statuses string
	}{
		"nobody listens":    {away, nil, "502 503"},
		"no answer in time": {e.key, []string{"X-Fake-Hold", "forever", "X-Request-Timeout", "300ms"}, "504"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			for path, body := range map[string]string{chat: helloChat, messages: helloCall} {
				a := e.post(t, path, body, append(bearer(c.key), c.headers...)...)
				got := decodeError(t, a)
				if !strings.Contains(c.statuses, strings.Fields(a.String())[0]) {
					t.Errorf("%s: got %v, want %s", path, a, c.statuses)
				}
				if path == messages && (got.Type != "error" || got.Error.Type != "api_error" && got.Error.Type != "overloaded_error") {
					t.Errorf("%s: got %s, want Anthropic's shape", path, a.body)
				}
				if path == chat && (got.Error.Code == nil || *got.Error.Code != "upstream_error") {
					t.Errorf("%s: got %s, want code upstream_error", path, a.body)
				}
				if a.eventID() == "" {
					t.Errorf("%s: no event id", path)
					continue
				}
				if ev := e.AwaitEvent(c.key, a.eventID()); ev.Status != a.status {
					t.Errorf("%s: event = %+v, want status %d", path, ev, a.status)
				}
			}
		})
	}
	e.fake.Release("forever")
}

// TestBrokenConnection: the provider breaks off right after its headers. Either
// those have reached the client, or Envoy answers in their place; there is one
// event in any case.
func TestBrokenConnection(t *testing.T) {
	e := newEnv(t, testenv.Options{})
	for path, body := range map[string]string{chat: helloChat, messages: helloCall} {
		answered := false
		for range 5 { // Envoy nearly always answers
			key := e.newKey(nil)
			a := e.post(t, path, body, append(bearer(key), "X-Fake-Cut", "1")...)
			events := e.AwaitEvents(key, 1)
			if len(events) != 1 || !events[0].Incomplete || !events[0].Estimated {
				t.Errorf("%s: events = %+v, want one, incomplete and estimated", path, events)
			}
			if a.err != nil {
				continue
			}
			answered = true
			if got := decodeError(t, a); a.status != 502 || got.Error.Type != "api_error" || a.eventID() != events[0].ID {
				t.Errorf("%s: got %v %v, want 502 or a cut, and event %s", path, a.header, a, events[0].ID)
			}
		}
		if !answered {
			t.Errorf("%s: each time the client saw the break", path)
		}
	}
}
