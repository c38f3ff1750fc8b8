package policy

import (
	"unicode/utf16"
	"unicode/utf8"
)

// appendDecoded appends the text that a JSON string literal stands for, and
// returns where its bytes stand in the literal, whose first byte is its opening
// quote. What is no valid literal is taken as it stands.
func appendDecoded(dst, literal []byte) (out []byte, jumps []jump) {
	if n := len(literal); n >= 2 && literal[n-1] == '"' {
		literal = literal[:n-1]
	}
	base, i := len(dst), 1
	for i < len(literal) {
		c := literal[i]
		if c != '\\' || i+1 >= len(literal) {
			dst = append(dst, c)
			i++
			continue
		}
		// The text goes on at the escape's place, and behind it elsewhere.
		jumps = append(jumps, jump{len(dst) - base, i})
		r, size := escape(literal[i:])
		dst = utf8.AppendRune(dst, r)
		i += size
		jumps = append(jumps, jump{len(dst) - base, i})
	}
	return dst, jumps
}

// escape reads the escape at the start of s.
func escape(s []byte) (r rune, size int) {
	switch s[1] {
	case 'n':
		return '\n', 2
	case 't':
		return '\t', 2
	case 'r':
		return '\r', 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'u':
		first, ok := hex4(s)
		if !ok {
			return utf8.RuneError, 2
		}
		if utf16.IsSurrogate(first) {
			if second, ok := hex4(s[6:]); ok {
				if whole := utf16.DecodeRune(first, second); whole != utf8.RuneError {
					return whole, 12
				}
			}
			return utf8.RuneError, 6
		}
		return first, 6
	}
	return rune(s[1]), 2 // a quote, a backslash, a slash
}

// hex4 reads a \uXXXX.
func hex4(s []byte) (r rune, ok bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	for _, c := range s[2:6] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	return r, true
}
