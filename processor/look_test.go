package processor_test

import (
	"io"
	"maps"
	"regexp"
	"strings"
	"testing"

	filterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/pii"
	"github.com/bricks-gateway/bricks/internal/policy"
	"github.com/bricks-gateway/bricks/internal/secrets"
)

// givePolicy makes p the policy of the world's key.
func (w *world) givePolicy(t *testing.T, p *gateway.Policy) {
	t.Helper()
	p.ID = "p"
	compiled, err := policy.New(p)
	if err != nil {
		t.Fatal(err)
	}
	w.policies = map[string]*policy.Policy{"p": compiled}
	w.keys[secrets.HashKey(bricksKey)].PolicyID = "p"
}

var email = regexp.MustCompile(`[a-z]+@[a-z]+\.[a-z]+`)

// emails finds e-mail addresses, and nothing else.
var emails = &policy.Engine{Embedded: func(dst []pii.Span, text string, _ pii.Set) []pii.Span {
	for _, m := range email.FindAllStringIndex(text, -1) {
		dst = append(dst, pii.Span{Start: m[0], End: m[1], Type: pii.Email, Score: 1})
	}
	return dst
}}

func rule(action gateway.PolicyAction) *gateway.Policy {
	return &gateway.Policy{Rules: map[string]gateway.PolicyAction{"email": action}}
}

const mail = `{"model":"gpt-4o","messages":[{"role":"user","content":"write to a@b.de"}]}`

func TestARequestUnderAPolicy(t *testing.T) {
	for name, c := range map[string]struct {
		policy *gateway.Policy
		sent   string // empty: as it came
		status int    // 0: it goes on
		action string
	}{
		"allowed":  {rule("allow"), "", 0, "allowed"},
		"warned":   {rule("allow_but_warn"), "", 0, "warned"},
		"redacted": {rule("allow_but_redact"), strings.Replace(mail, "a@b.de", "[EMAIL]", 1), 0, "redacted"},
		"blocked":  {rule("block"), "", 403, "blocked"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.keys[secrets.HashKey(bricksKey)].ShouldLogRequest = true
			w.givePolicy(t, c.policy)
			answers, err := process(w, io.EOF, chatHeaders(), requestBody(mail))
			if err != nil {
				t.Fatal(err)
			}
			if c.status != 0 {
				status, body := refusal(t, answers)
				if status != c.status || strings.Contains(body, "a@b") || !strings.Contains(body, `"content_policy_violation"`) || holds(answers) || len(w.intents) > 0 {
					t.Errorf("refused with %d: %s", status, body)
				}
			} else if got := answers[1].GetRequestBody().GetResponse().GetBodyMutation().GetBody(); string(got) != c.sent {
				t.Errorf("the provider gets %q, want %q", got, c.sent)
			}
			final := w.finals[len(w.finals)-1]
			if final.Action != c.action || final.PolicyID != "p" {
				t.Errorf("event: action %q, policy %q", final.Action, final.PolicyID)
			}
			if want := map[string]int64{"email": 1}; c.action != "allowed" && !maps.Equal(final.Findings, want) {
				t.Errorf("event: findings %v, want %v", final.Findings, want)
			}
			if c.action == "redacted" && string(final.Request) != c.sent || c.action == "blocked" && len(final.Request) > 0 {
				t.Errorf("event: request %s", final.Request)
			}
		})
	}
}

// A key's policy that is not known, or that cannot be applied, lets nothing pass.
func TestNothingPassesWithoutItsPolicy(t *testing.T) {
	for name, breaks := range map[string]func(*world){
		"not known": func(w *world) { w.policies = nil },
		"a detector is absent": func(w *world) {
			w.givePolicy(t, &gateway.Policy{Rules: rule("allow_but_redact").Rules, Detectors: []string{"presidio"}})
		},
	} {
		w := newWorld()
		w.givePolicy(t, rule("allow_but_redact"))
		breaks(w)
		answers, _ := process(w, io.EOF, chatHeaders(), requestBody(mail))
		if status, _ := refusal(t, answers); status != 503 || holds(answers) || len(w.intents) > 0 {
			t.Errorf("%s: status %d, credential out: %v", name, status, holds(answers))
		}
	}
}

func TestPartsOfAFormUnderAPolicy(t *testing.T) {
	w := newWorld()
	w.givePolicy(t, rule("allow_but_redact"))
	form := func(prompt string) string {
		return "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n" +
			"--b\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\n" + prompt + "\r\n" +
			"--b\r\nContent-Disposition: form-data; name=\"language\"\r\n\r\n\r\n" +
			"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\na@b.de\r\n--b--\r\n"
	}
	headers := requestHeaders(false, ":method", "POST", ":path", "/api/providers/openai/v1/audio/transcriptions", "x-request-id", "event-1",
		"authorization", "Bearer "+bricksKey, "content-type", "multipart/form-data; boundary=b")
	answers, err := process(w, io.EOF, headers, requestBody(form("call a@b.de")))
	if err != nil || len(answers) != 2 {
		t.Fatalf("answers = %v, %v", answers, err)
	}
	if got := string(answers[1].GetRequestBody().GetResponse().GetBodyMutation().GetBody()); got != form("call [EMAIL]") {
		t.Errorf("the provider gets %q", got)
	}
}

