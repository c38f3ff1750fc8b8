package fakeprovider

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// inner answers one request of a batch, as strictly as if it had come alone.
func (x *exchange) inner(path string, body []byte) (status int, answer []byte, usage Usage) {
	w := &recorder{header: http.Header{}}
	one := &exchange{p: x.p, w: w, r: x.r, body: body, record: &Request{}, path: path, anthropic: x.anthropic, azure: x.azure}
	h, err := batchable(path)
	if err == nil {
		err = h(one)
	}
	if err != nil {
		one.refuse(err)
	}
	return w.status, w.body, one.pending
}

// batchable finds what a batch may ask for.
func batchable(path string) (handler, error) {
	switch path {
	case "/v1/chat/completions":
		return asJSON((*exchange).chat), nil
	case "/v1/responses":
		return asJSON((*exchange).responses), nil
	case "/v1/embeddings":
		return asJSON((*exchange).embeddings), nil
	case "/v1/messages":
		return asJSON((*exchange).messages), nil
	}
	return nil, badRequest("endpoint", "Invalid value: '%s'.", path)
}

// recorder is an http.ResponseWriter that keeps what is written.
type recorder struct {
	header http.Header
	status int
	body   []byte
}

func (w *recorder) Header() http.Header    { return w.header }
func (w *recorder) WriteHeader(status int) { w.status = status }
func (w *recorder) Write(b []byte) (int, error) {
	w.body = append(w.body, b...)
	return len(b), nil
}

// keepRequests keeps a file of requests for a batch. ok is false when it holds
// something else.
func (p *Provider) keepRequests(file []byte) (id string, ok bool) {
	lines, err := requestLines(file)
	if err != nil || len(lines) == 0 {
		return "", false
	}
	id = fmt.Sprintf("file-batch-%d", p.serial())
	p.mu.Lock()
	defer p.mu.Unlock()
	p.files[id] = file
	return id, true
}

// requestLines decodes a file of requests: each has a name of its own, a method,
// a url and a body.
func requestLines(file []byte) (lines []object, err error) {
	names := map[string]bool{}
	for line := range strings.Lines(string(file)) {
		o, err := decodeObject([]byte(line))
		if err != nil {
			return nil, err
		}
		name := text(o["custom_id"])
		if name == "" || names[name] || text(o["method"]) != http.MethodPost || text(o["url"]) == "" || isObject(o["body"]) != "" {
			return nil, badRequest("", "This line is not parseable as a request of a batch.")
		}
		names[name] = true
		lines = append(lines, o)
	}
	return lines, nil
}

func (x *exchange) createBatch(o object) error {
	for _, name := range []string{"input_file_id", "endpoint", "completion_window"} {
		if absent(o[name]) {
			return badRequest(name, "Missing required parameter: '%s'.", name)
		}
	}
	if ok, err := x.ready(); !ok {
		return err
	}
	x.p.mu.Lock()
	file, ok := x.p.files[text(o["input_file_id"])]
	x.p.mu.Unlock()
	if !ok {
		x.sendJSON(http.StatusOK, thing(x.lastID(), "batch"))
		return nil
	}
	lines, err := requestLines(file)
	if err != nil {
		return err
	}
	id, endpoint := fmt.Sprintf("batch_%d", x.p.serial()), text(o["endpoint"])
	b := batch{id: id, endpoint: endpoint, input: text(o["input_file_id"]), total: len(lines)}
	for _, line := range lines {
		if text(line["url"]) != endpoint {
			return badRequest("", "The URL of a request does not match the batch's endpoint.")
		}
		b.answer(x, text(line["custom_id"]), line["body"])
	}
	x.pending = b.usage
	x.keep("/v1/batches/"+id, job{working: b.object("in_progress", false), done: b.object("completed", x.fault.usage != "none")})
	x.keep("/v1/files/file-of-"+id+"/content", job{results: b.results})
	x.sendJSON(http.StatusOK, b.object("validating", false))
	return nil
}

// batch is one of OpenAI's.
type batch struct {
	id, endpoint, input      string
	total, completed, failed int
	usage                    Usage
	results                  []byte
}

