package presidio_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/pii"
	"github.com/bricks-gateway/bricks/internal/pii/presidio"
)

// standIn behaves as Presidio's analyzer is documented to: texts in, a list of
// results for each out, in code points. It finds the values that it is told of.
type standIn struct {
	t      *testing.T
	url    string
	values map[string]string                            // the entity type by the value
	fail   func(w http.ResponseWriter, r *http.Request) // answers instead

	mu    sync.Mutex
	texts [][]string // of the calls
}

func newStandIn(t *testing.T, values map[string]string) *standIn {
	s := &standIn{t: t, values: values}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s *standIn) detector() *presidio.Detector { return newDetector(s.t, s.url+"/base/") }

func newDetector(t *testing.T, url string) *presidio.Detector {
	t.Helper()
	d, err := presidio.New(presidio.Options{URL: gateway.NewSecret(url), Language: "en", ScoreThreshold: 0.5})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

func (s *standIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost || r.URL.Path != "/base/analyze" || r.Header.Get("Content-Type") != "application/json" {
		s.t.Errorf("%s %s of %q", r.Method, r.URL.Path, r.Header.Get("Content-Type"))
	}
	var in struct {
		Text      []string `json:"text"`
		Language  string   `json:"language"`
		Threshold float64  `json:"score_threshold"`
	}
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&in); err != nil || in.Language != "en" || in.Threshold != 0.5 || len(in.Text) == 0 {
		s.t.Errorf("the body has language %q, threshold %v, %d texts: %v", in.Language, in.Threshold, len(in.Text), err)
	}
	s.mu.Lock()
	s.texts = append(s.texts, in.Text)
	s.mu.Unlock()
	if s.fail != nil {
		s.fail(w, r)
		return
	}
	lists := make([]string, len(in.Text))
	for i, text := range in.Text {
		if len(text) > 100_000 {
			s.t.Errorf("a text of %d bytes", len(text))
		}
		lists[i] = "[" + strings.Join(find([]rune(text), s.values), ",") + "]"
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, "[%s]", strings.Join(lists, ","))
}

// find compares code point by code point.
func find(text []rune, values map[string]string) (results []string) {
	for i := range text {
		for value, kind := range values {
			v := []rune(value)
			if i+len(v) <= len(text) && string(text[i:i+len(v)]) == value {
				results = append(results, entity(kind, i, i+len(v), 0.75))
			}
		}
	}
	return results
}

func entity(kind string, start, end int, score float64) string {
	return fmt.Sprintf(`{"analysis_explanation":null,"end":%d,"entity_type":%q,"score":%g,"start":%d}`, end, kind, score, start)
}

// span is what the stand-in finds: all with one score.
func span(start, end int, t pii.Type) pii.Span {
	return pii.Span{Start: start, End: end, Type: t, Score: 0.75}
}

func (s *standIn) calls() [][]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([][]string(nil), s.texts...)
}
