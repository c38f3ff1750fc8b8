package ner_test

import (
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/bricks-gateway/bricks/internal/pii"
	"github.com/bricks-gateway/bricks/internal/pii/ner"
)

// found writes what Append finds as "type:text", one after another.
func found(text string) string {
	var out []string
	for _, s := range ner.Append(nil, text) {
		out = append(out, s.Type.String()+":"+text[s.Start:s.End])
	}
	return strings.Join(out, " | ")
}

func TestAppend(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"a title stays outside of the name", "Please ask Dr. Ingrid Halvorsen about it.", "name:Ingrid Halvorsen"},
		{"a possessive stays outside of the name", "I read Margaret Atwood's letter.", "name:Margaret Atwood"},
		{"offsets count bytes after an emoji", "👩🏽‍🚀 My name is José Müller.", "name:José Müller"},
		{"offsets count bytes after Han text", "你好。 My name is Peter Collins.", "name:Peter Collins"},
		{"a combining mark belongs to its word", "My name is Jose\u0301 Garci\u0301a.", "name:Jose\u0301 Garci\u0301a"},
		{"a name in a JSON value", `{"fullName": "Tomasz Kowalski", "plan": "Basic"}`, "name:Tomasz Kowalski"},
		{"a text in lower case", "hi, my name is sandra meyer", "name:sandra meyer"},
		{"an address over two lines", "Ship it to:\n48 Larkspur Lane\nPortland, OR 97205", "address:48 Larkspur Lane\nPortland, OR 97205"},
		{"a street within a sentence", "She lives at 12 Baker Street and likes it.", "address:12 Baker Street"},
		{"a written line break ends a name", `Regards,\nAnna Weber\nPhone: 12`, "name:Anna Weber"},
		{"months, products and organisations are no names", "In March, Microsoft and Deutsche Bank tested Kubernetes in London.", ""},
		{"a common word that is also a name", "Will you mark the bill? May I hope for grace?", ""},
		{"identifiers of code are no names", "def parse_mark(john_id, self): return Martin.Frank(john_id)", ""},
		{"nothing", "", ""},
		{"blanks only", " \n\n\t ", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := found(c.text); got != c.want {
				t.Errorf("found %q in %q, want %q", got, c.text, c.want)
			}
		})
	}
}

// A name that is part of a longer word is none.
func TestAppendKeepsToWholeWords(t *testing.T) {
	for _, text := range []string{"The annatto and the marketplace were petering out.", "Johnsonville brats and Williamsburg", "my_anna_field = 3", "xPeterx maryland"} {
		for _, s := range ner.Append(nil, text) {
			inside := func(i int) bool {
				r, _ := utf8.DecodeRuneInString(text[i:])
				return i > 0 && i < len(text) && isLetter(text[i-1]) && (isLetter(text[i]) || r > 127)
			}
			if inside(s.Start) || inside(s.End) {
				t.Errorf("%q in %q cuts a word", text[s.Start:s.End], text)
			}
		}
	}
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' }

func TestAppendIsSafeForConcurrentUse(t *testing.T) {
	texts := []string{"My name is Peter Collins.", "Ship it to 48 Larkspur Lane, Portland, OR 97205", "Nothing here."}
	want := make([]string, len(texts))
	for i, text := range texts {
		want[i] = found(text)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for n := range 200 {
				i := n % len(texts)
				if got := found(texts[i]); got != want[i] {
					t.Errorf("found %q, alone %q", got, want[i])
				}
			}
		})
	}
	wg.Wait()
}

// A text longer than the model's segments is read in pieces; no name is lost or cut where they meet.
func TestNamesAreFoundWhereverTheyStandInALongText(t *testing.T) {
	const part = "Please ask Dr. Ingrid Halvorsen about it, then send the report to the team and wait. "
	for _, filler := range []int{0, 1, 7, 50} {
		text := strings.Repeat("and ", filler) + strings.Repeat(part, 200)
		n := 0
		for _, s := range ner.Append(nil, text) {
			if got := text[s.Start:s.End]; got != "Ingrid Halvorsen" {
				t.Errorf("with %d words before: found %q at %d", filler, got, s.Start)
			}
			n++
		}
		if n != 200 {
			t.Errorf("with %d words before: found %d names, want 200", filler, n)
		}
	}
}

func TestSpansAreOrderedApartAndWithinTheText(t *testing.T) {
	check(t, strings.Repeat("Dear Anna,\nsend it to 12 Main Street, Springfield.\nRegards, John Smith\n", 300))
}

func check(t *testing.T, text string) {
	t.Helper()
	end := 0
	for _, s := range ner.Append(nil, text) {
		if s.Start < end || s.End <= s.Start || s.End > len(text) {
			t.Fatalf("span %+v after %d in %q", s, end, text)
		}
		if s.Type != pii.Name && s.Type != pii.Address || s.Score <= 0 || s.Score > 1 {
			t.Fatalf("span %+v", s)
		}
		if utf8.ValidString(text) && !utf8.ValidString(text[s.Start:s.End]) {
			t.Fatalf("span %+v cuts a character of %q", s, text)
		}
		end = s.End
	}
}

func FuzzAppend(f *testing.F) {
	for _, s := range []string{"My name is José O'Brien.", "12 Main St\nSpringfield, IL 62701", "\\n\\\\n'’s", "王小明 Łódź\u0301 \xff\xfe", "A'\u2028B_c1 'S", "name: = : \n\n:"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) { check(t, text) })
}
