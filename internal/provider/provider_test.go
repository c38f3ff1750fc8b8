package provider_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/provider"
)

func TestFind(t *testing.T) {
	tests := []struct {
		method, path string
		found        bool
		upstream     string // empty: not with this method
	}{
		{"POST", "/api/providers/openai/v1/chat/completions", true, "/v1/chat/completions"},
		{"DELETE", "/api/providers/openai/v1/chat/completions", true, ""},
		{"POST", "/api/providers/openai/v1/threads/runs", true, "/v1/threads/runs"},
		{"GET", "/api/providers/openai/v1/threads/t-1/messages/m.2/files/f_3", true, "/v1/threads/t-1/messages/m.2/files/f_3"},
		{"POST", "/api/providers/openai/v1/audios/translations", true, "/v1/audio/translations"},
		{"POST", "/api/providers/openai/v1/files/f-1", true, "/v1/files/f-1"},
		{"POST", "/api/providers/azure/openai/deployments/d-1/chat/completions", true, "/openai/deployments/d-1/chat/completions"},
		{"POST", "/api/providers/azure/openai/v1/responses", true, "/openai/v1/responses"},
		{"GET", "/api/providers/azure/openai/files/f-1/content", true, "/openai/files/f-1/content"},
		{"POST", "/api/providers/azure/openai/deployments/a/b/chat/completions", false, ""},
		{"POST", "/api/providers/azure/openai/deployments/../chat/completions", false, ""},
		{"POST", "/api/providers/azure/openai/v1/moderations", false, ""},
		{"POST", "/api/providers/vllm/v1/completions", true, "/v1/completions"},
		{"POST", "/api/providers/vllm/v1/audio/speech", false, ""},
		{"POST", "/api/providers/deepinfra/v1/embeddings", true, "/v1/openai/embeddings"},
		{"POST", "/api/providers/anthropic/v1/complete", true, "/v1/complete"},
		{"POST", "/api/providers/anthropic/v1/messages/batches/b/cancel", true, "/v1/messages/batches/b/cancel"},
		{"GET", "/api/providers/openai/v1/models/ft:gpt-4o:org::1", true, "/v1/models/ft:gpt-4o:org::1"},
		{"POST", "/api/providers/anthropic/v1/messages/count_tokens", true, "/v1/messages/count_tokens"},
		{"GET", "/api/providers/openai/v1/models/", false, ""},
		{"GET", "/api/providers/openai/v1/models/a/b", false, ""},
		{"POST", "/api/providers/openai/v1/chat/completions/", false, ""},
		{"POST", "/api/providers/OpenAI/v1/chat/completions", false, ""},
		{"POST", "/api/providers/openai/v1/Chat/completions", false, ""},
		{"POST", "/api/providers/openai//v1/chat/completions", false, ""},
		{"POST", "/api/providers/openai/v1/x/../chat/completions", false, ""},
		{"POST", "/api/providers/openai/v1/chat;a=b/completions", false, ""},
		{"POST", "/api/providers/openai/v1/chat%2fcompletions", false, ""},
		{"POST", `/api/providers/openai/v1\chat/completions`, false, ""},
		{"POST", "/api/providers/anthropic/v1/chat/completions", false, ""},
		{"GET", "/", false, ""},
	}
	for _, tt := range tests {
		m, found := provider.Find(tt.method, tt.path)
		if found != tt.found || (m.Endpoint != nil) != (tt.upstream != "") || m.Path != tt.upstream {
			t.Errorf("Find(%s %s) = found %v, path %q; want %v, %q", tt.method, tt.path, found, m.Path, tt.found, tt.upstream)
		}
	}
}

