package fakeprovider_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/bricks-gateway/bricks/internal/fakeprovider"
)

func start(t *testing.T) *fakeprovider.Provider {
	t.Helper()
	p, err := fakeprovider.Start(fakeprovider.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// call posts body with OpenAI's or, on Anthropic's paths, Anthropic's headers;
// headers are pairs that come on top, an empty value removes one.
func call(t *testing.T, p *fakeprovider.Provider, method, path, body string, headers ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, p.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(path, "/v1/messages") {
		r.Header.Set("X-Api-Key", fakeprovider.AnthropicKey)
		r.Header.Set("Anthropic-Version", "2023-06-01")
	} else {
		r.Header.Set("Authorization", "Bearer "+fakeprovider.OpenAIKey)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
		if headers[i+1] == "" {
			r.Header.Del(headers[i])
		}
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		b = append(b, " then "+err.Error()...)
	}
	return resp.StatusCode, string(b)
}

const (
	chatPath     = "/v1/chat/completions"
	messagesPath = "/v1/messages"
	hello        = `"messages":[{"role":"user","content":"hello there gateway"}]`
)

func TestMalformedRequestsAreRefused(t *testing.T) {
	p := start(t)
	cases := map[string]struct{ path, body, says string }{
		"no model":                      {chatPath, `{` + hello + `}`, "model"},
		"no messages":                   {chatPath, `{"model":"gpt-4o-mini"}`, "messages"},
		"empty messages":                {chatPath, `{"model":"gpt-4o-mini","messages":[]}`, "messages"},
		"unknown role":                  {chatPath, `{"model":"gpt-4o-mini","messages":[{"role":"robot","content":"x"}]}`, "role"},
		"content is a number":           {chatPath, `{"model":"gpt-4o-mini","messages":[{"role":"user","content":1}]}`, "content"},
		"unknown part":                  {chatPath, `{"model":"gpt-4o-mini","messages":[{"role":"user","content":[{"type":"smell"}]}]}`, "smell"},
		"image without a usable url":    {chatPath, `{"model":"gpt-4o-mini","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"ftp://x"}}]}]}`, "image_url"},
		"stream is a string":            {chatPath, `{"model":"gpt-4o-mini","stream":"yes",` + hello + `}`, "stream"},
		"stream_options without stream": {chatPath, `{"model":"gpt-4o-mini","stream_options":{"include_usage":true},` + hello + `}`, "stream_options"},
		"unknown stream option":         {chatPath, `{"model":"gpt-4o-mini","stream":true,"stream_options":{"x":1},` + hello + `}`, "stream_options.x"},
		"duplicate member":              {chatPath, `{"model":"gpt-4o-mini","model":"gpt-4o",` + hello + `}`, "twice"},
		"data after the object":         {chatPath, `{"model":"gpt-4o-mini",` + hello + `}{}`, "after"},
		"tool without a name":           {chatPath, `{"model":"gpt-4o-mini","tools":[{"type":"function","function":{}}],` + hello + `}`, "tools"},
		"tool result without its call":  {chatPath, `{"model":"gpt-4o-mini","messages":[{"role":"tool","content":"x"}]}`, "tool_call_id"},
		"embeddings without input":      {"/v1/embeddings", `{"model":"text-embedding-3-small"}`, "input"},
		"embeddings of an object":       {"/v1/embeddings", `{"model":"text-embedding-3-small","input":{}}`, "input"},
		"messages without a maximum":    {messagesPath, `{"model":"claude-haiku-4-5",` + hello + `}`, "max_tokens"},
		"messages with a system role":   {messagesPath, `{"model":"claude-haiku-4-5","max_tokens":9,"messages":[{"role":"system","content":"x"}]}`, "role"},
		"messages with a null model":    {messagesPath, `{"model":null,"max_tokens":9,` + hello + `}`, "model"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			status, body := call(t, p, http.MethodPost, c.path, c.body)
			if status != http.StatusBadRequest || !strings.Contains(body, c.says) {
				t.Errorf("got %d %s, want 400 that names %s", status, body, c.says)
			}
		})
	}
}

func TestWhatNoGatewayForwardsIsAViolation(t *testing.T) {
	body := `{"model":"gpt-4o-mini",` + hello + `}`
	message := `{"model":"claude-haiku-4-5","max_tokens":9,` + hello + `}`
	cases := map[string]struct {
		path, body string
		headers    []string
	}{
		"gateway header":          {chatPath, body, []string{"X-Bricks-Cluster", "x"}},
		"envoy header":            {chatPath, body, []string{"X-Envoy-Expected-Rq-Timeout-Ms", "15000"}},
		"cookie":                  {chatPath, body, []string{"Cookie", "a=b"}},
		"client address":          {chatPath, body, []string{"X-Forwarded-For", "10.0.0.1"}},
		"custom event id":         {chatPath, body, []string{"X-Custom-Event-Id", "e"}},
		"gateway key in a header": {chatPath, body, []string{"X-Other", "Bearer bricks-secret"}},
		"gateway key in the body": {chatPath, `{"model":"gpt-4o-mini","user":"bricks-secret",` + hello + `}`, nil},
		"two credentials":         {messagesPath, message, []string{"Authorization", "Bearer " + fakeprovider.AnthropicKey}},
		"no anthropic-version":    {messagesPath, message, []string{"Anthropic-Version", ""}},
		"body is not JSON":        {chatPath, `{"model":`, nil},
		"unknown path":            {"/v1/engines", body, nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p := start(t)
			p.Forbid("bricks-secret")
			status, answer := call(t, p, http.MethodPost, c.path, c.body, c.headers...)
			if got := p.Violations(); len(got) != 1 || status < 400 {
				t.Errorf("got %d %s and violations %q, want a refusal and one violation", status, answer, got)
			}
		})
	}
}

