package fakeprovider_test

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"github.com/bricks-gateway/bricks/internal/fakeprovider"
)

// upload sends a file of requests and returns its id.
func upload(t *testing.T, p *fakeprovider.Provider, content string) string {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	_ = w.WriteField("purpose", "batch")
	part, _ := w.CreateFormFile("file", "requests.jsonl")
	_, _ = io.WriteString(part, content)
	_ = w.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.URL()+"/v1/files", &b)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+fakeprovider.OpenAIKey)
	r.Header.Set("Content-Type", w.FormDataContentType())
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // read only
	var made struct{ ID string }
	if err := json.NewDecoder(resp.Body).Decode(&made); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("upload: %d, %v", resp.StatusCode, err)
	}
	return made.ID
}

// withoutNulls drops an answer's members that are null: the description has an
// object or a string there, where the API's own examples have null.
func withoutNulls(t *testing.T, answer []byte) []byte {
	t.Helper()
	var o map[string]any
	if err := json.Unmarshal(answer, &o); err != nil {
		t.Fatal(err)
	}
	maps.DeleteFunc(o, func(name string, v any) bool {
		return v == nil && (name == "usage" || name == "errors" || strings.HasSuffix(name, "_file_id"))
	})
	b, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestJobsAreDoneLater: what works on in the background says so as OpenAI
// describes, and what it used once it is done.
func TestJobsAreDoneLater(t *testing.T) {
	d := readDescription(t)
	p, err := fakeprovider.Start(fakeprovider.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	file := upload(t, p, `{"custom_id":"a","method":"POST","url":"/v1/responses","body":{"model":"gpt-4o-mini","input":"hello there"}}`+"\n"+
		`{"custom_id":"b","method":"POST","url":"/v1/responses","body":{"input":"without a model"}}`+"\n")
	for _, c := range []struct{ path, template, body, want string }{
		{"/responses", "/responses/{response_id}", `{"model":"gpt-4o-mini","input":"hello there","background":true}`, `"input_tokens":5`},
		{"/batches", "/batches/{batch_id}", `{"input_file_id":"` + file + `","endpoint":"/v1/responses","completion_window":"24h"}`, `"input_tokens":5`},
	} {
		status, answer := callAPI(t, p, http.MethodPost, c.path, c.body)
		var made struct{ ID string }
		if err := json.Unmarshal(answer, &made); err != nil || status != http.StatusOK || strings.Contains(string(answer), c.want) {
			t.Fatalf("%s: %d %s", c.path, status, answer)
		}
		if err := d.check(t, c.path, "post/"+answerSchema, withoutNulls(t, answer)); err != nil {
			t.Errorf("%s: %v\nin %s", c.path, err, answer)
		}
		status, answer = callAPI(t, p, http.MethodGet, c.path+"/"+made.ID, "")
		if status != http.StatusOK || !strings.Contains(string(answer), c.want) || !strings.Contains(string(answer), `"status":"completed"`) {
			t.Errorf("%s/%s: %d %s", c.path, made.ID, status, answer)
		}
		if err := d.check(t, c.template, "get/"+answerSchema, withoutNulls(t, answer)); err != nil {
			t.Errorf("%s: %v\nin %s", c.template, err, answer)
		}
	}
	bad := upload(t, p, "not a request\n")
	if strings.HasPrefix(bad, "file-batch-") {
		t.Errorf("a file of something else is one of requests: %s", bad)
	}
	if status, answer := callAPI(t, p, http.MethodPost, "/batches", `{"input_file_id":"`+file+`","endpoint":"/v1/embeddings","completion_window":"24h"}`); status != http.StatusBadRequest {
		t.Errorf("a batch of another endpoint: %d %s", status, answer)
	}
}
