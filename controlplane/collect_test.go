package controlplane

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

const (
	openAILine    = `{"id":"x","custom_id":"a","response":{"status_code":200,"request_id":"y","body":{"id":"z","model":"%s","usage":{"prompt_tokens":%d,"completion_tokens":%d}}},"error":null}` + "\n"
	anthropicLine = `{"custom_id":"a","result":{"type":"succeeded","message":{"model":"%s","usage":{"input_tokens":%d,"output_tokens":%d,"service_tier":"batch"}}}}` + "\n"
)

func lines(format string, requests ...[3]any) string {
	var b strings.Builder
	for _, r := range requests {
		fmt.Fprintf(&b, format, r[:]...)
	}
	return b.String()
}

// TestWhatJobsCost: every kind of job is charged once, by what it says of itself.
// Money in nano-dollars a token: gpt-4o-mini 150 in and 600 out, gpt-4o 2500 and
// 10000, claude-haiku-4-5 1000 and 5000; half of it in a batch.
func TestWhatJobsCost(t *testing.T) {
	const (
		haiku   = "claude-haiku-4-5-20251001"
		errored = `{"custom_id":"b","result":{"type":"errored","error":{"type":"x"}}}` + "\n"
		failed  = `{"custom_id":"b","response":{"status_code":400,"body":{"error":{}}},"error":null}` + "\n"
	)
	azure := map[string]string{"modelMap": `{"prod":"gpt-4o"}`}
	for _, tt := range []struct {
		name, provider, job string
		params              map[string]string
		answers             map[string]string // by target; the job's own is under ""
		want                []string
	}{
		{"a response", "openai", "/v1/responses/r", nil,
			map[string]string{"": `{"status":"completed","model":"gpt-4o-mini-2024-07-18","usage":{"input_tokens":10,"output_tokens":5}}`},
			[]string{`gpt-4o-mini-2024-07-18 10 in 5 out 4500 nano priced "" estimated=false`}}, // 10×150 + 5×600
		{"a response at its tier", "openai", "/v1/responses/r", nil,
			map[string]string{"": `{"status":"incomplete","model":"gpt-4o-mini","service_tier":"priority","usage":{"input_tokens":10,"output_tokens":5}}`},
			[]string{`gpt-4o-mini 10 in 5 out 7500 nano priced "priority" estimated=false`}}, // 10×250 + 5×1000
		{"a response that was cancelled in time", "openai", "/v1/responses/r", nil,
			map[string]string{"": `{"status":"cancelled","model":"gpt-4o-mini","usage":null}`}, nil},
		{"a response of a model without a price", "openai", "/v1/responses/r", nil,
			map[string]string{"": `{"status":"completed","model":"mystery","usage":{"input_tokens":10,"output_tokens":5}}`},
			[]string{`mystery 10 in 5 out 0 nano unpriced "" estimated=false`}},
		{"a run", "openai", "/v1/threads/t/runs/r", nil,
			map[string]string{"": `{"status":"completed","model":"gpt-4o","usage":{"prompt_tokens":10,"completion_tokens":5}}`},
			[]string{`gpt-4o 10 in 5 out 75000 nano priced "" estimated=false`}}, // 10×2500 + 5×10000
		{"Azure's response, by its deployment", "azure", "/openai/responses/r?api-version=2025-04-01-preview", azure,
			map[string]string{"": `{"status":"completed","model":"prod","usage":{"input_tokens":10,"output_tokens":5}}`},
			[]string{`prod 10 in 5 out 75000 nano priced "" estimated=false`}},
		{"a batch whose results were deleted", "openai", "/v1/batches/b", nil, // by its sum: 500001×1000 + 3×2000
			map[string]string{"": `{"status":"completed","model":"sized","output_file_id":"f","request_counts":{"completed":3},"usage":{"input_tokens":500001,"output_tokens":3}}`},
			[]string{`sized 500001 in 3 out 500007000 nano priced "batch/166667" estimated=true`}},
		{"a batch with its sum", "openai", "/v1/batches/b", nil,
			map[string]string{"": `{"status":"completed","model":"gpt-4o-mini","output_file_id":"f","request_counts":{"total":3,"completed":2,"failed":1},"usage":{"input_tokens":20,"output_tokens":10}}`},
			[]string{`gpt-4o-mini 20 in 10 out 4500 nano priced "batch/10" estimated=false`}}, // 20×75 + 10×300
		{"a batch by its results", "azure", "/openai/batches/b?api-version=2024-10-21", nil,
			map[string]string{"": `{"status":"expired","output_file_id":"f","error_file_id":"e"}`,
				"/openai/files/f/content?api-version=2024-10-21": lines(openAILine, [3]any{"gpt-4o-mini", 10, 5}, [3]any{"gpt-4o-mini", 20, 1}, [3]any{"gpt-4o", 4, 2}) + failed},
			[]string{ // 30×75 + 6×300; 4×1250 + 2×5000
				`gpt-4o 4 in 2 out 15000 nano priced "batch/4" estimated=false`,
				`gpt-4o-mini 30 in 6 out 4050 nano priced "batch/20" estimated=false`}},
		{"a batch with a sum and no model", "openai", "/v1/batches/b", nil,
			map[string]string{"": `{"status":"completed","output_file_id":"f","usage":{"input_tokens":20,"output_tokens":10}}`,
				"/v1/files/f/content": lines(openAILine, [3]any{"gpt-4o-mini", 10, 5})},
			[]string{`gpt-4o-mini 10 in 5 out 2250 nano priced "batch/10" estimated=false`}}, // 10×75 + 5×300
		{"a batch whose lines are not all told", "openai", "/v1/batches/b", nil,
			map[string]string{"": `{"status":"completed","output_file_id":"f"}`,
				"/v1/files/f/content": lines(openAILine, [3]any{"gpt-4o-mini", 10, 5}) + `{"response":{"status_code":200,"body":{"model":"gpt-4o-mini"}}}`},
			[]string{`gpt-4o-mini 10 in 5 out 2250 nano priced "batch/10" estimated=true`}},
		{"a batch at prices by size", "openai", "/v1/batches/b", nil, // a token: 1000, above 200,000 in 10000; out 2000
			map[string]string{"": `{"status":"completed","model":"sized","output_file_id":"f","request_counts":{"completed":3},"usage":{"input_tokens":500001,"output_tokens":3}}`,
				"/v1/files/f/content": lines(openAILine, [3]any{"sized", 150000, 1}, [3]any{"sized", 150000, 1}, [3]any{"sized", 200001, 1})},
			[]string{ // 200001×10000 + 2000; 300000×1000 + 2×2000
				`sized 200001 in 1 out 2000012000 nano priced "batch/200001" estimated=false`,
				`sized 300000 in 2 out 300004000 nano priced "batch/150000" estimated=false`}},
		{"a batch that failed", "openai", "/v1/batches/b", nil, map[string]string{"": `{"status":"failed","output_file_id":null}`}, nil},
		{"a batch of moderations", "openai", "/v1/batches/b", nil, map[string]string{"": `{"status":"completed","endpoint":"/v1/moderations","output_file_id":"f"}`}, nil},
		{"Anthropic's batch", "anthropic", "/v1/messages/batches/b", nil,
			map[string]string{"": `{"processing_status":"ended","results_url":"https://elsewhere.example/"}`,
				"/v1/messages/batches/b/results": lines(anthropicLine, [3]any{haiku, 10, 5}, [3]any{haiku, 1, 1}) + errored},
			[]string{haiku + ` 11 in 6 out 20500 nano priced "batch/10" estimated=false`}}, // 11×500 + 6×2500
		{"Anthropic's batch of errors", "anthropic", "/v1/messages/batches/b", nil,
			map[string]string{"": `{"processing_status":"ended"}`, "/v1/messages/batches/b/results": errored}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			j := newJobs(t)
			sized := &gateway.PriceOverride{Model: "sized", EffectiveFrom: time.Unix(0, 0), Prices: `{"input_cost_per_token":1e-6,"output_cost_per_token":2e-6,"input_cost_per_token_above_200k_tokens":1e-5,"output_cost_per_token_above_200k_tokens":2e-6}`}
			if err := j.db.PutPriceOverride(t.Context(), sized); err != nil {
				t.Fatal(err)
			}
			id := j.pending(j.setting(tt.provider, tt.params), tt.provider, tt.job)
			for target, body := range tt.answers {
				if target == "" {
					target = tt.job
				}
				j.answer(target, body)
			}
			j.at(time.Hour)
			j.round()
			j.round()
			if diff := cmp.Diff(tt.want, j.charges(id)); diff != "" || j.status(id) != gateway.Free {
				t.Errorf("the event is %s, its charges differ (-want +got):\n%s%s", j.status(id), diff, j.log.String())
			}
			if len(j.told) != len(tt.want) {
				t.Errorf("limits were told of %d events", len(j.told))
			}
			if outcome := j.outcome(tt.provider, "charged") + j.outcome(tt.provider, "free") + j.outcome(tt.provider, "unpriced"); outcome != 1 {
				t.Errorf("%v outcomes", outcome)
			}
		})
	}
}