// TestStreamDoesNotDependOnItsPieces also shows that a stream is the same with
// and without usage, but for the usage.
func TestStreamDoesNotDependOnItsPieces(t *testing.T) {
	p := start(t)
	body := `{"model":"gpt-4o-mini","stream":true,` + hello + `}`
	_, want := call(t, p, http.MethodPost, chatPath, body)
	for _, split := range []string{"1", "1,7,2", "4096"} {
		if _, got := call(t, p, http.MethodPost, chatPath, body, "X-Fake-Split", split); got != want {
			t.Errorf("split %s: got %q, want %q", split, got, want)
		}
	}
	_, with := call(t, p, http.MethodPost, chatPath, `{"model":"gpt-4o-mini","stream":true,"stream_options":{"include_usage":true},`+hello+`}`)
	with = strings.ReplaceAll(with, `"usage":null,`, "")
	events := strings.SplitAfter(with, "\n\n")
	usage := events[len(events)-3]
	if got := strings.Replace(with, usage, "", 1); got != want || !strings.Contains(usage, `"choices":[],"usage":{"prompt_tokens":10,`) {
		t.Errorf("with usage %q, without %q", with, want)
	}
}

func TestFaults(t *testing.T) {
	p := start(t)
	body := func(model string) string { return `{"model":"` + model + `",` + hello + `}` }
	if status, _ := call(t, p, http.MethodPost, chatPath, body("fake-503")); status != 503 {
		t.Errorf("fake-503: got %d", status)
	}
	if _, got := call(t, p, http.MethodPost, chatPath, body("fake-cut")); !strings.Contains(got, "then unexpected EOF") {
		t.Errorf("fake-cut: got %q", got)
	}
	if _, got := call(t, p, http.MethodPost, chatPath, body("fake-echo-credential")); !strings.Contains(got, fakeprovider.OpenAIKey) {
		t.Errorf("fake-echo-credential: got %q", got)
	}
	if _, got := call(t, p, http.MethodPost, chatPath, body("fake-no-usage")); strings.Contains(got, `"usage"`) {
		t.Errorf("fake-no-usage: got %q", got)
	}
	if status, got := call(t, p, http.MethodPost, chatPath, body("gpt-4o-mini"), "X-Fake-Delay", "soon"); status != 400 {
		t.Errorf("an unknown fault: got %d %q", status, got)
	}
}

func TestBillIsTheSumOfTheAnswers(t *testing.T) {
	p := start(t)
	for range 3 {
		_, body := call(t, p, http.MethodPost, chatPath, `{"model":"gpt-4o-mini",`+hello+`}`, "X-Fake-Cached-Tokens", "4", "X-Fake-Reasoning-Tokens", "2")
		var answer struct {
			Usage struct {
				Prompt     int `json:"prompt_tokens"`
				Completion int `json:"completion_tokens"`
			}
		}
		if err := json.Unmarshal([]byte(body), &answer); err != nil || answer.Usage.Prompt != 10 || answer.Usage.Completion != 7 {
			t.Fatalf("got %s, %v; want 3+4+3 prompt and 5+2 completion tokens", body, err)
		}
	}
	call(t, p, http.MethodPost, chatPath, `{"model":"fake-500",`+hello+`}`)
	want := fakeprovider.Usage{Model: "gpt-4o-mini-2024-07-18", InputTokens: 30, CachedTokens: 12, OutputTokens: 21, ReasoningTokens: 6}
	if bill := p.Bill(); len(bill) != 1 || bill[want.Model] != want {
		t.Errorf("bill = %+v, want only %+v", bill, want)
	}
}

func TestHoldAndRelease(t *testing.T) {
	p := start(t)
	done := make(chan int)
	go func() {
		status, _ := call(t, p, http.MethodPost, chatPath, `{"model":"gpt-4o-mini",`+hello+`}`, "X-Fake-Hold", "door")
		done <- status
	}()
	if _, err := p.Await(t.Context(), func(r fakeprovider.Request) bool { return r.Target == chatPath }); err != nil {
		t.Fatal(err)
	}
	select {
	case status := <-done:
		t.Fatalf("answered %d while held", status)
	default:
	}
	p.Release("door")
	if status := <-done; status != 200 {
		t.Errorf("got %d after the release", status)
	}
}
