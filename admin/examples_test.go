package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/url"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/limit"
	"github.com/bricks-gateway/bricks/internal/provider"
)

var update = flag.Bool("update", false, "rewrite the answers in examples and docs/api-coverage.md")

// walk makes the calls of the examples. What differs each time (ids, secrets,
// hashes) is called in the files by names of their own: names has these by the
// real ones.
type walk struct {
	*fixture
	names map[string]string
}

func newWalk(t *testing.T) *walk {
	reset := time.Date(2026, 3, 1, 12, 0, 20, 0, time.UTC)
	return &walk{names: map[string]string{}, fixture: newFixture(t, func(o *Options) {
		o.Probe = func(context.Context, *gateway.ProviderSetting) provider.ProbeResult {
			return provider.ProbeResult{Status: 200, Latency: 412 * time.Millisecond}
		}
		o.Standing = func(_ context.Context, a limit.Account) (limit.Standing, error) {
			s := limit.Standing{Spent: 1_250_000_000, Reserved: 4_000_000, Running: 1}
			if l := a.Limits.CostLimit; l != 0 {
				s.Cost = &limit.CostStanding{Limit: l, Spent: 1_250_000_000, Reserved: 4_000_000, Remaining: l - 1_254_000_000}
			}
			if n := a.Limits.RateLimitOverTime; n != 0 {
				s.Rate = &limit.RateStanding{Limit: n, Used: 12, Remaining: n - 12, Reset: reset}
			}
			return s, nil
		}
		o.VerifyLedger = func(context.Context) (int, []limit.Difference, error) { return 3, nil, nil }
		o.XDSStatus = func() any {
			return map[string]any{"nodes": []any{map[string]any{"node": "envoy-1", "types": []any{
				map[string]any{"type": "type.googleapis.com/envoy.config.cluster.v3.Cluster", "resources": 9, "inSync": true}}}}}
		}
	})}
}

// learn notes what the file calls what the API named itself.
func (w *walk) learn(name string, shown, real any) {
	switch real := real.(type) {
	case map[string]any:
		o, _ := shown.(map[string]any)
		for member := range real {
			w.learn(member, o[member], real[member])
		}
	case []any:
		list, _ := shown.([]any)
		for i := range min(len(list), len(real)) {
			w.learn(name, list[i], real[i])
		}
	case string:
		text, known := shown.(string)
		ours := slices.Contains([]string{"key", "hash", "anchor", "nextCursor"}, name) || isID.MatchString(real) && isID.MatchString(text)
		if _, named := w.names[real]; known && ours && !named && real != text {
			w.names[real] = text
		}
	}
}

