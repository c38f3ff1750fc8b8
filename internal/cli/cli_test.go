package cli

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"github.com/bricks-gateway/bricks/internal/adminclient"
)

// api is an admin API that notes what it is asked, and answers what it is told.
type api struct {
	asked  []string // method, path with query, and body
	answer string
	next   []string // what is answered after that, instead
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	a.asked = append(a.asked, strings.TrimSpace(r.Method+" "+r.URL.RequestURI()+" "+string(body)))
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(a.answer))
	if len(a.next) > 0 {
		a.answer, a.next = a.next[0], a.next[1:]
	}
}

// command runs one with what a person types, at a terminal unless typed is empty.
func command(t *testing.T, a *api, typed string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	server := httptest.NewServer(a)
	defer server.Close()
	var cl struct {
		Commands
		Settings Settings `cmd:""`
		Audit    Audit    `cmd:""`
	}
	parser, err := kong.New(&cl)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		return "", "", err
	}
	var out, errs bytes.Buffer
	parsed.BindTo(t.Context(), (*context.Context)(nil))
	err = parsed.Run(&Env{
		Server: adminclient.Options{URL: server.URL}, Stdin: strings.NewReader(typed), Stdout: &out, Stderr: &errs, Terminal: typed != "",
		Variable: func(name string) (string, bool) { return "from a variable", name == "SET" }, Now: time.Now,
	})
	return out.String(), errs.String(), err
}

func TestDeleteAsksAtATerminal(t *testing.T) {
	for typed, want := range map[string]bool{"y\n": true, "Yes\n": true, "\n": false, "n\n": false, "y please\n": false} {
		a := &api{answer: `{"id":"k","deleted":true}`}
		_, stderr, err := command(t, a, typed, "keys", "delete", "k")
		if !strings.HasPrefix(stderr, "Delete key k? [y/N] ") {
			t.Errorf("%q: asks %q", typed, stderr)
		}
		if got := len(a.asked) == 1 && a.asked[0] == "DELETE /api/key-management/keys/k"; got != want || (err == nil) != want {
			t.Errorf("%q: asked the API %q, %v", typed, a.asked, err)
		}
	}
}

// TestBodies shows what is sent for flags, for a file, and for both.
func TestBodies(t *testing.T) {
	const setting = `{"id":"s"}`
	for _, c := range []struct {
		stdin string
		args  []string
		want  string // of the request; empty: none is sent
	}{
		{"", []string{"settings", "create", "--provider=openai", "--credential-variable=SET"}, `{"provider":"openai","setting":{"apikey":"from a variable"}}`},
		{"  from stdin\n", []string{"settings", "create", "--provider=openai", "--credential-file=-"}, `{"provider":"openai","setting":{"apikey":"from stdin"}}`},
		{"", []string{"settings", "create", "--provider=own", "--credential-variable=SET", "--credential-member=token"}, `{"provider":"own","setting":{"token":"from a variable"}}`},
		{`{"provider":"azure","setting":{"url":"https://a","apiVersion":"1"}}`, []string{"settings", "update", "s", "--file=-", "--url=https://b"}, `{"provider":"azure","setting":{"apiVersion":"1","url":"https://b"}}`},
		{`{"createdAt":12345678901234567890}`, []string{"keys", "update", "k", "-f", "-", "--clear=ttl", "--clear=policyId"}, `{"createdAt":12345678901234567890,"policyId":null,"ttl":null}`},
		{"", []string{"keys", "update", "k", "--cost-limit=0.000000001"}, `{"costLimitInUsd":0.000000001}`},
		{"", []string{"routes", "create", "--name=r"}, `{"cacheConfig":{"enabled":false},"keyIds":[],"name":"r"}`},
		{"", []string{"settings", "create", "--provider=openai", "--credential-variable=UNSET"}, ""},
		{" \n", []string{"settings", "create", "--provider=openai", "--credential-file=-"}, ""},
		{"x", []string{"settings", "create", "--credential-file=-", "--credential-variable=SET"}, ""},
		{"null", []string{"keys", "create", "--file=-"}, ""},
		{"[]", []string{"keys", "create", "--file=-"}, ""},
		{`{"name":"x"} {}`, []string{"keys", "create", "--file=-"}, ""},
		{"", []string{"keys", "update", "k"}, ""},
	} {
		a := &api{answer: setting}
		_, _, err := command(t, a, c.stdin, c.args...)
		if c.want == "" {
			if ExitCode(err) != ExitUsage || len(a.asked) > 0 {
				t.Errorf("%q: %v, asked %s; want a fault of usage", c.args, err, a.asked)
			}
			continue
		}
		if err != nil || len(a.asked) != 1 || !strings.HasSuffix(a.asked[0], " "+c.want) {
			t.Errorf("%q: %v, asked %s, want %s", c.args, err, a.asked, c.want)
		}
	}
}

