package token_test

import (
	"encoding/base64"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

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

func TestCountEqualsTiktoken(t *testing.T) {
	o := newOracle(t)
	for e, model := range models {
		for name, text := range corpus {
			got, want := token.Count(model, []byte(text)), o.count("text", e, text)
			if got.Tokens != want || !got.Exact {
				t.Errorf("%s, %s: Count = %+v, tiktoken counts %d", e, name, got, want)
			}
		}
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
