package token_test

import (
	"encoding/base64"
	"encoding/json"
	"flag"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bricks-gateway/bricks/internal/token"
)

var corpus = map[string]string{
	"english":      "The quick brown fox jumps over the lazy dog, isn't it? He'd say: \"It's 1,234 o'clock\"; we'LL see. I'm NOT sure they've gone.\n\nNext paragraph…",
	"german":       "Die Donaudampfschifffahrtsgesellschaftskapitänsmütze gehört Herrn Müller-Lüdenscheidt, der größere Straßen meidet.",
	"chinese":      "北京市今天的天气很好，我们去公园散步吧。人工智能正在改变世界！漢字語彙與標點「測試」。",
	"japanese":     "これはテストです。カタカナとひらがなと漢字が混在しています。",
	"thai":         "ภาษาไทยเป็นภาษาที่ไม่มีช่องว่างระหว่างคำ",
	"hindi":        "यह एक परीक्षण वाक्य है, जिसमें मात्राएँ हैं।",
	"arabic":       "هذا نَصٌّ تجريبيٌّ مع تشكيل.",
	"emoji":        "😀😃🏳️‍🌈👩‍👩‍👧‍👦🇩🇪✌🏽 ok👍👍👍",
	"code":         "func main() {\n\tfor i := 0; i < 10; i++ {\n\t\tfmt.Printf(\"%d\\n\", i) // HTTPServer2XX\n\t}\n}\r\n\r\n#include <stdio.h>\n///// path/to/file\n",
	"json":         `{"id":"chatcmpl-1","items":[1,2.5e10,true,null,{"a":"b\n"}],"x_y":{"CamelCaseKEY":"v"}}`,
	"spaces":       "a          b\t\t\tc \n \n  \n\n   d\u00a0\u3000e   ",
	"newlines end": "text \n \r\n  \n  ",
	"digits":       "3.14159265358979323846 2026-11-25 ١٢٣٤٥ ½ Ⅷ x12345y",
	"marks":        "e\u0301\u0301 -\u0301A \u0301\u0301A A\u0301B AΑ語A語a \u0301",
	"case":         "ABCdef DŽDždž ABC語DEF語ghi ʰABC'S x'ſ 'ſ 'Re 'LL '’s don''t",
	"special":      "<|endoftext|><|im_start|>user",
	"base64":       base64.StdEncoding.EncodeToString(noise(3000)),
	"long a":       strings.Repeat("a", 1000),
	"long A":       strings.Repeat("A", 1000),
	"long space":   strings.Repeat(" ", 1000) + "x",
	"long newline": strings.Repeat("\n", 1000),
	"long mixed":   strings.Repeat(" \n", 2000),
	"long dash":    strings.Repeat("-", 999),
	"long equal":   strings.Repeat("=-", 500),
	"long cjk":     strings.Repeat("漢字", 500),
	"long emoji":   strings.Repeat("😀", 500),
	"empty":        "",
}

