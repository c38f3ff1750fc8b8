package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bricks-gateway/bricks/internal/testenv"
)

// observers are SDKs that tell what they see, each in all scenarios but without
// and with these.
var observers = []struct {
	suite
	without, with []string
}{
	{suite{"openai for Python", "BRICKS_TEST_PYTHON", "python/observe_openai.py"}, nil, nil},
	{suite{"AzureOpenAI", "BRICKS_TEST_PYTHON", "python/observe_azure.py"}, nil, nil},
	{suite{"openai for Node", nodeModules, "node/observe_openai.mjs"}, nil, nil},
	{suite{"anthropic", "BRICKS_TEST_PYTHON", "python/observe_anthropic.py"}, []string{"embeddings"}, []string{"count tokens"}},
	{suite{"langchain-openai", "BRICKS_TEST_PYTHON", "python/observe_langchain.py"}, []string{"models"}, nil},
	{suite{"AI SDK", nodeModules, "node/observe_ai.mjs"}, []string{"models", "stream"}, []string{"responses", "responses stream"}},
}

// observation is as much as the SDKs' observations have in common.
type observation struct {
	Text   string
	Finish string
	Tools  []struct {
		Name      string
		Arguments struct{ City string }
	}
	Usage      struct{ Input, Output int }
	Embeddings [][]float64
	Models     []any
	Tokens     int
	Error      *struct {
		Class  string
		Status int
	}
}

func shows(text string) func(observation) bool {
	return func(o observation) bool { return o.Text == text && len(o.Tools) == 0 && o.Finish != "" }
}

func calls(o observation) bool {
	return o.Text == "" && len(o.Tools) == 1 && o.Tools[0].Name == "get_weather" && o.Tools[0].Arguments.City == "New York"
}

func fails(status int) func(observation) bool {
	return func(o observation) bool { return o.Error != nil && o.Error.Class != "" && o.Error.Status == status }
}

// scenarios are what is observed, and what is true of it whichever SDK looks:
// two observations of nothing would be equal too.
var scenarios = map[string]func(observation) bool{
	"chat":   shows("You said: hello there gateway"),
	"stream": shows("You said: hello there gateway"),
	"stream with usage": func(o observation) bool {
		return shows("You said: hello there gateway")(o) && o.Usage.Input == 10 && o.Usage.Output == 5
	},
	"stream cut at the maximum": shows("You said:"),
	"tool":                      calls,
	"tool stream":               calls,
	"tool result":               shows("The tool said: 18 degrees"),
	"embeddings":                func(o observation) bool { return len(o.Embeddings) == 2 && len(o.Embeddings[0]) == 8 },
	"models":                    func(o observation) bool { return len(o.Models) > 1 },
	"error 400":                 fails(400),
	"error 404":                 fails(404),
	"error 429":                 fails(429),
	"error 429 to a stream":     fails(429),
	"error 500":                 fails(500),
}

// more are scenarios of one SDK only.
var more = map[string]func(observation) bool{
	"count tokens":     func(o observation) bool { return o.Tokens == 10 },
	"responses":        shows("You said: hello there gateway"),
	"responses stream": shows("You said: hello there gateway"),
}

// TestClientsObserveTheSame: all that an SDK shows of an answer, a stream's
// every event or an error is the same through the gateway as from the provider.
func TestClientsObserveTheSame(t *testing.T) {
	e := newEnv(t, testenv.Options{})
	settings := []string{e.openAI, e.anthropic, e.azureSetting(modelMap, nil)}
	for _, o := range observers {
		t.Run(o.name, func(t *testing.T) {
			key := e.CreateKey(settings, nil)
			e.fake.Forbid(key.Secret)
			e.secrets, e.keys = append(e.secrets, key.Secret), append(e.keys, key)
			through := e.addresses()
			for _, name := range []string{"OPENAI_KEY", "AZURE_KEY", "ANTHROPIC_KEY"} {
				through[name] = key.Secret
			}
			names, got := o.observe(t, through)
			_, want := o.observe(t, addressesOf(e.fake))

			expected := slices.DeleteFunc(slices.AppendSeq(slices.Clone(o.with), maps.Keys(scenarios)), func(name string) bool { return slices.Contains(o.without, name) })
			slices.Sort(expected)
			slices.Sort(names)
			if !slices.Equal(names, expected) {
				t.Errorf("observed %q, want %q", names, expected)
			}
			for _, name := range names {
				checkObservation(t, name, got[name])
				if a, b := decoded(t, got[name]), decoded(t, want[name]); !reflect.DeepEqual(a, b) {
					t.Errorf("%s: with the provider (-), through the gateway (+):\n%s", name, cmp.Diff(b, a))
				}
			}
			e.AwaitEvents(key, len(expected)) // so the gateway was between
			if !t.Failed() {
				t.Logf("measured: %s: %d scenarios observed the same", o.name, len(expected))
			}
		})
	}
}

// observe runs the suite and returns what it saw, by the scenarios' names.
func (s suite) observe(t *testing.T, settings map[string]string) (names []string, seen map[string]json.RawMessage) {
	t.Helper()
	out, err := s.command(t, settings).Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			t.Fatalf("%v\n%s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	seen = map[string]json.RawMessage{}
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line struct {
			Scenario string
			Observed json.RawMessage
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatalf("%v in %s", err, lines.Bytes())
		}
		names, seen[line.Scenario] = append(names, line.Scenario), line.Observed
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return names, seen
}

func checkObservation(t *testing.T, name string, observed json.RawMessage) {
	t.Helper()
	holds := scenarios[name]
	if holds == nil {
		holds = more[name]
	}
	var o observation
	if err := json.Unmarshal(observed, &o); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	if holds == nil || !holds(o) || (o.Error != nil) != strings.HasPrefix(name, "error ") {
		t.Errorf("%s: observed %.2000s", name, observed)
	}
}

// decoded is JSON as values, numbers as they are spelled.
func decoded(t *testing.T, b json.RawMessage) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v in %q", err, b)
	}
	return v
}
