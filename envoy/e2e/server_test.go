package e2e

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
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
	greeting       = "hello, Zürich 東京"
)

// server is an OpenAI-compatible server by others, and what it answers.
type server struct {
	name, variable  string // of what runs it, as scripts/test sets it
	command         func(tool string) []string
	says            string // to the greeting
	input, output   int64  // tokens of that
	cost            json.Number
	city            string    // that it calls a tool with
	embedding       []float64 // its beginning
	embeddingTokens int64
	embeddingCost   json.Number
	owner           string // of its models
	refuses         func(o others, t *testing.T) answer
	status          int // of the refusal
	code            string
	checksKey       bool // wants serverKey
}

var servers = []server{
	{
		name: "aimock", variable: nodeModules, command: func(modules string) []string {
			return []string{"node", filepath.Join(modules, "@copilotkit/aimock/dist/cli.js"),
				"--port", "0", "--host", "127.0.0.1", "--strict", "--validate-on-load", "--fixtures", "testdata/aimock.json"}
		},
		says: "A server that someone else wrote says hello: Zürich — 東京 🚀", input: 11, output: 7, cost: "0.000025", city: "New York",
		// It counts no tokens of an embedding, and says so: that is usage, no reason to estimate.
		embedding: []float64{0.25, -0.5, 0.125}, embeddingTokens: 0, embeddingCost: "0", owner: "aimock",
		refuses: func(o others, t *testing.T) answer { return o.ask(t, "too much", "") }, status: 429, code: "rate_limit_exceeded",
		checksKey: true,
	},
	{
		name: "llmock", variable: "BRICKS_TEST_PYTHON_SERVER", command: func(python string) []string {
			return []string{filepath.Join(filepath.Dir(python), "llmock"), "serve", "--port", "0", "--host", "127.0.0.1", "--response-style", "echo"}
		},
		says: "Hello! You said: hello, Zürich 東京", input: 4, output: 8, cost: "0.00002", city: "mock-city",
		embedding: []float64{0.906948, -0.146064, -0.568408}, embeddingTokens: 2, embeddingCost: "0.000002", owner: "llmock",
		refuses: func(o others, t *testing.T) answer {
			return o.post(t, "/api/providers/vllm/v1/completions", `{"model":"in-house/llama","prompt":"x"}`, bearer(o.key)...)
		}, status: 404, code: "not_found",
	},
}

var listens = regexp.MustCompile(`(?:listening|running) on http://(\S+)`)

// start runs the server and returns its address.
func (s server) start(t *testing.T) string {
	t.Helper()
	tool := os.Getenv(s.variable)
	if tool == "" {
		t.Skipf("the server is not installed: scripts/test installs it, or set %s", s.variable)
	}
	args := s.command(tool)
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "PYTHONDONTWRITEBYTECODE=1", "PYTHONUNBUFFERED=1", "AIMOCK_API_KEYS=" + serverKey}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
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
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if found := listens.FindStringSubmatch(lines.Text()); found != nil {
				address <- found[1]
				break
			}
		}
		_, _ = io.Copy(io.Discard, out)
	}()
	select {
	case a := <-address:
		if a == "" {
			t.Fatal("the server ended before it listened")
		}
		return a
	case <-time.After(time.Minute):
		t.Fatal("the server does not listen")
		return ""
	}
}

// others is a gateway with such a server as its vLLM.
type others struct {
	*env
	server
	address, setting string
	key              testenv.Key
}

