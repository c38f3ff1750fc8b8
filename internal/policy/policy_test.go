package policy_test

import (
	"context"
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/pii"
	"github.com/bricks-gateway/bricks/internal/policy"
)

// simple stands for the embedded detector: what these tests are about is where
// values are looked for, and what becomes of them.
var simple = map[pii.Type]*regexp.Regexp{
	pii.Email: regexp.MustCompile(`\b[a-z]+@[a-z]+\.[a-z]+\b`),
	pii.SSN:   regexp.MustCompile(`\b\d{3}-\d{2}-\d{4}\b`),
	pii.PIN:   regexp.MustCompile(`\b\d{6}\b`),
	pii.Name:  regexp.MustCompile(`\bAda( de)? Lovelace\b`),
	// As many ordinary words as a cut looks ahead, which might go through them.
	pii.Password: regexp.MustCompile(`\bcorrect horse battery\b`),
	pii.URL:      regexp.MustCompile(`\bmailto:[a-z]+@[a-z]+\.[a-z]+\b`),
}

func detect(dst []pii.Span, text string, types pii.Set) []pii.Span {
	for t := range types.Types() {
		if re := simple[t]; re != nil {
			for _, m := range re.FindAllStringIndex(text, -1) {
				dst = append(dst, pii.Span{Start: m[0], End: m[1], Type: t, Score: 1})
			}
		}
	}
	slices.SortFunc(dst, func(a, b pii.Span) int { return a.Start - b.Start })
	return dst
}

func begin(t testing.TB, p *gateway.Policy, detectors map[string]pii.Detector) *policy.Exchange {
	t.Helper()
	compiled, err := policy.New(p)
	if err != nil {
		t.Fatal(err)
	}
	engine := &policy.Engine{Embedded: detect, Detectors: detectors}
	return engine.Begin(compiled, []byte("secret"))
}

func redactAll() *gateway.Policy {
	return &gateway.Policy{Rules: map[string]gateway.PolicyAction{"all": gateway.PolicyRedact}}
}

