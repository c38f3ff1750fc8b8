package policy_test

import (
	"bytes"
	"testing"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/jsonscan"
	"github.com/bricks-gateway/bricks/internal/pii/scan"
	"github.com/bricks-gateway/bricks/internal/policy"
	"github.com/bricks-gateway/bricks/internal/sse"
)

var seeds = []string{
	`{"messages":[{"role":"user","content":"mail \u0061@b.de, card 4111 1111 1111 1111"}]}`,
	`{"a":"{\"b\":\"{\\\"pin\\\":123456,\\\"mail\\\":\\\"a@b.de\\\"}\"}","input":{"phone":4155552671}}`,
	`{"choices":[{"delta":{"content":"a@b.de","tool_calls":[{"index":0,"function":{"arguments":"{\"ssn\":536228791}"}}]},"logprobs":{}}]}`,
	`{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"x\":\"a@b.de"}}`,
	`["\ud83d\ude00 a@b.de",1e5,null,"` + "ａ＠ｂ.ｄｅ" + `"]`,
}

// FuzzRequest: what is left of a valid body is a valid body.
func FuzzRequest(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	compiled, err := policy.New(&gateway.Policy{Rules: map[string]gateway.PolicyAction{"email": "allow_but_redact", "credit_debit_number": "allow_but_redact"}})
	if err != nil {
		f.Fatal(err)
	}
	engine := &policy.Engine{Embedded: scan.Append}
	f.Fuzz(func(t *testing.T, body []byte) {
		if jsonscan.Check(body) != nil {
			return
		}
		original := bytes.Clone(body)
		out, err := engine.Begin(compiled, nil).JSON(t.Context(), body, policy.Shape{Custom: true})
		if !bytes.Equal(body, original) {
			t.Fatal("the body was written to")
		}
		if err != nil {
			return // what cannot be looked at
		}
		if err := jsonscan.Check(out); err != nil {
			t.Fatalf("%q became %q: %v", body, out, err)
		}
	})
}

// FuzzStream: an event is valid afterwards if it was, and none is lost.
func FuzzStream(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s), "text")
	}
	compiled, err := policy.New(&gateway.Policy{Rules: map[string]gateway.PolicyAction{"all": "allow_but_redact"}, ApplyToResponse: true})
	if err != nil {
		f.Fatal(err)
	}
	engine := &policy.Engine{Embedded: scan.Append}
	f.Fuzz(func(t *testing.T, data []byte, field string) {
		if bytes.ContainsAny(data, "\r\n") {
			return
		}
		valid := jsonscan.Check(data) == nil
		s := engine.Begin(compiled, nil).Stream(policy.Form{Field: field})
		var out []byte
		for range 3 {
			raw := append(append([]byte("data: "), data...), "\n\n"...)
			var scanner sse.Scanner
			scanner.Feed(raw, func(e sse.Event) {
				if out, err = s.Event(t.Context(), out, e); err != nil {
					t.Fatal(err)
				}
			})
		}
		if out, err = s.Close(t.Context(), out); err != nil {
			t.Fatal(err)
		}
		n := 0
		var scanner sse.Scanner
		scanner.Feed(out, func(e sse.Event) {
			n++
			if valid && jsonscan.Check(e.Data) != nil {
				t.Fatalf("%q became %q", data, e.Data)
			}
		})
		if n != 3 && valid {
			t.Fatalf("%q: %d events of 3: %q", data, n, out)
		}
	})
}
