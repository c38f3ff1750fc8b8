package fold

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// special marks the bytes at which replace has something to look at.
var special = func() (table [256]bool) {
	for b := 0x80; b < 0x100; b++ {
		table[b] = true
	}
	for _, b := range `\%&[(` {
		table[b] = true
	}
	return table
}()

// replace decodes escapes and puts plain characters in the place of others.
func (t *Text) replace(c *changes) {
	path := 0 // in[:path] ends a Windows path, whose backslashes escape nothing
	for i := 0; i < len(c.in); {
		b := c.in[i]
		if !special[b] {
			i++
			continue
		}
		var r rune
		size := 0
		switch {
		case b >= 0x80:
			r, size = utf8.DecodeRuneInString(c.in[i:])
			if p := plain(r); p == r || size == 1 { // size 1: no UTF-8
				i += size
				continue
			}
		case b == '%':
			r, size = percent(c.in[i:])
		case b == '&':
			r, size = entity(c.in[i:])
		case b == '[' || b == '(':
			if at, end, sign := bracketed(c.in, i, c.copied); sign != 0 {
				c.change(at, end, append(t.char[:0], sign))
				i = end
				continue
			}
		case i < path:
		case i >= 2 && c.in[i-1] == ':' && letter(c.in[i-2]) && (i == 2 || !letter(c.in[i-3]) && (c.in[i-3] < '0' || c.in[i-3] > '9')):
			path = i + pathLength(c.in[i:])
		default:
			r, size = backslash(c.in[i:])
		}
		if size == 0 {
			i++
			continue
		}
		t.char = t.char[:0]
		if r = plain(r); r != gone {
			t.char = utf8.AppendRune(t.char, r)
		}
		c.change(i, i+size, t.char)
		i += size
	}
}

// backslash decodes an escape of JSON, Python, Go or C at the start of s. The
// escapes of a text that was quoted several times have several backslashes.
func backslash(s string) (r rune, size int) {
	n := 1
	for n < len(s) && s[n] == '\\' && n < 8 {
		n++
	}
	if n == len(s) {
		return 0, 0
	}
	switch s[n] {
	case 'n', 'r':
		return '\n', n + 1
	case 't':
		return '\t', n + 1
	case '"', '/', '\'', '-', '.', '_', '@', '#': // the latter of Markdown
		return rune(s[n]), n + 1
	case 'x':
		if v, ok := hex(s[n+1:], 2); ok && v >= 0x20 && v < 0x7f {
			return v, n + 3
		}
	case 'U':
		if v, ok := hex(s[n+1:], 8); ok && utf8.ValidRune(v) {
			return v, n + 9
		}
	case 'u':
		return unicodeEscape(s, n+1)
	}
	return 0, 0
}

