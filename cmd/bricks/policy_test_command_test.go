package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestPolicyTestCommand(t *testing.T) {
	body := ""
	var got string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Method + " " + r.URL.EscapedPath() + " " + r.Header.Get("X-API-KEY")
		if body == "" {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(`{"title":"Not Found","detail":"there is no such policy"}`))
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(body))
	}))
	defer server.Close()
	command := func(text string) (string, error) {
		var out, errs bytes.Buffer
		err := run(t.Context(), []string{"policy", "test", "some/id", text}, []string{"ADMIN_PASS=key", "ADMIN_URL=" + server.URL}, &out, &errs)
		return out.String(), err
	}
	for _, c := range []struct{ policy, text, want string }{
		{`{"id":"p","config":{"rules":{"email":"allow_but_redact"}},"regexConfig":{"rules":[{"definition":"T-\\d+","action":"allow_but_redact"}]},"onError":"block","detectors":["embedded"]}`,
			"to ada@example.com about T-12", "action: redacted\nfound: email 1\nfound: regex 1\ntext: to [EMAIL] about [REDACTED]\n"},
		{`{"id":"p","config":{"rules":{"email":"block"}}}`, "to ada@example.com", "action: blocked by email\nfound: email 1\n"},
		{`{"id":"p","config":{"rules":{"all":"allow_but_warn"}}}`, "to ada@example.com", "action: warned\nfound: email 1\ntext: to ada@example.com\n"},
		{`{"id":"p","config":{"rules":{"all":"block"}}}`, "hello", "action: allowed\ntext: hello\n"},
	} {
		body = c.policy
		out, err := command(c.text)
		if err != nil || out != c.want || got != "GET /api/policies/some%2Fid key" {
			t.Errorf("%s: %q, %v, want %q; asked %s", c.policy, out, err, c.want, got)
		}
	}
	body = `{"id":"p","config":{"rules":{"email":"block"}},"detectors":["presidio"],"onError":"block"}`
	if _, err := command("hello"); err == nil || !strings.Contains(err.Error(), "presidio") {
		t.Errorf("a detector that is not configured: %v", err)
	}
	body = ""
	if _, err := command("hello"); err == nil || !strings.Contains(err.Error(), "there is no such policy") {
		t.Errorf("an unknown policy: %v", err)
	}
}
