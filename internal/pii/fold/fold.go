// Package fold gives the form of a text on which personal data is looked for,
// and finds the way back from it.
//
// One value has many spellings: with full-width or Arabic digits, with soft
// hyphens and zero-width spaces inside, with a Cyrillic letter that looks like a
// Latin one, with its at sign written %40 or \u0040. The folded form has one. It
// is the text with escapes decoded, in Unicode's normal form NFKC, with plain
// digits, dashes, spaces and quotes, with @ for [at], without characters that nobody sees. It
// keeps case and accents. Offsets in it are mapped back by [Text.Original].
package fold

import (
	"sort"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// Text is a text with its folded form. The zero value is an empty text, which
// Reset makes useful. It is not safe for concurrent use while Reset runs.
type Text struct {
	source string
	folded string
	edits  []edit // in order; what lies between them is the same in both forms

	// Scratch.
	out    []byte
	next   []edit
	merged []edit
	char   []byte
	words  []word
}

// edit says that folded[from:to] stands for source[start:end], as a whole.
type edit struct{ from, to, start, end int }

// Reset folds source, in time linear in its length. Source may hold invalid
// UTF-8, whose bytes stay. A text of ASCII without escapes is its own folded
// form and is not copied.
func (t *Text) Reset(source string) {
	t.source, t.folded, t.edits = source, source, t.edits[:0]
	if ascii(source) && !strings.ContainsAny(source, `\%&[(`) {
		return
	}
	t.pass((*Text).replace)
	if ascii(t.folded) {
		return
	}
	if !norm.NFKC.IsNormalString(t.folded) {
		t.pass((*Text).normalize)
	}
	if mayMislead(t.folded) {
		t.pass((*Text).latinize)
	}
}

// String is the folded form.
func (t *Text) String() string { return t.folded }

// Source is the text that was folded.
func (t *Text) Source() string { return t.source }

// Original gives the bytes of the source for which String()[start:end] stands.
// Both are byte offsets, 0 <= start <= end <= len(String()). A character that is
// partly inside is given whole; those that left no trace are inside only when
// they stand between two that are.
func (t *Text) Original(start, end int) (int, int) {
	from, _ := t.original(start)
	if start >= end {
		return from, from
	}
	_, to := t.original(end - 1)
	return from, to
}

// original gives the source's bytes for the folded byte at i.
func (t *Text) original(i int) (start, end int) {
	if len(t.edits) == 0 {
		return i, i + 1
	}
	after := sort.Search(len(t.edits), func(k int) bool { return t.edits[k].from > i })
	if after == 0 {
		return i, i + 1
	}
	e := t.edits[after-1]
	if i < e.to {
		return e.start, e.end
	}
	return e.end + i - e.to, e.end + i - e.to + 1
}

// pass makes a folded form of the folded form so far. The function reads
// t.folded and calls change for what is different.
func (t *Text) pass(run func(*Text, *changes)) {
	c := changes{in: t.folded, out: t.out[:0], edits: t.next[:0]}
	run(t, &c)
	t.out, t.next = c.out, c.edits
	if len(c.edits) == 0 {
		return
	}
	c.out = append(c.out, c.in[c.copied:]...)
	t.out = c.out
	t.folded = string(c.out)
	if len(t.edits) > 0 {
		t.chain(c.edits)
		return
	}
	t.edits, t.next = t.next, t.edits
}

// chain turns edits of the form so far into edits of the source, and makes them
// the text's.
func (t *Text) chain(edits []edit) {
	old := t.edits
	all := t.merged[:0]
	k, shift := 0, 0 // old[k:] are to come; shift leads from the form so far to the new one
	last := 0        // where the last one of all ends in the form so far
	for _, e := range edits {
		if e.start < last { // both are in one character of the source
			shift = e.to - e.end
			all[len(all)-1].to = last + shift
			continue
		}
		for ; k < len(old) && old[k].to <= e.start; k++ {
			all = append(all, edit{old[k].from + shift, old[k].to + shift, old[k].start, old[k].end})
		}
		from, start := e.from, e.start
		last = e.end
		for ; k < len(old) && old[k].from < e.end; k++ {
			from, start = min(from, old[k].from+shift), min(start, old[k].from)
			last = max(last, old[k].to)
		}
		shift = e.to - e.end
		first, _ := t.original(start)
		_, end := t.original(last - 1)
		all = append(all, edit{from, last + shift, first, end})
	}
	for ; k < len(old); k++ {
		all = append(all, edit{old[k].from + shift, old[k].to + shift, old[k].start, old[k].end})
	}
	t.edits, t.merged = all, old
}

// changes collects one pass.
type changes struct {
	in     string
	out    []byte
	edits  []edit
	copied int // in[:copied] is in out
}

// change puts with in the place of in[start:end], which is not empty. Calls come in
// order.
func (c *changes) change(start, end int, with []byte) {
	c.out = append(c.out, c.in[c.copied:start]...)
	from := len(c.out)
	c.out = append(c.out, with...)
	c.edits = append(c.edits, edit{from, len(c.out), start, end})
	c.copied = end
}

// normalize brings the text into NFKC, a character with its marks at a time.
func (t *Text) normalize(c *changes) {
	for i := 0; i < len(c.in); {
		i += norm.NFKC.QuickSpanString(c.in[i:])
		if i == len(c.in) {
			return
		}
		end := i + norm.NFKC.NextBoundaryInString(c.in[i:], true)
		if end == i {
			return
		}
		t.char = norm.NFKC.AppendString(t.char[:0], c.in[i:end])
		if string(t.char) != c.in[i:end] {
			c.change(i, end, t.char)
		}
		i = end
	}
}

// ascii reports whether s has no byte above 0x7f.
func ascii(s string) bool {
	for len(s) >= 8 {
		if (s[0] | s[1] | s[2] | s[3] | s[4] | s[5] | s[6] | s[7]) >= 0x80 {
			return false
		}
		s = s[8:]
	}
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
