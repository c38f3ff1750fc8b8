package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/secrets"
	"github.com/bricks-gateway/bricks/internal/store"
)

const (
	adminKey  = "admin-key-with-more-than-32-bytes-of-text"
	viewerKey = "viewer-key-with-more-than-32-bytes-of-text"
	scopedKey = "scoped-key-with-more-than-32-bytes-of-text"
)

// fixture is the API over a real store, with a clock that the test moves.
type fixture struct {
	t       testing.TB
	server  *httptest.Server
	store   *store.Store
	keyring *secrets.Keyring
	shown   *api // for its routes and schemas

	mu      sync.Mutex
	now     time.Time
	applied []int64
	late    []string
}

func (f *fixture) clock() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

func (f *fixture) advance(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = f.now.Add(d)
}

type applierFunc func(revision int64) []string

func (a applierFunc) Apply(_ context.Context, revision int64) []string { return a(revision) }

// newFixture starts the API; change edits the options, which have three admin keys.
func newFixture(t testing.TB, change ...func(*Options)) *fixture {
	t.Helper()
	f := &fixture{t: t, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	var err error
	if f.keyring, err = secrets.New(bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)); err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.NewTextHandler(io.Discard, nil))
	f.store, err = store.OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "bricks.db"), store.Options{Keyring: f.keyring, Logger: logger, Now: f.clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.store.Close() })
	o := Options{
		Store: f.store, Keyring: f.keyring, Logger: logger, Version: "test", Now: f.clock,
		Applier: applierFunc(func(revision int64) []string {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.applied = append(f.applied, revision)
			return f.late
		}),
		XDSStatus: func() any { return map[string]any{"nodes": []string{}} },
		AdminKeys: []AdminKey{
			{Key: gateway.NewSecret(adminKey)},
			{Key: gateway.NewSecret(viewerKey), Role: RoleViewer},
			{Key: gateway.NewSecret(scopedKey), Tags: []string{"team-a"}},
		},
	}
	for _, c := range change {
		c(&o)
	}
	handler, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	f.shown = newAPI(o)
	if _, err := f.shown.openAPI(); err != nil {
		t.Fatal(err)
	}
	f.server = httptest.NewServer(handler)
	t.Cleanup(f.server.Close)
	return f
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	text   string
	body   any
}

func (a answer) object() map[string]any { o, _ := a.body.(map[string]any); return o }
func (a answer) list() []any            { l, _ := a.body.([]any); return l }
func (a answer) str(name string) string { s, _ := a.object()[name].(string); return s }

// at follows a path of names and indexes; nil when there is nothing.
func (a answer) at(path ...any) any {
	v := a.body
	for _, p := range path {
		switch p := p.(type) {
		case string:
			o, _ := v.(map[string]any)
			v = o[p]
		case int:
			l, _ := v.([]any)
			if p >= len(l) {
				return nil
			}
			v = l[p]
		}
	}
	return v
}

// pointers lists where the faults are.
func (a answer) pointers() []string {
	var out []string
	list, _ := a.object()["errors"].([]any)
	for _, e := range list {
		o := e.(map[string]any)
		if p, ok := o["pointer"].(string); ok {
			out = append(out, p)
		} else if p, ok := o["parameter"].(string); ok {
			out = append(out, p)
		} else {
			out = append(out, "")
		}
	}
	return out
}

func (f *fixture) do(method, path, body string, edit ...func(*http.Request)) answer {
	f.t.Helper()
	r, err := http.NewRequestWithContext(f.t.Context(), method, f.server.URL+path, strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	r.Header.Set(keyHeader, adminKey)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, e := range edit {
		e(r)
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		f.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	a := answer{status: resp.StatusCode, header: resp.Header, text: string(raw)}
	a.body = a.text
	if strings.HasSuffix(resp.Header.Get("Content-Type"), "/json") || strings.HasSuffix(resp.Header.Get("Content-Type"), "+json") {
		if err := json.Unmarshal(raw, &a.body); err != nil {
			f.t.Fatalf("%s %s: answer %q: %v", method, path, raw, err)
		}
	}
	f.checkDocumented(r, a)
	return a
}

// checkDocumented holds every answer of every test against the OpenAPI
// document, with huma's validator rather than with our own.
func (f *fixture) checkDocumented(r *http.Request, a answer) {
	f.t.Helper()
	mux := http.NewServeMux()
	byPattern := map[string]route{}
	for _, rt := range f.shown.routes {
		mux.HandleFunc(rt.method+" "+rt.path, func(http.ResponseWriter, *http.Request) {})
		byPattern[rt.method+" "+rt.path] = rt
	}
	matched, pattern := mux.Handler(r)
	if redirects(matched) {
		return
	}
	rt, known := byPattern[pattern]
	if !known {
		return
	}
	op := f.shown.operation(rt, f.shown.registry.Map()["Problem"])
	response := op.Responses[strconv.Itoa(a.status)]
	if response == nil {
		f.t.Errorf("%s: status %d is not in the document", pattern, a.status)
		return
	}
	media := response.Content[a.header.Get("Content-Type")]
	if media == nil {
		f.t.Errorf("%s: %d: content type %q is not in the document", pattern, a.status, a.header.Get("Content-Type"))
		return
	}
	result := &huma.ValidateResult{}
	huma.Validate(f.shown.registry, media.Schema, huma.NewPathBuffer([]byte{}, 0), huma.ModeReadFromServer, a.body, result)
	for _, e := range result.Errors {
		f.t.Errorf("%s: %d: answer deviates from the document: %v\n%s", pattern, a.status, e, a.text)
	}
	for name := range problemHeaders(a.status) {
		if a.header.Get(name) == "" {
			f.t.Errorf("%s: %d: no %s", pattern, a.status, name)
		}
	}
	if rt.tagged && a.status == http.StatusOK && a.header.Get("ETag") == "" {
		f.t.Errorf("%s: no ETag", pattern)
	}
}

func as(key string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Del(keyHeader)
		if key != "" {
			r.Header.Set(keyHeader, key)
		}
	}
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func (f *fixture) want(a answer, status int) answer {
	f.t.Helper()
	if a.status != status {
		f.t.Fatalf("status %d, want %d: %s", a.status, status, a.text)
	}
	return a
}

// setting makes a provider setting and returns its id.
func (f *fixture) setting() string {
	f.t.Helper()
	return f.want(f.do("POST", settingsPath, `{"provider":"openai","setting":{"apikey":"sk-0123456789abcdef"}}`), 200).str("id")
}

// key makes a key with extra members and returns the answer.
func (f *fixture) key(setting, extra string) answer {
	f.t.Helper()
	if extra != "" {
		extra = "," + extra
	}
	return f.want(f.do("PUT", keysPath, `{"name":"k","settingIds":["`+setting+`"]`+extra+`}`), 200)
}

// logLines keeps what is logged.
type logLines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logLines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logLines) logger() *slog.Logger { return slog.New(slog.NewJSONHandler(l, nil)) }

func (l *logLines) lines() (all []map[string]any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range bytes.Lines(l.text.Bytes()) {
		var o map[string]any
		if err := json.Unmarshal(line, &o); err != nil {
			panic(err) // slog writes JSON
		}
		all = append(all, o)
	}
	return all
}