// FuzzFind: whatever is found leads to a path that the table spells.
func FuzzFind(f *testing.F) {
	f.Add("GET", "/api/providers/openai/v1/models/x")
	f.Add("POST", "/api/providers/openai/v1/audios/translations")
	f.Add("POST", "/api/providers/azure/openai/deployments/x/embeddings")
	f.Fuzz(func(t *testing.T, method, path string) {
		m, found := provider.Find(method, path)
		if !found || m.Endpoint == nil {
			return
		}
		template := m.Endpoint.Upstream
		if template == "" {
			template = m.Endpoint.Path
			if path != provider.PathPrefix+m.Provider.Name+m.Path {
				t.Errorf("Find(%q) leads to %q", path, m.Path)
			}
		}
		want, got := strings.Split(template, "/"), strings.Split(m.Path, "/")
		for i := range want {
			if i >= len(got) || (want[i] != got[i] && !strings.HasPrefix(want[i], "{")) {
				t.Errorf("%q does not fit the template %q", m.Path, template)
			}
		}
	})
}

func TestUsageOfJSON(t *testing.T) {
	tests := []struct {
		name  string
		meter provider.Meter
		body  string
		want  provider.Reading
	}{
		{
			"openai chat", provider.MeterOpenAI,
			`{"model":"gpt-4o-2024-08-06","usage":{"prompt_tokens":19,"completion_tokens":10,"total_tokens":29,
			 "prompt_tokens_details":{"cached_tokens":5,"audio_tokens":2},"completion_tokens_details":{"reasoning_tokens":3}}}`,
			provider.Reading{HasCost: true, Model: "gpt-4o-2024-08-06", Usage: gateway.Usage{
				InputTokens: 19, OutputTokens: 10, CacheReadTokens: 5, AudioInputTokens: 2, ReasoningTokens: 3,
			}},
		},
		{
			"anthropic counts cached input apart: 10 + 20 + 30 = 60", provider.MeterAnthropic,
			`{"model":"claude","usage":{"input_tokens":10,"cache_read_input_tokens":20,"cache_creation_input_tokens":30,
			 "cache_creation":{"ephemeral_5m_input_tokens":12,"ephemeral_1h_input_tokens":18},"output_tokens":7}}`,
			provider.Reading{HasCost: true, Model: "claude", Usage: gateway.Usage{
				InputTokens: 60, CacheReadTokens: 20, CacheWrite5mTokens: 12, CacheWrite1hTokens: 18, OutputTokens: 7,
			}},
		},
		{"usage null", provider.MeterOpenAI, `{"model":"m","usage":null}`, provider.Reading{Model: "m"}},
		{
			"a negative figure is no count", provider.MeterOpenAI, `{"usage":{"prompt_tokens":-5,"completion_tokens":1}}`,
			provider.Reading{HasCost: true, Invalid: true, Usage: gateway.Usage{OutputTokens: 1}},
		},
		{
			"a figure beyond any context is no count", provider.MeterOpenAI, `{"usage":{"prompt_tokens":1e9,"completion_tokens":99999999999}}`,
			provider.Reading{HasCost: true, Invalid: true},
		},
		{"cut", provider.MeterOpenAI, `{"model":"m","usa`, provider.Reading{Model: "m"}},
		{"not billed", provider.MeterNone, `{"usage":{"prompt_tokens":1}}`, provider.Reading{}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, tt.meter.ReadJSON([]byte(tt.body))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestAnthropicStreamCountsAreCumulative(t *testing.T) {
	var r provider.Reading
	for _, data := range []string{
		`{"type":"message_start","message":{"model":"claude-x","usage":{"input_tokens":10,"cache_read_input_tokens":20,"output_tokens":1}}}`,
		`{"type":"content_block_delta","delta":{"text":"usage"}}`,
		`{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":15}}`,
		`{"type":"message_delta","usage":{"input_tokens":12,"output_tokens":18}}`,
	} {
		provider.MeterAnthropic.ReadEvent(&r, []byte(data))
	}
	want := provider.Reading{HasCost: true, Model: "claude-x", Usage: gateway.Usage{InputTokens: 32, CacheReadTokens: 20, OutputTokens: 18}}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestParseOrigin(t *testing.T) {
	good := map[string]struct{ cluster, authority, prefix string }{
		"https://api.openai.com":               {"upstream/https/api.openai.com:443", "api.openai.com", ""},
		"https://API.Example.com:8443/v1":      {"upstream/https/api.example.com:8443", "api.example.com:8443", ""},
		"http://127.0.0.1:9000/openai/v1/":     {"upstream/http/127.0.0.1:9000", "127.0.0.1:9000", "/openai"},
		"https://gateway.example/a/b":          {"upstream/https/gateway.example:443", "gateway.example", "/a/b"},
		"https://[2606:4700::1]/v1":            {"upstream/https/[2606:4700::1]:443", "[2606:4700::1]", ""},
		"https://api.openai.com:443/":          {"upstream/https/api.openai.com:443", "api.openai.com", ""},
		"https://trailing-dot.example./prefix": {"upstream/https/trailing-dot.example:443", "trailing-dot.example", "/prefix"},
	}
	for raw, want := range good {
		o, err := provider.ParseOrigin(raw)
		if err != nil || o.Cluster() != want.cluster || o.Authority() != want.authority || o.Prefix != want.prefix {
			t.Errorf("ParseOrigin(%s) = %s, %s, %s, %v; want %+v", raw, o.Cluster(), o.Authority(), o.Prefix, err, want)
		}
	}
	for _, raw := range []string{
		"", "api.openai.com", "ftp://x", "https://", "https://u:p@x", "https://x?q=1", "https://x#f", "https://x/%2e",
		"https://x y", "https://x\n", "https://x:0", "https://x:99999", "https://x/a/../b", `https://x\@y`, "https:///path",
	} {
		if o, err := provider.ParseOrigin(raw); err == nil {
			t.Errorf("ParseOrigin(%q) = %+v, want an error", raw, o)
		}
	}
}

func TestAnthropicCredentialHeaders(t *testing.T) {
	p, _ := provider.Get("anthropic")
	tests := []struct {
		name, scheme, version string
		want                  map[string]string
	}{
		{"default", "", "2026-10-21", map[string]string{"x-api-key": "secret"}},
		{"version added when absent", "", "", map[string]string{"x-api-key": "secret", "anthropic-version": "2023-06-01"}},
		{"bearer", "bearer", "2023-06-01", map[string]string{"authorization": "Bearer secret"}},
	}
	for _, tt := range tests {
		got := map[string]string{}
		for _, h := range p.Credential(provider.Credential{
			APIKey: gateway.NewSecret("secret"), Params: map[string]string{"authScheme": tt.scheme}, ClientVersion: tt.version,
		}) {
			got[h.Name] = h.Value.Reveal()
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestFindOpenAI(t *testing.T) {
	for _, test := range []struct{ method, path, target string }{
		{"POST", "/v1/chat/completions", "/v1/chat/completions"},
		{"POST", "/chat/completions", "/v1/chat/completions"},
		{"GET", "/models/gpt-4o", "/v1/models/gpt-4o"},
		{"PATCH", "/chat/completions", ""},
		{"POST", "/v1/v1/chat/completions", ""},
		{"POST", "/v1chat/completions", ""},
		{"POST", "/", ""},
		{"POST", "/v1/", ""},
		{"POST", "/v1", ""},
		{"POST", "chat/completions", ""},
		{"POST", "/v1/chat/%63ompletions", ""},
		{"POST", "/v1/../v1/chat/completions", ""},
		{"POST", "/v1/messages", ""},
		{"POST", "/api/providers/openai/v1/chat/completions", ""},
		{"POST", "//v1/chat/completions", ""},
	} {
		m, _ := provider.FindOpenAI(test.method, test.path)
		if m.Path != test.target || (m.Endpoint != nil) != (test.target != "") {
			t.Errorf("%s %s leads to %q, want %q", test.method, test.path, m.Path, test.target)
		}
	}
}
