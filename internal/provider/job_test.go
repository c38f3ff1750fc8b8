package provider_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/provider"
)

func TestJobTarget(t *testing.T) {
	for _, tt := range []struct{ path, query, answer, want string }{
		{"openai/v1/responses", "", `{"id":"resp_1","object":"response"}`, "/v1/responses/resp_1"},
		{"openai/v1/responses", "include=x", `{"output":[],"id":"resp-2.a"}`, "/v1/responses/resp-2.a"},
		{"openai/v1/batches", "", `{"id":"batch_1"`, "/v1/batches/batch_1"}, // cut off behind its id
		{"anthropic/v1/messages/batches", "", `{"id":"msgbatch_1"}`, "/v1/messages/batches/msgbatch_1"},
		{"openai/v1/threads/t_1/runs", "", `{"id":"run_1"}`, "/v1/threads/t_1/runs/run_1"},
		{"openai/v1/threads/runs", "", `{"id":"run_1","thread_id":"t_2"}`, "/v1/threads/t_2/runs/run_1"},
		{"openai/v1/threads/t_1/runs/run_1/submit_tool_outputs", "", `{"id":"other"}`, "/v1/threads/t_1/runs/run_1"},
		{"openai/v1/threads/t_1/runs/run_1/submit_tool_outputs", "", ``, "/v1/threads/t_1/runs/run_1"},
		{"azure/openai/responses", "a=b&api-version=2025-04-01-preview", `{"id":"r"}`, "/openai/responses/r?api-version=2025-04-01-preview"},
		{"azure/openai/batches", "api-version=2024-10-21", `{"id":"b"}`, "/openai/batches/b?api-version=2024-10-21"},
		{"azure/openai/threads/runs", "api-version=2024-10-21", `{"id":"r","thread_id":"t"}`, "/openai/threads/t/runs/r?api-version=2024-10-21"},
		{"azure/openai/v1/batches", "", `{"id":"b"}`, "/openai/v1/batches/b"},
		{"azure/openai/v1/responses", "api-version=preview", `{"id":"r"}`, "/openai/v1/responses/r?api-version=preview"},

		{"azure/openai/batches", "", `{"id":"b"}`, ""},
		{"azure/openai/batches", "api-version=1%2f2", `{"id":"b"}`, ""},
		{"openai/v1/chat/completions", "", `{"id":"chatcmpl-1"}`, ""},
		{"openai/v1/threads/runs", "", `{"id":"run_1"}`, ""},
		{"openai/v1/threads/runs", "", `{"id":"run_1","thread_id":".."}`, ""},
		{"openai/v1/responses", "", `{"id":1}`, ""},
		{"openai/v1/responses", "", `{"error":{}}`, ""},
		{"openai/v1/responses", "", `{"id":""}`, ""},
		{"openai/v1/responses", "", `{"id":".hidden"}`, ""},
		{"openai/v1/responses", "", `{"id":"a/../../v1/files/f/content"}`, ""},
		{"openai/v1/responses", "", `{"id":"a?b"}`, ""},
		{"openai/v1/responses", "", `{"id":"a%2fb"}`, ""},
		{"openai/v1/responses", "", `{"id":"a b"}`, ""},
		{"openai/v1/responses", "", `{"id":"a:b"}`, ""},
		{"openai/v1/responses", "", `{"id":"a\u0000"}`, ""},
		{"openai/v1/responses", "", `{"id":"` + strings.Repeat("a", 129) + `"}`, ""},
		{"openai/v1/responses", "", `not json`, ""},
	} {
		m, _ := provider.Find("POST", provider.PathPrefix+tt.path)
		if m.Endpoint == nil {
			t.Fatalf("no endpoint %s", tt.path)
		}
		got, ok := m.JobTarget(provider.ReadStarted([]byte(tt.answer)), tt.query)
		if got != tt.want || ok != (tt.want != "") {
			t.Errorf("%s?%s answered %s: job %q, %v; want %q", tt.path, tt.query, tt.answer, got, ok, tt.want)
		}
	}
}

// FuzzJob: whatever a provider answers, a job's target is a row of its table.
func FuzzJob(f *testing.F) {
	f.Add("/v1/threads/runs", "api-version=2024-10-21", `{"id":"run_1","thread_id":"t"}`)
	f.Add("/openai/batches", "api-version=../..&api-version=1", `{"id":"a/../b"}`)
	f.Add("/v1/responses", "", `{"id":"\u002e\u002e","status":"completed","usage":{"input_tokens":-1}}`)
	f.Add("/v1/messages/batches", "a=b", `{"id":"b","processing_status":"ended","result":{"type":"succeeded","message":[]}}`)
	f.Fuzz(func(t *testing.T, path, query, answer string) {
		for _, name := range provider.Names() {
			m, _ := provider.Find("POST", provider.PathPrefix+name+path)
			if m.Endpoint == nil {
				continue
			}
			target, ok := m.JobTarget(provider.ReadStarted([]byte(answer)), query)
			if !ok {
				continue
			}
			j, known := provider.FindJob(name, target)
			if !known || target[0] != '/' || strings.Contains(target, "/.") || strings.Count(target, "?") > 1 || strings.ContainsAny(target, "%#@\\ \"") {
				t.Errorf("%s %s?%s answered %q: job %q, known %v", name, path, query, answer, target, known)
			}
			results := j.Read([]byte(answer)).Results
			if results != "" && results[0] != '/' {
				t.Errorf("results at %q", results)
			}
			j.ReadResult([]byte(answer))
		}
	})
}

