package fold_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/bricks-gateway/bricks/internal/pii/fold"
)

func TestFoldedForm(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"plain ASCII stays", "a@b.com, 50% off & more \\d", "a@b.com, 50% off & more \\d"},
		{"an accent stays and is composed", "Rene\u0301 Müller", "René Müller"},
		{"full-width letters, digits and signs", "ｊｏｅ＠ｅｘａｍｐｌｅ．ｃｏｍ １２３", "joe@example.com 123"},
		{"zero-width characters and soft hyphens go", "4\u200b1\u200d1\u2060\ufeff1-1\u00ad1", "4111-11"},
		{"the frame of a keycap goes", "1\ufe0f\u20e32\ufe0f\u20e3", "12"},
		{"dashes are one dash", "1\u20102\u20113\u20124\u20135\u20146\u22127\uff0d8\ufe639", "1-2-3-4-5-6-7-8-9"},
		{"spaces are one space", "1\u00a02\u20093\u202f4\u30005", "1 2 3 4 5"},
		{"quotes are straight", "\u201cit\u2019s\u201d", "\"it's\""},
		{"line separators are line feeds", "a\u2028b\u0085c", "a\nb\nc"},
		{"Arabic and Indic digits", "٤٥٦ ۴۵۶ १२३ ১২৩", "456 456 123 123"},
		{"digits in circles, mathematical letters", "①② 𝟙𝟚 𝐚𝐛 🅰", "12 12 ab A"},
		{"a Cyrillic letter in a Latin word", "jоhn@exаmple.com", "john@example.com"},
		{"a Cyrillic word tied to a Latin one", "сосо@example.com", "coco@example.com"},
		{"Cyrillic text stays", "Скажи мне, сосо и Москва.", "Скажи мне, сосо и Москва."},
		{"a Cyrillic word with a letter of its own stays", "жара@example.com", "жара@example.com"},
		{"Greek capitals in a code", "ΑΒCDE1234F", "ABCDE1234F"},
		{"Greek text and units stay", "λόγος 5 μm", "λόγος 5 μm"},
		{"CJK and emoji stay", "東京😀か", "東京😀か"},
		{"escapes of JSON", `a\u0040b \"x\" \ud83d\ude00 \n\t.`, "a@b \"x\" 😀 \n\t."},
		{"escapes that were escaped", `a\\u0040b\\\\nc`, "a@b\nc"},
		{"escapes of hex", `a\x40b \u{40}`, "a@b @"},
		{"no escapes", `\d \uZZZZ \u12 \ud800 \x0`, `\d \uZZZZ \u12 \ud800 \x0`},
		{"a Windows path", `C:\Users\nina\text \n`, "C:\\Users\\nina\\text \n"},
		{"a URL's encoding", "a%40b.com %2540 %C3%A9 100% 5%zz %00", "a@b.com @ é 100% 5%zz %00"},
		{"references of HTML", "a&#64;b&#x40;c&amp;d&commat;e &nope; &#0;&#;", "a@b@c&d@e &nope; &#0;&#;"},
		{"signs spelled in brackets", "joe [at] example[.]com, joe(AT)example(dot)com, f(at x) [a]", "joe@example.com, joe@example.com, f(at x) [a]"},
		{"escapes of Markdown", `123\-45\-6789 a\_b`, "123-45-6789 a_b"},
		{"a bullet is a star", "4111•1111", "4111*1111"},
		{"a drive's letter stands alone", `4E:\u0032`, "4E:2"},
		{"an escaped full-width character", `\uff11%EF%BC%92`, "12"},
		{"invalid UTF-8 stays", "a\xffb\xc3(", "a\xffb\xc3("},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var text fold.Text
			text.Reset(tt.in)
			if got := text.String(); got != tt.want {
				t.Errorf("folded %q = %q, want %q", tt.in, got, tt.want)
			}
		})
	}
}

