// Package scan finds personal data and secrets in a text, with what a text alone
// tells: the shape of a value, its check digits, and the words beside it.
//
// One pass over the folded text (package fold) cuts it into words and finds the
// labels among them ("SSN", "numéro de compte", "cardNumber"). A value is then
// found in one of three ways: by a shape that nothing else has (an e-mail
// address, an IBAN with its check digits), by a label that stands before it,
// behind it or above it in a table, or because it was found elsewhere in the
// same text. Where two finds overlap, the surer one stays.
package scan

import (
	"cmp"
	"slices"
	"sync"

	"github.com/bricks-gateway/bricks/internal/pii"
	"github.com/bricks-gateway/bricks/internal/pii/fold"
	"github.com/bricks-gateway/bricks/internal/pii/ner"
)

// Append appends to dst the values of the given types in text: in order, without
// overlap, in byte offsets of text. The same text gives the same spans. Text may
// be anything, also invalid UTF-8; time is linear in its length. Safe for
// concurrent use.
//
// Apart from headers of tables and from values that are found again, a value is
// found by at most 256 bytes before it and 96 behind it.
func Append(dst []pii.Span, text string, types pii.Set) []pii.Span {
	sc := pool.Get().(*scanner)
	defer pool.Put(sc)
	return sc.append(dst, text, types)
}

var pool = sync.Pool{New: func() any { return new(scanner) }}

// nothing is the type of what a label says is none of ours, such as the number
// of an order. It wins over weak finds and is then forgotten.
const nothing = pii.Types

// scanner is the state of one call. Offsets are of the folded text s.
type scanner struct {
	trie   *trie
	text   fold.Text
	s      string
	tokens []token
	labels []label
	found  []pii.Span
	known  known
	cells  [2][]cell
	heads  [][2]int // the headers of tables, in order
	head   int      // heads[:head] are behind
}

func (sc *scanner) append(dst []pii.Span, text string, types pii.Set) []pii.Span {
	sc.trie = labels()
	sc.text.Reset(text)
	sc.s = sc.text.String()
	sc.found, sc.heads, sc.head = sc.found[:0], sc.heads[:0], 0
	sc.tokenize()
	sc.shapes()
	sc.tables()
	sc.byLabels()
	if types&pii.Of(pii.Name, pii.Address) != 0 {
		sc.learned()
	}
	sc.resolve()
	sc.propagate()
	for _, f := range sc.found {
		if f.Type == nothing || !types.Has(f.Type) {
			continue
		}
		f.Start, f.End = sc.text.Original(f.Start, f.End)
		dst = append(dst, f)
	}
	sc.forget()
	return dst
}

// learned adds the names and addresses that the model finds. It is sure of much,
// so its scores are put below those of values that have a label.
func (sc *scanner) learned() {
	before := len(sc.found)
	sc.found = ner.Append(sc.found, sc.s)
	kept := slices.DeleteFunc(sc.found[before:], func(f pii.Span) bool { return isIdentifier(sc.s, f) })
	sc.found = sc.found[:before+len(kept)]
	for i := range sc.found[before:] {
		f := &sc.found[before+i]
		f.Score = learnedLow + (learnedHigh-learnedLow)*f.Score
	}
}

const learnedLow, learnedHigh = 0.55, 0.81

// forget drops what refers to the text, and scratch that one huge text left.
func (sc *scanner) forget() {
	sc.s = ""
	sc.text.Reset("")
	if cap(sc.tokens) > 1<<16 {
		*sc = scanner{}
	}
}

// add notes a find. Several may overlap.
func (sc *scanner) add(start, end int, typ pii.Type, score float32) {
	sc.found = append(sc.found, pii.Span{Start: start, End: end, Type: typ, Score: score})
}

// resolve puts the finds in order and keeps the surer of two that overlap, then
// the longer one.
func (sc *scanner) resolve() {
	slices.SortFunc(sc.found, func(a, b pii.Span) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(b.Score, a.Score), cmp.Compare(b.End, a.End), cmp.Compare(a.Type, b.Type))
	})
	kept := sc.found[:0]
	for _, f := range sc.found {
		for len(kept) > 0 && kept[len(kept)-1].End > f.Start && beats(f, kept[len(kept)-1]) {
			kept = kept[:len(kept)-1]
		}
		if len(kept) == 0 || kept[len(kept)-1].End <= f.Start {
			kept = append(kept, f)
		}
	}
	sc.found = kept
}

// beats reports whether a is to stay rather than b, which begins no later.
func beats(a, b pii.Span) bool {
	if a.Score != b.Score {
		return a.Score > b.Score
	}
	return a.End-a.Start > b.End-b.Start
}