// answer works one request off. Those that fail go to another file.
func (b *batch) answer(x *exchange, name string, body []byte) {
	status, answer, usage := x.inner(b.endpoint, body)
	if status != http.StatusOK {
		b.failed++
		return
	}
	b.completed++
	b.usage.add(usage)
	line := encode(ordered{
		{"id", "batch_req_" + name}, {"custom_id", name},
		{"response", ordered{{"status_code", status}, {"request_id", "req_fake"}, {"body", json.RawMessage(answer)}}}, {"error", nil},
	})
	b.results = append(append(b.results, line...), '\n')
}

func (b *batch) object(status string, told bool) ordered {
	var output any
	completed, failed := 0, 0
	if status == "completed" {
		completed, failed = b.completed, b.failed
		if b.completed > 0 {
			output = "file-of-" + b.id
		}
	}
	o := ordered{
		{"id", b.id}, {"object", "batch"}, {"endpoint", b.endpoint}, {"errors", nil}, {"input_file_id", b.input}, {"completion_window", "24h"},
		{"status", status}, {"output_file_id", output}, {"error_file_id", nil}, {"created_at", created}, {"metadata", nil},
		{"request_counts", ordered{{"total", b.total}, {"completed", completed}, {"failed", failed}}},
	}
	if told {
		u := b.usage
		o = append(o, member{"model", u.Model}, member{"usage", ordered{
			{"input_tokens", u.InputTokens}, {"input_tokens_details", ordered{{"cached_tokens", u.CachedTokens}}},
			{"output_tokens", u.OutputTokens}, {"output_tokens_details", ordered{{"reasoning_tokens", u.ReasoningTokens}}},
			{"total_tokens", u.InputTokens + u.OutputTokens},
		}})
	}
	return o
}

// add sums up requests of one model.
func (u *Usage) add(v Usage) {
	u.Model = v.Model
	u.InputTokens += v.InputTokens
	u.CachedTokens += v.CachedTokens
	u.CacheWriteTokens += v.CacheWriteTokens
	u.OutputTokens += v.OutputTokens
	u.ReasoningTokens += v.ReasoningTokens
}

// createMessageBatch is Anthropic's batch.
func (x *exchange) createMessageBatch(o object) error {
	requests, err := o.objects("", "requests")
	if err != nil || len(requests) == 0 {
		return badRequest("", "requests: Field required")
	}
	if ok, err := x.ready(); !ok {
		return err
	}
	id := fmt.Sprintf("msgbatch_%d", x.p.serial())
	var results []byte
	succeeded, errored := 0, 0
	for _, r := range requests {
		if text(r["custom_id"]) == "" || isObject(r["params"]) != "" {
			return badRequest("", "requests: custom_id and params are required")
		}
		status, answer, usage := x.inner("/v1/messages", r["params"])
		result := ordered{{"type", "succeeded"}, {"message", json.RawMessage(answer)}}
		if status == http.StatusOK {
			succeeded++
			x.pending.add(usage)
		} else {
			errored++
			result = ordered{{"type", "errored"}, {"error", json.RawMessage(answer)}}
		}
		results = append(append(results, encode(ordered{{"custom_id", text(r["custom_id"])}, {"result", result}})...), '\n')
	}
	state := func(status string, processing, succeeded, errored int, url any) ordered {
		return ordered{
			{"id", id}, {"type", "message_batch"}, {"processing_status", status}, {"created_at", "2026-11-01T00:00:00Z"}, {"expires_at", "2026-11-02T00:00:00Z"},
			{"ended_at", nil}, {"cancel_initiated_at", nil}, {"archived_at", nil}, {"results_url", url},
			{"request_counts", ordered{{"processing", processing}, {"succeeded", succeeded}, {"errored", errored}, {"canceled", 0}, {"expired", 0}}},
		}
	}
	path := "/v1/messages/batches/" + id
	working := state("in_progress", len(requests), 0, 0, nil)
	x.keep(path, job{working: working, done: state("ended", 0, succeeded, errored, x.p.URL()+path+"/results")})
	x.keep(path+"/results", job{results: results})
	x.sendJSON(http.StatusOK, working)
	return nil
}

// keptResults sends the results of a batch that was made here.
func (x *exchange) keptResults() (sent bool) {
	x.p.mu.Lock()
	j := x.p.jobs[x.path]
	x.p.mu.Unlock()
	if j != nil {
		x.sendBytes(http.StatusOK, "application/x-jsonl", [][]byte{j.results})
	}
	return j != nil
}
