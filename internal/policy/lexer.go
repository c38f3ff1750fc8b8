package policy

import (
	"strings"
)

// lexer follows JSON text that arrives in pieces, as far as to know what stands
// within a string.
type lexer struct {
	inString bool
	escaped  bool // the last byte was a backslash
}

// skip moves on over text, if it is JSON at all.
func (l *lexer) skip(json bool, text string) {
	if json {
		for i := 0; i < len(text); i++ {
			l.next(text[i])
		}
	}
}

func (l *lexer) next(c byte) {
	switch {
	case l.escaped:
		l.escaped = false
	case l.inString && c == '\\':
		l.escaped = true
	case c == '"':
		l.inString = !l.inString
	}
}

// run moves on over the first part of text that is all within a string, all
// outside of one, or one quotation mark, and returns its length.
func (l *lexer) run(text string) int {
	for i := 0; i < len(text); i++ {
		quote := text[i] == '"' && !l.escaped
		if quote && i > 0 {
			return i
		}
		l.next(text[i])
		if quote {
			return 1
		}
	}
	return len(text)
}

// isNumber reports whether text is digits, as a JSON number may have them.
func isNumber(text string) bool {
	return text != "" && strings.Trim(text, "-+.0123456789eE") == "" && strings.ContainsAny(text, "0123456789")
}
