package chain

import (
	"math"
	"unicode/utf8"

	"github.com/bricks-gateway/bricks/internal/pii"
	"github.com/bricks-gateway/bricks/internal/pii/ner/feature"
)

type scores [Labels]float32

// Decoder finds spans with a model. It keeps scratch memory and is not safe for
// concurrent use; the zero value works.
type Decoder struct {
	scan   feature.Scanner
	unary  []scores
	back   [][Labels]Label
	labels []Label
}

// Append appends the spans of text to dst, in order, none over another.
func (d *Decoder) Append(dst []pii.Span, m *Model, text string) []pii.Span {
	d.scan.Reset(m.Lexicon, text)
	for done := 0; d.scan.Next(done); {
		toks := d.scan.Tokens()
		d.label(m, toks)
		done = len(toks)
		if !d.scan.AtEnd() {
			done = complete(d.labels)
		}
		dst = d.spans(dst, m, text, toks[:done])
	}
	return dst
}

// complete is how many tokens can be answered for: a span that is open at the
// end waits for the text after it, unless it fills half of the segment.
func complete(labels []Label) int {
	for i := len(labels); i > len(labels)/2; i-- {
		if labels[i-1] == Outside {
			return i
		}
	}
	return len(labels)
}

const (
	never = -1e9

	// least is what a span must score: the few below are long runs of capitals
	// and other odd text, one in three hundred names and a quarter of the errors in code.
	least = 0.3
)

// label sets d.labels to the best labelling of toks.
func (d *Decoder) label(m *Model, toks []feature.Token) {
	n := len(toks)
	if cap(d.unary) < n {
		d.unary, d.back, d.labels = make([]scores, n), make([][Labels]Label, n), make([]Label, n)
	}
	d.unary, d.back, d.labels = d.unary[:n], d.back[:n], d.labels[:n]
	prev := scores{0, never, never, never, never} // as after a token outside
	for i := range toks {
		u := d.score(m, i)
		d.unary[i] = u
		moves := &m.Moves[Context(&toks[i])]
		var cur scores
		for b := Label(0); b < Labels; b++ {
			best, from := float32(2*never), Outside
			for a := Label(0); a < Labels; a++ {
				if !Follows(a, b) {
					continue
				}
				if s := prev[a] + moves[a][b]; s > best {
					best, from = s, a
				}
			}
			cur[b], d.back[i][b] = best+u[b], from
		}
		prev = cur
	}
	best := Outside
	for b := range Labels {
		if prev[b] > prev[best] {
			best = b
		}
	}
	for i := n - 1; i >= 0; i-- {
		d.labels[i] = best
		best = d.back[i][best]
	}
}

func (d *Decoder) score(m *Model, i int) scores {
	var f [feature.Count]uint32
	d.scan.Features(&f, i)
	var a, b, c, e int32
	for _, h := range f {
		w := m.Weights[h>>(32-rowBits)]
		a += int32(int8(w))
		b += int32(int8(w >> 8))
		c += int32(int8(w >> 16))
		e += int32(int8(w >> 24))
	}
	return scores{m.Bias[0], float32(a)*m.Scale + m.Bias[1], float32(b)*m.Scale + m.Bias[2], float32(c)*m.Scale + m.Bias[3], float32(e)*m.Scale + m.Bias[4]}
}

// spans appends the spans of the labelled tokens.
func (d *Decoder) spans(dst []pii.Span, m *Model, text string, toks []feature.Token) []pii.Span {
	for i := 0; i < len(toks); {
		l := d.labels[i]
		if l == Outside {
			i++
			continue
		}
		j := i + 1
		for j < len(toks) && (d.labels[j] == InName || d.labels[j] == InAddress) {
			j++
		}
		from, to := trim(text, toks, i, j)
		if sure := d.margin(m, toks, i, j); sure >= least && from < to && likely(text, toks[from:to], l) {
			s := pii.Span{Start: toks[from].Start, End: toks[to-1].End, Type: pii.Name, Score: sure}
			if l == BeginAddress {
				s.Type = pii.Address
			}
			dst = append(dst, s)
		}
		i = j
	}
	return dst
}

// trim takes line breaks and punctuation off both ends of toks[from:to].
func trim(text string, toks []feature.Token, from, to int) (int, int) {
	edge := func(t *feature.Token) bool {
		switch t.Shape {
		case feature.Newline, feature.Blank:
			return true
		case feature.Punct:
			switch text[t.Start] {
			case ')', '.':
				return false
			}
			return true
		}
		return false
	}
	for to > from && edge(&toks[to-1]) {
		to--
	}
	for from < to && (edge(&toks[from]) || toks[from].Shape == feature.Punct) && text[toks[from].Start] != '#' && text[toks[from].Start] != '\'' {
		from++
	}
	return from, to
}

// likely refuses what no text of the type is: without a word (a lone number may be
// a post code, and far more often is not), or of one letter.
func likely(text string, toks []feature.Token, l Label) bool {
	words, signs := 0, 0
	for i := range toks {
		switch s := toks[i].Shape; {
		case s.IsWord():
			words++
			signs += utf8.RuneCountInString(text[toks[i].Start:toks[i].End])
		case s.IsNumber() && l == BeginAddress:
			signs += 2
		}
	}
	return words > 0 && signs > 1
}

// margin is how sure the model is of toks[i:j]: the mean over its tokens of the
// probability of the label against Outside, given the labels beside it.
func (d *Decoder) margin(m *Model, toks []feature.Token, i, j int) float32 {
	var sum float64
	for k := i; k < j; k++ {
		l := d.labels[k]
		prev := Outside
		if k > 0 {
			prev = d.labels[k-1]
		}
		moves := &m.Moves[Context(&toks[k])]
		gain := d.unary[k][l] + moves[prev][l] - d.unary[k][Outside] - moves[prev][Outside]
		sum += 1 / (1 + math.Exp(-float64(gain)))
	}
	return float32(sum / float64(j-i))
}
