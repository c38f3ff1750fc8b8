package processor_test

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc/metadata"

	"github.com/bricks-gateway/bricks/internal/limit/memory"
	"github.com/bricks-gateway/bricks/internal/pricing"
	"github.com/bricks-gateway/bricks/processor"
	"github.com/bricks-gateway/bricks/processor/configcache"
)

func (w *world) IsKey(_ context.Context, d configcache.Digest) bool { return w.keys[d] != nil }

// genAI plays streams of the GenAI entry's listener, one a request.
func genAI(t *testing.T, w *world, entry *processor.GenAI) func(messages ...*extprocv3.ProcessingRequest) []*extprocv3.ProcessingResponse {
	s := processor.New(processor.Options{
		Config: w, Spool: w, Limiter: w.limiter, Prices: pricing.NewBook(pricing.Default(), nil, ""), Logger: slog.New(slog.DiscardHandler), GenAI: entry,
	})
	t.Cleanup(s.Close)
	return func(messages ...*extprocv3.ProcessingRequest) []*extprocv3.ProcessingResponse {
		ctx := metadata.NewIncomingContext(t.Context(), metadata.Pairs("x-bricks-role", "genai"))
		e := &envoy{messages: messages, end: io.EOF}
		_ = s.Process(&attemptEnvoy{envoy: e, ctx: ctx})
		return e.answers
	}
}

func foreignHeaders(path string, extra ...string) *extprocv3.ProcessingRequest {
	return requestHeaders(false, append([]string{
		":method", "POST", ":path", path, "authorization", "Bearer sk-of-the-client", "content-type", "application/json", "user", "anna",
	}, extra...)...)
}

func TestAProcessorWithoutTheGenAIEntryRefusesIt(t *testing.T) {
	ask := genAI(t, newWorld(), nil)
	if status, body := refusal(t, ask(foreignHeaders("/v1/chat/completions"))); status != 503 {
		t.Errorf("got %d %s, want 503", status, body)
	}
}

// TestAnUnknownRoleIsAnError: its requests fail, whatever they bring.
func TestAnUnknownRoleIsAnError(t *testing.T) {
	s := processor.New(processor.Options{Config: newWorld(), Logger: slog.New(slog.DiscardHandler)})
	t.Cleanup(s.Close)
	for _, pairs := range [][]string{{"x-bricks-role", "other"}, {"x-bricks-role", "genai", "x-bricks-role", "attempt"}} {
		ctx := metadata.NewIncomingContext(t.Context(), metadata.Pairs(pairs...))
		e := &envoy{messages: []*extprocv3.ProcessingRequest{chatHeaders()}, end: io.EOF}
		if err := s.Process(&attemptEnvoy{envoy: e, ctx: ctx}); err == nil || len(e.answers) > 0 {
			t.Errorf("%q: %v, answers = %v", pairs, err, e.answers)
		}
	}
}

// TestGenAIGetsNothingOfTheGateway: no credential of a setting, no cluster, and no
// event, whatever became of the request.
func TestGenAIGetsNothingOfTheGateway(t *testing.T) {
	w := newWorld()
	ask := genAI(t, w, &processor.GenAI{UserHeader: "user"})
	for _, messages := range [][]*extprocv3.ProcessingRequest{
		{foreignHeaders("/v1/chat/completions"), requestBody(chat), responseHeaders(":status", "200", "content-type", "application/json"), responseBody(true, "{}")},
		{foreignHeaders("/chat/completions"), requestBody(chat)},
		{foreignHeaders("/v1/chat/completions"), requestBody(`{}`)},
		{foreignHeaders("/v1/chat/completions")},
		{foreignHeaders("/api/providers/openai/v1/chat/completions")},
		{requestHeaders(true, ":method", "GET", ":path", "/v1/files/f/content"), responseHeaders(":status", "200")},
	} {
		answers := ask(messages...)
		text := ""
		for _, a := range answers {
			text += a.String()
		}
		if len(answers) == 0 || holds(answers) || strings.Contains(text, "x-bricks-cluster") || strings.Contains(text, "api.example") {
			t.Errorf("%v: answers = %v", messages[0], answers)
		}
	}
	if len(w.intents)+len(w.finals) > 0 {
		t.Errorf("events = %v, %v", w.intents, w.finals)
	}
}

