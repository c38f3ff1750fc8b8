package fakeprovider_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/bricks-gateway/bricks/internal/fakeprovider"
)

// description is OpenAI's own description of its API, by which the fake is
// judged: what requests are good, and what answers look like.
type description struct {
	document any
	compiler *jsonschema.Compiler
}

const descriptionURL = "https://description.test/openai.json"

func readDescription(t *testing.T) *description {
	t.Helper()
	f, err := os.Open("../provider/testdata/openai.yaml.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // read only
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	var y any
	if err := yaml.Unmarshal(b, &y); err != nil {
		t.Fatal(err)
	}
	dropRecursive(y)
	if b, err = json.Marshal(y); err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource(descriptionURL, document); err != nil {
		t.Fatal(err)
	}
	return &description{document, c}
}

// dropRecursive removes keywords of an older draft, which the rest is not of.
func dropRecursive(v any) {
	switch v := v.(type) {
	case map[string]any:
		delete(v, "$recursiveAnchor")
		delete(v, "$recursiveRef")
		for _, each := range v {
			dropRecursive(each)
		}
	case []any:
		for _, each := range v {
			dropRecursive(each)
		}
	}
}

// check says what is wrong with a body by the schema at the pointer below
// /paths, in which a path's slashes stand as they are.
func (d *description) check(t *testing.T, path, rest string, body []byte) error {
	t.Helper()
	escape := strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D")
	s, err := d.compiler.Compile(descriptionURL + "#/paths/" + escape.Replace(path) + "/" + rest)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return err
	}
	return s.Validate(value)
}

const (
	requestSchema = "post/requestBody/content/application~1json/schema"
	answerSchema  = "responses/200/content/application~1json/schema"
)

func callAPI(t *testing.T, p *fakeprovider.Provider, method, path, body string) (int, []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, p.URL()+"/v1"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+fakeprovider.OpenAIKey)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // read only
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, b
}

