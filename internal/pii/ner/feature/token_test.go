package feature

import (
	"fmt"
	"strings"
	"testing"
)

func tokens(text string) string {
	var s Scanner
	s.Reset(NewLexicon(), text)
	var out []string
	for _, t := range s.Whole() {
		out = append(out, fmt.Sprintf("%s/%d", strings.ReplaceAll(text[t.Start:t.End], "\n", "¶"), t.Shape))
	}
	return strings.Join(out, " ")
}

func TestTokens(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"words by their case", "abc Abc ABCD AB A aBc McCoy", "abc/4 Abc/5 ABCD/8 AB/7 A/6 aBc/10 McCoy/9"},
		{"numbers by their length", "1 12 12345678 2nd SW1A", "1/16 12/17 12345678/22 2nd/14 SW1A/15"},
		{"punctuation stands alone", "a,b.c", "a/4 ,/3 b/4 ./3 c/4"},
		{"an apostrophe joins a name", "O'Brien d’Angelo", "O'Brien/5 d’Angelo/10"},
		{"the s of a possessive stands apart", "Anna's James' O'Shea's", "Anna/5 '/3 s/4 James/5 '/3 O'Shea/5 '/3 s/4"},
		{"other endings stand apart too", "I'll don't we've rock'n'roll", "I/6 '/3 ll/4 don/4 '/3 t/4 we/4 '/3 ve/4 rock'n'roll/4"},
		{"an underscore makes an identifier", "my_name _", "my_name/11 _/11"},
		{"line breaks count", "a\nb\r\n\r\nc\n \nd", "a/4 ¶/1 b/4 \r¶\r¶/2 c/4 ¶ ¶/2 d/4"},
		{"a written line break is one", `a\nb\\nc`, `a/4 \n/1 b/4 \/3 \/3 nc/4`},
		{"Han characters stand alone", "王小明 Łódź", "王/13 小/13 明/13 Łódź/5"},
		{"a combining mark belongs to its word", "Jose\u0301 x", "Jose\u0301/5 x/4"},
		{"scripts without case", "محمد", "محمد/12"},
		{"invalid bytes are punctuation", "a\xffb", "a/4 \xff/3 b/4"},
		{"nothing", " \t", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := tokens(c.text); got != c.want {
				t.Errorf("tokens of %q\n got %s\nwant %s", c.text, got, c.want)
			}
		})
	}
}

// A text cut into segments has the same tokens and features as the whole.
func TestSegmentsSeeTheirNeighbours(t *testing.T) {
	l := NewLexicon()
	if err := l.Add("main", Street); err != nil {
		t.Fatal(err)
	}
	text := strings.Repeat("Name: Anna lives at 12 Main St.\n", 100)
	var whole, parts Scanner
	whole.Reset(l, text)
	all := whole.Whole()
	parts.Reset(l, text)
	n, segments := 0, 0
	for done := 0; parts.Next(done); {
		toks := parts.Tokens()
		done = len(toks)
		segments++
		for i := range toks {
			var a, b [Count]uint32
			whole.Features(&a, n)
			parts.Features(&b, i)
			if all[n].Start != toks[i].Start || a != b {
				t.Fatalf("token %d (%q) differs in its segment", n, text[toks[i].Start:toks[i].End])
			}
			n++
		}
	}
	if n != len(all) || segments < 2 {
		t.Errorf("%d tokens in %d segments, want %d in several", n, segments, len(all))
	}
}

func TestLexicon(t *testing.T) {
	l := NewLexicon()
	for word, lex := range map[string]Lex{"anna": Given, "weber": Surname, "o'brien": Surname, "łódź": Place} {
		if err := l.Add(word, lex); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Add("anna", Frequent); err != nil {
		t.Fatal(err)
	}
	b, err := l.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	var back Lexicon
	if err := back.UnmarshalBinary(b); err != nil {
		t.Fatal(err)
	}
	var s Scanner
	s.Reset(&back, "ANNA Weber O’BRIEN Łódź Annas")
	want := []Lex{Given | Frequent, Surname, Surname, Place, 0}
	for i, tok := range s.Whole() {
		if tok.Lex != want[i] {
			t.Errorf("token %d is on lists %b, want %b", i, tok.Lex, want[i])
		}
	}
	if err := l.Add("two words", Given); err == nil {
		t.Error("two words were taken for one")
	}
	if err := back.UnmarshalBinary(b[1:]); err == nil {
		t.Error("a lexicon of the wrong size was read")
	}
}
