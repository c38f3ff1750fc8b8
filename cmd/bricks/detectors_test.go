package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bricks-gateway/bricks/internal/pii"
)

// detectorsOf makes the detectors of an environment.
func detectorsOf(t *testing.T, environment ...string) (map[string]pii.Detector, *system) {
	t.Helper()
	_, c, err := parseQuietly([]string{"up"}, environment)
	if err != nil {
		t.Fatal(err)
	}
	s := newSystem(c, "", false, slog.New(slog.DiscardHandler))
	t.Cleanup(s.stop)
	detectors, err := s.makeDetectors(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return detectors, s
}

func TestWhichDetectorsAreConfigured(t *testing.T) {
	for name, tc := range map[string]struct {
		environment []string
		want        []string
	}{
		"none":                        {nil, nil},
		"what does nothing by itself": {[]string{"AMAZON_REQUEST_TIMEOUT=1s", "AWS_ENDPOINT_URL=http://x", "PRESIDIO_LANGUAGE=de", "AWS_SESSION_TOKEN=x"}, nil},
		"a key of AWS":                {[]string{"AWS_ACCESS_KEY_ID=AKID", "AWS_SECRET_ACCESS_KEY=s"}, []string{"comprehend"}},
		"a region, for machines that have a role": {[]string{"AMAZON_REGION=eu-west-1"}, []string{"comprehend"}},
		"a Presidio": {[]string{"PRESIDIO_URL=http://presidio:3000"}, []string{"presidio"}},
		"both":       {[]string{"PRESIDIO_URL=https://u:p@presidio", "AMAZON_REGION=us-east-1"}, []string{"comprehend", "presidio"}},
	} {
		t.Run(name, func(t *testing.T) {
			detectors, _ := detectorsOf(t, tc.environment...)
			var got []string
			for name := range detectors {
				got = append(got, name)
			}
			slices.Sort(got)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("detectors (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFaultsOfDetectors(t *testing.T) {
	for name, tc := range map[string]struct {
		environment []string
		want        []string
	}{
		"half of a key":      {[]string{"AWS_ACCESS_KEY_ID=AKID"}, []string{"AWS_SECRET_ACCESS_KEY"}},
		"the other half":     {[]string{"AWS_SECRET_ACCESS_KEY=hunter2"}, []string{"AWS_ACCESS_KEY_ID"}},
		"no time":            {[]string{"AMAZON_REGION=eu-west-1", "AMAZON_REQUEST_TIMEOUT=0s", "PRESIDIO_URL=http://p", "PRESIDIO_TIMEOUT=-1s"}, []string{"AMAZON_REQUEST_TIMEOUT", "PRESIDIO_TIMEOUT"}},
		"too much time":      {[]string{"AMAZON_REGION=eu-west-1", "AMAZON_REQUEST_TIMEOUT=51s", "PRESIDIO_URL=http://p", "PRESIDIO_TIMEOUT=51s"}, []string{"AMAZON_REQUEST_TIMEOUT", "PRESIDIO_TIMEOUT"}},
		"malformed times":    {[]string{"AMAZON_CONNECTION_TIMEOUT=10", "PRESIDIO_TIMEOUT=5"}, []string{"AMAZON_CONNECTION_TIMEOUT", "PRESIDIO_TIMEOUT"}},
		"another language":   {[]string{"AMAZON_REGION=eu-west-1", "AMAZON_LANGUAGE=de"}, []string{"AMAZON_LANGUAGE", "de"}},
		"no endpoint":        {[]string{"AMAZON_REGION=eu-west-1", "AWS_ENDPOINT_URL=localhost:1"}, []string{"AWS_ENDPOINT_URL"}},
		"no URL of Presidio": {[]string{"PRESIDIO_URL=u:hunter2@presidio"}, []string{"PRESIDIO_URL"}},
		"no threshold":       {[]string{"PRESIDIO_URL=http://p", "PRESIDIO_SCORE_THRESHOLD=50"}, []string{"PRESIDIO_SCORE_THRESHOLD", "50"}},
		"not a number":       {[]string{"PRESIDIO_URL=http://p", "PRESIDIO_SCORE_THRESHOLD=NaN"}, []string{"PRESIDIO_SCORE_THRESHOLD"}},
		"malformed number":   {[]string{"PRESIDIO_SCORE_THRESHOLD=half"}, []string{"PRESIDIO_SCORE_THRESHOLD"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := parseQuietly([]string{"up"}, tc.environment)
			if err == nil {
				t.Fatal("parse accepts it")
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("error shows a secret: %q", err)
			}
		})
	}
}

func TestDetectorsAreAskedAsConfigured(t *testing.T) {
	aws := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if a := r.Header.Get("Authorization"); !strings.Contains(a, "Credential=AKID/") || !strings.Contains(a, "/eu-west-1/comprehend/") || string(body) != `{"LanguageCode":"es","Text":"soy jane"}` {
			t.Errorf("%q with %s", a, body)
		}
		_, _ = io.WriteString(w, `{"Entities":[{"BeginOffset":4,"EndOffset":8,"Score":1,"Type":"NAME"}]}`)
	}))
	defer aws.Close()
	analyzer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if string(body) != `{"text":["soy jane"],"language":"fr","score_threshold":0.3}` || r.URL.Path != "/analyze" {
			t.Errorf("%s with %s", r.URL, body)
		}
		_, _ = io.WriteString(w, `[[{"start":4,"end":8,"score":0.3,"entity_type":"PERSON"}]]`)
	}))
	defer analyzer.Close()
	detectors, s := detectorsOf(t, "AWS_ACCESS_KEY_ID=AKID", "AWS_SECRET_ACCESS_KEY=s", "AMAZON_REGION=eu-west-1", "AMAZON_LANGUAGE=es",
		"AWS_ENDPOINT_URL=http://127.0.0.1:1", "AWS_ENDPOINT_URL_COMPREHEND="+aws.URL,
		"PRESIDIO_URL="+analyzer.URL, "PRESIDIO_LANGUAGE=fr", "PRESIDIO_SCORE_THRESHOLD=0.3")
	for name, score := range map[string]float32{"comprehend": 1, "presidio": 0.3} {
		got, err := detectors[name].Detect(t.Context(), []string{"soy jane"}, pii.All)
		if diff := cmp.Diff([][]pii.Span{{{Start: 4, End: 8, Type: pii.Name, Score: score}}}, got); diff != "" || err != nil {
			t.Errorf("%s: %v; spans (-want +got):\n%s", name, err, diff)
		}
	}
	families, err := s.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range families {
		names = append(names, f.GetName())
	}
	if diff := cmp.Diff([]string{"bricks_detector_duration_seconds", "bricks_detector_requests_total", "bricks_detector_up"}, names); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
}

func TestDetectorsHaveTheirTime(t *testing.T) {
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body) // only then is the client's leaving seen
		<-r.Context().Done()
	}))
	defer silent.Close()
	detectors, _ := detectorsOf(t, "AWS_ACCESS_KEY_ID=AKID", "AWS_SECRET_ACCESS_KEY=s", "AWS_ENDPOINT_URL="+silent.URL, "AMAZON_REQUEST_TIMEOUT=50ms",
		"PRESIDIO_URL="+silent.URL, "PRESIDIO_TIMEOUT=50ms")
	for name, d := range detectors {
		if _, err := d.Detect(t.Context(), []string{"jane"}, pii.All); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestVariablesOfDetectorsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Amazon", "AWS", "Presidio"} {
		group, _ := reflect.TypeFor[config]().FieldByName(name)
		for i := range group.Type.NumField() {
			if v := "`" + group.Tag.Get("envPrefix") + group.Type.Field(i).Tag.Get("env") + "`"; !strings.Contains(string(text), v) {
				t.Errorf("docs/configuration.md lacks %s", v)
			}
		}
	}
}