func noise(n int) []byte {
	b := make([]byte, n)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

var record = flag.Bool("record", false, "write testdata/counts.json from tiktoken")

// recorded are tiktoken's counts of the corpus.
func recorded(t *testing.T) (counts map[token.Encoding]map[string]int64) {
	t.Helper()
	b, err := os.ReadFile("testdata/counts.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &counts); err != nil {
		t.Fatal(err)
	}
	return counts
}

func TestCountEqualsTiktoken(t *testing.T) {
	o := newOracle(t)
	counts := map[token.Encoding]map[string]int64{}
	for e, model := range models {
		counts[e] = map[string]int64{}
		for name, text := range corpus {
			got, want := token.Count(model, []byte(text)), o.count("text", e, text)
			if got.Tokens != want || !got.Exact {
				t.Errorf("%s, %s: Count = %+v, tiktoken counts %d", e, name, got, want)
			}
			counts[e][name] = want
		}
	}
	if *record {
		b, err := json.MarshalIndent(counts, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile("testdata/counts.json", append(b, '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if d := cmp.Diff(recorded(t), counts); d != "" {
		t.Errorf("tiktoken counts otherwise than recorded (-record writes anew): %s", d)
	}
}

// From many goroutines, of which the first loads the vocabulary.
func TestCountEqualsWhatTiktokenCountedOnce(t *testing.T) {
	var all sync.WaitGroup
	for e, counts := range recorded(t) {
		if len(counts) != len(corpus) {
			t.Errorf("%s: %d counts are recorded, the corpus has %d texts", e, len(counts), len(corpus))
		}
		for name, want := range counts {
			all.Go(func() {
				if got := token.Count(models[e], []byte(corpus[name])); got.Tokens != want || !got.Exact {
					t.Errorf("%s, %s: Count = %+v, tiktoken counted %d", e, name, got, want)
				}
			})
		}
	}
	all.Wait()
}

func TestModelsCountWithTheirEncoding(t *testing.T) {
	counts := recorded(t)
	for e, names := range map[token.Encoding][]string{
		token.O200kBase: {
			"gpt-4o", "gpt-4o-2024-08-06", "gpt-4o-mini", "GPT-4o", "gpt-4.1", "gpt-4.1-nano-2025-04-14", "gpt-4.5-preview", "gpt-5", "gpt-5-mini",
			"gpt-5.1", "gpt-5.2-pro-2025-12-11", "o1", "o1-preview", "o3-mini", "o4-mini-2025-04-16", "chatgpt-4o-latest", "gpt-oss-120b",
			"codex-mini-latest", "ft:gpt-4o-mini-2024-07-18:acme::7p4lURel", "ft:gpt-4.1-2025-04-14:acme",
		},
		token.CL100kBase: {
			"gpt-4", "gpt-4-0613", "gpt-4-32k", "gpt-4-turbo-2024-04-09", "gpt-3.5-turbo", "gpt-3.5-turbo-instruct", "gpt-35-turbo", "gpt-35-turbo-16k",
			"ft:gpt-3.5-turbo-0125:acme::x", "text-embedding-3-small", "text-embedding-3-large", "text-embedding-ada-002", "babbage-002", "ft:davinci-002:acme",
		},
		token.None: {
			"", "claude-opus-4-5", "gpt-4.9", "gpt-41", "gpt-4ever", "gpt-6", "o1x", "o2", "my-gpt-4o", "llama-3", "text-embedding-4", "text-davinci-003", "gpt-4omni",
		},
	} {
		want := int64(len(corpus["chinese"])) // which every vocabulary counts otherwise
		if e != token.None {
			want = counts[e]["chinese"]
		}
		for _, name := range names {
			if got := token.Count(name, []byte(corpus["chinese"])); got.Tokens != want || got.Exact != (e != token.None) {
				t.Errorf("Count(%q) = %+v, want %d as %s counts", name, got, want, e)
			}
		}
	}
}

func TestLoadKnowsItsEncodings(t *testing.T) {
	if err := token.Load(token.O200kBase, token.CL100kBase); err != nil {
		t.Error(err)
	}
	if err := token.Load("p50k_base"); err == nil {
		t.Error("Load of an encoding that no model has passed")
	}
}

func TestOutputEstimates(t *testing.T) {
	text := []byte(corpus["german"])
	if got, want := token.Output("gpt-4o", text), recorded(t)[token.O200kBase]["german"]; got != want {
		t.Errorf("Output = %d, want %d", got, want)
	}
	for text, want := range map[string]int64{"": 0, "a": 1, "abcd": 1, "abcde": 2} {
		if got := token.Output("claude-opus-4-5", []byte(text)); got != want {
			t.Errorf("Output(%q) = %d, want a token for 4 bytes: %d", text, got, want)
		}
	}
	long := []byte(strings.Repeat("a", 8000))
	if got := token.Output("gpt-4o", long); got != 2000 {
		t.Errorf("Output of a run too long to count = %d, want 2000", got)
	}
}

// Beyond the budget of work a byte counts as a token.
func TestCountStaysABound(t *testing.T) {
	text := []byte(strings.Repeat("qxz", 1000) + strings.Repeat("qxzjk ", 1<<18))
	for _, model := range models {
		// Each qxzjk is three tokens at least, and the budget ends before the text.
		if got := token.Count(model, text); got.Exact || got.Tokens < 3<<18 || got.Tokens > int64(len(text)) {
			t.Errorf("%s: Count = %+v", model, got)
		}
	}
	// A piece with no end in sight, in the midst of text.
	run := strings.Repeat("é", 10_000)
	got := token.Count("gpt-4o", []byte("Hello "+run+" world"))
	if got.Exact || got.Tokens < 5_000 || got.Tokens > int64(len(run)+12) {
		t.Errorf("Count of a run = %+v", got)
	}
}

// Every character in the places where its class matters: Go's and tiktoken's
// Unicode tables may differ. Beyond the second plane whole blocks are alike.
func TestCountEqualsTiktokenOnEveryCharacter(t *testing.T) {
	o := newOracle(t)
	for e, model := range models {
		for low := rune(0); low <= unicode.MaxRune; low += 64 {
			if low >= 0x20000 && low%0x400 != 0 {
				continue
			}
			var s strings.Builder
			for r := low; r < low+64; r++ {
				if utf8.ValidRune(r) {
					c := string(r)
					s.WriteString("a" + c + "b B" + c + "C 1" + c + "2 " + c + c + "d" + c + "\n")
				}
			}
			if s.Len() == 0 {
				continue
			}
			if got, want := token.Count(model, []byte(s.String())).Tokens, o.count("text", e, s.String()); got != want {
				t.Errorf("%s, 64 from U+%04X: Count = %d, tiktoken counts %d", e, low, got, want)
			}
		}
	}
}

var alphabet = []string{
	"a", "b", "the", " the", "A", "ING", "é", "ß", "漢", "字", "か", "ʰ", "Dž", "\u0301", "\u093e", "1", "22", "½",
	" ", "  ", "\t", "\u00a0", "\u3000", "\n", "\r\n", "\r", ".", ",", "/", "//", "-", "--", "'", "'s", "'S", "'ll", "'Ve", "'ſ", "’",
	"😀", "\u200d", "{", "}\"", "\":", "\x00", "\u0378",
}

func texts() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.SampledFrom(alphabet), 0, 40).Draw(t, "parts"), "")
	})
}