// answered is what the client gets of a provider's answer.
func answered(t *testing.T, w *world, contentType string, chunks ...string) (headers *extprocv3.ProcessingResponse, body string, last *extprocv3.ProcessingResponse) {
	t.Helper()
	messages := []*extprocv3.ProcessingRequest{chatHeaders(), requestBody(mail), responseHeaders(":status", "200", "content-type", contentType, "content-length", "1")}
	for i, c := range chunks {
		messages = append(messages, responseBody(i == len(chunks)-1, c))
	}
	answers, _ := process(w, io.EOF, messages...)
	if len(answers) < 4 {
		t.Fatalf("answers = %v", answers)
	}
	for _, a := range answers[3:] {
		body += string(a.GetResponseBody().GetResponse().GetBodyMutation().GetBody())
	}
	return answers[2], body, answers[len(answers)-1]
}

func TestAnAnswerUnderAPolicy(t *testing.T) {
	answer := func(action gateway.PolicyAction) *gateway.Policy {
		p := rule(action)
		p.ApplyToResponse = true
		if action == "block" { // of answers: the request has a value, too
			p.Rules, p.Regex = nil, []gateway.RegexRule{{Definition: "secret", Action: "block"}}
		}
		return p
	}
	event := func(text string) string {
		return `data: {"choices":[{"index":0,"delta":{"content":"` + text + `"}}]}` + "\n\n"
	}
	w := newWorld()
	w.givePolicy(t, answer("allow_but_redact"))
	headers, body, last := answered(t, w, "application/json", `{"choices":[{"message":{"content":"c@d.de"}}]}`)
	if body != `{"choices":[{"message":{"content":"[EMAIL]"}}]}` || headers.GetModeOverride().GetResponseBodyMode() != filterv3.ProcessingMode_BUFFERED {
		t.Errorf("a JSON answer: %s, mode %v", body, headers.GetModeOverride())
	}
	if got := last.GetResponseBody().GetResponse().GetHeaderMutation().GetSetHeaders(); len(got) != 1 || string(got[0].Header.RawValue) != "47" {
		t.Errorf("its length: %v", got)
	}
	headers, body, _ = answered(t, w, "text/event-stream", event("c@"), event("d.de"), "data: [DONE]\n\n")
	if want := event("") + event("[EMAIL]") + "data: [DONE]\n\n"; body != want || headers.GetModeOverride() != nil {
		t.Errorf("a stream: %s", body)
	}
	if removed := headers.GetResponseHeaders().GetResponse().GetHeaderMutation().GetRemoveHeaders(); !strings.Contains(strings.Join(removed, " "), "content-length") {
		t.Errorf("a stream's length stays: %v", removed)
	}
	if final := w.finals[len(w.finals)-1]; final.Findings["email"] != 2 || final.Action != "redacted" {
		t.Errorf("event: %v, %s", final.Findings, final.Action)
	}

	w.givePolicy(t, answer("block"))
	_, _, last = answered(t, w, "application/json", `{"choices":[{"message":{"content":"a secret"}}]}`)
	if i := last.GetImmediateResponse(); i.GetStatus().GetCode() != 403 || strings.Contains(string(i.GetBody()), "secret") {
		t.Errorf("a blocked answer: %v", last)
	}
	_, body, _ = answered(t, w, "text/event-stream", event("a sec"), event("ret"), "data: [DONE]\n\n")
	if strings.Contains(body, "ret") && strings.Contains(body, "a sec") || !strings.Contains(body, `"content_policy_violation"`) || strings.Contains(body, "[DONE]") {
		t.Errorf("a blocked stream: %s", body)
	}
	if final := w.finals[len(w.finals)-1]; final.Action != "blocked" || final.RefusalCode != "content_policy_violation" {
		t.Errorf("event: %s, %s", final.Action, final.RefusalCode)
	}
}

// An event of which nobody can read the end, and all behind it, must not leave.
func TestAStreamThatCannotBeRead(t *testing.T) {
	w := newWorld()
	p := rule("allow_but_redact")
	p.ApplyToResponse = true
	w.givePolicy(t, p)
	_, body, _ := answered(t, w, "text/event-stream", "data: "+strings.Repeat("x", 2<<20), "\n\n", `data: {"choices":[{"index":0,"delta":{"content":"c@d.de"}}]}`+"\n\n")
	if strings.Contains(body, "c@d.de") || strings.Contains(body, "xxx") {
		t.Errorf("%d bytes have left, the end of them %q", len(body), body[max(0, len(body)-80):])
	}
}

func TestAnAnswerInPiecesWhereOneIsDue(t *testing.T) {
	w := newWorld()
	p := rule("allow_but_redact")
	p.ApplyToResponse = true
	w.givePolicy(t, p)
	_, err := process(w, io.EOF, chatHeaders(), requestBody(mail), responseHeaders(":status", "200", "content-type", "application/json"), responseBody(false, `{"a":"c@d.de"`))
	if err == nil {
		t.Error("a piece has passed")
	}
}