// TestListsFollowCursors also when a page is shorter than it may be.
func TestListsFollowCursors(t *testing.T) {
	a := &api{answer: `{"entries":[{"number":9},{"number":8}],"next":8}`, next: []string{`{"entries":[ ],"next":5}`, `{"entries":[{"number":3}]}`}}
	stdout, stderr, err := command(t, a, "", "audit", "list", "--all", "-o", "json")
	if want := `[{"number":9},{"number":8},{"number":3}]` + "\n"; err != nil || stdout != want || stderr != "" {
		t.Errorf("%v: %s%s, want %s", err, stdout, stderr, want)
	}
	want := []string{"GET /api/audit?limit=1000", "GET /api/audit?cursor=8&limit=1000", "GET /api/audit?cursor=5&limit=1000"}
	if !slices.Equal(a.asked, want) {
		t.Errorf("asked %q, want %q", a.asked, want)
	}
	a = &api{answer: `{"entries":[{"number":9},{"number":8}],"next":8}`}
	if _, stderr, err = command(t, a, "", "audit", "list", "--limit=2"); err != nil || len(a.asked) != 1 || !strings.Contains(stderr, "first 2") {
		t.Errorf("--limit=2: %v, asked %q, says %q", err, a.asked, stderr)
	}
}

// TestRemarks shows what an answer has for people beside the object.
func TestRemarks(t *testing.T) {
	a := &api{answer: `{"keyId":"k","name":"n\u001b[2J","warnings":["look at this"],"unacknowledged":["processor-2"]}`}
	stdout, stderr, err := command(t, a, "", "keys", "get", "k")
	if err != nil || !strings.Contains(stderr, "look at this") || !strings.Contains(stderr, "not known yet to: processor-2") {
		t.Errorf("%v: %s", err, stderr)
	}
	if !strings.Contains(stdout, "n?[2J") {
		t.Errorf("a name may move the cursor: %q", stdout)
	}
}

func TestCells(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		value any
		whole bool
		want  string
	}{
		{moment(now.Unix()), false, "0s ago"},
		{moment(now.Unix() - 119), false, "119s ago"},
		{moment(now.Unix() - 7200), false, "2h ago"},
		{moment(now.Unix() + 30*86400), false, "in 30d"},
		{moment(now.Unix()), true, "2026-05-01T12:00:00Z"},
		{moment(0), true, "-"},
		{dollars("0.0015"), false, "$0.0015"},
		{dollars(""), false, "-"},
		{[]string{"a", "b"}, false, "a,b"},
		{[]string(nil), false, "-"},
		{strings.Repeat("é", 41), false, strings.Repeat("é", 39) + "…"},
		{strings.Repeat("é", 41), true, strings.Repeat("é", 41)},
		{milliseconds(1234), false, "1.234s"},
		{true, false, "yes"},
	} {
		if got := cellText(c.value, now, c.whole); got != c.want {
			t.Errorf("%v is shown as %q, want %q", c.value, got, c.want)
		}
	}
}

func TestTimes(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	for text, want := range map[string]int64{
		"24h": 1_000_000 - 86400, "7d": 1_000_000 - 7*86400, "90s": 999_910, "0s": 1_000_000, "1767225600": 1767225600, "2026-01-01T00:00:00Z": 1767225600, "60000d": 0,
	} {
		if got, err := clock(text).seconds(now); err != nil || got != want {
			t.Errorf("%s: %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "yesterday", "-1h", "1.5", "2026-01-01T00:00:00.5Z", "d", "-1"} {
		if got, err := clock(text).seconds(now); err == nil {
			t.Errorf("%q: %d", text, got)
		}
	}
}
