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
		return strings.Contains(value, "0x") || aligned(value) || member(value) || !spoken(value)
	}
	if keywords[value] || aligned(value) || strings.ContainsAny(value, "%{}_=") || member(value) {
		return true
	}
	if f.Score < 0.6 && len(value) <= 5 && strings.ToUpper(value) == value && strings.ToLower(value) != value {
		return true // an acronym, or a register
	}
	if f.Start > 0 && (s[f.Start-1] == '.' || s[f.Start-1] == '*' || s[f.Start-1] == '&') && f.Start > 1 && isWordByte(s[f.Start-2]|' ') {
		return true // a member of something
	}
	if rest := s[f.End:]; len(rest) > 1 && (rest[0] == '(' || rest[0] == '.' && isWordByte(rest[1])) {
		return true // a call, or what a member is of
	}
	return strings.ToLower(value) == value && inCode(s, f.Start, f.End)
}

// aligned reports whether a value is set in columns, as fields of a struct are.
func aligned(value string) bool {
	for line := range strings.Lines(value) {
		if line = strings.Trim(line, " \t\n"); strings.Contains(line, "   ") || strings.Contains(line, "\t") {
			return true
		}
	}
	return false
}

// member reports whether a value holds what a name does not: the dot of l.len or
// C.SIGINT, a comma in the middle of a word, nothing but single letters.
func member(value string) bool {
	word, longest := 0, 0
	for i := range len(value) {
		if class[value[i]]&(lower|upper|foreign) != 0 {
			word++
			longest = max(longest, word)
			continue
		}
		if word > 0 && i+1 < len(value) && class[value[i+1]] != 0 && (value[i] == ',' || value[i] == '.' && (class[value[i+1]] == lower || capitals(value[i+1:]) > 2)) {
			return true
		}
		word = 0
	}
	return longest < 2
}

// capitals is how many capitals s begins with.
func capitals(s string) int {
	i := 0
	for i < len(s) && class[s[i]] == upper {
		i++
	}
	return i
}

// spoken reports whether an address has a word of its own or the form of a post
// code, which registers and bytes in a dump have not.
func spoken(value string) bool {
	letters, numerals, post := 0, 0, false
	for i := range len(value) {
		switch class[value[i]] {
		case 0:
			letters, numerals = 0, 0
		case digits:
			letters, numerals = 0, numerals+1
		default:
			letters, numerals = letters+1, 0
		}
		if letters == 3 {
			return true
		}
		post = post || numerals == 5 && len(value) <= 12 || i >= 4 && class[value[i]] == upper && class[value[i-1]] == upper && class[value[i-2]] == digits && value[i-3] == ' '
	}
	return post
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
