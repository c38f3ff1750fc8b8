package comprehend_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/pii/comprehend"
)

// standIn behaves as Comprehend is documented to: it refuses what is no signed
// DetectPiiEntities, empty texts and those above 100,000 bytes, and finds the
// values that it is told of, in code points.
type standIn struct {
	t      *testing.T
	url    string
	values map[string]string // the entity type by the value
	// fail answers instead, when it says so; attempt counts from 1.
	fail func(w http.ResponseWriter, r *http.Request, attempt int) bool

	mu       sync.Mutex
	texts    []string // of the calls, in their order
	attempts int
}

func newStandIn(t *testing.T, values map[string]string) *standIn {
	s := &standIn{t: t, values: values}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// detector asks the stand-in.
func (s *standIn) detector(change ...func(*comprehend.Options)) *comprehend.Detector {
	s.t.Helper()
	o := comprehend.Options{
		Region: "us-west-2", Language: "en", Endpoint: s.url, AccessKeyID: "AKIDSTANDIN",
		SecretAccessKey: gateway.NewSecret("hunter2-secret"), SessionToken: gateway.NewSecret("hunter2-session"), ConnectTimeout: 5 * time.Second,
	}
	for _, c := range change {
		c(&o)
	}
	d, err := comprehend.New(context.Background(), o)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(d.Close)
	return d
}

var signature = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=AKIDSTANDIN/\d{8}/us-west-2/comprehend/aws4_request, ` +
	`SignedHeaders=[a-z0-9;-]*host;[a-z0-9;-]*x-amz-target, Signature=[0-9a-f]{64}$`)

func (s *standIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client has gone
	}
	for name, want := range map[string]string{
		"X-Amz-Target": "Comprehend_20171127.DetectPiiEntities", "Content-Type": "application/x-amz-json-1.1", "X-Amz-Security-Token": "hunter2-session",
	} {
		if got := r.Header.Get(name); got != want {
			s.t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if got := r.Header.Get("Authorization"); !signature.MatchString(got) {
		s.t.Errorf("authorization is %q", got)
	}
	if r.Method != http.MethodPost || r.URL.Path != "/" {
		s.t.Errorf("%s %s, want POST /", r.Method, r.URL.Path)
	}
	var in struct{ LanguageCode, Text string }
	decoder := json.NewDecoder(strings.NewReader(string(body)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&in); err != nil || in.LanguageCode != "en" {
		s.t.Errorf("the body has language %q: %v", in.LanguageCode, err)
	}
	s.mu.Lock()
	s.texts = append(s.texts, in.Text)
	s.attempts++
	attempt := s.attempts
	s.mu.Unlock()
	switch {
	case s.fail != nil && s.fail(w, r, attempt):
	case in.Text == "":
		refuse(w, 400, "InvalidRequestException")
	case len(in.Text) > 100_000:
		refuse(w, 400, "TextSizeLimitExceededException")
	default:
		answer(w, find([]rune(in.Text), s.values)...)
	}
}

// find compares code point by code point.
func find(text []rune, values map[string]string) (entities []string) {
	for i := range text {
		for value, kind := range values {
			v := []rune(value)
			if i+len(v) <= len(text) && string(text[i:i+len(v)]) == value {
				entities = append(entities, entity(kind, i, i+len(v)))
			}
		}
	}
	return entities
}

func entity(kind string, begin, end int) string {
	return fmt.Sprintf(`{"BeginOffset":%d,"EndOffset":%d,"Score":0.75,"Type":%q}`, begin, end, kind)
}

func answer(w http.ResponseWriter, entities ...string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_, _ = fmt.Fprintf(w, `{"Entities":[%s]}`, strings.Join(entities, ","))
}

// refuse fails as AWS does; the message repeats what no log may hold.
func refuse(w http.ResponseWriter, status int, kind string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"__type":%q,"message":"cannot do jane@example.com"}`, kind)
}

// calls are the texts that were sent so far.
func (s *standIn) calls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.texts...)
}
