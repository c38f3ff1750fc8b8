package policy_test

import (
	"bufio"
	"encoding/json"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/bricks-gateway/bricks/internal/pii"
	"github.com/bricks-gateway/bricks/internal/pii/scan"
	"github.com/bricks-gateway/bricks/internal/policy"
)

// documents are the labelled texts that the detector is scored on.
func documents(t *testing.T) (texts []string) {
	t.Helper()
	f, err := os.Open("../pii/scan/testdata/dev.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // read only
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var d struct{ Text string }
		if err := json.Unmarshal(lines.Bytes(), &d); err != nil {
			t.Fatal(err)
		}
		texts = append(texts, d.Text)
	}
	if len(texts) < 3000 {
		t.Fatalf("%d documents", len(texts))
	}
	return texts
}

// Every document of the labelled set reads the same as a stream, cut at random,
// and as one text.
func TestDocumentsReadTheSameInPieces(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long under the race detector, which finds nothing in one goroutine")
	}
	random := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // a test's choices
	for _, text := range documents(t) {
		whole, err := realAnswers(t).TextAnswer(t.Context(), []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		for _, most := range []int{3, 40} { // bytes: single tokens, and chunks
			cuts := []int{len(text)}
			for at := 0; at < len(text); at += 1 + random.IntN(most) {
				if at > 0 && text[at]&0xc0 != 0x80 { // JSON carries whole characters
					cuts = append(cuts, at)
				}
			}
			got := collect(t, strings.Join(pass(t, realAnswers(t), "", chats(text, cuts)...), ""), member("choices", "delta", "content"))
			if got != string(whole) {
				t.Fatalf("%q\nin pieces %q\nas one    %q", text, got, whole)
			}
		}
	}
}

// Nothing of a value that is found in a request is left of it, however its JSON is
// spelled.
func TestNothingIsLeftOfWhatWasFound(t *testing.T) {
	compiled := realPolicy(t)
	engine := &policy.Engine{Embedded: scan.Append}
	for _, text := range documents(t) {
		for _, spell := range []func(string) string{quoted, escaped} {
			body := `{"messages":[{"role":"user","content":` + spell(text) + `}]}`
			out, err := engine.Begin(compiled, nil).JSON(t.Context(), []byte(body), policy.Shape{})
			if err != nil {
				t.Fatalf("%q: %v", text, err)
			}
			var left struct{ Messages []struct{ Content string } }
			if err := json.Unmarshal(out, &left); err != nil {
				t.Fatalf("%q became %q", text, out)
			}
			// What stands between the values, in order, is all that there is.
			want, at := "", 0
			for _, s := range scan.Append(nil, text, pii.All) {
				if strings.HasPrefix(strings.TrimSpace(text), "{") || strings.HasPrefix(strings.TrimSpace(text), "[") {
					break // read as JSON, whose values are texts of their own
				}
				want += text[at:s.Start] + "[" + strings.ToUpper(s.Type.String()) + "]"
				at = s.End
			}
			if want += text[at:]; at > 0 && left.Messages[0].Content != want {
				t.Fatalf("%q\nleft %q\nwant %q", text, left.Messages[0].Content, want)
			}
		}
	}
}

// escaped spells every character of a JSON string as \uXXXX.
func escaped(text string) string {
	var out strings.Builder
	out.WriteByte('"')
	for _, r := range text {
		if r > 0xffff {
			out.WriteString(strings.Trim(quoted(string(r)), `"`))
			continue
		}
		const digits = "0123456789abcdef"
		out.WriteString(`\u`)
		for shift := 12; shift >= 0; shift -= 4 {
			out.WriteByte(digits[r>>shift&15])
		}
	}
	out.WriteByte('"')
	return out.String()
}