// TestAChargeIsLikeItsRequest: key, accounts, user and tags pay as they would
// have at once, when the work has ended.
func TestAChargeIsLikeItsRequest(t *testing.T) {
	j := newJobs(t)
	id := j.pending(j.setting("openai", nil), "openai", "/v1/responses/r")
	j.answer("/v1/responses/r", `{"status":"completed","model":"gpt-4o-mini","usage":{"input_tokens":10,"output_tokens":5}}`)
	j.at(time.Hour)
	j.round()
	events := j.events()
	if len(events) != 2 {
		t.Fatalf("%d events, want the request's and its charge", len(events))
	}
	want := *events[0]
	want.ID, want.CreatedAt, want.CorrelationID, want.Action = events[1].ID, asked.Add(time.Hour), id, "charged"
	want.ResponseModel, want.Usage = "gpt-4o-mini", gateway.Usage{InputTokens: 10, OutputTokens: 5}
	want.Cost, want.PriceStatus = 4500, gateway.Priced
	want.Attempts, want.Latency, want.Request, want.Findings = 0, 0, nil, nil // what was found is counted once
	if diff := cmp.Diff(&want, events[1]); diff != "" {
		t.Errorf("charge differs (-want +got):\n%s", diff)
	}
	if got := value(t, j.c.metrics.charged); got != 4.5e-6 {
		t.Errorf("%v dollars are counted, want 0.0000045", got)
	}
	if !slices.Equal(j.told, []string{events[1].ID}) {
		t.Errorf("limits were told of %q", j.told)
	}
}