func TestReadStartedEvent(t *testing.T) {
	for data, want := range map[string]provider.Started{
		`{"type":"response.created","response":{"id":"resp_1","status":"queued"}}`:         {ID: "resp_1"},
		`{"id":"run_1","object":"thread.run","thread_id":"t_1"}`:                           {ID: "run_1", ThreadID: "t_1"},
		`{"id":"t_1","object":"thread"}`:                                                   {},
		`{"id":"step_1","object":"thread.run.step","thread_id":"t_1"}`:                     {},
		`{"type":"response.output_text.delta","item_id":"x","response":"resp_of_content"}`: {},
		`[DONE]`: {},
	} {
		if got := provider.ReadStartedEvent([]byte(data)); got != want {
			t.Errorf("%s: got %+v, want %+v", data, got, want)
		}
	}
}

func TestFindJobTakesNothingElse(t *testing.T) {
	for _, tt := range [][2]string{
		{"openai", "/v1/files/f/content"}, {"openai", "/v1/batches"}, {"openai", "/v1/batches/../files"}, {"openai", "/v1/messages/batches/b"},
		{"anthropic", "/v1/batches/b"}, {"anthropic", "/v1/messages/batches/b/results"}, {"nobody", "/v1/batches/b"}, {"openai", "//evil.example/v1/batches/b"},
		{"openai", "https://evil.example/v1/batches/b"}, {"openai", ""}, {"open", "ai/v1/batches/b"}, {"openai", "/v1/responses/a/input_items"},
	} {
		if j, ok := provider.FindJob(tt[0], tt[1]); ok {
			t.Errorf("%s %s is a job: %+v", tt[0], tt[1], j)
		}
	}
}

func TestJobHeaders(t *testing.T) {
	for target, want := range map[string]string{
		"anthropic /v1/messages/batches/b":            "x-api-key=key anthropic-version=2023-06-01",
		"openai /v1/responses/r":                      "authorization=Bearer key",
		"openai /v1/threads/t/runs/r":                 "authorization=Bearer key openai-beta=assistants=v2",
		"azure /openai/batches/b?api-version=2024-10": "api-key=key",
	} {
		name, path, _ := strings.Cut(target, " ")
		j, ok := provider.FindJob(name, path)
		if !ok {
			t.Errorf("%s is no job", target)
			continue
		}
		var got []string
		for _, h := range j.Headers(&gateway.ProviderSetting{Provider: name, APIKey: gateway.NewSecret("key")}) {
			got = append(got, h.Name+"="+h.Value.Reveal())
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%s: headers %s, want %s", target, s, want)
		}
	}
}

