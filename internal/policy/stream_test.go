package policy_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/policy"
	"github.com/bricks-gateway/bricks/internal/sse"
)

// texts of answers, with what a client may see of them. The values stand at the
// start, at the end, across blanks, in a row, and behind ordinary words.
var texts = []struct{ text, want string }{
	{"a@b.de", "[EMAIL]"},
	{"Ada Lovelace", "[NAME]"},
	{"Hi Ada de Lovelace, write to a@b.de or c@d.de.", "Hi [NAME], write to [EMAIL] or [EMAIL]."},
	{"it was said by some people of that time and place that Ada Lovelace wrote the first program", "it was said by some people of that time and place that [NAME] wrote the first program"},
	{"you may call them when you like and tell them 123-45-6789 over there, since nobody else is there", "you may call them when you like and tell them [SSN] over there, since nobody else is there"},
	{"Grüße 😀 an a@b.de\n\n| x | 123-45-6789 |\n|---|---|", "Grüße 😀 an [EMAIL]\n\n| x | [SSN] |\n|---|---|"},
	{strings.Repeat("X", 250) + " a@b.de " + strings.Repeat("Y", 400), strings.Repeat("X", 250) + " [EMAIL] " + strings.Repeat("Y", 400)},
	{strings.Repeat("漢字", 200) + " a@b.de", strings.Repeat("漢字", 200) + " [EMAIL]"},
	{strings.Repeat("Ada Lovelace,", 60), strings.Repeat("[NAME],", 60)},
	{strings.Repeat("some words that mean nothing much to anyone here ", 20) + "a@b.de", strings.Repeat("some words that mean nothing much to anyone here ", 20) + "[EMAIL]"},
	{"what they have in common is that all of it is correct horse battery of the same", "what they have in common is that all of it is [PASSWORD] of the same"},
	{"what they have in common is correct horse battery of the same", "what they have in common is [PASSWORD] of the same"},
	{"nothing at all", "nothing at all"},
	{"", ""},
}

// delta spells an event with a part of one text, in one provider's way.
type delta func(part string) string

var chat delta = func(part string) string {
	return `data: {"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":` + quoted(part) + `},"finish_reason":null}]}` + "\n\n"
}

func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

var protocols = map[string]struct {
	delta
	start, end string
	read       func(t *testing.T, data string) string // the text of an event
}{
	"chat": {chat, `data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}` + "\n\n",
		`data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}` + "\n\ndata: [DONE]\n\n", member("choices", "delta", "content")},
	"the last words with the end": {chat, "", `data: {"choices":[{"index":0,"delta":{"content":""},"finish_reason":"stop"}]}` + "\n\n", member("choices", "delta", "content")},
	"completions": {func(part string) string {
		return `data: {"choices":[{"index":0,"text":` + quoted(part) + `}]}` + "\n\n"
	},
		"", "data: [DONE]\n\n", member("choices", "text")},
	"Anthropic": {func(part string) string {
		return "event: content_block_delta\ndata: " + `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":` + quoted(part) + "}}\n\n"
	}, "event: ping\ndata: {\"type\":\"ping\"}\n\n", "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n", member("delta", "text")},
	"Responses": {func(part string) string {
		return "event: response.output_text.delta\ndata: " + `{"type":"response.output_text.delta","item_id":"m","output_index":0,"content_index":0,"delta":` + quoted(part) + "}\n\n"
	}, "", "event: response.completed\ndata: {\"type\":\"response.completed\"}\n\n", member("delta")},
	"a stream that breaks off": {chat, "", "", member("choices", "delta", "content")},
}

// member reads the string at a path of names, through the first element of lists.
func member(path ...string) func(*testing.T, string) string {
	return func(t *testing.T, data string) string {
		var value any
		if err := json.Unmarshal([]byte(data), &value); err != nil {
			t.Fatalf("event %q: %v", data, err)
		}
		for _, name := range path {
			if list, ok := value.([]any); ok && len(list) > 0 {
				value = list[0]
			}
			object, _ := value.(map[string]any)
			value = object[name]
		}
		text, _ := value.(string)
		return text
	}
}

