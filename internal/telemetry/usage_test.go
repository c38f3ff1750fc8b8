package telemetry_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/telemetry"
)

func call(user, model string, status int, input, output int64) telemetry.Call {
	return telemetry.Call{Provider: "openai", Event: &gateway.Event{
		ID: "event", Operation: "chat", Status: status, RequestModel: model, UserID: user, Latency: time.Second,
		Usage: gateway.Usage{InputTokens: input, OutputTokens: output},
	}}
}

// names are the nine counters, as the GenAI Gateway documents them.
var names = []string{
	"prompt_tokens_total", "completion_tokens_total", "tokens_total",
	"prompt_tokens_by_model_total", "completion_tokens_by_model_total", "tokens_by_model_total",
	"prompt_tokens_by_user_by_model_total", "completion_tokens_by_user_by_model_total", "tokens_by_user_by_model_total",
}

func TestTheNineCountersOfTokens(t *testing.T) {
	registry := prometheus.NewRegistry()
	u := telemetry.NewUsage(registry, telemetry.Options{})
	u.Observe(call("ann", "gpt-4o", 200, 10, 5))
	u.Observe(call("ann", "gpt-4o", 200, 1, 1))
	u.Observe(call("", "o3", 200, 100, 50))
	u.Observe(call("bob", "gpt-4o", 429, 7, 7)) // not served
	const want = `
# HELP completion_tokens_by_model_total Number of completion tokens by model.
# TYPE completion_tokens_by_model_total counter
completion_tokens_by_model_total{model="gpt-4o"} 6
completion_tokens_by_model_total{model="o3"} 50
# HELP completion_tokens_by_user_by_model_total Number of completion tokens by user by model.
# TYPE completion_tokens_by_user_by_model_total counter
completion_tokens_by_user_by_model_total{model="gpt-4o",user="ann"} 6
completion_tokens_by_user_by_model_total{model="o3",user=""} 50
# HELP completion_tokens_total Number of completion tokens.
# TYPE completion_tokens_total counter
completion_tokens_total 56
# HELP prompt_tokens_by_model_total Number of prompt tokens by model.
# TYPE prompt_tokens_by_model_total counter
prompt_tokens_by_model_total{model="gpt-4o"} 11
prompt_tokens_by_model_total{model="o3"} 100
# HELP prompt_tokens_by_user_by_model_total Number of prompt tokens by user by model.
# TYPE prompt_tokens_by_user_by_model_total counter
prompt_tokens_by_user_by_model_total{model="gpt-4o",user="ann"} 11
prompt_tokens_by_user_by_model_total{model="o3",user=""} 100
# HELP prompt_tokens_total Number of prompt tokens.
# TYPE prompt_tokens_total counter
prompt_tokens_total 111
# HELP tokens_by_model_total Number of total tokens by model.
# TYPE tokens_by_model_total counter
tokens_by_model_total{model="gpt-4o"} 17
tokens_by_model_total{model="o3"} 150
# HELP tokens_by_user_by_model_total Number of total tokens by user by model.
# TYPE tokens_by_user_by_model_total counter
tokens_by_user_by_model_total{model="gpt-4o",user="ann"} 17
tokens_by_user_by_model_total{model="o3",user=""} 150
# HELP tokens_total Number of total tokens.
# TYPE tokens_total counter
tokens_total 167
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), names...); err != nil {
		t.Error(err)
	}
}

func TestUsersAndModelsAboveTheBoundShareASeries(t *testing.T) {
	registry := prometheus.NewRegistry()
	u := telemetry.NewUsage(registry, telemetry.Options{MaxModels: 2, MaxUsers: 2})
	for _, c := range []struct{ user, model string }{
		{"ann", "a"}, {"bob", "a"}, {"cid", "a"}, {"ann", "a"}, {"ann", "b"}, {"ann", "c"}, {"ann", "d"},
	} {
		u.Observe(call(c.user, c.model, 200, 1, 0))
	}
	const want = `
# HELP prompt_tokens_by_model_total Number of prompt tokens by model.
# TYPE prompt_tokens_by_model_total counter
prompt_tokens_by_model_total{model="__other__"} 2
prompt_tokens_by_model_total{model="a"} 4
prompt_tokens_by_model_total{model="b"} 1
# HELP prompt_tokens_by_user_by_model_total Number of prompt tokens by user by model.
# TYPE prompt_tokens_by_user_by_model_total counter
prompt_tokens_by_user_by_model_total{model="__other__",user="__other__"} 2
prompt_tokens_by_user_by_model_total{model="a",user="__other__"} 1
prompt_tokens_by_user_by_model_total{model="a",user="ann"} 2
prompt_tokens_by_user_by_model_total{model="a",user="bob"} 1
prompt_tokens_by_user_by_model_total{model="b",user="__other__"} 1
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "prompt_tokens_by_model_total", "prompt_tokens_by_user_by_model_total"); err != nil {
		t.Error(err)
	}
}