// TestLargeAnswers: what is too large to be read is given up; what breaks off is
// asked for again, and nothing is charged by halves.
func TestLargeAnswers(t *testing.T) {
	filler := strings.Repeat(" ", maxJob)
	line := lines(openAILine, [3]any{"gpt-4o-mini", 10, 5})
	for name, tt := range map[string]struct {
		state, results string
		status         gateway.PriceStatus
	}{
		"a job":                 {`{"status":"completed"` + filler + `}`, "", gateway.Unpriced},
		"a line":                {"", line + filler + "\n" + line, gateway.Unpriced},
		"all lines":             {"", strings.Repeat(line, 1+1000/len(line)), gateway.Unpriced},
		"as much as is read":    {"", line + strings.Repeat("\n", 1000-len(line)), gateway.Free},
		"models without number": {"", manyModels(), gateway.Unpriced},
	} {
		t.Run(name, func(t *testing.T) {
			j := newJobs(t)
			if strings.Contains(name, "all lines") || strings.Contains(name, "as much") {
				j.c.maxResults = 1000
			}
			if tt.state == "" {
				tt.state = `{"status":"completed","output_file_id":"f"}`
			}
			id := j.pending(j.setting("openai", nil), "openai", "/v1/batches/b")
			j.answer("/v1/batches/b", tt.state)
			j.answer("/v1/files/f/content", tt.results)
			j.at(time.Minute)
			j.round()
			if got := j.status(id); got != tt.status || tt.status == gateway.Unpriced && (j.outcome("openai", "too_large") != 1 || len(j.charges(id)) > 0) {
				t.Errorf("the event is %s, want %s; charges %q\n%s", got, tt.status, j.charges(id), j.log.String())
			}
		})
	}
}

func manyModels() string {
	var b strings.Builder
	for i := range 2 * maxModels {
		fmt.Fprintf(&b, openAILine, fmt.Sprint("model-", i), 1, 1)
	}
	return b.String()
}

func TestResultsThatBreakOff(t *testing.T) {
	j := newJobs(t)
	line := lines(openAILine, [3]any{"gpt-4o-mini", 10, 5})
	var whole atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/batches/b" {
			_, _ = w.Write([]byte(`{"status":"completed","output_file_id":"f"}`))
			return
		}
		_, _ = w.Write([]byte(line))
		_ = http.NewResponseController(w).Flush()
		if !whole.Load() {
			panic(http.ErrAbortHandler)
		}
		_, _ = w.Write([]byte(line))
	}))
	defer server.Close()
	j.c.hosts = testHosts(t, nil, server.Listener.Addr().String())
	id := j.pending(j.setting("openai", map[string]string{"url": server.URL}), "openai", "/v1/batches/b")
	j.at(time.Minute)
	j.round()
	if j.status(id) != gateway.Pending || len(j.charges(id)) > 0 {
		t.Errorf("half of the results: the event is %s, charges %q", j.status(id), j.charges(id))
	}
	whole.Store(true)
	j.at(2 * time.Minute)
	j.round()
	want := []string{`gpt-4o-mini 20 in 10 out 4500 nano priced "batch/10" estimated=false`} // 20×75 + 10×300
	if diff := cmp.Diff(want, j.charges(id)); diff != "" {
		t.Errorf("all of the results (-want +got):\n%s", diff)
	}
}
