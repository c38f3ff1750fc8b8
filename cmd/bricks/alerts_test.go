package main

import (
	"encoding/json"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/telemetry"
)

const deploy = "../../deploy"

// expression is what the dashboard and the alerts ask of Prometheus.
type expression struct{ where, query string }

func dashboard(t *testing.T) (all []expression) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(deploy, "grafana/bricks.json"))
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			all = append(all, expression{"dashboard, " + p.Title, target.Expr})
		}
	}
	return all
}

var (
	quoted = regexp.MustCompile(`"[^"]*"`)
	named  = regexp.MustCompile(`\b(?:bricks_\w+|gen_ai_\w+|(?:\w+_)?tokens_\w*total)\b`)
	// labelled are the labels that a query names: to choose by, and to sum by.
	labelled = regexp.MustCompile(`(\w+)\s*(?:=~?|!=|!~)\s*"|by \(([^)]*)\)`)
)

// TestDashboardAndAlertsUseWhatIsExported, metrics and labels.
func TestDashboardAndAlertsUseWhatIsExported(t *testing.T) {
	alerts, err := os.ReadFile(filepath.Join(deploy, "prometheus/alerts.yml"))
	if err != nil {
		t.Fatal(err)
	}
	all := dashboard(t)
	for rule := range strings.SplitSeq(string(alerts), "- alert: ") {
		_, query, found := strings.Cut(rule, "expr:")
		query, _, ended := strings.Cut(query, "labels: {")
		if found && ended {
			name, _, _ := strings.Cut(rule, "\n")
			query, _, _ = strings.Cut(query, "for: ")
			all = append(all, expression{"alert " + name, query})
		}
	}
	if len(all) < 40 {
		t.Fatalf("only %d expressions were found", len(all))
	}
	known := everyMetric(t)
	for _, e := range all {
		query := quoted.ReplaceAllString(e.query, `""`)
		allowed := []string{"instance", "job", "le"}
		used := 0
		for _, name := range named.FindAllString(query, -1) {
			m, ok := known[name]
			if !ok {
				m = known[regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(name, "")]
				ok = m.kind == "histogram"
			}
			if !ok && !attributes[name] {
				t.Errorf("%s: %s is not exported", e.where, name)
			}
			allowed = append(allowed, strings.Split(m.labels, ", ")...)
			used++
		}
		if used == 0 && !strings.Contains(query, "process_") && !strings.Contains(query, "up{") {
			t.Errorf("%s uses no metric: %s", e.where, query)
		}
		for _, l := range labelled.FindAllStringSubmatch(query, -1) {
			for name := range strings.SplitSeq(l[1]+l[2], ",") {
				if !slices.Contains(allowed, strings.TrimSpace(name)) {
					t.Errorf("%s: %s is no label of what it asks for", e.where, name)
				}
			}
		}
	}
}

// TestPromtool lets Prometheus's own tool judge the alerts, what they do, the
// dashboard's queries and the names of the metrics.
func TestPromtool(t *testing.T) {
	if _, err := exec.LookPath("promtool"); err != nil {
		t.Skip("no promtool to test with, install Prometheus")
	}
	promtool := func(stdin string, args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "promtool", args...)
		cmd.Stdin = strings.NewReader(stdin)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	promtool("", "check", "rules", filepath.Join(deploy, "prometheus/alerts.yml"))
	promtool("", "test", "rules", filepath.Join(deploy, "prometheus/alerts_test.yml"))

	// A query is valid when a rule made of it is.
	type rule struct {
		Record string `json:"record"`
		Expr   string `json:"expr"`
	}
	var rules []rule
	for _, e := range dashboard(t) {
		rules = append(rules, rule{"x", strings.ReplaceAll(e.query, "$__rate_interval", "5m")})
	}
	text, err := json.Marshal(map[string]any{"groups": []any{map[string]any{"name": "dashboard", "rules": rules}}}) // YAML too
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "dashboard.yml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	promtool("", "check", "rules", "--lint=none", file)
	promtool(scrape(t, "text/plain"), "check", "metrics")
}

// scrape answers for a registry in which something has happened.
func scrape(t *testing.T, accept string) string {
	t.Helper()
	registry := prometheus.NewRegistry()
	for _, m := range everyMetric(t) {
		var labels []string
		if m.labels != "" {
			labels = strings.Split(m.labels, ", ")
		}
		values := make([]string, len(labels))
		if strings.HasPrefix(m.name, "gen_ai_") || strings.Contains(m.name, "tokens") && !strings.HasPrefix(m.name, "bricks_") {
			continue // by the real thing below
		}
		switch m.kind {
		case "counter":
			v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: m.name, Help: m.help}, labels)
			v.WithLabelValues(values...)
			registry.MustRegister(v)
		case "gauge":
			v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: m.name, Help: m.help}, labels)
			v.WithLabelValues(values...)
			registry.MustRegister(v)
		case "histogram":
			v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: m.name, Help: m.help}, labels)
			v.WithLabelValues(values...).Observe(1)
			registry.MustRegister(v)
		}
	}
	telemetry.NewUsage(registry, telemetry.Options{}).Observe(telemetry.Call{
		Provider: "openai", TraceID: "0af7651916cd43dd8448eb211c80319c", Event: &gateway.Event{
			ID: "5c0a1d5e-6d6f-4a52-a1f3-0d7c6a1e9b11", Operation: "chat", Status: 200, RequestModel: "a \"model\"\nof\\two lines", UserID: "ann",
			Streamed: true, Latency: 3 * time.Second, TimeToFirstToken: time.Second, Usage: gateway.Usage{InputTokens: 10, OutputTokens: 5},
		},
	})
	request := httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil)
	request.Header.Set("Accept", accept)
	answer := httptest.NewRecorder()
	(&health{}).handler(registry).ServeHTTP(answer, request)
	if got := answer.Header().Get("Content-Type"); !strings.HasPrefix(got, strings.SplitN(accept, ";", 2)[0]) {
		t.Errorf("content type = %q, want %q", got, accept)
	}
	return answer.Body.String()
}

func TestOpenMetricsCarriesExemplars(t *testing.T) {
	text := scrape(t, "application/openmetrics-text; version=1.0.0")
	if !strings.HasSuffix(text, "\n# EOF\n") {
		t.Errorf("it does not end as OpenMetrics does: %q", text[max(0, len(text)-100):])
	}
	exemplar := regexp.MustCompile(`gen_ai_client_operation_duration_seconds_bucket.* # \{(event_id="5c0a1d5e-6d6f-4a52-a1f3-0d7c6a1e9b11",?|trace_id="0af7651916cd43dd8448eb211c80319c",?){2}\} 3\.0 `)
	if !exemplar.MatchString(text) {
		t.Errorf("nothing is like %s", exemplar)
	}
}
