package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestSettingsTestCommand(t *testing.T) {
	status, media, body := 200, "application/json", ""
	var got string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Method + " " + r.URL.EscapedPath() + " " + r.Header.Get("X-API-KEY")
		w.Header().Set("Content-Type", media)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	defer server.Close()
	command := func(args ...string) (string, error) {
		var out, errs bytes.Buffer
		err := run(t.Context(), append([]string{"settings"}, args...), []string{"ADMIN_PASS=from-variable", "ADMIN_URL=" + server.URL}, &out, &errs)
		return out.String(), err
	}
	body = `{"ok":true,"status":200,"latencyInMs":7,"hint":"The provider takes the credential."}`
	out, err := command("test", "some-id")
	if err != nil || out != "status 200 after 7 ms\nThe provider takes the credential.\n" || got != "POST /api/provider-settings/some-id/test from-variable" {
		t.Errorf("a good setting: %q, %v, asked %s", out, err, got)
	}
	body = `{"ok":false,"status":401,"latencyInMs":7,"hint":"check apiKey"}`
	if out, err := command("test", "some-id", "--admin-key", "from-flag"); err == nil || !strings.Contains(err.Error(), "check apiKey") ||
		out != "status 401 after 7 ms\n" || !strings.HasSuffix(got, " from-flag") {
		t.Errorf("a refused credential: %q, %v, asked %s", out, err, got)
	}
	body = `{"ok":false,"latencyInMs":7,"hint":"no host"}`
	if out, err := command("test", "some-id"); err == nil || out != "no answer after 7 ms\n" {
		t.Errorf("no answer: %q, %v", out, err)
	}
	status, media, body = 404, "application/problem+json", `{"title":"Not Found","status":404,"detail":"there is no such setting"}`
	if _, err := command("test", "a/b"); err == nil || !strings.Contains(err.Error(), "there is no such setting") || !strings.Contains(got, "a%2Fb") {
		t.Errorf("an unknown setting: %v, asked %s", err, got)
	}
	for _, media = range []string{"application/json", "text/html"} {
		status, body = 200, "<html>"
		if _, err := command("test", "some-id"); err == nil || !strings.Contains(err.Error(), "is not the admin API") {
			t.Errorf("an answer that is no JSON, called %s: %v", media, err)
		}
	}
	if _, err := command("test"); err == nil {
		t.Error("a missing id passes")
	}
	if out, err := command("--help"); err != nil || !strings.Contains(out, "admin-url") {
		t.Errorf("help: %q, %v", out, err)
	}
}
