package policy_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/policy"
)

var placeholder = regexp.MustCompile(`\[(EMAIL|SSN|PIN|NAME|URL)_[A-Z2-7]{8}\]`)

func restoring() *gateway.Policy {
	p := redactAll()
	p.RestoreInResponse = true
	return p
}

// ask sends text as a request and returns what the provider sees of it.
func ask(t testing.TB, x *policy.Exchange, text string) string {
	t.Helper()
	body, err := x.JSON(t.Context(), []byte(`{"input":`+quoted(text)+`}`), policy.Shape{})
	if err != nil {
		t.Fatal(err)
	}
	var out struct{ Input string }
	if err := json.Unmarshal(body, &out); err != nil {
		t.Fatal(err)
	}
	return out.Input
}

func TestPlaceholders(t *testing.T) {
	x := begin(t, restoring(), nil)
	sent := ask(t, x, "a@b.de, c@d.de, a@b.de")
	marks := placeholder.FindAllString(sent, -1)
	if len(marks) != 3 || marks[0] != marks[2] || marks[0] == marks[1] || strings.Contains(sent, "@") {
		t.Errorf("the provider sees %q", sent)
	}
	if again := ask(t, begin(t, restoring(), nil), "c@d.de"); again != marks[1] {
		t.Errorf("the next request has %q, want %q again", again, marks[1])
	}
	compiled, err := policy.New(restoring())
	if err != nil {
		t.Fatal(err)
	}
	other := (&policy.Engine{Embedded: detect}).Begin(compiled, []byte("another"))
	if foreign := ask(t, other, "c@d.de"); foreign == marks[1] {
		t.Error("two keys have the same placeholder for a value")
	}
}

func TestWhatComesBack(t *testing.T) {
	value := "Ada Lovelace"
	x := begin(t, restoring(), nil)
	mark := ask(t, x, value)
	for name, c := range map[string]struct{ answer, want string }{
		"text":                       {`{"content":"Dear ` + mark + `!"}`, `{"content":"Dear Ada Lovelace!"}`},
		"twice":                      {`{"content":"` + mark + mark + `"}`, `{"content":"Ada LovelaceAda Lovelace"}`},
		"a tool's arguments":         {`{"arguments":"{\"to\":\"` + mark + `\"}"}`, `{"arguments":"{\"to\":\"Ada Lovelace\"}"}`},
		"a tool's input":             {`{"input":{"to":"` + mark + `"}}`, `{"input":{"to":"Ada Lovelace"}}`},
		"a placeholder of no one's":  {`{"content":"[NAME_AAAAAAAA] [NAME]"}`, `{"content":"[NAME_AAAAAAAA] [NAME]"}`},
		"a bracket that stays open":  {`{"content":"list [NAME_"}`, `{"content":"list [NAME_"}`},
		"what the answer itself has": {`{"content":"write to a@b.de"}`, `{"content":"write to a@b.de"}`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := x.JSONAnswer(t.Context(), []byte(c.answer))
			if err != nil || string(got) != c.want {
				t.Errorf("got %s, %v, want %s", got, err, c.want)
			}
		})
	}
}

// An address over two lines, or with quotation marks, must not break the JSON
// that it is put back into.
func TestValuesAreSpelledForTheirPlace(t *testing.T) {
	p := &gateway.Policy{RestoreInResponse: true, Regex: []gateway.RegexRule{{Definition: `(?s)<.*>`, Action: "allow_but_redact"}}}
	x := begin(t, p, nil)
	const value = "<1 \"Main\" St\nTown\\>"
	mark := ask(t, x, value)
	got, err := x.JSONAnswer(t.Context(), []byte(`{"content":"`+mark+`","arguments":"{\"a\":\"`+mark+`\"}"}`))
	if err != nil {
		t.Fatal(err)
	}
	var answer struct{ Content, Arguments string }
	if err := json.Unmarshal(got, &answer); err != nil {
		t.Fatalf("%s: %v", got, err)
	}
	var arguments struct{ A string }
	if err := json.Unmarshal([]byte(answer.Arguments), &arguments); err != nil {
		t.Fatalf("%s: %v", answer.Arguments, err)
	}
	if answer.Content != value || arguments.A != value {
		t.Errorf("content %q, argument %q, want %q", answer.Content, arguments.A, value)
	}
}

