package processor_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/secrets"
)

// TestWhatIsBilledLaterIsPending: the event of a call whose work goes on says
// where its provider will tell the cost, and costs nothing itself.
func TestWhatIsBilledLaterIsPending(t *testing.T) {
	const (
		json    = "application/json"
		sse     = "text/event-stream"
		created = "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_1\",\"status\":\"queued\",\"model\":\"gpt-4o\",\"usage\":null}}\n\n"
		over    = "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"resp_1\",\"model\":\"gpt-4o\",\"usage\":{\"input_tokens\":10,\"output_tokens\":2}}}\n\n"
		run     = "event: thread.run.created\ndata: {\"id\":\"run_1\",\"object\":\"thread.run\",\"thread_id\":\"t_1\",\"usage\":null}\n\n"
		waits   = "event: thread.run.requires_action\ndata: {\"id\":\"run_1\",\"object\":\"thread.run\",\"thread_id\":\"t_1\",\"usage\":null}\n\nevent: done\ndata: [DONE]\n\n"
		ran     = "event: thread.run.completed\ndata: {\"id\":\"run_1\",\"object\":\"thread.run\",\"model\":\"gpt-4o\",\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":2}}\n\nevent: done\ndata: [DONE]\n\n"
	)
	background := `{"model":"gpt-4o","input":"x","background":true}`
	streamed := `{"model":"gpt-4o","input":"x","background":true,"stream":true}`
	for _, tt := range []struct {
		name, path, body, status, kind, answer string
		job                                    string
		want                                   gateway.PriceStatus
		cost                                   gateway.NanoUSD
	}{
		{"background", "responses", background, "200", json, `{"id":"resp_1","status":"queued","model":"gpt-4o","usage":null}`, "/v1/responses/resp_1", gateway.Pending, 0},
		{"background as a stream that is cut", "responses", streamed, "200", sse, created, "/v1/responses/resp_1", gateway.Pending, 0},
		// gpt-4o: 10×2500 + 2×10000.
		{"background as a stream to its end", "responses", streamed, "200", sse, created + over, "", gateway.Priced, 45_000},
		{"background that is answered at once", "responses", background, "200", json, `{"id":"resp_1","model":"gpt-4o","usage":{"input_tokens":10,"output_tokens":2}}`, "", gateway.Priced, 45_000},
		{"background that is refused", "responses", background, "400", json, `{"error":{"message":"x"}}`, "", gateway.Free, 0},
		{"background without an id", "responses", background, "200", json, `{"status":"queued"}`, "", gateway.Unpriced, 0},
		{"background with an id that is a path", "responses", background, "200", json, `{"id":"../files"}`, "", gateway.Unpriced, 0},
		{"batch", "batches", `{}`, "200", json, `{"id":"batch_1"}`, "/v1/batches/batch_1", gateway.Pending, 0},
		{"batch that is refused", "batches", `{}`, "400", json, `{"error":{"message":"x"}}`, "", gateway.Free, 0},
		{"run", "threads/t_1/runs", `{"assistant_id":"a"}`, "200", json, `{"id":"run_1","object":"thread.run","usage":null}`, "/v1/threads/t_1/runs/run_1", gateway.Pending, 0},
		{"run with its thread", "threads/runs", `{"assistant_id":"a"}`, "200", json, `{"id":"run_1","thread_id":"t_9"}`, "/v1/threads/t_9/runs/run_1", gateway.Pending, 0},
		{"run as a stream that waits", "threads/t_1/runs", `{"assistant_id":"a","stream":true}`, "200", sse, run + waits, "/v1/threads/t_1/runs/run_1", gateway.Pending, 0},
		{"run as a stream to its end", "threads/t_1/runs", `{"assistant_id":"a","stream":true}`, "200", sse, run + ran, "", gateway.Priced, 45_000},
		// The first call of the run is pending already, and will be charged for all of it.
		{"outputs of a run's tools", "threads/t_1/runs/run_1/submit_tool_outputs", `{"tool_outputs":[],"stream":true}`, "200", sse, run + ran, "/v1/threads/t_1/runs/run_1", gateway.Pending, 0},
	} {
		w := newWorld()
		key := w.keys[secrets.HashKey(bricksKey)]
		key.CostLimit, key.AllowUnbounded = gateway.USD, true
		_, err := process(w, io.EOF, headersFor("/api/providers/openai/v1/"+tt.path), requestBody(tt.body),
			responseHeaders(":status", tt.status, "content-type", tt.kind), responseBody(true, tt.answer))
		if err != nil || len(w.finals) != 1 {
			t.Errorf("%s: %d events, %v", tt.name, len(w.finals), err)
			continue
		}
		e := w.finals[0]
		if e.Job != tt.job || e.PriceStatus != tt.want || e.Cost != tt.cost || tt.want == gateway.Pending && e.Usage != (gateway.Usage{}) {
			t.Errorf("%s: job %q, %s, cost %d, usage %+v; want %q, %s, %d", tt.name, e.Job, e.PriceStatus, e.Cost, e.Usage, tt.job, tt.want, tt.cost)
		}
	}
}

// jobs are those that are pending, by provider and path.
type jobs struct {
	pending map[string]bool
	err     error
}

func (j jobs) PendingJob(_ context.Context, provider, path string) (bool, error) {
	return j.pending[provider+path], j.err
}

// TestNothingIsDiscardedThatIsToBeCharged: it is not forwarded, and neither is
// what nobody can say.
func TestNothingIsDiscardedThatIsToBeCharged(t *testing.T) {
	known := map[string]bool{"openai/v1/responses/resp_1": true, "openai/v1/threads/t_1": true}
	for _, tt := range []struct {
		method, path string
		err          error
		status       int // 0: forwarded
	}{
		{"DELETE", "responses/resp_1", nil, 409},
		{"DELETE", "threads/t_1", nil, 409},
		{"DELETE", "responses/resp_2", nil, 0},
		{"DELETE", "responses/resp_2", errors.New("away"), 503},
		{"GET", "responses/resp_1", errors.New("not asked"), 0},
		{"DELETE", "files/file_1", errors.New("not asked"), 0},
	} {
		w := newWorld()
		w.jobs = jobs{known, tt.err}
		answers, _ := process(w, io.EOF, requestHeaders(true, ":method", tt.method, ":path", "/api/providers/openai/v1/"+tt.path, "authorization", "Bearer "+bricksKey))
		status := int(answers[0].GetImmediateResponse().GetStatus().GetCode())
		if status != tt.status || holds(answers) != (tt.status == 0) {
			t.Errorf("%s %s: %d, want %d", tt.method, tt.path, status, tt.status)
		}
	}
}
