package policy

import (
	"slices"
	"sort"
	"unsafe"

	"github.com/bricks-gateway/bricks/internal/pii"
)

// document is the text of a body: every field of it that is looked at, one
// behind the other, each with the way back to the body's bytes.
type document struct {
	buf    []byte
	fields []field
	// unseen names a part that cannot be looked at; empty: there is none.
	unseen string
}

// field is one text: buf[start:end].
type field struct {
	start, end int
	place      place
	// quotes: the text is a JSON number, and what takes its place wants these
	// around it. Empty: it stands within a string.
	quotes string
}

// place tells where the bytes of a text stand in what it was decoded from, and
// that in turn, up to the body.
type place struct {
	at    int    // of the text's first byte
	jumps []jump // where a text's byte is not one byte of its source, in order
	outer *place // nil: the source is the body
}

// jump says that the text's byte number text stands at source in its source.
type jump struct{ text, source int }

// source is the offset in the body of the text's byte number i.
func (p *place) source(i int) int {
	n := sort.Search(len(p.jumps), func(k int) bool { return p.jumps[k].text > i })
	if n == 0 {
		i += p.at
	} else {
		j := p.jumps[n-1]
		i = j.source + i - j.text
	}
	if p.outer != nil {
		return p.outer.source(i)
	}
	return i
}

// text is all of it. It is valid until the document is changed.
func (d *document) text() string { return view(d.buf) }

func (d *document) fieldText(i int) string {
	return view(d.buf[d.fields[i].start:d.fields[i].end])
}

// view is b as a string, without a copy: what it is given to keeps nothing.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// add appends a text that stands in its source byte for byte, behind its label.
func (d *document) add(label string, text []byte, p place) {
	d.begin(label)
	start := len(d.buf)
	d.buf = append(d.buf, text...)
	d.fields = append(d.fields, field{start: start, end: len(d.buf), place: p})
}

// begin parts a text from the one before it, and says what is known of it.
func (d *document) begin(label string) {
	switch {
	case label != "":
		if len(d.buf) > 0 {
			d.buf = append(d.buf, '\n')
		}
		d.buf = append(append(d.buf, label...), ": "...)
	case len(d.buf) > 0:
		d.buf = append(d.buf, "\n\n"...)
	}
}

// divide gives each field its part of what was found in the whole. Labels and
// what stands between fields are nobody's.
func (d *document) divide(p *Policy, spans []pii.Span) [][]match {
	out := make([][]match, len(d.fields))
	for _, s := range spans {
		if s.Type >= pii.Types || !p.types.Has(s.Type) {
			continue
		}
		i, _ := slices.BinarySearchFunc(d.fields, s.Start, func(f field, at int) int {
			if f.end <= at {
				return -1
			}
			return 1
		})
		for ; i < len(d.fields) && d.fields[i].start < s.End; i++ {
			f := d.fields[i]
			start, end := max(s.Start, f.start)-f.start, min(s.End, f.end)-f.start
			if start < end {
				out[i] = append(out[i], match{start, end, s.Type, p.actions[s.Type]})
			}
		}
	}
	return out
}
