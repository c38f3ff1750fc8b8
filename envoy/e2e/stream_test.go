package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/testenv"
)

// TestStreamsAreTheProvidersBytes for every way in which its bytes are cut, its
// lines end and its usage is told. Where the gateway asked for usage, the
// client gets what the provider sends to those who do not ask.
func TestStreamsAreTheProvidersBytes(t *testing.T) {
	e := newEnv(t, testenv.Options{})
	requests := []struct{ name, path, direct, body string }{
		{"usage asked", chat, "/v1/chat/completions", `{"model":"gpt-4o-mini","stream":true,"stream_options":{"include_usage":true},` + hello + `}`},
		{"usage not asked", chat, "/v1/chat/completions", `{"model":"gpt-4o-mini","stream":true,` + hello + `}`},
		{"two choices", chat, "/v1/chat/completions", `{"model":"gpt-4o-mini","stream":true,"n":2,` + hello + `}`},
		{"anthropic", messages, "/v1/messages", `{"model":"claude-haiku-4-5","max_tokens":64,"stream":true,` + hello + `}`},
	}
	splits := []string{"", "1", "2", "3", "5,1", "7,2,31", "64,1", "1,1,50", "211", "4096"}
	for _, r := range requests {
		for _, newline := range []string{"lf", "crlf", "cr"} {
			t.Run(r.name+" "+newline, func(t *testing.T) {
				for _, split := range splits {
					headers := []string{"X-Fake-Newline", newline, "X-Fake-Comments", "yes"}
					if split != "" {
						headers = append(headers, "X-Fake-Split", split)
					}
					if split == "1" && newline == "crlf" && r.name == "usage not asked" {
						// So slowly that Envoy gets each byte apart.
						headers = append(headers, "X-Fake-Pace", "100us")
					}
					want := e.direct(t, r.direct, r.body, headers...)
					a := e.post(t, r.path, r.body, headers...)
					if a.status != http.StatusOK || a.err != nil || !bytes.Equal(a.body, want) {
						t.Errorf("split %q: got %d %v\n%q, want\n%q", split, a.status, a.err, a.body, want)
					}
				}
			})
		}
	}
	t.Run("usage in every chunk unasked", func(t *testing.T) {
		want := e.direct(t, "/v1/chat/completions", requests[1].body, "X-Fake-Usage", "every")
		if a := e.post(t, chat, requests[1].body, "X-Fake-Usage", "every"); !bytes.Equal(a.body, want) {
			t.Errorf("got\n%q, want\n%q", a.body, want)
		}
	})
}

// TestStreamPassesAtOnce: the first event is with the client while the provider
// still holds the others back.
func TestStreamPassesAtOnce(t *testing.T) {
	e := newEnv(t, testenv.Options{})
	for path, body := range map[string]string{
		chat:     `{"model":"gpt-4o-mini","stream":true,` + hello + `}`,
		messages: `{"model":"claude-haiku-4-5","max_tokens":64,"stream":true,` + hello + `}`,
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+e.Proxy+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+e.key.Secret)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("X-Fake-Pace", "1h") // the second event never comes
		resp, err := e.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		first := make([]byte, 16)
		if n, err := io.ReadFull(resp.Body, first); err != nil {
			t.Errorf("%s: got %q, then %v", path, first[:n], err)
		}
		id := resp.Header.Get("X-Bricks-Event-Id")
		cancel() // the client leaves
		_ = resp.Body.Close()
		ev := e.AwaitEvent(e.key, id)
		if !ev.Incomplete || !ev.Estimated || ev.Status != 499 || ev.Cost == "0" {
			t.Errorf("%s: event of a client that left = %+v", path, ev)
		}
	}
}

// TestCutStream: the client sees the cut, and the event is an estimate.
func TestCutStream(t *testing.T) {
	e := newEnv(t, testenv.Options{})
	for path, body := range map[string]string{
		chat:     `{"model":"gpt-4o-mini","stream":true,` + hello + `}`,
		messages: `{"model":"claude-haiku-4-5","max_tokens":64,"stream":true,` + hello + `}`,
	} {
		a := e.post(t, path, body, "X-Fake-Cut", "900", "X-Fake-Pace", "20ms")
		if a.status != http.StatusOK || a.err == nil {
			t.Errorf("%s: got %v, want a cut answer", path, a)
		}
		ev := e.AwaitEvent(e.key, a.eventID())
		if !ev.Incomplete || !ev.Estimated || ev.InputTokens == 0 || ev.OutputTokens == 0 || ev.Cost == "0" {
			t.Errorf("%s: event = %+v", path, ev)
		}
	}
}

// TestUsageThatIsMissing is estimated and flagged.
func TestUsageThatIsMissing(t *testing.T) {
	e := newEnv(t, testenv.Options{})
	for _, stream := range []string{"true", "false"} {
		a := e.post(t, chat, `{"model":"gpt-4o-mini","stream":`+stream+`,`+hello+`}`, "X-Fake-Usage", "none")
		ev := e.AwaitEvent(e.key, a.eventID())
		if a.status != http.StatusOK || !ev.Estimated || ev.Incomplete || ev.InputTokens == 0 || ev.OutputTokens == 0 {
			t.Errorf("stream %s: got %v, event %+v", stream, a, ev)
		}
	}
}

// TestUnaskedCompression must not hide usage: it is refused.
func TestUnaskedCompression(t *testing.T) {
	e := newEnv(t, testenv.Options{})
	a := e.post(t, chat, helloChat, "Accept-Encoding", "gzip", "X-Fake-Encoding", "gzip")
	if got := decodeError(t, a); a.status != http.StatusBadGateway || *got.Error.Code != "upstream_error" {
		t.Errorf("got %v", a)
	}
	if r := e.forwarded(t); r.Header.Get("Accept-Encoding") != "" && r.Header.Get("Accept-Encoding") != "identity" {
		t.Errorf("the provider was offered %s", r.Header.Get("Accept-Encoding"))
	}
}

// TestErrorEventPasses: a stream that fails midway has status 200 and an error
// event, which reaches the client.
func TestErrorEventPasses(t *testing.T) {
	e := newEnv(t, testenv.Options{})
	body := `{"model":"claude-haiku-4-5","max_tokens":64,"stream":true,` + hello + `}`
	want := e.direct(t, "/v1/messages", body, "X-Fake-Error-After", "4")
	a := e.post(t, messages, body, "X-Fake-Error-After", "4")
	if !bytes.Equal(a.body, want) || !strings.Contains(fmt.Sprint(a), "overloaded_error") {
		t.Errorf("got %v, want %s", a, want)
	}
	if ev := e.AwaitEvent(e.key, a.eventID()); !ev.Incomplete {
		t.Errorf("event = %+v, want it incomplete", ev)
	}
}