// TestOthersServers: a vLLM setting for servers that were written without
// regard to this gateway, instead of the strict fake.
func TestOthersServers(t *testing.T) {
	for _, s := range servers {
		t.Run(s.name, func(t *testing.T) {
			o := others{server: s, address: s.start(t)}
			o.env = newEnv(t, testenv.Options{AllowUpstream: []string{o.address}})
			o.setting = o.CreateSetting("vllm", serverKey, "http://"+o.address+"/v1", nil)
			o.key = o.CreateKey([]string{o.setting}, nil)
			o.secrets, o.keys = append(o.secrets, serverKey, o.key.Secret), append(o.keys, o.key)
			o.Do(http.MethodPut, "/api/pricing/models/in-house/llama", testenv.Object{
				"prices": testenv.Object{"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6}})
			t.Run("chat", o.chat)
			t.Run("stream without usage", o.streamWithoutUsage)
			t.Run("stream with usage", o.streamWithUsage)
			t.Run("tool stream", o.toolStream)
			t.Run("embeddings", o.embeddings)
			t.Run("its refusal passes", o.refusal)
			t.Run("models, and the test of the setting", o.models)
			if s.checksKey {
				t.Run("a credential that it refuses", o.wrongCredential)
			}
		})
	}
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
		ev.InputTokens != o.input || ev.OutputTokens != o.output || ev.Cost != o.cost || ev.PriceStatus != "priced" || ev.Estimated || ev.Incomplete {
		t.Errorf("event = %+v", ev)
	}
}

func (o others) chat(t *testing.T) {
	a := o.ask(t, greeting, "")
	var c chunk
	if err := json.Unmarshal(a.body, &c); err != nil || a.status != 200 || c.Choices[0].Message.Content != o.says || c.Usage.Prompt != o.input {
		t.Fatalf("got %v, %v", a, err)
	}
	o.paid(t, a, false)
}

func (o others) streamWithoutUsage(t *testing.T) {
	a := o.ask(t, greeting, `"stream":true,`)
	if text, _, usage := readChunks(t, a); text != o.says || usage != nil || strings.Contains(string(a.body), `"usage"`) {
		t.Errorf("got %v", a)
	}
	o.paid(t, a, true)
}

func (o others) streamWithUsage(t *testing.T) {
	a := o.ask(t, greeting, `"stream":true,"stream_options":{"include_usage":true},`)
	if text, _, usage := readChunks(t, a); text != o.says || usage == nil || usage.Prompt != o.input || usage.Completion != o.output {
		t.Errorf("got %v", a)
	}
	o.paid(t, a, true)
}

func (o others) toolStream(t *testing.T) {
	a := o.ask(t, "weather", `"stream":true,"tools":[{"type":"function","function":{"name":"get_weather","parameters":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}}],`)
	_, arguments, _ := readChunks(t, a)
	var call struct{ City string }
	if err := json.Unmarshal([]byte(arguments), &call); err != nil || call.City != o.city {
		t.Errorf("got %v", a)
	}
}

func (o others) embeddings(t *testing.T) {
	a := o.post(t, vllmEmbeddings, `{"model":"in-house/llama","input":["hello","hello"]}`, bearer(o.key)...)
	var answer struct {
		Data []struct{ Embedding []float64 }
	}
	if err := json.Unmarshal(a.body, &answer); err != nil || len(answer.Data) != 2 ||
		!slices.Equal(answer.Data[1].Embedding[:min(len(o.embedding), len(answer.Data[1].Embedding))], o.embedding) {
		t.Fatalf("got %v, %v", a, err)
	}
	if ev := o.AwaitEvent(o.key, a.eventID()); ev.Operation != "embeddings" || ev.Cost != o.embeddingCost || ev.InputTokens != o.embeddingTokens || ev.Estimated {
		t.Errorf("event = %+v", ev)
	}
}

func (o others) refusal(t *testing.T) {
	a := o.refuses(o, t)
	if a.status != o.status || *decodeError(t, a).Error.Code != o.code || (a.status == 429) != (a.header.Get("Retry-After") == "1") {
		t.Errorf("got %v", a)
	}
	if ev := o.AwaitEvent(o.key, a.eventID()); ev.Status != o.status || ev.Cost != "0" {
		t.Errorf("event = %+v", ev)
	}
}

func (o others) models(t *testing.T) {
	a := o.send(t, http.MethodGet, "/api/providers/vllm/v1/models", "", bearer(o.key)...)
	if a.status != 200 || !strings.Contains(string(a.body), `"owned_by":"`+o.owner+`"`) {
		t.Errorf("got %v", a)
	}
	if answer := o.Do(http.MethodPost, "/api/provider-settings/"+o.setting+"/test", testenv.Object{}); answer["ok"] != true {
		t.Errorf("the setting's test says %v", answer)
	}
}

func (o others) wrongCredential(t *testing.T) {
	o.key = o.CreateKey([]string{o.CreateSetting("vllm", "sk-another-0123456789", "http://"+o.address, nil)}, nil)
	if a := o.ask(t, greeting, ""); a.status != 401 || *decodeError(t, a).Error.Code != "upstream_error" {
		t.Errorf("got %v", a)
	}
}

type usageOfChunk struct {
	Prompt     int64 `json:"prompt_tokens"`
	Completion int64 `json:"completion_tokens"`
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
