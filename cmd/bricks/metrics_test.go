package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/bricks-gateway/bricks/controlplane"
	"github.com/bricks-gateway/bricks/internal/event"
	"github.com/bricks-gateway/bricks/internal/limit/measured"
	"github.com/bricks-gateway/bricks/internal/limit/redis"
	"github.com/bricks-gateway/bricks/internal/pii/guard"
	"github.com/bricks-gateway/bricks/internal/telemetry"
	"github.com/bricks-gateway/bricks/processor"
	"github.com/bricks-gateway/bricks/processor/configcache"
)

var update = flag.Bool("update", false, "rewrite the table of metrics in docs/metrics.md")

// metric is one family that the gateway exports.
type metric struct{ name, kind, labels, help string }

// catalog is a registry that notes what is registered, series or not.
type catalog struct {
	t       *testing.T
	metrics map[string]metric
}

func (c *catalog) MustRegister(all ...prometheus.Collector) {
	for _, one := range all {
		if err := c.Register(one); err != nil {
			c.t.Fatal(err)
		}
	}
}

func (c *catalog) Unregister(prometheus.Collector) bool { return false }

var description = regexp.MustCompile(`fqName: "(.*?)", help: "(.*?)", (?:unit: "", )?constLabels: \{\}, variableLabels: \{(.*?)\}`)

func (c *catalog) Register(one prometheus.Collector) error {
	kinds := map[string]string{}
	metrics := make(chan prometheus.Metric)
	go func() { one.Collect(metrics); close(metrics) }()
	for m := range metrics {
		var d dto.Metric
		if err := m.Write(&d); err != nil {
			return err
		}
		kind := "gauge"
		switch {
		case d.Counter != nil:
			kind = "counter"
		case d.Histogram != nil:
			kind = "histogram"
		}
		kinds[m.Desc().String()] = kind
	}
	descriptions := make(chan *prometheus.Desc)
	go func() { one.Describe(descriptions); close(descriptions) }()
	for d := range descriptions {
		text := description.FindStringSubmatch(d.String())
		if text == nil {
			return fmt.Errorf("%s is not understood", d)
		}
		kind := kinds[d.String()]
		switch one.(type) { // these may have no series yet
		case *prometheus.CounterVec:
			kind = "counter"
		case *prometheus.GaugeVec:
			kind = "gauge"
		case *prometheus.HistogramVec:
			kind = "histogram"
		}
		if _, twice := c.metrics[text[1]]; twice || kind == "" {
			return fmt.Errorf("%s is there twice, or of no kind", text[1])
		}
		c.metrics[text[1]] = metric{text[1], kind, strings.ReplaceAll(text[3], ",", ", "), text[2]}
	}
	return nil
}

// everyMetric is what the parts of the gateway register, whatever the configuration.
func everyMetric(t *testing.T) map[string]metric {
	t.Helper()
	c := &catalog{t, map[string]metric{}}
	logger := slog.New(slog.DiscardHandler)
	c.MustRegister(buildInfo())
	processor.New(processor.Options{Registerer: c, Logger: logger})
	configcache.New(configcache.Options{Registerer: c, Logger: logger})
	guard.NewMetrics(c)
	tracer, err := telemetry.NewTracer(t.Context(), telemetry.TracerOptions{Protocol: telemetry.HTTPProtobuf, Registerer: c, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tracer.Shutdown(context.Background()) })
	limiter := redis.New(redis.Options{Registerer: c, Logger: logger, Server: redis.Server{Addresses: []string{"127.0.0.1:1"}}})
	t.Cleanup(func() { _ = limiter.Close() })
	measured.New(limiter, c)
	newLedgerWatch(limiter, nil, logger, c)
	spool, err := event.Open(t.TempDir(), event.Options{Registerer: c, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = spool.Close() })
	if _, err := controlplane.New(controlplane.Options{Registerer: c, Logger: logger}); err != nil {
		t.Fatal(err)
	}
	if _, err := controlplane.NewCollector(controlplane.CollectorOptions{Registerer: c, Logger: logger}); err != nil {
		t.Fatal(err)
	}
	s := newSystem(defaults(), "", false, logger)
	t.Cleanup(s.stop)
	s.config.ControlTLSCert, s.config.ControlTLSKey, s.config.ControlTLSCA = "none", "none", "none"
	if _, err := s.makeCache(); err != nil {
		t.Fatal(err)
	}
	if err := s.watchCertificate(t.Context()); err != nil {
		t.Fatal(err)
	}
	families, err := s.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		c.metrics[f.GetName()] = metric{f.GetName(), strings.ToLower(f.GetType().String()), "", f.GetHelp()}
	}
	return c.metrics
}

// TestEveryMetricIsDocumented compares the table in docs/metrics.md with what is
// registered.
func TestEveryMetricIsDocumented(t *testing.T) {
	const path, begin, end = "../../docs/metrics.md", "| Name | Type | Labels | Meaning |\n|---|---|---|---|\n", "\n\n"
	all := slices.SortedFunc(maps.Values(everyMetric(t)), func(a, b metric) int { return cmp.Compare(a.name, b.name) })
	var want strings.Builder
	for _, m := range all {
		labels := ""
		if m.labels != "" {
			labels = "`" + strings.ReplaceAll(m.labels, ", ", "`, `") + "`"
		}
		fmt.Fprintf(&want, "| `%s` | %s | %s | %s |\n", m.name, m.kind, labels, m.help)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), begin)
	table, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatal("docs/metrics.md has no table of metrics with text after it")
	}
	if *update {
		if err := os.WriteFile(path, []byte(before+begin+strings.TrimSuffix(want.String(), "\n")+end+after), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	documented := strings.Split(table, "\n")
	for line := range strings.Lines(want.String()) {
		line = strings.TrimSuffix(line, "\n")
		if i := slices.Index(documented, line); i >= 0 {
			documented = slices.Delete(documented, i, i+1)
		} else {
			t.Errorf("not in docs/metrics.md: %s", line)
		}
	}
	for _, line := range documented {
		t.Errorf("docs/metrics.md has what is not exported: %s", line)
	}
}

// exported is what the name of a metric of ours looks like.
var exported = regexp.MustCompile(`^(bricks|gen_ai)_[a-z0-9_]+$`)

// TestNoMetricIsForgotten: whatever the code calls a metric, everyMetric knows.
func TestNoMetricIsForgotten(t *testing.T) {
	known := everyMetric(t)
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(file.Imports, func(i *ast.ImportSpec) bool { return strings.Contains(i.Path.Value, "prometheus") }) {
			return nil
		}
		ast.Inspect(file, func(n ast.Node) bool {
			l, ok := n.(*ast.BasicLit)
			if !ok || l.Kind != token.STRING {
				return true
			}
			text, _ := strconv.Unquote(l.Value)
			if _, ok := known[text]; !ok && exported.MatchString(text) && !attributes[text] {
				t.Errorf("%s: %s is not among the metrics that this test makes", path, text)
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// attributes are labels whose names look like a metric's.
var attributes = map[string]bool{
	"gen_ai_provider_name": true, "gen_ai_operation_name": true, "gen_ai_request_model": true,
	"gen_ai_response_model": true, "gen_ai_token_type": true,
}