func TestTextsOfARequest(t *testing.T) {
	for name, c := range map[string]struct{ body, want string }{
		"a message": {
			`{"model":"gpt","messages":[{"role":"user","content":"I am ada@b.de"}]}`,
			`{"model":"gpt","messages":[{"role":"user","content":"I am [EMAIL]"}]}`,
		},
		"parts of every role": {
			`{"messages":[{"role":"system","content":"s@b.de"},{"role":"user","content":[{"type":"text","text":"u@b.de"}]},{"role":"tool","tool_call_id":"i@b.de","content":"t@b.de"}]}`,
			`{"messages":[{"role":"system","content":"[EMAIL]"},{"role":"user","content":[{"type":"text","text":"[EMAIL]"}]},{"role":"tool","tool_call_id":"i@b.de","content":"[EMAIL]"}]}`,
		},
		"spacing and order stay": {
			"{ \"stop\" : null,\n\t\"input\" : [ \"a@b.de\" , \"no\", \"c@d.de\" ] }",
			"{ \"stop\" : null,\n\t\"input\" : [ \"[EMAIL]\" , \"no\", \"[EMAIL]\" ] }",
		},
		"escapes": {
			`{"input":"\u0061d\u0061\u0040b.de \ud83d\ude00 \"s@b.de\"\n"}`,
			`{"input":"[EMAIL] \ud83d\ude00 \"[EMAIL]\"\n"}`,
		},
		"a tool's arguments, JSON in a string": {
			`{"messages":[{"role":"assistant","tool_calls":[{"id":"call_1","function":{"name":"f","arguments":"{\"to\":\"a@b.de\",\"pin\": 123456, \"n\":12,\"deep\":\"{\\\"x\\\":\\\"c@d.de\\\"}\"}"}}]}]}`,
			`{"messages":[{"role":"assistant","tool_calls":[{"id":"call_1","function":{"name":"f","arguments":"{\"to\":\"[EMAIL]\",\"pin\": \"[PIN]\", \"n\":12,\"deep\":\"{\\\"x\\\":\\\"[EMAIL]\\\"}\"}"}}]}]}`,
		},
		"Anthropic's system and tool input": {
			`{"system":[{"type":"text","text":"s@b.de"}],"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"x@b.de","name":"n","input":{"id":"a@b.de","pin":123456}}]}]}`,
			`{"system":[{"type":"text","text":"[EMAIL]"}],"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"x@b.de","name":"n","input":{"id":"[EMAIL]","pin":"[PIN]"}}]}]}`,
		},
		"instructions and a participant's name": {
			`{"instructions":"i@b.de","messages":[{"role":"user","name":"Ada Lovelace","content":""}],"tools":[{"function":{"name":"Ada Lovelace","description":"d@b.de"}}]}`,
			`{"instructions":"[EMAIL]","messages":[{"role":"user","name":"[NAME]","content":""}],"tools":[{"function":{"name":"Ada Lovelace","description":"[EMAIL]"}}]}`,
		},
		"media stay": {
			`{"messages":[{"content":[{"type":"image_url","image_url":{"url":"https://x.de/a@b.de"}},{"type":"input_image","image_url":"data:image/png;base64,123456"},{"type":"input_audio","input_audio":{"data":"123456"}}]}]}`,
			`{"messages":[{"content":[{"type":"image_url","image_url":{"url":"https://x.de/a@b.de"}},{"type":"input_image","image_url":"data:image/png;base64,123456"},{"type":"input_audio","input_audio":{"data":"123456"}}]}]}`,
		},
		"text that begins like a picture": {
			`{"input":["data:image/png;base64,AAAA write to a@b.de","data:image/png;a@b.de;base64,AAAA","data:image/png;base64,AA \u0061@b.de","data:image/png;base64,123456"]}`,
			`{"input":["data:image/png;base64,AAAA write to [EMAIL]","data:image/png;[EMAIL];base64,AAAA","data:image/png;base64,AA [EMAIL]","data:image/png;base64,[PIN]"]}`,
		},
		"a document in clear": {
			`{"messages":[{"content":[{"type":"document","source":{"type":"text","media_type":"text/plain","data":"a@b.de"}}]}]}`,
			`{"messages":[{"content":[{"type":"document","source":{"type":"text","media_type":"text/plain","data":"[EMAIL]"}}]}]}`,
		},
		"names and numbers of the body itself": {
			`{"model":"a@b.de","user":"u@b.de","seed":123456,"previous_response_id":"r@b.de"}`,
			`{"model":"a@b.de","user":"u@b.de","seed":123456,"previous_response_id":"r@b.de"}`,
		},
		"overlaps are covered as a whole": {
			`{"input":"write mailto:a@b.de now"}`,
			`{"input":"write [URL] now"}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := begin(t, redactAll(), nil).JSON(t.Context(), []byte(c.body), policy.Shape{})
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestACustomProvidersNamesSayNothing(t *testing.T) {
	got, err := begin(t, redactAll(), nil).JSON(t.Context(), []byte(`{"model":"a@b.de","id":"a@b.de","x":{"data":"a@b.de"}}`),
		policy.Shape{Custom: true, Leave: len(`{"model":`)})
	if want := `{"model":"a@b.de","id":"[EMAIL]","x":{"data":"[EMAIL]"}}`; err != nil || string(got) != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}

func TestActions(t *testing.T) {
	const body = `{"input":"a@b.de c@d.de 123-45-6789 Ada Lovelace"}`
	for name, c := range map[string]struct {
		rules    map[string]gateway.PolicyAction
		want     string   // empty: blocked
		blocked  []string // by what
		findings map[string]int64
	}{
		"nothing named":      {nil, body, nil, nil},
		"one type":           {map[string]gateway.PolicyAction{"email": "allow_but_redact"}, `{"input":"[EMAIL] [EMAIL] 123-45-6789 Ada Lovelace"}`, nil, map[string]int64{"email": 2}},
		"all but one":        {map[string]gateway.PolicyAction{"all": "allow_but_redact", "email": "allow"}, `{"input":"a@b.de c@d.de [SSN] [NAME]"}`, nil, map[string]int64{"ssn": 1, "name": 1}},
		"a warning":          {map[string]gateway.PolicyAction{"all": "allow_but_warn"}, body, nil, map[string]int64{"email": 2, "ssn": 1, "name": 1}},
		"blocked":            {map[string]gateway.PolicyAction{"all": "allow_but_redact", "ssn": "block"}, "", []string{"ssn"}, map[string]int64{"email": 2, "ssn": 1, "name": 1}},
		"all blocked":        {map[string]gateway.PolicyAction{"all": "block"}, "", []string{"email", "name", "ssn"}, map[string]int64{"email": 2, "ssn": 1, "name": 1}},
		"what is not there":  {map[string]gateway.PolicyAction{"pin": "block"}, body, nil, nil},
		"all allowed but it": {map[string]gateway.PolicyAction{"all": "allow", "name": "allow_but_redact"}, `{"input":"a@b.de c@d.de 123-45-6789 [NAME]"}`, nil, map[string]int64{"name": 1}},
	} {
		t.Run(name, func(t *testing.T) {
			x := begin(t, &gateway.Policy{Rules: c.rules}, nil)
			got, err := x.JSON(t.Context(), []byte(body), policy.Shape{})
			if !maps.Equal(x.Findings(), c.findings) {
				t.Errorf("findings = %v, want %v", x.Findings(), c.findings)
			}
			if blocked, ok := errors.AsType[*policy.Blocked](err); ok {
				if !slices.Equal(blocked.Findings, c.blocked) || strings.Contains(err.Error(), "6789") {
					t.Errorf("blocked by %v (%v), want %v", blocked.Findings, err, c.blocked)
				}
				return
			}
			if err != nil || c.blocked != nil || string(got) != c.want {
				t.Errorf("got %s, %v, want %s, blocked by %v", got, err, c.want, c.blocked)
			}
		})
	}
}

func TestEveryRegularExpressionApplies(t *testing.T) {
	x := begin(t, &gateway.Policy{Regex: []gateway.RegexRule{
		{Definition: `(?i)project \w+`, Action: "allow_but_redact"},
		{Definition: `T-\d+`, Action: "allow_but_redact"},
		{Definition: `^start`, Action: "allow_but_warn"},
		{Definition: `nothing`, Action: "block"},
	}}, nil)
	got, err := x.JSON(t.Context(), []byte(`{"input":["start Project Apollo","Ｔ-12, T-3 and project X"]}`), policy.Shape{})
	if want := `{"input":["start [REDACTED]","[REDACTED], [REDACTED] and [REDACTED]"]}`; err != nil || string(got) != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
	if want := map[string]int64{"regex": 5}; !maps.Equal(x.Findings(), want) {
		t.Errorf("findings = %v, want %v", x.Findings(), want)
	}
}

func TestWhatCannotBeLookedAt(t *testing.T) {
	bodies := map[string]string{
		"a file":              `{"input":[{"content":[{"type":"input_file","file_id":"f"}]}]}`,
		"a document in code":  `{"messages":[{"content":[{"type":"document","source":{"type":"base64","data":"JVBERi0"}}]}]}`,
		"a batch of requests": `{"input_file_id":"file-1","endpoint":"/v1/chat/completions"}`,
		"a data: URL of text": `{"input":"data:text/plain;base64,YUBiLmRl"}`,
	}
	for name, body := range bodies {
		t.Run(name, func(t *testing.T) {
			_, err := begin(t, redactAll(), nil).JSON(t.Context(), []byte(body), policy.Shape{})
			if _, ok := errors.AsType[*policy.Unseen](err); !ok {
				t.Errorf("error = %v, want an Unseen", err)
			}
			warns := &gateway.Policy{Rules: map[string]gateway.PolicyAction{"all": "allow_but_warn"}}
			if got, err := begin(t, warns, nil).JSON(t.Context(), []byte(body), policy.Shape{}); err != nil || string(got) != body {
				t.Errorf("a policy that only warns: %s, %v", got, err)
			}
		})
	}
}

// service is a detector that answers the same each time.
type service struct {
	spans [][]pii.Span
	err   error
}

func (s service) Detect(context.Context, []string, pii.Set) ([][]pii.Span, error) {
	return s.spans, s.err
}

func TestDetectorsTogether(t *testing.T) {
	const body = `{"input":["Grüße a@b.de","Bob"]}`
	both := func(onError string) *gateway.Policy {
		p := redactAll()
		p.Detectors, p.OnError = []string{"embedded", "presidio"}, onError
		return p
	}
	for name, c := range map[string]struct {
		policy  *gateway.Policy
		service pii.Detector
		want    string // empty: ErrDetector
	}{
		"both find":             {both(""), service{spans: [][]pii.Span{nil, {{Start: 0, End: 3, Type: pii.Name}}}}, `{"input":["Grüße [EMAIL]","[NAME]"]}`},
		"one fails":             {both(""), service{err: errors.New("down")}, ""},
		"one fails, allowed":    {both("allow"), service{err: errors.New("down")}, `{"input":["Grüße [EMAIL]","Bob"]}`},
		"one is not there":      {both("block"), nil, ""},
		"it answers too few":    {both(""), service{spans: [][]pii.Span{nil}}, ""},
		"it points outside":     {both(""), service{spans: [][]pii.Span{nil, {{Start: 1, End: 9, Type: pii.Name}}}}, ""},
		"it parts a letter":     {both(""), service{spans: [][]pii.Span{{{Start: 3, End: 6, Type: pii.Name}}, nil}}, ""},
		"so, and is allowed to": {both("allow"), service{spans: [][]pii.Span{{{Start: 3, End: 6, Type: pii.Name}}, nil}}, `{"input":["Grüße [EMAIL]","Bob"]}`},
		"it finds other types":  {both(""), service{spans: [][]pii.Span{nil, {{Start: 0, End: 3, Type: 200}}}}, `{"input":["Grüße [EMAIL]","Bob"]}`},
	} {
		t.Run(name, func(t *testing.T) {
			detectors := map[string]pii.Detector{}
			if c.service != nil {
				detectors["presidio"] = c.service
			}
			got, err := begin(t, c.policy, detectors).JSON(t.Context(), []byte(body), policy.Shape{})
			if c.want == "" {
				if !errors.Is(err, policy.ErrDetector) || got != nil {
					t.Errorf("got %s, %v, want an ErrDetector", got, err)
				}
				return
			}
			if err != nil || string(got) != c.want {
				t.Errorf("got %s, %v, want %s", got, err, c.want)
			}
		})
	}
}
