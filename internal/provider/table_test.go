package provider_test

import (
	"bufio"
	"compress/gzip"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/bricks-gateway/bricks/internal/provider"
)

// TestNoRowHidesAnother: each row is found by a path of its own form.
func TestNoRowHidesAnother(t *testing.T) {
	for _, name := range provider.Names() {
		p, _ := provider.Get(name)
		for i := range p.Endpoints {
			e := &p.Endpoints[i]
			path := regexp.MustCompile(`\{[a-z_]+\}`).ReplaceAllString(e.Path, "some-1")
			m, found := provider.Find(e.Method, provider.PathPrefix+name+path)
			if !found || m.Endpoint != e {
				t.Errorf("%s: %s %s is hidden by %+v", name, e.Method, e.Path, m.Endpoint)
			}
			if strings.Contains(m.Path, "{") {
				t.Errorf("%s: %s %s leads to %s", name, e.Method, e.Path, m.Path)
			}
		}
	}
}

// TestRowsMakeSense: what one column says fits what the others say.
func TestRowsMakeSense(t *testing.T) {
	for _, name := range provider.Names() {
		p, _ := provider.Get(name)
		for _, e := range p.Endpoints {
			row := name + " " + e.Method + " " + e.Path
			if e.Operation == "" {
				t.Errorf("%s has no operation", row)
			}
			if e.Method != "POST" && (e.Body != provider.NoBody || e.Bills()) {
				t.Errorf("%s has a body or a bill", row)
			}
			if e.Bills() && !e.Unbounded && (e.Body == provider.NoBody || e.Body == provider.StreamedBody) {
				t.Errorf("%s bills for what nobody reads", row)
			}
			if e.RawAnswer && e.Bills() {
				t.Errorf("%s bills by an answer that nobody reads", row)
			}
			if e.StreamUsage && !e.Streams || e.Streams && e.Meter == provider.MeterNone {
				t.Errorf("%s streams without a meter for it", row)
			}
		}
	}
}

// seed are the paths of the reference, misprints included, with what the
// provider is called with. They are a contract: they never change.
var seed = []string{
	"POST /openai/v1/chat/completions", "POST /openai/v1/embeddings", "POST /openai/v1/moderations", "GET /openai/v1/models", "GET /openai/v1/models/m",
	"GET /openai/v1/files", "POST /openai/v1/files", "POST /openai/v1/files/f > DELETE /v1/files/f", "DELETE /openai/v1/files/f", "GET /openai/v1/files/f",
	"GET /openai/v1/files/f/content", "POST /openai/v1/files/f/content",
	"POST /openai/v1/images/generations", "POST /openai/v1/images/edits", "POST /openai/v1/images/variations",
	"POST /openai/v1/audio/speech", "POST /openai/v1/audio/transcriptions", "POST /openai/v1/audio/translations",
	"POST /openai/v1/audios/translations > POST /v1/audio/translations",
	"POST /openai/v1/assistants", "GET /openai/v1/assistants", "GET /openai/v1/assistants/a", "POST /openai/v1/assistants/a", "DELETE /openai/v1/assistants/a",
	"POST /openai/v1/assistants/a/files", "GET /openai/v1/assistants/a/files", "GET /openai/v1/assistants/a/files/f", "DELETE /openai/v1/assistants/a/files/f",
	"POST /openai/v1/threads", "GET /openai/v1/threads/t", "POST /openai/v1/threads/t", "DELETE /openai/v1/threads/t",
	"POST /openai/v1/threads/t/messages", "GET /openai/v1/threads/t/messages", "GET /openai/v1/threads/t/messages/m", "POST /openai/v1/threads/t/messages/m",
	"GET /openai/v1/threads/t/messages/m/files", "GET /openai/v1/threads/t/messages/m/files/f",
	"POST /openai/v1/threads/t/runs", "GET /openai/v1/threads/t/runs", "GET /openai/v1/threads/t/runs/r", "POST /openai/v1/threads/t/runs/r",
	"GET /openai/v1/threads/runs", "POST /openai/v1/threads/runs", "POST /openai/v1/threads/t/runs/r/submit_tool_outputs",
	"POST /openai/v1/threads/t/runs/r/cancel", "GET /openai/v1/threads/t/runs/r/steps", "GET /openai/v1/threads/t/runs/r/steps/s",
	"POST /azure/openai/deployments/d/chat/completions", "POST /azure/openai/deployments/d/embeddings",
	"POST /anthropic/v1/complete", "POST /anthropic/v1/messages",
	"POST /vllm/v1/chat/completions", "POST /vllm/v1/completions",
	"POST /deepinfra/v1/chat/completions > POST /v1/openai/chat/completions", "POST /deepinfra/v1/completions > POST /v1/openai/completions",
	"POST /deepinfra/v1/embeddings > POST /v1/openai/embeddings",
}

