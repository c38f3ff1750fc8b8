package scan

import (
	"strings"

	"github.com/bricks-gateway/bricks/internal/pii"
)

// isIdentifier reports whether what the model took for a name or an address is a
// part of a program's text: source code has many short words in a row, and lists
// of numbers.
func isIdentifier(s string, f pii.Span) bool {
	value := s[f.Start:f.End]
	if f.Type == pii.Address {
		return strings.Contains(value, "0x")
	}
	if keywords[value] {
		return true
	}
	if f.Start > 0 && (s[f.Start-1] == '.' || s[f.Start-1] == '*' || s[f.Start-1] == '&') && f.Start > 1 && isWordByte(s[f.Start-2]|' ') {
		return true // a member of something
	}
	if rest := s[f.End:]; len(rest) > 1 && (rest[0] == '(' || rest[0] == '.' && isWordByte(rest[1])) {
		return true // a call, or what a member is of
	}
	return strings.ToLower(value) == value && inCode(s, f.Start, f.End)
}

func isWordByte(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' }

// inCode reports whether a word without quotation marks stands in a line of code.
func inCode(s string, start, end int) bool {
	if start > 0 && end < len(s) && strings.IndexByte("\"'`", s[start-1]) >= 0 {
		return false
	}
	from := strings.LastIndexByte(s[max(0, start-maxCodeLine):start], '\n') + 1 + max(0, start-maxCodeLine)
	to := end
	if i := strings.IndexByte(s[end:min(len(s), end+maxCodeLine)], '\n'); i >= 0 {
		to += i
	} else {
		to = min(len(s), end+maxCodeLine)
	}
	line := s[from:to]
	for _, mark := range codeMarks {
		if strings.Contains(line, mark) {
			return true
		}
	}
	return strings.HasPrefix(line, "\t") && strings.HasSuffix(line, ",")
}

// keywords of programming languages that look like words of a list of names.
var keywords = map[string]bool{
	"nil": true, "null": true, "none": true, "None": true, "true": true, "false": true, "undefined": true, "void": true, "self": true,
	"this": true, "err": true, "ok": true, "int": true, "string": true, "bool": true, "rune": true, "byte": true, "char": true,
}

// maxCodeLine is how much of a line is looked at on either side, in bytes.
const maxCodeLine = 96

// codeMarks are what prose does not have.
var codeMarks = []string{":=", "==", "!=", "()", "){", ") {", "};", "&&", "||", "->", "=>", "[]", "();", "goto ", "func ", "%v", "%d", "%s"}
