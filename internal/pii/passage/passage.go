// Package passage prepares texts for detectors that are reached over the
// network, and brings back what they found.
//
// Such a detector takes texts up to a size, and counts code points where a span
// counts bytes. So long texts are cut into passages that overlap: a value on a
// cut is whole in one of the two. What is found twice is for pii.Join.
package passage

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Overlap is the length in bytes up to which a value on a cut is whole in one of
// the passages.
const Overlap = 2000

// Passage is texts[Text][Start:End].
type Passage struct{ Text, Start, End int }

// Of is the passage's text.
func (p Passage) Of(texts []string) string { return texts[p.Text][p.Start:p.End] }

// Size is how many bytes text has at most when it is sent: a byte that is no
// UTF-8 goes out as U+FFFD, which has three.
func Size(text string) int {
	if utf8.ValidString(text) {
		return len(text)
	}
	return 3 * len(text)
}

// Split cuts texts into passages of at most limit bytes by Size, in their order.
// It cuts at white space where there is some, never inside of a code point. Texts
// without anything but white space have no passage. limit must be at least six
// times Overlap.
func Split(texts []string, limit int) []Passage {
	if limit < 6*Overlap { // a third of it must be well above an overlap and two cuts
		panic("passage: the limit leaves no room for the overlap")
	}
	var all []Passage
	for i, text := range texts {
		if strings.TrimSpace(text) == "" {
			continue
		}
		most := limit
		if Size(text) > len(text) {
			most = limit / 3
		}
		start := 0
		for len(text)-start > most {
			end := cut(text, start+most)
			all = append(all, Passage{i, start, end})
			start = cut(text, end-Overlap)
		}
		all = append(all, Passage{i, start, len(text)})
	}
	return all
}

// cut is the last good place to cut text at or before the byte at: in front of
// white space, if there is some within a quarter of Overlap, else between two
// code points.
func cut(text string, at int) int {
	for at > 0 && !utf8.RuneStart(text[at]) {
		at--
	}
	near := text[max(0, at-Overlap/4) : at+1]
	if i := strings.LastIndexFunc(near, unicode.IsSpace); i >= 0 {
		return at + 1 - len(near) + i
	}
	return at
}