// unicodeEscape decodes what follows \u at s[at:].
func unicodeEscape(s string, at int) (r rune, size int) {
	if at < len(s) && s[at] == '{' {
		end := strings.IndexByte(s[at:min(len(s), at+8)], '}')
		if end < 2 {
			return 0, 0
		}
		v, ok := hex(s[at+1:], end-1)
		if !ok || !utf8.ValidRune(v) {
			return 0, 0
		}
		return v, at + end + 1
	}
	v, ok := hex(s[at:], 4)
	if !ok {
		return 0, 0
	}
	at += 4
	if utf16.IsSurrogate(v) {
		rest := strings.TrimLeft(s[at:min(len(s), at+16)], `\`)
		next := len(s[at:min(len(s), at+16)]) - len(rest)
		if next == 0 || !strings.HasPrefix(rest, "u") {
			return 0, 0
		}
		low, _ := hex(rest[1:], 4)
		if v = utf16.DecodeRune(v, low); v == utf8.RuneError {
			return 0, 0
		}
		at += next + 5
	}
	return v, at
}

// bracketed decodes what stands for a sign that machines would see: [at], (dot),
// [.], with a blank on each side or none. The bytes before least are taken.
func bracketed(s string, i, least int) (start, end int, sign byte) {
	closing := byte(']')
	if s[i] == '(' {
		closing = ')'
	}
	n := strings.IndexByte(s[i:min(len(s), i+5)], closing)
	if n < 0 {
		return 0, 0, 0
	}
	switch strings.ToLower(s[i+1 : i+n]) {
	case "at", "@":
		sign = '@'
	case "dot", ".":
		sign = '.'
	default:
		return 0, 0, 0
	}
	start, end = i, i+n+1
	if start > least && s[start-1] == ' ' && end < len(s) && s[end] == ' ' {
		return start - 1, end + 1, sign
	}
	return start, end, sign
}

// percent decodes one character of a URL's encoding at the start of s, also
// when it was encoded twice (%2540).
func percent(s string) (r rune, size int) {
	b, size := percentByte(s)
	if size == 0 {
		return 0, 0
	}
	if b < 0x80 {
		if b < 0x20 && b != '\n' && b != '\t' && b != '\r' || b == 0x7f {
			return 0, 0
		}
		return rune(b), size
	}
	char := [utf8.UTFMax]byte{b}
	for n := 1; n < utf8.UTFMax; n++ {
		next, more := percentByte(s[size:])
		if more == 0 {
			return 0, 0
		}
		char[n] = next
		size += more
		if utf8.FullRune(char[:n+1]) {
			r, length := utf8.DecodeRune(char[:n+1])
			if length != n+1 {
				return 0, 0
			}
			return r, size
		}
	}
	return 0, 0
}

func percentByte(s string) (b byte, size int) {
	if len(s) < 3 || s[0] != '%' {
		return 0, 0
	}
	n := 1
	for n < 9 && strings.HasPrefix(s[n:], "25") {
		if _, ok := hex(s[n+2:], 2); !ok {
			break
		}
		n += 2
	}
	v, ok := hex(s[n:], 2)
	if !ok {
		return 0, 0
	}
	return byte(v), n + 2
}

// entities are the named references of HTML that are found inside values.
var entities = []struct {
	name string
	r    rune
}{
	{"amp;", '&'}, {"lt;", '<'}, {"gt;", '>'}, {"quot;", '"'}, {"apos;", '\''}, {"nbsp;", ' '},
	{"commat;", '@'}, {"period;", '.'}, {"hyphen;", '-'}, {"dash;", '-'}, {"ndash;", '-'}, {"mdash;", '-'},
	{"colon;", ':'}, {"sol;", '/'}, {"plus;", '+'}, {"lowbar;", '_'}, {"shy;", 0xad}, {"zwnj;", 0x200c}, {"zwj;", 0x200d},
	{"ensp;", ' '}, {"emsp;", ' '}, {"thinsp;", ' '},
}

// entity decodes a character reference of HTML at the start of s.
func entity(s string) (r rune, size int) {
	if len(s) > 3 && s[1] == '#' {
		return numericEntity(s)
	}
	for _, e := range entities {
		if strings.HasPrefix(s[1:], e.name) {
			return e.r, 1 + len(e.name)
		}
	}
	return 0, 0
}

func numericEntity(s string) (r rune, size int) {
	end := strings.IndexByte(s[:min(len(s), 12)], ';')
	if end < 3 {
		return 0, 0
	}
	if s[2] == 'x' || s[2] == 'X' {
		v, ok := hex(s[3:], end-3)
		if !ok || end == 3 || v < 0x20 || !utf8.ValidRune(v) {
			return 0, 0
		}
		return v, end + 1
	}
	for _, d := range []byte(s[2:end]) {
		if d < '0' || d > '9' || r > 0x10ffff {
			return 0, 0
		}
		r = r*10 + rune(d-'0')
	}
	if r < 0x20 || !utf8.ValidRune(r) {
		return 0, 0
	}
	return r, end + 1
}

// hex reads n hexadecimal digits at the start of s.
func hex(s string, n int) (v rune, ok bool) {
	if len(s) < n || n > 8 {
		return 0, false
	}
	var u uint32
	for _, d := range []byte(s[:n]) {
		switch {
		case d >= '0' && d <= '9':
			d -= '0'
		case d >= 'a' && d <= 'f':
			d -= 'a' - 10
		case d >= 'A' && d <= 'F':
			d -= 'A' - 10
		default:
			return 0, false
		}
		u = u<<4 | uint32(d)
	}
	return rune(u), u <= 0x10ffff
}

// pathLength is how far a path goes on, from its first backslash. It ends at a
// blank or a quote.
func pathLength(s string) int {
	for i := range len(s) {
		switch s[i] {
		case ' ', '\t', '\r', '\n', '"', '\'', '<', '>', '|', ',', ';':
			return i
		}
	}
	return len(s)
}

func letter(b byte) bool { return 'a' <= b|0x20 && b|0x20 <= 'z' }
