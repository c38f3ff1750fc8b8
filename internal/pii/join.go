package pii

import (
	"cmp"
	"slices"
)

// Join is what is found in one text by all of the lists together, sorted by
// start, end and type. Overlapping spans of one type become one that covers them
// all, with the best score: two detectors rarely agree where a value ends. Those
// of different types all stay, since a policy may treat their types differently.
// So every byte of every list stays covered, by the same types.
func Join(lists ...[]Span) []Span {
	all := slices.Concat(lists...)
	slices.SortFunc(all, func(a, b Span) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End), cmp.Compare(a.Type, b.Type))
	})
	var joined []Span
	var last [Types]int // where the last span of a type is in joined, plus 1
	for _, s := range all {
		if i := last[s.Type] - 1; i >= 0 && s.Start < joined[i].End {
			joined[i].End = max(joined[i].End, s.End)
			joined[i].Score = max(joined[i].Score, s.Score)
			continue
		}
		joined = append(joined, s)
		last[s.Type] = len(joined)
	}
	// A span that grew may now end behind one that starts with it.
	slices.SortStableFunc(joined, func(a, b Span) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End), cmp.Compare(a.Type, b.Type))
	})
	return joined
}