// Each pair of the alphabet, then longer texts.
func TestPiecesEqualTheExpressions(t *testing.T) {
	o := newOracle(t)
	var all []string
	for _, a := range alphabet {
		for _, b := range alphabet {
			all = append(all, a+b)
		}
	}
	r := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		var s strings.Builder
		for range 1 + r.IntN(12) {
			s.WriteString(alphabet[r.IntN(len(alphabet))])
		}
		all = append(all, s.String())
	}
	for e := range models {
		for _, text := range all {
			var want []int
			if err := json.Unmarshal(o.ask("pieces", e, text), &want); err != nil {
				t.Fatal(err)
			}
			if got := token.Pieces(e, []byte(text)); !slices.Equal(got, want) {
				t.Fatalf("%s: pieces of %q = %v, the expression finds %v", e, text, got, want)
			}
		}
	}
}

func TestCountEqualsTiktokenOnRandomText(t *testing.T) {
	o := newOracle(t)
	rapid.Check(t, func(r *rapid.T) {
		text := rapid.OneOf(texts(), rapid.String()).Draw(r, "text")
		for e, model := range models {
			if got, want := token.Count(model, []byte(text)), o.count("text", e, text); got.Tokens != want {
				r.Fatalf("%s: Count(%q) = %d, tiktoken counts %d", e, text, got.Tokens, want)
			}
		}
	})
}