// TestTheFakeIsAsStrictAsTheDescription: both take the same requests and refuse
// the same, and the fake's answers are of the described form.
func TestTheFakeIsAsStrictAsTheDescription(t *testing.T) {
	d := readDescription(t)
	p, err := fakeprovider.Start(fakeprovider.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	const chat = `"messages":[{"role":"user","content":"hello"}]`
	for path, bodies := range map[string]struct{ good, bad []string }{
		"/chat/completions": {
			[]string{`{"model":"gpt-4o-mini",` + chat + `,"n":2,"max_completion_tokens":3}`, `{"model":"gpt-4o-mini",` + chat + `,"stream":true,"stream_options":{"include_usage":true}}`},
			[]string{`{"model":"gpt-4o-mini"}`, `{` + chat + `}`, `{"model":"gpt-4o-mini","messages":[]}`, `{"model":"gpt-4o-mini",` + chat + `,"n":0}`, `{"model":"gpt-4o-mini",` + chat + `,"temperature":3}`},
		},
		"/completions": {
			[]string{`{"model":"gpt-3.5-turbo-instruct","prompt":"hello"}`, `{"model":"gpt-3.5-turbo-instruct","prompt":["a","b"],"n":2}`, `{"model":"gpt-3.5-turbo-instruct","prompt":[1,2]}`},
			[]string{`{"prompt":"hello"}`, `{"model":"gpt-3.5-turbo-instruct","prompt":"x","n":129}`, `{"model":"gpt-3.5-turbo-instruct","prompt":"x","best_of":21}`, `{"model":"gpt-3.5-turbo-instruct","prompt":"x","logprobs":6}`},
		},
		"/embeddings": {
			[]string{`{"model":"text-embedding-3-small","input":"hello"}`, `{"model":"text-embedding-3-small","input":["a","b"],"dimensions":4}`},
			[]string{`{"model":"text-embedding-3-small"}`, `{"input":"x"}`, `{"model":"text-embedding-3-small","input":"x","encoding_format":"hex"}`, `{"model":"text-embedding-3-small","input":"x","dimensions":0}`},
		},
		"/moderations": {[]string{`{"input":"hello"}`, `{"input":["a"],"model":"omni-moderation-latest"}`}, []string{`{}`, `{"input":1}`}},
		"/responses": {
			[]string{`{"model":"gpt-4o-mini","input":"hello"}`, `{"model":"gpt-4o-mini","input":[{"role":"user","content":"hello"}],"background":true}`},
			[]string{`{"model":"gpt-4o-mini","input":1}`, `{"model":"gpt-4o-mini","input":"x","temperature":3}`, `{"model":"gpt-4o-mini","input":"x","stream":"yes"}`, `{"model":"gpt-4o-mini","input":"x","tools":{}}`},
		},
		"/images/generations": {
			[]string{`{"model":"gpt-image-1","prompt":"a fox","n":2}`, `{"prompt":"a fox"}`},
			[]string{`{"model":"gpt-image-1"}`, `{"prompt":"x","n":11}`, `{"prompt":"x","partial_images":4}`, `{"prompt":"x","output_format":"bmp"}`},
		},
		"/audio/speech": {
			[]string{`{"model":"tts-1","input":"hello","voice":"alloy"}`},
			[]string{`{"model":"tts-1","input":"hello"}`, `{"input":"hello","voice":"alloy"}`, `{"model":"tts-1","input":"x","voice":"alloy","speed":9}`, `{"model":"tts-1","input":"x","voice":"alloy","response_format":"ogg"}`},
		},
		"/batches":       {[]string{`{"input_file_id":"f","endpoint":"/v1/chat/completions","completion_window":"24h"}`}, []string{`{"input_file_id":"f"}`}},
		"/uploads":       {[]string{`{"filename":"f","purpose":"batch","bytes":1,"mime_type":"text/plain"}`}, []string{`{"filename":"f"}`}},
		"/vector_stores": {[]string{`{"name":"n"}`}, nil},
		"/assistants":    {[]string{`{"model":"gpt-4o-mini"}`}, []string{`{"name":"n"}`}},
	} {
		for i, body := range append(bodies.good, bodies.bad...) {
			status, answer := callAPI(t, p, http.MethodPost, path, body)
			wrong := d.check(t, path, requestSchema, []byte(body))
			good := i < len(bodies.good)
			if (wrong == nil) != good {
				t.Errorf("%s %s: the description finds it good %v: %v", path, body, wrong == nil, wrong)
			}
			if (status == http.StatusOK) != good {
				t.Errorf("%s %s: the fake answers %d %s", path, body, status, answer)
			}
		}
	}
}

// TestTheFakeAnswersAsDescribed compares answers that carry usage with OpenAI's
// description: what the gateway reads of them is what it will find.
func TestTheFakeAnswersAsDescribed(t *testing.T) {
	d := readDescription(t)
	p, err := fakeprovider.Start(fakeprovider.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	for _, c := range []struct{ path, body string }{
		{"/chat/completions", `{"model":"gpt-4o-mini","messages":[{"role":"user","content":"hello"}]}`},
		{"/completions", `{"model":"gpt-3.5-turbo-instruct","prompt":"hello"}`},
		{"/embeddings", `{"model":"text-embedding-3-small","input":"hello","encoding_format":"float"}`},
		{"/responses", `{"model":"gpt-4o-mini","input":"hello"}`},
		{"/responses/input_tokens", `{"model":"gpt-4o-mini","input":"hello"}`},
		{"/images/generations", `{"model":"gpt-image-1","prompt":"a fox"}`},
		{"/models", ""},
	} {
		method := http.MethodPost
		if c.body == "" {
			method = http.MethodGet
		}
		status, answer := callAPI(t, p, method, c.path, c.body)
		if status != http.StatusOK {
			t.Errorf("%s: got %d %s", c.path, status, answer)
			continue
		}
		if err := d.check(t, c.path, strings.ToLower(method)+"/"+answerSchema, answer); err != nil {
			t.Errorf("%s: %v\nin %s", c.path, fmt.Sprint(err), answer)
		}
	}
}
