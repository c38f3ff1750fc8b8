package scan

import "strings"

// operator says how a label is tied to a value of free form.
type operator uint8

const (
	beside operator = iota // a blank
	verb                   // is, was set to
	colon                  // :
	equals                 // =, |, ->, a tag
)

// free is a value of free form behind a label, such as a password.
type free struct {
	start, end int
	op         operator
	words      int // between label and operator
	quoted     bool
	spaced     bool // blanks stand around the =
	to         bool // the verb is a mere "to"
	lines      int  // line ends before the value
}

// verdict says what a character is on the way to a value of free form.
type verdict uint8

const (
	onTheWay verdict = iota
	here             // the value begins
	lost             // there is none
)

// assigned finds what a label of a free-form value is said to be: it skips the
// words to an operator, and the quotes and brackets around the value. A word
// right behind the label is the value itself, unless beyond is set.
func (sc *scanner) assigned(l *label, reach int, beyond bool) (free, bool) {
	f := free{op: beside}
	limit := min(len(sc.s), l.end+reach)
	for i := l.end; i < limit; {
		next, v := 0, onTheWay
		if class[sc.s[i]] != 0 {
			next, v = sc.freeWord(l, &f, i, beyond)
		} else {
			next, v = sc.freeSign(l, &f, i)
		}
		switch v {
		case here:
			return sc.freeValue(f, i)
		case lost:
			return f, false
		}
		i = next
	}
	return f, false
}

// freeWord reads a word at i on the way from a label to its value.
func (sc *scanner) freeWord(l *label, f *free, i int, beyond bool) (next int, v verdict) {
	end := sc.wordStop(i)
	word := sc.s[i:end]
	if f.op > verb || f.op == verb && !copulas.has(word) {
		return i, here
	}
	switch {
	case copulas.has(word):
		f.op, f.to = verb, word == "to"
	case fillers.has(word) || setting.has(word):
		f.words++
	default:
		if f.words == 0 && i <= l.end+1 && !beyond {
			return i, here
		}
		f.words++
	}
	for strings.IndexByte("@.-_+", sc.at(end)) >= 0 && class[sc.at(end+1)] != 0 { // for joe@example.com
		end = sc.wordStop(end + 1)
	}
	if f.words > 5 {
		return end, lost
	}
	return end, onTheWay
}

// freeSign reads a sign at i on the way from a label to its value.
func (sc *scanner) freeSign(l *label, f *free, i int) (next int, v verdict) {
	after := sc.at(i + 1)
	switch b := sc.s[i]; {
	case b == '*' && f.op >= colon && after > ' ' && after != '*' && sc.at(i-1) != '*':
		return i, here
	case b == ' ' || b == '*' || b == ')' || b == ']' || b == '`':
	case b == '\t':
		f.op = max(f.op, equals)
	case b == '"' || b == '\'':
		if f.op > beside || i > l.end && f.words == 0 && sc.s[i-1] == ' ' {
			return i, here
		}
	case b == '(' && f.op == beside && (after == '"' || after == '\''): // setPassword("…")
		f.op = equals
	case b == '(' && f.op == beside:
		close := strings.IndexByte(sc.s[i:min(len(sc.s), i+30)], ')')
		if close < 0 || f.words > 2 {
			return i, lost
		}
		i += close
	case b == ':' && after == '=', b == '=', b == '|', b == '>' && f.op < equals:
		return sc.assignment(f, i)
	case b == ':' && f.op < colon:
		f.op = colon
	case b == '-' && after == '>':
		f.op = equals
		i++
	case b == '-' && sc.at(i-1) == ' ' && after == ' ' && f.op == beside:
		f.op = colon
	case b == '\n':
		if f.op <= verb || f.words > 2 || after == '\n' && f.op != colon {
			return i, lost
		}
		f.lines++
	case f.op >= verb, f.op == beside && i == l.end+1:
		return i, here
	default:
		return i, lost
	}
	return i + 1, onTheWay
}

// assignment reads = and its kin at i; a comparison is none.
func (sc *scanner) assignment(f *free, i int) (next int, v verdict) {
	end := i + 1
	switch after := sc.at(end); {
	case sc.s[i] == '=' && (after == '=' || after == '~' || sc.at(i-1) == '!'):
		return i, lost
	case sc.s[i] == ':', after == '>':
		end++
	}
	f.op = equals
	f.spaced = sc.at(i-1) == ' ' && sc.at(end) == ' '
	return end, onTheWay
}

// setting are words of changing a value; the new one follows "to".
var setting = wordsOf(`set reset changed change updated update to`)

// wordStop is where the run of letters and digits at i ends.
func (sc *scanner) wordStop(i int) int {
	for i < len(sc.s) && class[sc.s[i]] != 0 {
		i++
	}
	return i
}

// freeValue reads a value of free form at i: to the closing quote, or to a blank
// without the punctuation that closes a clause.
func (sc *scanner) freeValue(f free, i int) (free, bool) {
	s := sc.s
	if i < len(s) && strings.IndexByte("\"'`", s[i]) >= 0 {
		quote := s[i]
		i++
		end := i
		for end < len(s) && end-i < 128 && s[end] != quote && s[end] != '\n' {
			end++
		}
		if end < len(s) && s[end] == quote && end > i {
			f.start, f.end, f.quoted = i, end, true
			return f, true
		}
	}
	for i < len(s) && strings.IndexByte("([", s[i]) >= 0 && f.op < equals {
		i++
	}
	end := i
	for end < len(s) && end-i < 129 && s[end] > ' ' && strings.IndexByte("\"`", s[end]) < 0 {
		if s[end] == '<' && sc.at(end+1) == '/' || s[end] == '|' && end > i && sc.at(end+1) <= ' ' || s[end] == '\'' && sc.at(end+1) <= ' ' {
			break
		}
		if f.op == equals && end > i && (s[end] == ';' || s[end] == ',' || s[end] == '&' && sc.nextKey(end+1)) {
			break
		}
		if f.op == colon && (s[end] == ',' || s[end] == ';') && sc.at(end+1) <= ' ' {
			break
		}
		end++
	}
	if end-i >= 129 {
		return f, false
	}
	closing := ".,;:)]}>"
	if f.op < colon { // Is it hunter2?
		closing += "?"
	}
	for end > i && strings.IndexByte(closing, s[end-1]) >= 0 {
		if s[end-1] == ')' && strings.IndexByte(s[i:end], '(') > 0 {
			break
		}
		end--
	}
	f.start, f.end = i, end
	return f, end > i
}

// nextKey reports whether a name and an equals sign stand at i, as in a=1&b=2.
func (sc *scanner) nextKey(i int) bool {
	end := sc.wordStop(i)
	return end > i && sc.at(end) == '='
}
