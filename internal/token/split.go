package token

import (
	"unicode"
	"unicode/utf8"
)

// A vocabulary's tokens never cross the borders of pieces: words with what
// precedes them, up to three digits, punctuation, white space. OpenAI defines the
// pieces with regular expressions (tiktoken's openai_public.py). The functions
// here find the same pieces in one pass with at most one step back; a regular
// expression engine takes quadratic time on some inputs.

// class is what the expressions ask of a character.
type class uint8

const (
	other   class = iota // neither a letter, a mark, a number nor white space
	space                // white space but for newline
	newline              // CR and LF
	upper                // Lu, Lt
	lower                // Ll
	uncased              // Lm, Lo
	mark                 // M
	number               // N
)

// classes holds the class of each code point.
type classes [unicode.MaxRune + 1]class

func newClasses() *classes {
	c := new(classes)
	for _, x := range []struct {
		class
		*unicode.RangeTable
	}{
		{upper, unicode.Lu}, {upper, unicode.Lt}, {lower, unicode.Ll}, {uncased, unicode.Lm},
		{uncased, unicode.Lo}, {mark, unicode.M}, {number, unicode.N}, {space, unicode.White_Space},
	} {
		for _, r := range x.R16 {
			c.set(uint32(r.Lo), uint32(r.Hi), uint32(r.Stride), x.class)
		}
		for _, r := range x.R32 {
			c.set(r.Lo, r.Hi, r.Stride, x.class)
		}
	}
	c['\r'], c['\n'] = newline, newline
	return c
}

func (c *classes) set(low, high, stride uint32, to class) {
	for r := low; r <= high; r += stride {
		c[r] = to
	}
}

// at returns the class and the size of the character at i, and size 0 at the end.
func (c *classes) at(t []byte, i int) (class, int) {
	if i >= len(t) {
		return other, 0
	}
	if b := t[i]; b < utf8.RuneSelf {
		return c[b], 1
	}
	r, n := utf8.DecodeRune(t[i:])
	return c[r], n
}

// run returns the end of the characters from i on whose class is in set.
func (c *classes) run(t []byte, i int, set uint16) int {
	for i < len(t) {
		k, n := c.at(t, i)
		if set&(1<<k) == 0 {
			break
		}
		i += n
	}
	return i
}

const (
	letters     = 1<<upper | 1<<lower | 1<<uncased
	white       = 1<<space | 1<<newline
	signs       = 1<<other | 1<<mark
	upperOrNone = 1<<upper | 1<<uncased | 1<<mark
	lowerOrNone = 1<<lower | 1<<uncased | 1<<mark
	prefix      = 1<<other | 1<<mark | 1<<space
)

// splitCL100k returns the end of the piece that t starts with, and how far it
// looked to know. t is not empty. The expression, with its possessive marks left
// out, is
//
//	'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s+$|\s*[\r\n]|\s+(?!\S)|\s
func splitCL100k(c *classes, t []byte) (end, seen int) {
	if n := contraction(t, 0); n > 0 {
		return n, n
	}
	k, n := c.at(t, 0)
	from := 0
	if prefix&(1<<k) != 0 {
		from = n
	}
	if end = c.run(t, from, letters); end > from {
		return end, end
	}
	if end = c.digits(t, k, n); end > 0 {
		return end, end
	}
	if end = c.punctuation(t); end > 0 {
		end = newlines(t, end, false)
		return end, end
	}
	if end, seen = c.whiteSpace(t); seen == len(t) {
		end = seen // here the end of the text comes before newlines
	}
	return end, seen
}

// splitO200k is splitCL100k for
//
//	[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?
//	|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?
//	|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+
func splitO200k(c *classes, t []byte) (end, seen int) {
	k, n := c.at(t, 0)
	from := 0
	if prefix&(1<<k) != 0 {
		from = n
	}
	if end, seen = c.word(t, from, k == mark); end > 0 {
		end += contraction(t, end)
		return end, max(seen, end+len("'ll"))
	}
	if end = c.digits(t, k, n); end > 0 {
		return end, end
	}
	if end = c.punctuation(t); end > 0 {
		end = newlines(t, end, true)
		return end, end
	}
	return c.whiteSpace(t)
}

// word matches the first two alternatives of o200k's expression but for the
// contraction, where from is behind the optional prefix and marked says that the
// prefix is a mark, which could start the word itself.
func (c *classes) word(t []byte, from int, marked bool) (end, seen int) {
	i, lastNone := from, 0 // lastNone: end of the last character without case
	for {
		k, n := c.at(t, i)
		if n == 0 || upperOrNone&(1<<k) == 0 {
			if n > 0 && k == lower {
				end = c.run(t, i, lowerOrNone)
				return end, end
			}
			break
		}
		i += n
		if k != upper {
			lastNone = i
		}
	}
	switch {
	case lastNone > 0:
		return lastNone, i
	case marked:
		return from, i
	case i > from:
		return i, i
	}
	return 0, i
}

// digits matches up to three; k and n are of t's first character.
func (c *classes) digits(t []byte, k class, n int) int {
	if k != number {
		return 0
	}
	for range 2 {
		k, more := c.at(t, n)
		if k != number {
			break
		}
		n += more
	}
	return n
}

// punctuation matches it with a space in front.
func (c *classes) punctuation(t []byte) int {
	from := 0
	if t[0] == ' ' {
		from = 1
	}
	if end := c.run(t, from, signs); end > from {
		return end
	}
	return 0
}

// newlines returns the end of the newlines, and slashes if they count as such,
// from i on.
func newlines(t []byte, i int, slashes bool) int {
	for i < len(t) && (t[i] == '\r' || t[i] == '\n' || slashes && t[i] == '/') {
		i++
	}
	return i
}

// whiteSpace matches white space: up to its last newline; without one all but the
// last character, which belongs to what follows.
func (c *classes) whiteSpace(t []byte) (end, seen int) {
	last, i := 0, 0
	for i < len(t) {
		k, n := c.at(t, i)
		if white&(1<<k) == 0 {
			break
		}
		if i += n; k == newline {
			end = i
		}
		last = n
	}
	switch {
	case i == len(t) && end == 0, i == last:
		return max(i, 1), i
	case end > 0:
		return end, i
	}
	return i - last, i
}

// contraction returns the length of the 's, 't, 're, 've, 'm, 'll or 'd that
// stands at i in either case, 0 if none does.
func contraction(t []byte, i int) int {
	if i+1 >= len(t) || t[i] != '\'' {
		return 0
	}
	switch t[i+1] | 0x20 {
	case 's', 't', 'm', 'd':
		return 2
	case 'r', 'v':
		if i+2 < len(t) && t[i+2]|0x20 == 'e' {
			return 3
		}
	case 'l':
		if i+2 < len(t) && t[i+2]|0x20 == 'l' {
			return 3
		}
	}
	// Long s is an s when case is ignored.
	if r, n := utf8.DecodeRune(t[i+1:]); r == 'ſ' {
		return 1 + n
	}
	return 0
}
