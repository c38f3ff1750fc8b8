package passage

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const limit = 6 * Overlap

func TestSplit(t *testing.T) {
	word := strings.Repeat("x", 99) + " " // 100 bytes
	for name, tc := range map[string]struct {
		texts []string
		want  []Passage
	}{
		"nothing":                              {nil, nil},
		"short texts stay whole":               {[]string{"one", "two"}, []Passage{{0, 0, 3}, {1, 0, 3}}},
		"blank texts have nothing to be found": {[]string{"", "a", " \n\t "}, []Passage{{1, 0, 1}}},
		"a text of the limit stays whole":      {[]string{strings.Repeat("y", limit)}, []Passage{{0, 0, limit}}},
		// White space is at 99, 199, … 11999. The cut is at the last before 12000, and
		// the next start at the last that is 2000 bytes before it.
		"a longer one is cut at white space": {
			[]string{strings.Repeat(word, 150)}, []Passage{{0, 0, 11999}, {0, 9999, 15000}},
		},
		"without white space it is cut anywhere": {
			[]string{strings.Repeat("y", 15000)}, []Passage{{0, 0, 12000}, {0, 10000, 15000}},
		},
		// 漢 has three bytes, and behind one byte none starts at 12000 or 9998.
		"never inside of a code point": {
			[]string{"y" + strings.Repeat("漢", 5000)}, []Passage{{0, 0, 11998}, {0, 9997, 15001}},
		},
		// A third of the limit is 4000 bytes.
		"bytes that are no UTF-8 grow": {
			[]string{"\xff" + strings.Repeat("y", 5000)}, []Passage{{0, 0, 4000}, {0, 2000, 5001}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, Split(tc.texts, limit)); diff != "" {
				t.Errorf("Split (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAValueOnACutIsWholeInOnePassage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		filler := rapid.SampledFrom([]string{"y", "漢", "👩‍👩‍👧 ", "word ", "é", "\xff word \xff"}).Draw(t, "filler")
		text := strings.Repeat(filler, 40_000/len(filler))
		start := rapid.IntRange(0, len(text)-Overlap).Draw(t, "start")
		end := start + rapid.IntRange(1, Overlap).Draw(t, "length")
		whole, last := false, 0
		for _, p := range Split([]string{text}, limit) {
			whole = whole || p.Start <= start && end <= p.End
			if p.End-p.Start > limit || p.Start > last || p.End <= last || !utf8.ValidString(strings.ReplaceAll(p.Of([]string{text}), "\xff", "")) {
				t.Fatalf("a passage from %d to %d, after one to %d", p.Start, p.End, last)
			}
			last = p.End
		}
		if !whole || last != len(text) {
			t.Fatalf("bytes %d to %d of %d are whole nowhere", start, end, len(text))
		}
	})
}

func TestOffsets(t *testing.T) {
	many := strings.Repeat("é", 300) // more than two marks
	for name, tc := range map[string]struct {
		text             string
		start, end       int // code points
		wantFrom, wantTo int
		wantNot          bool
	}{
		"ASCII is as it is":                     {"hello", 1, 3, 1, 3, false},
		"an emoji has four bytes":               {"😀 ab", 2, 4, 5, 7, false},
		"a family is five code points":          {"👩‍👩‍👧a", 5, 6, 18, 19, false},
		"CJK has three bytes":                   {"电话123", 2, 5, 6, 9, false},
		"a combining mark is one of its own":    {"e\u0301x", 2, 3, 3, 4, false},
		"a composed letter is one":              {"éx", 1, 2, 2, 3, false},
		"behind many":                           {many + "ab", 300, 302, 600, 602, false},
		"between marks":                         {many, 127, 257, 254, 514, false},
		"a byte that is no UTF-8 counts as one": {"\xff\xfeab", 2, 4, 2, 4, false},
		"up to the end":                         {"漢字", 0, 2, 0, 6, false},
		"nothing at the end":                    {"漢字", 2, 2, 6, 6, false},
		"behind the end":                        {"漢字", 0, 3, 0, 0, true},
		"bytes that were taken for code points": {"漢字", 3, 6, 0, 0, true},
		"before the start":                      {"abc", -1, 2, 0, 0, true},
		"the wrong way round":                   {"abc", 2, 1, 0, 0, true},
		"a start that wraps":                    {"abc", -1 << 31, 1, 0, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			from, to, ok := NewOffsets(tc.text).Bytes(tc.start, tc.end)
			if from != tc.wantFrom || to != tc.wantTo || ok == tc.wantNot {
				t.Errorf("Bytes(%d, %d) = %d, %d, %v; want %d, %d", tc.start, tc.end, from, to, ok, tc.wantFrom, tc.wantTo)
			}
		})
	}
}
