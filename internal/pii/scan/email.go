package scan

import (
	"strings"
	"unicode/utf8"

	"github.com/bricks-gateway/bricks/internal/pii"
)

// email looks at the at sign at i. Longer local parts and domains than RFC 5321
// allows are none.
func (sc *scanner) email(i int) {
	s := sc.s
	start := i
	for start > 0 && i-start < 64 && localByte(s[start-1]) {
		start--
	}
	for start < i && (strings.IndexByte(".-'%+/!#$&*=?^`{|}~", s[start]) >= 0 || !utf8.RuneStart(s[start])) {
		start++
	}
	for r, size := utf8.DecodeRuneInString(s[start:i]); size > 0 && r >= 0x80 && !inWord(r); r, size = utf8.DecodeRuneInString(s[start:i]) {
		start += size
	}
	if start == i && sc.at(i-1) == ' ' && sc.at(i+1) == ' ' {
		sc.spacedEmail(i)
	}
	if start == i || s[i-1] == '.' {
		return
	}
	end, tld := sc.domain(i + 1)
	if end == 0 || noDomain.has(tld) {
		return
	}
	if sc.at(end) == ':' && strings.HasPrefix(s[start:], "git@") || sc.at(end) == '(' {
		return
	}
	sc.add(start, end, pii.Email, certain)
}

// spacedEmail looks at an at sign between blanks: joe @ example.com.
func (sc *scanner) spacedEmail(i int) {
	start := i - 1
	for start > 0 && i-start < 64 && localByte(sc.s[start-1]) {
		start--
	}
	end, tld := sc.domain(i + 2)
	if start < i-1 && class[sc.s[start]] != 0 && end > 0 && webDomain.has(tld) {
		sc.add(start, end, pii.Email, likely)
	}
}

// spelledEmails looks for "joe at example dot com".
func (sc *scanner) spelledEmails() {
	s := sc.s
	for i := strings.Index(s, " dot "); i >= 0; {
		from := max(0, i-64)
		if at := strings.LastIndex(s[from:i], " at "); at > 0 {
			at += from
			host := s[at+len(" at ") : i]
			start := at
			for start > from && localByte(s[start-1]) {
				start--
			}
			end := sc.wordStop(i + len(" dot "))
			for n := 0; n < 4 && strings.HasPrefix(s[end:], " dot "); n++ {
				end = sc.wordStop(end + len(" dot "))
			}
			tld := s[strings.LastIndexByte(s[:end], ' ')+1 : end]
			if start < at && host != "" && strings.IndexByte(strings.ReplaceAll(host, " dot ", "."), ' ') < 0 && webDomain.has(tld) {
				sc.add(start, end, pii.Email, likely)
			}
		}
		next := strings.Index(s[i+1:], " dot ")
		if next < 0 {
			break
		}
		i += 1 + next
	}
}

// noDomain are endings of files that look like domains.
var noDomain = wordsOf(`png jpg jpeg gif svg webp css js ts html htm php json yaml yml txt pdf xml gz zip tar exe dll so jar class`)

func localByte(b byte) bool {
	return class[b] != 0 || b == '.' || b == '_' || b == '-' || b == '+' || b == '%' || b == '\'' || b == '!' || b == '#' || b == '~'
}

// domain reads a domain at i, and gives its end and its last label, which is of
// letters; 0 when there is none.
func (sc *scanner) domain(i int) (end int, tld string) {
	s, start := sc.s, i
	limit := min(len(s), i+253)
	last := i // where the last label begins
	for i < limit {
		b := s[i]
		switch {
		case class[b] != 0 && class[b] != foreign, b == '-' && i > last:
		case class[b] == foreign && startsInWord(s[i:]):
			_, size := utf8.DecodeRuneInString(s[i:])
			i += size - 1
		case b == '.' && i > last && i+1 < len(s) && class[s[i+1]] != 0:
			last = i + 1
		default:
			limit = i
			continue
		}
		i++
	}
	for i > last && s[i-1] == '-' {
		i--
	}
	if last == start || i-last < 2 || i-last > 24 {
		return 0, ""
	}
	tld = s[last:i]
	if !strings.HasPrefix(tld, "xn--") {
		for k := range len(tld) {
			if class[tld[k]]&(lower|upper|foreign) == 0 {
				return 0, ""
			}
		}
	}
	return i, tld
}
