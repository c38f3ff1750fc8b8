package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/bricks-gateway/bricks/internal/testenv"
)

// sample is one line of a scrape.
type sample struct {
	Name     string
	Labels   map[string]string
	Value    string
	Exemplar map[string]string
}

// scrape is the gateway's metrics as OpenMetrics.
func (e *env) scrape(t *testing.T) []byte {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+e.Metrics+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "application/openmetrics-text; version=1.0.0")
	resp, err := e.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // read only
	text, err := io.ReadAll(resp.Body)
	if got := resp.Header.Get("Content-Type"); err != nil || !strings.HasPrefix(got, "application/openmetrics-text") {
		t.Fatalf("%s, %v", got, err)
	}
	return text
}

// read parses a scrape, strictly.
func read(t *testing.T, scrape []byte) (all []sample) {
	t.Helper()
	cmd := suite{"OpenMetrics", "BRICKS_TEST_PYTHON", "python/read_openmetrics.py"}.command(t, nil)
	cmd.Stdin = bytes.NewReader(scrape)
	var problem bytes.Buffer
	cmd.Stderr = &problem
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("no OpenMetrics: %v\n%s", err, problem.String())
	}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		var s sample
		if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	return all
}

// sum adds the samples of this name up.
func sum(t *testing.T, all []sample, name string) (total float64) {
	t.Helper()
	for _, s := range all {
		if s.Name == name {
			v, err := strconv.ParseFloat(s.Value, 64)
			if err != nil {
				t.Fatal(err)
			}
			total += v
		}
	}
	return total
}

// TestMetricsUnderLoad: scrapes parse as OpenMetrics while requests run, and add
// up to the events afterwards.
func TestMetricsUnderLoad(t *testing.T) {
	e := newEnv(t, testenv.Options{})
	const workers, each, trace = 8, 25, "0af7651916cd43dd8448eb211c80319c"
	read(t, e.scrape(t)) // before there is anything to count
	var load sync.WaitGroup
	for worker := range workers {
		load.Go(func() {
			for i := range each {
				body := fmt.Sprintf(`{"model":"gpt-4o-mini","user":"user-%d","stream":%t,%s}`, worker, i%2 == 0, hello)
				a, err := e.try(t.Context(), http.MethodPost, chat, body, "X-Fake-Words", fmt.Sprint(1+i), "Traceparent", "00-"+trace+"-b7ad6b7169203331-01")
				if err != nil || a.status != http.StatusOK || a.err != nil {
					t.Errorf("got %v, %v", a, err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { load.Wait(); close(done) }()
	var scrapes [][]byte
	for running := true; running; {
		scrapes = append(scrapes, e.scrape(t))
		select {
		case <-done:
			running = false
		default:
		}
	}
	for i := range 3 {
		read(t, scrapes[len(scrapes)*(i+1)/4])
	}
	input, output, cost := 0., 0., 0.
	for _, ev := range e.AwaitEvents(e.key, workers*each) {
		dollars, err := ev.Cost.Float64()
		if err != nil {
			t.Fatal(err)
		}
		input, output, cost = input+float64(ev.InputTokens), output+float64(ev.OutputTokens), cost+dollars
	}
	all := read(t, e.scrape(t))
	for name, want := range map[string]float64{
		"prompt_tokens_total": input, "completion_tokens_total": output, "tokens_total": input + output,
		"prompt_tokens_by_model_total": input, "completion_tokens_by_model_total": output, "tokens_by_model_total": input + output,
		"prompt_tokens_by_user_by_model_total": input, "completion_tokens_by_user_by_model_total": output, "tokens_by_user_by_model_total": input + output,
		"gen_ai_client_token_usage_sum": input + output, "gen_ai_client_operation_duration_seconds_count": workers * each,
		"bricks_requests_total": workers * each, "bricks_tokens_total": input + output,
		"bricks_reservations": 0, "bricks_reserved_usd": 0, "bricks_spool_open_intents": 0, "bricks_config_connected": 1, "bricks_xds_nodes": 1,
	} {
		if got := sum(t, all, name); got != want {
			t.Errorf("%s = %v, want %v", name, got, want)
		}
	}
	if got := sum(t, all, "bricks_cost_usd_total"); got < cost*.999999 || got > cost*1.000001 || got == 0 {
		t.Errorf("bricks_cost_usd_total = %v, want %v", got, cost)
	}
	users, traced := map[string]bool{}, false
	for _, s := range all {
		if s.Name == "tokens_by_user_by_model_total" {
			users[s.Labels["user"]] = true
		}
		traced = traced || s.Exemplar["trace_id"] == trace && s.Exemplar["event_id"] != ""
	}
	if len(users) != workers || !users["user-0"] {
		t.Errorf("users = %v", users)
	}
	if !traced {
		t.Error("no exemplar leads to the trace and the event")
	}
	t.Logf("measured: %d scrapes during %d requests", len(scrapes), workers*each)
}