// TestPromptTokensThatTheBodyDoesNotShow are taken from the window when the answer
// tells of them; what was counted is not given back.
func TestPromptTokensThatTheBodyDoesNotShow(t *testing.T) {
	for _, test := range []struct {
		name, usage string
		second      bool // another small request fits
	}{
		{"as many as counted", `{"prompt_tokens":8,"completion_tokens":1}`, true},
		{"many more", `{"prompt_tokens":990,"completion_tokens":1}`, false},
		{"no numbers", `{"prompt_tokens":"990","completion_tokens":1}`, true},
		{"none", `{}`, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			ask := genAI(t, newWorld(), &processor.GenAI{UserHeader: "user", Tokens: memory.NewTokenWindow(1000, time.Hour, nil)})
			body := requestBody(`{"model":"gpt-4o","messages":[{"role":"user","content":"hello there gateway"}]}`)
			first := ask(foreignHeaders("/v1/chat/completions"), body,
				responseHeaders(":status", "200", "content-type", "application/json"),
				responseBody(true, `{"id":"x","model":"gpt-4o","choices":[],"usage":`+test.usage+`}`))
			if len(first) != 4 {
				t.Fatalf("answers = %v", first)
			}
			second := ask(foreignHeaders("/v1/chat/completions"), body)
			if got := second[1].GetImmediateResponse() == nil; got != test.second {
				t.Errorf("the second passed: %t, want %t: %v", got, test.second, second[1])
			}
		})
	}
}

// TestPromptTokensByEndpoint: what is counted, and what cannot be.
func TestPromptTokensByEndpoint(t *testing.T) {
	long := strings.Repeat("word ", 400) // 400 tokens, 2,000 bytes
	for _, test := range []struct {
		name, path, body string
		status           int // of the refusal with a limit of 300; 0: it passes
	}{
		{"known vocabulary", "/v1/chat/completions", `{"model":"gpt-4o","messages":[{"role":"user","content":"` + long + `"}]}`, 429},
		{"other vocabulary", "/v1/chat/completions", `{"model":"llama-4","messages":[{"role":"user","content":"` + long + `"}]}`, 429},
		{"other vocabulary, short", "/v1/chat/completions", `{"model":"llama-4","messages":[{"role":"user","content":"` + long[:1000] + `"}]}`, 0},
		{"input tokens of a completion", "/v1/completions", `{"model":"gpt-4o","prompt":"` + long + `"}`, 429},
		{"embeddings", "/v1/embeddings", `{"model":"text-embedding-3-small","input":"` + long + `"}`, 429},
		{"an image's prompt", "/v1/images/generations", `{"model":"gpt-image-1","prompt":"` + long + `"}`, 429},
		{"speech", "/v1/audio/speech", `{"model":"tts-1","voice":"alloy","input":"` + long + `"}`, 429},
		{"a prompt that is free", "/v1/moderations", `{"input":"` + long + `"}`, 0},
		{"what goes on afterwards", "/v1/responses", `{"model":"gpt-4o","background":true,"input":"hello"}`, 403},
		{"a batch", "/v1/batches", `{"input_file_id":"f","endpoint":"/v1/chat/completions","completion_window":"24h"}`, 403},
	} {
		t.Run(test.name, func(t *testing.T) {
			ask := genAI(t, newWorld(), &processor.GenAI{UserHeader: "user", Tokens: memory.NewTokenWindow(300, time.Hour, nil)})
			answers := ask(foreignHeaders(test.path), requestBody(test.body))
			got := answers[len(answers)-1].GetImmediateResponse()
			if int(got.GetStatus().GetCode()) != test.status {
				t.Errorf("got %v, want %d", answers[len(answers)-1], test.status)
			}
			unlimited := genAI(t, newWorld(), &processor.GenAI{UserHeader: "user"})(foreignHeaders(test.path), requestBody(test.body))
			if r := unlimited[len(unlimited)-1].GetImmediateResponse(); r != nil {
				t.Errorf("without a limit: %v", r)
			}
		})
	}
}

