package e2e

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/testenv"
)

const (
	serverKey      = "sk-server-credential-0123456789"
	vllmChat       = "/api/providers/vllm/v1/chat/completions"
	vllmEmbeddings = "/api/providers/vllm/v1/embeddings"
	serverSays     = "A server that someone else wrote says hello: Zürich — 東京 🚀"
)

// startServer runs aimock, an OpenAI-compatible server by others, with its
// answers from testdata, and returns its address. It wants serverKey.
func startServer(t *testing.T) string {
	t.Helper()
	modules := os.Getenv(nodeModules)
	if modules == "" {
		t.Skipf("the server is not installed: scripts/test installs it, or set %s", nodeModules)
	}
	cmd := exec.CommandContext(t.Context(), "node", filepath.Join(modules, "@copilotkit/aimock/dist/cli.js"),
		"--port", "0", "--host", "127.0.0.1", "--strict", "--validate-on-load", "--fixtures", "testdata/aimock.json")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "AIMOCK_API_KEYS=" + serverKey}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	address := make(chan string, 1)
	go func() {
		defer close(address)
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			if _, url, ok := strings.Cut(lines.Text(), "listening on http://"); ok {
				address <- url
				break
			}
		}
		_, _ = io.Copy(io.Discard, stdout)
	}()
	select {
	case a := <-address:
		if a == "" {
			t.Fatal("the server ended before it listened")
		}
		return a
	case <-time.After(30 * time.Second):
		t.Fatal("the server does not listen")
		return ""
	}
}

// others is a gateway with such a server as its vLLM.
type others struct {
	*env
	address, setting string
	key              testenv.Key
}