func TestOffsetsLeadBack(t *testing.T) {
	for _, tt := range []struct{ name, in, find, want string }{
		{"nothing to fold", "call joe now", "joe", "joe"},
		{"after emoji and CJK", "😀東京 joe", "joe", "joe"},
		{"after combining marks", "e\u0301e\u0301 joe", "joe", "joe"},
		{"full-width", "x ｊｏｅ y", "joe", "ｊｏｅ"},
		{"what is left out inside is covered", "x j\u200bo\u00ade y", "joe", "j\u200bo\u00ade"},
		{"what is left out outside is not", "x \u200bjoe\u200b y", "joe", "joe"},
		{"a character with its mark is whole", "x re\u0301 y", "ré", "re\u0301"},
		{"part of a ligature gives all of it", "x ﬁn y", "in", "ﬁn"},
		{"escapes", `x a\u0040b\n`, "a@b", `a\u0040b`},
		{"a lookalike that was escaped", `x j\u043ee y`, "joe", `j\u043ee`},
		{"a lookalike after what is left out", "\u200bx j\u200bоe\u200b y", "joe", "j\u200bоe"},
		{"signs in brackets", "x a [at] b (dot) c y", "a@b.c", "a [at] b (dot) c"},
		{"all together", "\u00ad😀 %EF%BD%8A\u200bо\\u0065 y", "joe", "%EF%BD%8A\u200bо\\u0065"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var text fold.Text
			text.Reset("something & \\n else %40")
			text.Reset(tt.in)
			at := strings.Index(text.String(), tt.find)
			if at < 0 {
				t.Fatalf("folded %q has no %q", text.String(), tt.find)
			}
			start, end := text.Original(at, at+len(tt.find))
			if got := tt.in[start:end]; got != tt.want {
				t.Errorf("%q leads to %q, want %q", tt.find, got, tt.want)
			}
		})
	}
}

func TestPlainTextIsNotCopied(t *testing.T) {
	var text fold.Text
	in := strings.Repeat("Nothing to see here. ", 100)
	if n := testing.AllocsPerRun(10, func() { text.Reset(in) }); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

// FuzzOffsets checks what every user of the offsets relies on: they stay in the
// text, never fall, and never split a character.
func FuzzOffsets(f *testing.F) {
	for _, s := range []string{"", "a\u0301\u0301%E9\xff", `\ud83d\ude00 j\u043ee ﬁ`, "&#64;&amp;%2540", "\u200b\u200b", "ｊо\u0301е", "a@ӏ\u1160b", "ǆа%cc%81", `C:\n \\\`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		var text fold.Text
		text.Reset(in)
		folded := text.String()
		if utf8.ValidString(in) && !utf8.ValidString(folded) {
			t.Fatalf("%q folds to invalid %q", in, folded)
		}
		last := 0
		for i := range len(folded) {
			start, end := text.Original(i, i+1)
			if start < 0 || end <= start || end > len(in) {
				t.Fatalf("folded byte %d of %q leads to [%d:%d] of %d bytes", i, folded, start, end, len(in))
			}
			if start < last {
				t.Fatalf("folded byte %d of %q leads back to %d, after %d", i, folded, start, last)
			}
			last = start
		}
		for i, r := range folded {
			if utf8.ValidString(in) {
				if start, end := text.Original(i, i+utf8.RuneLen(r)); !utf8.ValidString(in[start:end]) {
					t.Fatalf("character %d of %q leads to %q", i, folded, in[start:end])
				}
			}
		}
	})
}

func BenchmarkFold(b *testing.B) {
	for _, bb := range []struct{ name, unit string }{
		{"ascii", "The quick brown fox jumps over the lazy dog. "},
		{"escaped", `{\"text\": \"The quick\\nbrown fox\"} `},
		{"accents", "Le garçon a mangé là-bas, où l’été était né. "},
		{"cyrillic", "Съешь же ещё этих мягких французских булок. "},
		{"cjk", "いろはにほへとちりぬるを。"},
		{"fullwidth", "ｆｕｌｌ－ｗｉｄｔｈ "},
	} {
		b.Run(bb.name, func(b *testing.B) {
			in := strings.Repeat(bb.unit, 8192/len(bb.unit))
			var text fold.Text
			b.SetBytes(int64(len(in)))
			b.ReportAllocs()
			for b.Loop() {
				text.Reset(in)
			}
		})
	}
}