// TestTheUserHeader names one user, or nobody.
func TestTheUserHeader(t *testing.T) {
	ask := genAI(t, newWorld(), &processor.GenAI{UserHeader: "x-end-user"})
	for _, test := range []struct {
		headers []string
		status  int // 0: it passes
	}{
		{nil, 0},
		{[]string{"x-end-user", "Ännchen von Tharau"}, 0},
		{[]string{"x-end-user", ""}, 0},
		{[]string{"x-end-user", strings.Repeat("a", 256)}, 0},
		{[]string{"x-end-user", strings.Repeat("a", 257)}, 400},
		{[]string{"x-end-user", "a\tb"}, 400},
		{[]string{"x-end-user", "\xff"}, 400},
		{[]string{"x-end-user", "a", "x-end-user", "a"}, 400},
		{[]string{"x-end-user", "", "x-end-user", ""}, 400},
	} {
		answers := ask(foreignHeaders("/v1/chat/completions", test.headers...))
		if got := int(answers[0].GetImmediateResponse().GetStatus().GetCode()); got != test.status {
			t.Errorf("%q: got %d, want %d", test.headers, got, test.status)
		}
	}
}

// TestAFileIsNoPrompt: of a form its text counts, not the audio in it.
func TestAFileIsNoPrompt(t *testing.T) {
	for prompt, want := range map[string]bool{"": true, strings.Repeat("word ", 400): false} {
		ask := genAI(t, newWorld(), &processor.GenAI{UserHeader: "user", Tokens: memory.NewTokenWindow(300, time.Hour, nil)})
		form := "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n" +
			"--b\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\n" + prompt + "\r\n" +
			"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\n" + strings.Repeat("RIFF", 5000) + "\r\n--b--\r\n"
		answers := ask(foreignHeaders("/audio/transcriptions", "content-type", "multipart/form-data; boundary=b"), requestBody(form))
		if passed := answers[len(answers)-1].GetImmediateResponse() == nil; passed != want {
			t.Errorf("a prompt of %d bytes: %v", len(prompt), answers[len(answers)-1])
		}
	}
}

// TestGenAIRefusesKeysOfTheGateway: by their form, or because they are known.
func TestGenAIRefusesKeysOfTheGateway(t *testing.T) {
	ask := genAI(t, newWorld(), &processor.GenAI{UserHeader: "user"})
	for _, credential := range [][]string{
		{"authorization", "Bearer bk-that-nobody-knows"},
		{"authorization", "bk-that-nobody-knows"},
		{"authorization", "Bearer " + bricksKey},
		{"authorization", "Bearer  " + bricksKey},
		{"authorization", "Token " + bricksKey},
		{"authorization", "Bearer sk-of-the-client", "x-api-key", bricksKey},
		{"api-key", "bk-that-nobody-knows"},
		{"authorization", "Bearer sk-of-the-client,Bearer " + bricksKey},
		{"authorization", "Bearer sk-of-the-client " + bricksKey},
		{"x-api-key", "sk-of-the-client," + bricksKey},
	} {
		headers := append([]string{":method", "POST", ":path", "/v1/chat/completions", "content-type", "application/json"}, credential...)
		if status, body := refusal(t, ask(requestHeaders(false, headers...))); status != 401 {
			t.Errorf("%q: got %d %s, want 401", credential, status, body)
		}
	}
}