func TestEveryPathOfTheReference(t *testing.T) {
	for _, line := range seed {
		public, upstream, other := strings.Cut(line, " > ")
		method, path, _ := strings.Cut(public, " ")
		if !other {
			upstream = method + " /" + strings.SplitN(path, "/", 3)[2]
		}
		m, _ := provider.Find(method, "/api/providers"+path)
		if m.Endpoint == nil || m.Method+" "+m.Path != upstream {
			t.Errorf("%s leads to %s %s, want %s", public, m.Method, m.Path, upstream)
		}
	}
}

// excluded are families of OpenAI's API that the gateway does not serve. The
// reasons are in docs/providers.md.
var excluded = []string{
	"/organization", "/projects", "/realtime", "/videos", "/fine_tuning", "/evals", "/containers", "/chatkit", "/skills",
	"/audio/voice_consents", "/audio/voices", "/content_provenance_checks", "DELETE /models/{model}",
}

// TestOpenAIsOwnList: each path of OpenAI's own description is in the table or
// on the list of those that are not served.
func TestOpenAIsOwnList(t *testing.T) {
	listed := 0
	used := map[string]bool{}
	for _, call := range openAICalls(t) {
		listed++
		method, path, _ := strings.Cut(call, " ")
		i := slices.IndexFunc(excluded, func(x string) bool { return call == x || path == x || strings.HasPrefix(path, x+"/") })
		m, found := provider.Find(method, "/api/providers/openai/v1"+regexp.MustCompile(`\{[a-z_]+\}`).ReplaceAllString(path, "some-1"))
		if i >= 0 {
			used[excluded[i]] = true
		}
		if served := found && m.Endpoint != nil; served == (i >= 0) {
			t.Errorf("%s: served %v, excluded %v; want one of both", call, served, i >= 0)
		}
	}
	if listed < 200 {
		t.Errorf("the description has %d calls: it was not read right", listed)
	}
	for _, x := range excluded {
		if !used[x] {
			t.Errorf("%s is excluded but does not exist", x)
		}
	}
}

// openAICalls lists "METHOD /path" of OpenAI's description. Its layout is read
// line by line: paths at two blanks, methods at four.
func openAICalls(t *testing.T) []string {
	t.Helper()
	f, err := os.Open("testdata/openai.yaml.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // read only
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var calls []string
	path, inPaths := "", false
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if line != "" && line[0] != ' ' {
			inPaths = line == "paths:"
		}
		if !inPaths {
			continue
		}
		if name, ok := strings.CutPrefix(line, "  /"); ok {
			path, _, _ = strings.Cut("/"+strings.TrimSuffix(name, ":"), "?")
		}
		switch method := strings.TrimSuffix(strings.TrimPrefix(line, "    "), ":"); method {
		case "get", "post", "put", "patch", "delete":
			calls = append(calls, strings.ToUpper(method)+" "+path)
		}
	}
	if lines.Err() != nil {
		t.Fatal(lines.Err())
	}
	return calls
}
