package passage

import "unicode/utf8"

// Offsets tells where the code points of a text are, in bytes.
type Offsets struct {
	text  string
	count int
	marks []int // the byte of each code point that is a multiple of markEvery; none: ASCII
}

const markEvery = 128

// NewOffsets reads text once. A byte that is no UTF-8 counts as one code point,
// as it does once it is encoded in JSON.
func NewOffsets(text string) *Offsets {
	o := &Offsets{text: text, count: utf8.RuneCountInString(text)}
	if o.count == len(text) {
		return o
	}
	o.marks = make([]int, 0, o.count/markEvery+1)
	n := 0
	for at := range text {
		if n%markEvery == 0 {
			o.marks = append(o.marks, at)
		}
		n++
	}
	return o
}

// Bytes turns the code points from start up to end into bytes. ok is false when
// they are not in the text, or end comes before start.
func (o *Offsets) Bytes(start, end int) (from, to int, ok bool) {
	if start < 0 || end < start || end > o.count {
		return 0, 0, false
	}
	return o.byteOf(start), o.byteOf(end), true
}

func (o *Offsets) byteOf(n int) int {
	switch {
	case n == o.count:
		return len(o.text)
	case o.marks == nil:
		return n
	}
	at := o.marks[n/markEvery]
	for range n % markEvery {
		_, size := utf8.DecodeRuneInString(o.text[at:])
		at += size
	}
	return at
}
