package pii

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestJoin(t *testing.T) {
	for name, tc := range map[string]struct {
		lists [][]Span
		want  []Span
	}{
		"nothing": {nil, nil},
		"the same value found twice is one, with the better score": {
			[][]Span{{{4, 9, Email, 0.6}}, {{4, 9, Email, 0.9}}},
			[]Span{{4, 9, Email, 0.9}},
		},
		"two types of the same bytes both stay": {
			[][]Span{{{0, 9, SSN, 1}}, {{0, 9, Phone, 0.5}}},
			[]Span{{0, 9, Phone, 0.5}, {0, 9, SSN, 1}},
		},
		"one type: what overlaps becomes one that covers both": {
			[][]Span{{{2, 8, Phone, 0.4}}, {{5, 12, Phone, 0.7}}},
			[]Span{{2, 12, Phone, 0.7}},
		},
		"one type: a span inside of another goes": {
			[][]Span{{{0, 20, Address, 0.4}}, {{3, 6, Address, 0.9}, {15, 18, Address, 0.8}}},
			[]Span{{0, 20, Address, 0.9}},
		},
		"one type: neighbours stay two": {
			[][]Span{{{0, 4, Name, 1}}, {{4, 8, Name, 1}}},
			[]Span{{0, 4, Name, 1}, {4, 8, Name, 1}},
		},
		"a span of another type in between does not part what overlaps": {
			[][]Span{{{0, 10, URL, 1}, {8, 20, URL, 1}}, {{5, 9, Email, 1}}},
			[]Span{{0, 20, URL, 1}, {5, 9, Email, 1}},
		},
		"unsorted lists come out in order": {
			[][]Span{{{30, 40, Name, 1}, {0, 5, Name, 1}}, {{10, 20, Email, 1}}},
			[]Span{{0, 5, Name, 1}, {10, 20, Email, 1}, {30, 40, Name, 1}},
		},
		"a span that grows is sorted anew": {
			[][]Span{{{0, 4, Age, 1}, {2, 9, Age, 1}}, {{0, 5, Email, 1}}},
			[]Span{{0, 5, Email, 1}, {0, 9, Age, 1}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, Join(tc.lists...)); diff != "" {
				t.Errorf("Join (-want +got):\n%s", diff)
			}
		})
	}
}

func TestJoinCoversTheSameBytes(t *testing.T) {
	span := rapid.Custom(func(t *rapid.T) Span {
		start := rapid.IntRange(0, 30).Draw(t, "start")
		return Span{start, start + rapid.IntRange(1, 10).Draw(t, "length"), Type(rapid.IntRange(0, 2).Draw(t, "type")), 1}
	})
	rapid.Check(t, func(t *rapid.T) {
		lists := rapid.SliceOfN(rapid.SliceOfN(span, 0, 6), 0, 3).Draw(t, "lists")
		covered := func(lists ...[]Span) (bytes [3][50]bool) {
			for _, l := range lists {
				for _, s := range l {
					for i := s.Start; i < s.End; i++ {
						bytes[s.Type][i] = true
					}
				}
			}
			return bytes
		}
		got := Join(lists...)
		if covered(got) != covered(lists...) {
			t.Fatalf("Join(%v) = %v covers other bytes", lists, got)
		}
	})
}