// pass sends a stream through, and returns what comes out in each step.
func pass(t *testing.T, x *policy.Exchange, field string, events ...string) (out []string) {
	t.Helper()
	s := x.Stream(policy.Form{Field: field})
	var scanner sse.Scanner
	for _, e := range events {
		var step []byte
		scanner.Feed([]byte(e), func(e sse.Event) {
			var err error
			if step, err = s.Event(t.Context(), step, e); err != nil {
				t.Fatal(err)
			}
		})
		out = append(out, string(step))
	}
	rest, err := s.Close(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return append(out, string(rest))
}

// collect joins the texts of all events of a stream.
func collect(t *testing.T, stream string, read func(*testing.T, string) string) string {
	t.Helper()
	var out strings.Builder
	var scanner sse.Scanner
	take := func(e sse.Event) {
		if e.Data != nil && string(e.Data) != "[DONE]" {
			out.WriteString(read(t, string(e.Data)))
		}
	}
	scanner.Feed([]byte(stream), take)
	scanner.Close(take)
	return out.String()
}

func answers() *gateway.Policy {
	p := redactAll()
	p.ApplyToResponse = true
	return p
}

func TestAStreamReadsLikeItsWholeText(t *testing.T) {
	for name, protocol := range protocols {
		for i, text := range texts {
			t.Run(fmt.Sprint(name, i), func(t *testing.T) {
				random := rand.New(rand.NewPCG(1, uint64(i))) //nolint:gosec // a test's choices
				for _, parts := range splits(text.text, random) {
					events := []string{protocol.start}
					for _, part := range parts {
						events = append(events, protocol.delta(part))
					}
					events = append(events, protocol.end)
					got := strings.Join(pass(t, begin(t, answers(), nil), "", events...), "")
					if seen := collect(t, got, protocol.read); seen != text.want {
						t.Fatalf("in parts %q\nseen %q\nwant %q", parts, seen, text.want)
					}
					if n, want := strings.Count(got, "data: "), strings.Count(strings.Join(events, ""), "data: "); n != want {
						t.Fatalf("%d events came out of %d", n, want)
					}
				}
			})
		}
	}
}

func TestAJSONAnswerReadsLikeAStream(t *testing.T) {
	for _, text := range texts {
		body := `{"id":"a@b.de","choices":[{"message":{"role":"assistant","content":` + quoted(text.text) + `}}],"usage":{"total_tokens":123456}}`
		want := `{"id":"a@b.de","choices":[{"message":{"role":"assistant","content":` + quoted(text.want) + `}}],"usage":{"total_tokens":123456}}`
		got, err := begin(t, answers(), nil).JSONAnswer(t.Context(), []byte(body))
		if err != nil || string(got) != want {
			t.Errorf("got  %s, %v\nwant %s", got, err, want)
		}
	}
}

// splits cuts text at every byte of a character's start in two, into single
// characters, and at random.
func splits(text string, random *rand.Rand) (out [][]string) {
	runes := []rune(text)
	step := max(1, len(runes)/60) // of a long text not every place
	for i := 0; i <= len(runes); i += step {
		out = append(out, []string{string(runes[:i]), string(runes[i:])})
	}
	out = append(out, strings.Split(text, ""), []string{text})
	for range 10 {
		var parts []string
		for i := 0; i < len(runes); {
			n := min(len(runes)-i, random.IntN(12))
			parts = append(parts, string(runes[i:i+n]))
			i += n
		}
		out = append(out, parts)
	}
	return out
}

func TestTextLeavesWithTheNextEvent(t *testing.T) {
	var events []string
	const words = "the words of this answer are all small and quite ordinary as most of them will be in the end of the day "
	for i := 0; i < len(words); i += 4 {
		events = append(events, chat(words[i:min(len(words), i+4)]))
	}
	out := pass(t, begin(t, answers(), nil), "", events...)
	seen := ""
	for i, step := range out {
		seen += collect(t, step, member("choices", "delta", "content"))
		sent := words[:min(len(words), 4*(i+1))]
		if behind := len(sent) - len(seen); behind > 96 {
			t.Fatalf("%d bytes are held back behind %q", behind, sent)
		}
		if n := strings.Count(strings.Join(out[:i+1], ""), "data: "); n < i {
			t.Fatalf("%d events have left after %d came", n, i+1)
		}
	}
	if seen != words {
		t.Errorf("seen %q", seen)
	}
}

func TestChoicesAndToolCallsKeepApart(t *testing.T) {
	out := pass(t, begin(t, answers(), nil), "",
		`data: {"choices":[{"index":0,"delta":{"content":"a@b"}},{"index":1,"delta":{"content":"c@d"}}]}`+"\n\n",
		`data: {"choices":[{"index":1,"delta":{"content":".de"}}]}`+"\n\n",
		`data: {"choices":[{"index":0,"delta":{"content":".de"}}]}`+"\n\n",
		`data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call","function":{"name":"f","arguments":"{\"to\":\"e@"}}]}}]}`+"\n\n",
		`data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"f.de\",\"pin\":123"}}]}}]}`+"\n\n",
		`data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"456}"}}]},"finish_reason":"tool_calls"}]}`+"\n\n",
		`data: {"choices":[{"index":1,"delta":{},"finish_reason":"stop"}],"usage":null}`+"\n\ndata: [DONE]\n\n")
	want := `data: {"choices":[{"index":0,"delta":{"content":""}},{"index":1,"delta":{"content":""}}]}` + "\n\n" +
		`data: {"choices":[{"index":1,"delta":{"content":"[EMAIL]"}}]}` + "\n\n" +
		`data: {"choices":[{"index":0,"delta":{"content":"[EMAIL]"}}]}` + "\n\n" +
		`data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call","function":{"name":"f","arguments":""}}]}}]}` + "\n\n" +
		`data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":""}}]}}]}` + "\n\n" +
		`data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"to\":\"[EMAIL]\",\"pin\":\"[PIN]\"}"}}]},"finish_reason":"tool_calls"}]}` + "\n\n" +
		`data: {"choices":[{"index":1,"delta":{},"finish_reason":"stop"}],"usage":null}` + "\n\ndata: [DONE]\n\n"
	if got := strings.Join(out, ""); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestOtherTextsOfAStream(t *testing.T) {
	for name, c := range map[string]struct{ field, event, want string }{
		"what is done says all of it": {"", `{"type":"response.output_text.done","item_id":"m","text":"to a@b.de"}`, `{"type":"response.output_text.done","item_id":"m","text":"to [EMAIL]"}`},
		"tokens spell the text again": {"", `{"choices":[{"index":0,"delta":{"content":"x"},"logprobs":{"content":[{"token":"a@b.de"}]}}]}`, `{"choices":[{"index":0,"delta":{"content":"x"},"logprobs":null}]}`},
		"members that we do not know": {"", `{"choices":[{"index":0,"delta":{"content":"x","details":[{"text":"a@b.de"}]}}]}`, `{"choices":[{"index":0,"delta":{"content":"x","details":[{"text":"[EMAIL]"}]}}]}`},
		"a custom provider's":         {"token", `{"out":[{"token":"a@b.de"}],"note":"c@d.de"}`, `{"out":[{"token":"[EMAIL]"}],"note":"[EMAIL]"}`},
		"sound":                       {"", `{"type":"response.audio.delta","delta":"123456"}`, `{"type":"response.audio.delta","delta":"123456"}`},
		"an error":                    {"", `{"error":{"message":"no a@b.de"}}`, `{"error":{"message":"no [EMAIL]"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			got := strings.Join(pass(t, begin(t, answers(), nil), c.field, "data: "+c.event+"\n\n"), "")
			if want := "data: " + c.want + "\n\n"; got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

func TestACustomProvidersTextIsOne(t *testing.T) {
	got := strings.Join(pass(t, begin(t, answers(), nil), "token", "data: {\"token\":\"a@\"}\n\n", "data: {\"token\":\"b.de\"}\n\n"), "")
	if want := "data: {\"token\":\"\"}\n\ndata: {\"token\":\"[EMAIL]\"}\n\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