func TestClientsThatMakeNamesUpAddNoSeries(t *testing.T) {
	registry := prometheus.NewRegistry()
	u := telemetry.NewUsage(registry, telemetry.Options{MaxModels: 5, MaxUsers: 5})
	for i := range 1_000 {
		u.Observe(call(fmt.Sprint("u", i), fmt.Sprint("made up ", i), 404, 0, 0))
	}
	if n, err := testutil.GatherAndCount(registry, names...); err != nil || n != 3 { // the totals
		t.Errorf("%d series of tokens, %v; want 3", n, err)
	}
	if n, err := testutil.GatherAndCount(registry, "gen_ai_client_operation_duration_seconds"); err != nil || n != 1 {
		t.Errorf("%d series of durations, %v; want 1", n, err)
	}
	for i := range 1_000 {
		u.Observe(call(fmt.Sprint("u", i), fmt.Sprint("served ", i), 200, 1, 1))
	}
	// Five models, and what they share; five pairs, and what they share for each
	// model.
	if n, err := testutil.GatherAndCount(registry, names...); err != nil || n > 3*(1+6+5+6) {
		t.Errorf("%d series of tokens, %v", n, err)
	}
}

func TestNamesThatAreNoTextMakeNoTrouble(t *testing.T) {
	registry := prometheus.NewRegistry()
	u := telemetry.NewUsage(registry, telemetry.Options{})
	c := call("\xff", "\xc3\x28"+strings.Repeat("ä", 200), 200, 1, 1)
	c.Event.ID = "\xff"
	u.Observe(c)
	c.Event.ID = strings.Repeat("x", 200)
	u.Observe(c)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if n := len(l.GetValue()); n > 260 {
					t.Errorf("%s: a label of %d bytes", f.GetName(), n)
				}
			}
		}
	}
}

func TestGenAIMetricsHaveTheConventionsNames(t *testing.T) {
	registry := prometheus.NewRegistry()
	u := telemetry.NewUsage(registry, telemetry.Options{})
	e := &gateway.Event{
		ID: "event", Operation: "chat", Status: 200, RequestModel: "gpt-4o", ResponseModel: "gpt-4o-2024-08-06", Streamed: true,
		Latency: 3 * time.Second, TimeToFirstToken: time.Second, Usage: gateway.Usage{InputTokens: 4, OutputTokens: 11},
	}
	u.Observe(telemetry.Call{Event: e, Provider: "azure"})
	u.Observe(telemetry.Call{Event: &gateway.Event{Operation: "chat", Status: 418, RequestModel: "x", Latency: time.Second}, Provider: "azure"})
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{} // labels and sum by family
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "gen_ai_") {
			continue
		}
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			got[f.GetName()] += fmt.Sprintf("%s: %v in %d; ", strings.Join(labels, ","), m.GetHistogram().GetSampleSum(), m.GetHistogram().GetSampleCount())
		}
	}
	const labels = "gen_ai_operation_name=chat,gen_ai_provider_name=azure.ai.openai,gen_ai_request_model=gpt-4o,gen_ai_response_model=gpt-4o-2024-08-06"
	want := map[string]string{
		"gen_ai_client_token_usage": labels + ",gen_ai_token_type=input: 4 in 1; " + labels + ",gen_ai_token_type=output: 11 in 1; ",
		"gen_ai_client_operation_duration_seconds": "error_type=," + labels + ": 3 in 1; " +
			"error_type=_OTHER,gen_ai_operation_name=chat,gen_ai_provider_name=azure.ai.openai,gen_ai_request_model=__other__,gen_ai_response_model=__other__: 1 in 1; ",
		"gen_ai_server_time_to_first_token_seconds":   labels + ": 1 in 1; ",
		"gen_ai_server_time_per_output_token_seconds": labels + ": 0.2 in 1; ", // 2 s for the 10 after the first
	}
	for name, w := range want {
		if got[name] != w {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got[name], w)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d families, want %d", len(got), len(want))
	}
}

func TestTraceID(t *testing.T) {
	const id = "0af7651916cd43dd8448eb211c80319c"
	for name, tc := range map[string]struct{ header, want string }{
		"a trace":          {"00-" + id + "-b7ad6b7169203331-01", id},
		"none":             {"", ""},
		"all zeros":        {"00-" + strings.Repeat("0", 32) + "-b7ad6b7169203331-01", ""},
		"no hexadecimal":   {"00-" + strings.Repeat("g", 32) + "-b7ad6b7169203331-01", ""},
		"capitals":         {"00-" + strings.ToUpper(id) + "-b7ad6b7169203331-01", ""},
		"another version":  {"01-" + id + "-b7ad6b7169203331-01", ""},
		"more than it has": {"00-" + id + "-b7ad6b7169203331-01-x", ""},
	} {
		if got := telemetry.TraceID(tc.header); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}
