package processor

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/bricks-gateway/bricks/internal/provider"
)

func chatEndpoint(t testing.TB) *provider.Endpoint {
	m, ok := provider.Find("POST", "/api/providers/openai/v1/chat/completions")
	if !ok {
		t.Fatal("no chat endpoint")
	}
	return m.Endpoint
}

func TestReadCallRefuses(t *testing.T) {
	bad := map[string]string{
		"no model":               `{"messages":[]}`,
		"empty model":            `{"model":""}`,
		"model is a number":      `{"model":1}`,
		"two models":             `{"model":"a","model":"b"}`,
		"an array":               `[{"model":"a"}]`,
		"two values":             `{"model":"a"}{"model":"b"}`,
		"stream is a string":     `{"model":"a","stream":"true"}`,
		"maximum zero":           `{"model":"a","max_tokens":0}`,
		"maximum negative":       `{"model":"a","max_tokens":-1}`,
		"maximum fraction":       `{"model":"a","max_completion_tokens":1.5}`,
		"maximum exponent":       `{"model":"a","max_tokens":1e3}`,
		"maximum too large":      `{"model":"a","max_tokens":2147483648}`,
		"maximum string":         `{"model":"a","max_tokens":"10"}`,
		"n is zero":              `{"model":"a","n":0}`,
		"stream_options array":   `{"model":"a","stream_options":[]}`,
		"include_usage a string": `{"model":"a","stream_options":{"include_usage":"yes"}}`,
		"user is an object":      `{"model":"a","user":{}}`,
	}
	for name, body := range bad {
		if _, r := readCall([]byte(body), chatEndpoint(t)); r == nil || r.status != 400 {
			t.Errorf("%s: %s was not refused with 400: %+v", name, body, r)
		}
	}
}

func TestReadCallReads(t *testing.T) {
	c, r := readCall([]byte(`{"mod\u0065l":"gpt-4o","stream":true,"max_tokens":5,"max_completion_tokens":7,"n":3,"user":"u"}`), chatEndpoint(t))
	if r != nil {
		t.Fatalf("refused: %+v", r)
	}
	if c.model != "gpt-4o" || !c.stream || c.maximum != 7 || c.factor != 3 || c.user != "u" {
		t.Errorf("read %+v", c)
	}
}

func TestWithUsageChangesNothingElse(t *testing.T) {
	tests := map[string]string{
		`{ "model":"m","stream":true}`:                                                          `{"stream_options":{"include_usage":true}, "model":"m","stream":true}`,
		`{"model":"m","stream":true,"stream_options":null }`:                                    `{"model":"m","stream":true,"stream_options":{"include_usage":true} }`,
		`{"model":"m","stream":true,"stream_options": {} }`:                                     `{"model":"m","stream":true,"stream_options": {"include_usage":true} }`,
		`{"model":"m","stream":true,"stream_options":{"x":1.0}}`:                                `{"model":"m","stream":true,"stream_options":{"include_usage":true,"x":1.0}}`,
		`{"model":"m","stream":true,"stream_options":{"x":1, "include_usage" : false ,"y":2} }`: `{"model":"m","stream":true,"stream_options":{"x":1, "include_usage" : true ,"y":2} }`,
		`{"model":"m","stream":true,"stream_options":{"include_usage":null}}`:                   `{"model":"m","stream":true,"stream_options":{"include_usage":true}}`,
	}
	for body, want := range tests {
		c, r := readCall([]byte(body), chatEndpoint(t))
		if r != nil || c.usageAsked {
			t.Fatalf("%s: refused %+v, or usage taken as asked for", body, r)
		}
		if got := string(c.withUsage([]byte(body))); got != want {
			t.Errorf("withUsage(%s)\n got %s\nwant %s", body, got, want)
		}
	}
}

func FuzzWithUsage(f *testing.F) {
	f.Add(`{"model":"m","stream":true,"stream_options":{"include_usage":false}}`)
	f.Fuzz(func(t *testing.T, body string) {
		c, r := readCall([]byte(body), chatEndpoint(t))
		if r != nil || c.usageAsked {
			return
		}
		out := c.withUsage([]byte(body))
		var before, after map[string]json.RawMessage
		if json.Unmarshal([]byte(body), &before) != nil || json.Unmarshal(out, &after) != nil {
			t.Fatalf("not JSON any more: %s", out)
		}
		if !strings.Contains(string(after["stream_options"]), "true") {
			t.Errorf("stream_options = %s", after["stream_options"])
		}
		delete(before, "stream_options")
		delete(after, "stream_options")
		for name, value := range before {
			if string(after[name]) != string(value) {
				t.Errorf("%s changed from %s to %s", name, value, after[name])
			}
		}
		if len(before) != len(after) {
			t.Errorf("members %d, want %d", len(after), len(before))
		}
	})
}