// Whatever a client sends comes back as it was from a provider that repeats it,
// however its answer is cut.
func TestRestoredIsWhatWasRedacted(t *testing.T) {
	piece := rapid.SampledFrom([]string{"a@b.de", "Ada Lovelace", "123-45-6789", "123456", " ", "\n", "the words", "[", "]", "😀", `"`, `\`, "[EMAIL]", "X"})
	for name, p := range map[string]*gateway.Policy{"restored": restoring(), "and looked at": func() *gateway.Policy {
		p := restoring()
		p.ApplyToResponse = true
		return p
	}()} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(r *rapid.T) {
				text := strings.Join(rapid.SliceOfN(piece, 0, 30).Draw(r, "text"), "")
				if strings.HasPrefix(strings.TrimSpace(text), "[") && json.Valid([]byte(text)) {
					r.Skip("a number in JSON: TestNumbersInJSONComeBackAsStrings")
				}
				x := begin(t, p, nil)
				sent := ask(t, x, text)
				for _, value := range []string{"a@b.de", "123-45-6789"} {
					if regexp.MustCompile(`\b` + regexp.QuoteMeta(value) + `\b`).MatchString(sent) {
						r.Fatalf("the provider sees %q", sent)
					}
				}
				var events []string
				for rest := []rune(sent); len(rest) > 0; {
					n := rapid.IntRange(1, len(rest)).Draw(r, "cut")
					events = append(events, chat(string(rest[:n])))
					rest = rest[n:]
				}
				got := collect(t, strings.Join(pass(t, x, "", events...), ""), member("choices", "delta", "content"))
				if got != text {
					r.Fatalf("the provider sees %q\nthe client %q\nwant %q", sent, got, text)
				}
			})
		})
	}
}

// A number of a JSON text is a string once it was hidden, and stays one.
func TestNumbersInJSONComeBackAsStrings(t *testing.T) {
	x := begin(t, restoring(), nil)
	sent := ask(t, x, "[123456]")
	if strings.Contains(sent, "123456") {
		t.Errorf("the provider sees %q", sent)
	}
	if got, err := x.TextAnswer(t.Context(), []byte(sent)); err != nil || string(got) != `["123456"]` {
		t.Errorf("%s, %v", got, err)
	}
}

// What touches a placeholder is looked at but for the placeholder.
func TestValuesBesidePlaceholders(t *testing.T) {
	for action, want := range map[gateway.PolicyAction]string{"allow_but_redact": "[REDACTED]a@b.de[REDACTED]", "block": ""} {
		p := restoring()
		p.ApplyToResponse, p.Regex = true, []gateway.RegexRule{{Definition: `secret\S*`, Action: action}}
		x := begin(t, p, nil)
		got, err := x.TextAnswer(t.Context(), []byte("secret-4711"+ask(t, x, "a@b.de")+"xyz"))
		if string(got) != want || (err != nil) != (action == "block") {
			t.Errorf("%s: %q, %v", action, got, err)
		}
	}
}

// However far behind a value a placeholder stands, the value is found and the
// placeholder restored: in a long answer they are looked at in pieces.
func TestPlaceholdersBehindValues(t *testing.T) {
	p := restoring()
	p.ApplyToResponse = true
	words := strings.Repeat("x1 y2 z3 ", 60) // no ordinary ones, so that pieces are long
	for distance := range 250 {
		x := begin(t, p, nil)
		answer := words + "write to c@d.de " + words[:distance] + " " + ask(t, x, "a@b.de") + " " + words
		got, err := x.TextAnswer(t.Context(), []byte(answer))
		if err != nil {
			t.Fatal(err)
		}
		if text := string(got); strings.Contains(text, "c@d") || strings.Contains(text, "d.de") || !strings.Contains(text, "a@b.de") {
			t.Errorf("%d bytes apart: %q", distance, text[len(words):len(text)-len(words)])
		}
	}
}

func TestTextWithoutBracketsIsNotHeld(t *testing.T) {
	x := begin(t, restoring(), nil)
	ask(t, x, "a@b.de")
	out := pass(t, x, "", chat("Hello"), chat(" world ["), chat("x]"))
	if out[0] != chat("Hello") || out[1] != "" || out[2] != chat(" world [x]")+chat("") {
		t.Errorf("events = %q", out)
	}
}
