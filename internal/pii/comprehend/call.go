package comprehend

import (
	"iter"
	"sort"
	"strings"

	"github.com/bricks-gateway/bricks/internal/pii"
	"github.com/bricks-gateway/bricks/internal/pii/passage"
)

// separator keeps the values of two texts apart.
const separator = "\n\n"

// call is the text of one call, made of passages.
type call struct {
	text  string
	parts []part
}

type part struct {
	passage.Passage
	at int // the byte of the call's text where it starts
}

// end is the byte of the call's text behind the part.
func (p part) end() int { return p.at + p.End - p.Start }

// joinShort puts neighbouring passages into one call while they fit.
func joinShort(texts []string, passages []passage.Passage) []call {
	var calls []call
	for len(passages) > 0 {
		n, size := 0, 0
		for n < len(passages) {
			more := passage.Size(passages[n].Of(texts))
			if n > 0 {
				more += len(separator)
			}
			if n > 0 && size+more > maxBytes {
				break
			}
			size += more
			n++
		}
		calls = append(calls, newCall(texts, passages[:n]))
		passages = passages[n:]
	}
	return calls
}

func newCall(texts []string, passages []passage.Passage) call {
	var text strings.Builder
	parts := make([]part, len(passages))
	for i, p := range passages {
		if i > 0 {
			text.WriteString(separator)
		}
		parts[i] = part{p, text.Len()}
		text.WriteString(p.Of(texts))
	}
	return call{text.String(), parts}
}

// cut gives the bytes from and before to of the call's text as spans of the
// texts that they are in; what is in a separator is in none.
func (c *call) cut(from, to int) iter.Seq2[int, pii.Span] {
	return func(yield func(int, pii.Span) bool) {
		first := sort.Search(len(c.parts), func(i int) bool { return c.parts[i].end() > from })
		for _, p := range c.parts[first:] {
			if p.at >= to {
				return
			}
			low, high := max(from, p.at)-p.at, min(to, p.end())-p.at
			if low < high && !yield(p.Text, pii.Span{Start: p.Start + low, End: p.Start + high}) {
				return
			}
		}
	}
}