func TestReadJob(t *testing.T) {
	reading := func(model string, input, output int64) provider.Reading {
		return provider.Reading{Model: model, HasCost: true, Usage: gateway.Usage{InputTokens: input, OutputTokens: output}}
	}
	const (
		response = "openai /v1/responses/r"
		batch    = "openai /v1/batches/b"
		run      = "openai /v1/threads/t/runs/r"
		dated    = "azure /openai/batches/b?api-version=2024-10-21"
		messages = "anthropic /v1/messages/batches/b"
	)
	cached := reading("m", 9, 2)
	cached.Usage.CacheWrite1hTokens = 4
	for _, tt := range []struct {
		name, job, body string
		want            provider.JobState
	}{
		{"queued", response, `{"status":"queued","usage":null}`, provider.JobState{}},
		{"in progress with a usage", response, `{"status":"in_progress","usage":{"input_tokens":1,"output_tokens":1}}`, provider.JobState{}},
		{"of an unknown state", response, `{"status":"thinking"}`, provider.JobState{}},
		{"an error's body", response, `{"error":{"message":"x"}}`, provider.JobState{}},
		{"completed", response, `{"status":"completed","model":"m","usage":{"input_tokens":9,"output_tokens":2}}`, provider.JobState{Done: true, Reading: reading("m", 9, 2)}},
		{"cancelled half way", response, `{"status":"cancelled","model":"m","usage":{"input_tokens":9,"output_tokens":2}}`, provider.JobState{Done: true, Reading: reading("m", 9, 2)}},
		{"cancelled before it began", response, `{"status":"cancelled","model":"m","usage":null}`, provider.JobState{Done: true, Free: true, Reading: provider.Reading{Model: "m"}}},
		{"completed, and says nothing", response, `{"status":"completed","model":"m"}`, provider.JobState{Done: true, Reading: provider.Reading{Model: "m"}}},
		{"kept for a day", response, `{"status":"completed","model":"m","prompt_cache_retention":"24h","usage":{"input_tokens":9,"input_tokens_details":{"cache_write_tokens":4},"output_tokens":2}}`, provider.JobState{Done: true, Reading: cached}},
		{"run", run, `{"status":"expired","model":"m","usage":{"prompt_tokens":9,"completion_tokens":2}}`, provider.JobState{Done: true, Reading: reading("m", 9, 2)}},
		{"run that waits", run, `{"status":"requires_action","model":"m","usage":null}`, provider.JobState{}},
		{"batch with its sum", batch, `{"status":"completed","model":"m","endpoint":"/v1/responses","output_file_id":"file-1","request_counts":{"total":3,"completed":2,"failed":1},"usage":{"input_tokens":9,"output_tokens":2}}`,
			provider.JobState{Done: true, Reading: reading("m", 9, 2), Requests: 2, Results: "/v1/files/file-1/content"}},
		{"batch without", dated, `{"status":"completed","output_file_id":"file-1","error_file_id":"file-2"}`,
			provider.JobState{Done: true, Results: "/openai/files/file-1/content?api-version=2024-10-21"}},
		{"batch with a sum of nothing", batch, `{"status":"expired","output_file_id":"file-1","usage":{"input_tokens":0,"output_tokens":0}}`,
			provider.JobState{Done: true, Results: "/v1/files/file-1/content"}},
		{"batch whose file is elsewhere", batch, `{"status":"completed","output_file_id":"../../x","request_counts":{"completed":2}}`, provider.JobState{Done: true, Requests: 2}},
		{"batch that failed", batch, `{"status":"failed","output_file_id":null,"request_counts":{"total":0,"completed":0,"failed":0}}`, provider.JobState{Done: true, Free: true}},
		{"batch of moderations", batch, `{"status":"completed","endpoint":"/v1/moderations","output_file_id":"f"}`, provider.JobState{Done: true, Free: true, Results: "/v1/files/f/content"}},
		{"batch that ends", batch, `{"status":"finalizing","output_file_id":"f"}`, provider.JobState{}},
		{"messages", messages, `{"processing_status":"ended","results_url":"https://evil.example/results"}`, provider.JobState{Done: true, Results: "/v1/messages/batches/b/results"}},
		{"messages in work", messages, `{"processing_status":"canceling","results_url":null}`, provider.JobState{Results: "/v1/messages/batches/b/results"}},
	} {
		name, path, _ := strings.Cut(tt.job, " ")
		j, ok := provider.FindJob(name, path)
		if !ok {
			t.Fatalf("%s is no job", tt.job)
		}
		got := j.Read([]byte(tt.body))
		got.Reading.Usage = counted(got.Reading)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// counted is the usage of a reading that has a cost.
func counted(r provider.Reading) gateway.Usage {
	if !r.HasCost {
		return gateway.Usage{}
	}
	return r.Usage
}

func TestReadResult(t *testing.T) {
	openAI, _ := provider.FindJob("openai", "/v1/batches/b")
	claude, _ := provider.FindJob("anthropic", "/v1/messages/batches/b")
	for _, tt := range []struct {
		job           provider.Job
		line          string
		billed, told  bool
		model         string
		input, output int64
	}{
		{openAI, `{"custom_id":"a","response":{"status_code":200,"body":{"model":"gpt","usage":{"prompt_tokens":3,"completion_tokens":2}}},"error":null}`, true, true, "gpt", 3, 2},
		{openAI, `{"custom_id":"a","response":{"status_code":200,"body":{"model":"gpt","usage":{"input_tokens":3,"output_tokens":2}}}}`, true, true, "gpt", 3, 2},
		{openAI, `{"custom_id":"a","response":{"status_code":200,"body":{"model":"gpt"}}}`, true, false, "gpt", 0, 0},
		{openAI, `{"custom_id":"a","response":{"status_code":429,"body":{"error":{}}}}`, false, false, "", 0, 0},
		{openAI, `{"custom_id":"a","response":null,"error":{"code":"batch_expired"}}`, false, false, "", 0, 0},
		{claude, `{"custom_id":"a","result":{"type":"succeeded","message":{"model":"claude","usage":{"input_tokens":3,"cache_read_input_tokens":4,"output_tokens":2}}}}`, true, true, "claude", 7, 2},
		{claude, `{"custom_id":"a","result":{"type":"errored","error":{}}}`, false, false, "", 0, 0},
		{claude, `{"custom_id":"a","result":{"type":"expired"}}`, false, false, "", 0, 0},
		{claude, `rubbish`, false, false, "", 0, 0},
	} {
		r, billed := tt.job.ReadResult([]byte(tt.line))
		if billed != tt.billed || r.HasCost != tt.told || r.Model != tt.model || r.Usage.InputTokens != tt.input || r.Usage.OutputTokens != tt.output {
			t.Errorf("%s: billed %v, %+v", tt.line, billed, r)
		}
	}
}