// TestAnOthersServer: a vLLM setting for a server that was written without
// regard to this gateway, instead of the strict fake.
func TestAnOthersServer(t *testing.T) {
	o := others{address: startServer(t)}
	o.env = newEnv(t, testenv.Options{AllowUpstream: []string{o.address}})
	o.setting = o.CreateSetting("vllm", serverKey, "http://"+o.address+"/v1", nil)
	o.key = o.CreateKey([]string{o.setting}, nil)
	o.secrets, o.keys = append(o.secrets, serverKey, o.key.Secret), append(o.keys, o.key)
	// A chat has 11 tokens of input and 7 of output: 0.000011 + 0.000014.
	o.Do(http.MethodPut, "/api/pricing/models/in-house/llama", testenv.Object{
		"prices": testenv.Object{"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6}})
	t.Run("chat", o.chat)
	t.Run("stream without usage", o.streamWithoutUsage)
	t.Run("stream with usage", o.streamWithUsage)
	t.Run("tool stream", o.toolStream)
	t.Run("embeddings", o.embeddings)
	t.Run("its refusal passes", o.refusal)
	t.Run("models, and the test of the setting", o.models)
	t.Run("a credential that it refuses", o.wrongCredential)
}

// ask sends a chat; more are members of it, each with a comma behind.
func (o others) ask(t *testing.T, said, more string) answer {
	t.Helper()
	body := `{"model":"in-house/llama",` + more + `"messages":[{"role":"user","content":"` + said + `"}]}`
	return o.post(t, vllmChat, body, bearer(o.key)...)
}

func (o others) paid(t *testing.T, a answer, streamed bool) {
	t.Helper()
	ev := o.AwaitEvent(o.key, a.eventID())
	if ev.Provider != "vllm" || ev.Model != "in-house/llama" || ev.Operation != "chat" || ev.Status != 200 || ev.Streamed != streamed ||
		ev.InputTokens != 11 || ev.OutputTokens != 7 || ev.Cost != "0.000025" || ev.PriceStatus != "priced" || ev.Estimated || ev.Incomplete {
		t.Errorf("event = %+v", ev)
	}
}

func (o others) chat(t *testing.T) {
	a := o.ask(t, "hello", "")
	var c chunk
	if err := json.Unmarshal(a.body, &c); err != nil || a.status != 200 || c.Choices[0].Message.Content != serverSays || c.Usage.Prompt != 11 {
		t.Fatalf("got %v, %v", a, err)
	}
	o.paid(t, a, false)
}

func (o others) streamWithoutUsage(t *testing.T) {
	a := o.ask(t, "hello", `"stream":true,`)
	if text, _, usage := readChunks(t, a); text != serverSays || usage != nil || strings.Contains(string(a.body), `"usage"`) {
		t.Errorf("got %v", a)
	}
	o.paid(t, a, true)
}

func (o others) streamWithUsage(t *testing.T) {
	a := o.ask(t, "hello", `"stream":true,"stream_options":{"include_usage":true},`)
	if text, _, usage := readChunks(t, a); text != serverSays || usage == nil || usage.Prompt != 11 || usage.Completion != 7 {
		t.Errorf("got %v", a)
	}
	o.paid(t, a, true)
}

func (o others) toolStream(t *testing.T) {
	a := o.ask(t, "weather", `"stream":true,"tools":[{"type":"function","function":{"name":"get_weather","parameters":{"type":"object"}}}],`)
	if _, arguments, _ := readChunks(t, a); arguments != `{"city":"New York"}` {
		t.Errorf("got %v", a)
	}
}

func (o others) embeddings(t *testing.T) {
	a := o.post(t, vllmEmbeddings, `{"model":"in-house/llama","input":["hello","hello"]}`, bearer(o.key)...)
	var answer struct {
		Data []struct{ Embedding []float64 }
	}
	if err := json.Unmarshal(a.body, &answer); err != nil || len(answer.Data) != 2 || !slices.Equal(answer.Data[1].Embedding, []float64{0.25, -0.5, 0.125}) {
		t.Fatalf("got %v, %v", a, err)
	}
	// It counts no tokens of an embedding, and says so: that is usage, no reason to estimate.
	if ev := o.AwaitEvent(o.key, a.eventID()); ev.Operation != "embeddings" || ev.Cost != "0" || ev.InputTokens != 0 || ev.Estimated {
		t.Errorf("event = %+v", ev)
	}
}

func (o others) refusal(t *testing.T) {
	a := o.ask(t, "too much", "")
	if a.status != 429 || a.header.Get("Retry-After") != "1" || *decodeError(t, a).Error.Code != "rate_limit_exceeded" {
		t.Errorf("got %v", a)
	}
	if ev := o.AwaitEvent(o.key, a.eventID()); ev.Status != 429 || ev.Cost != "0" {
		t.Errorf("event = %+v", ev)
	}
}

func (o others) models(t *testing.T) {
	a := o.send(t, http.MethodGet, "/api/providers/vllm/v1/models", "", bearer(o.key)...)
	if a.status != 200 || !strings.Contains(string(a.body), `"owned_by":"aimock"`) {
		t.Errorf("got %v", a)
	}
	if answer := o.Do(http.MethodPost, "/api/provider-settings/"+o.setting+"/test", testenv.Object{}); answer["ok"] != true {
		t.Errorf("the setting's test says %v", answer)
	}
}

func (o others) wrongCredential(t *testing.T) {
	o.key = o.CreateKey([]string{o.CreateSetting("vllm", "sk-another-0123456789", "http://"+o.address, nil)}, nil)
	if a := o.ask(t, "hello", ""); a.status != 401 || *decodeError(t, a).Error.Code != "upstream_error" {
		t.Errorf("got %v", a)
	}
}

type usageOfChunk struct {
	Prompt     int `json:"prompt_tokens"`
	Completion int `json:"completion_tokens"`
}

// chunk is of an answer or a stream.
type chunk struct {
	Choices []struct {
		Message struct{ Content string }
		Delta   struct {
			Content   string
			ToolCalls []struct{ Function struct{ Arguments string } } `json:"tool_calls"`
		}
	}
	Usage *usageOfChunk
}

// readChunks joins what a stream says, up to its end marker.
func readChunks(t *testing.T, a answer) (text, arguments string, usage *usageOfChunk) {
	t.Helper()
	body, whole := strings.CutSuffix(strings.TrimSpace(string(a.body)), "data: [DONE]")
	if a.status != 200 || !whole {
		t.Fatalf("no whole stream: %v", a)
	}
	for event := range strings.SplitSeq(strings.TrimSpace(body), "\n\n") {
		var c chunk
		if err := json.Unmarshal([]byte(strings.TrimPrefix(event, "data: ")), &c); err != nil {
			t.Fatalf("%v in %q", err, event)
		}
		for _, choice := range c.Choices {
			text += choice.Delta.Content
			for _, call := range choice.Delta.ToolCalls {
				arguments += call.Function.Arguments
			}
		}
		usage = c.Usage
	}
	return text, arguments, usage
}