var isID = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// replace spells the names of the file in place of the real ones, or the reverse.
func (w *walk) replace(text string, reverse bool) string {
	var pairs []string
	// The longest first: an anchor holds a hash.
	for _, name := range slices.SortedFunc(maps.Keys(w.names), func(a, b string) int { return len(b) - len(a) }) {
		if reverse {
			pairs = append(pairs, w.names[name], name)
		} else {
			pairs = append(pairs, name, w.names[name])
		}
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// url is the example's path and query, in the file's names.
func (e example) url(rt route) string {
	query := url.Values{}
	for name, value := range e.Query {
		list, ok := value.([]any)
		if !ok {
			list = []any{value}
		}
		for _, v := range list {
			text := fmt.Sprint(v)
			if n, ok := v.(float64); ok {
				text = fmt.Sprintf("%.0f", n)
			}
			query.Add(name, text)
		}
	}
	if len(query) == 0 {
		return e.path(rt)
	}
	return e.path(rt) + "?" + query.Encode()
}

// call makes an example's call and returns the answer in the file's names.
func (w *walk) call(rt route, e example) json.RawMessage {
	w.t.Helper()
	got := w.do(rt.method, w.replace(e.url(rt), true), w.replace(string(e.Request), true))
	if got.status != 200 {
		w.t.Fatalf("%s: %d %s", e.Operation, got.status, got.text)
	}
	if e.Media != "" && got.header.Get("Content-Type") != e.Media {
		w.t.Errorf("%s: content type %q, want %q", e.Operation, got.header.Get("Content-Type"), e.Media)
	}
	var shown any
	if err := json.Unmarshal(e.Answer, &shown); err != nil {
		w.t.Fatalf("%s: %v", e.Operation, err)
	}
	w.learn("", shown, got.body)
	text := w.replace(got.text, false)
	if e.Media != "" {
		quoted, err := json.Marshal(text)
		if err != nil {
			w.t.Fatal(err)
		}
		return quoted
	}
	return json.RawMessage(text)
}

// seed writes two events of the key that the examples made.
func (w *walk) seed(t *testing.T) {
	t.Helper()
	keys := w.want(w.do("GET", keysPath+"?tags=team-a", ""), 200)
	key := keys.at(0, "keyId").(string)
	setting := keys.at(0, "settingIds", 0).(string)
	event := gateway.Event{ID: "0b7d3f5e-6c1a-4e2b-9f8d-2a4c6e8b0d13", CreatedAt: w.clock().Add(-time.Hour), KeyID: key, SettingID: setting, Tags: []string{"org-1", "team-a"},
		Provider: "openai", Path: "/api/providers/openai/v1/chat/completions", Method: "POST", Operation: "chat", Status: 200,
		RequestModel: "gpt-4o-mini", ResponseModel: "gpt-4o-mini-2024-07-18", Usage: gateway.Usage{InputTokens: 1200, OutputTokens: 160, CacheReadTokens: 1024},
		Cost: 199_200, PriceStatus: gateway.Priced, Latency: 840 * time.Millisecond, TimeToFirstToken: 210 * time.Millisecond, Attempts: 1, Streamed: true,
		UserID: "spike", CustomID: "order-4711", Action: "allowed", Response: []byte(`{"choices":[]}`)}
	other := event
	other.ID, other.CreatedAt, other.Provider = "0b7d3f5e-6c1a-4e2b-9f8d-2a4c6e8b0d14", w.clock().Add(-2*time.Hour), "vllm"
	other.RequestModel, other.ResponseModel, other.CustomID, other.Response = "acme/chat-large", "", "", nil
	if err := w.store.WriteEvents(t.Context(), []*gateway.Event{&event, &other}); err != nil {
		t.Fatal(err)
	}
}

// TestExamples makes every call of the examples on one API: what creates and reads
// in the order of the files, then what deletes in the reverse one. Each answer
// must be the one that the document shows.
func TestExamples(t *testing.T) {
	w := newWalk(t)
	routes := map[string]route{}
	for _, rt := range w.shown.routes {
		routes[rt.id] = rt
	}
	answers := map[string][]example{} // by group, in the order of the file
	step := func(group string, e *example) {
		t.Run(e.Operation, func(t *testing.T) {
			rt, known := routes[e.Operation]
			if !known {
				t.Fatal("there is no such operation")
			}
			w.t = t
			answer := w.call(rt, *e)
			if e.Operation == "getOpenAPI" { // does not hold itself
				return
			}
			if *update {
				e.Answer = answer
				return
			}
			if d := cmp.Diff(value(t, e.Answer), value(t, answer)); d != "" {
				t.Errorf("the answer in examples/%s.json is not the API's (-file +API):\n%s", group, d)
			}
		})
	}
	deletes := func(e example) bool { return routes[e.Operation].answer == reflect.TypeFor[deleted]() }
	for _, group := range exampleGroups {
		list, err := readExampleGroup(group)
		if err != nil {
			t.Fatal(err)
		}
		if group == "events" {
			w.t = t
			w.seed(t)
		}
		for i := range list {
			if !deletes(list[i]) {
				step(group, &list[i])
			}
		}
		answers[group] = list
	}
	for _, group := range slices.Backward(exampleGroups) {
		for i, e := range slices.Backward(answers[group]) {
			if deletes(e) {
				step(group, &answers[group][i])
			}
		}
	}
	if *update && !t.Failed() {
		for group, list := range answers {
			writeExamples(t, group, list)
		}
	}
}

func value(t *testing.T, text json.RawMessage) any {
	t.Helper()
	var v any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

func writeExamples(t *testing.T, group string, list []example) {
	t.Helper()
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(list); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("examples/"+group+".json", text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}
