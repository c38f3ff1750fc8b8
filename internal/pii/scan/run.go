package scan

import (
	"strings"
	"unicode/utf8"
)

// run is a value in compact form: its letters, as capitals, and digits, without
// what separates them. It is as long as the longest value that we know.
type run struct {
	n     int
	c     [40]byte
	end   [40]int  // where c[i] ends in the text
	last  [40]bool // c[i] is the last of its group
	sep   [40]byte // what stands between c[i-1] and c[i], 0 for nothing
	alpha int      // how many are letters
	small int      // c[:small] was written without small letters
	group int      // how many groups
}

// read collects the run at start: letters and digits of ASCII, with one
// separator at a time between groups. Separators are blanks, - . / and _, these
// four also with a blank on both sides, and * ~ and | without.
func (r *run) read(s string, start int) {
	*r = run{small: len(r.c)}
	low := false
	for i := start; i < len(s); i++ {
		b := s[i]
		switch class[b] {
		case digits:
		case lower:
			b -= 'a' - 'A'
			r.alpha++
			if !low {
				r.small, low = r.n, true
			}
		case upper:
			r.alpha++
		default:
			return
		}
		if r.n == len(r.c) {
			r.last[r.n-1] = false
			return
		}
		if r.n == 0 || r.last[r.n-1] {
			r.group++
		}
		r.c[r.n], r.end[r.n] = b, i+1
		next, sep := separator(s, i+1)
		r.last[r.n] = next != i+1
		r.n++
		if next == i+1 {
			if next == len(s) || class[s[next]] == 0 || class[s[next]] == foreign && !startsInWord(s[next:]) {
				r.last[r.n-1] = true
				return
			}
			continue
		}
		if next == len(s) || class[s[next]]&(digits|lower|upper) == 0 || r.n == len(r.c) {
			return
		}
		r.sep[r.n] = sep
		i = next - 1
	}
}

func startsInWord(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return inWord(r)
}

// separator reads what may stand between two groups at i.
func separator(s string, i int) (end int, sep byte) {
	start := i
	if i < len(s) && s[i] == ' ' {
		i++
	}
	if i < len(s) {
		switch s[i] {
		case '*', '~', '|':
			if i == start {
				return i + 1, s[i]
			}
		case '-', '.', '/', '_':
			sep = s[i]
			i++
			if i < len(s) && s[i] == '-' && sep == '-' {
				i++
				start++
			}
			if i-start == 2 { // with a blank before it, one behind it
				if i < len(s) && s[i] == ' ' {
					return i + 1, sep
				}
				return i, sep
			}
			return i, sep
		case ' ':
			return i + 1, ' '
		}
	}
	if i > start {
		return i, ' '
	}
	return i, 0
}

// whole reports whether the first n characters end with a group.
func (r *run) whole(n int) bool { return n <= r.n && n > 0 && r.last[n-1] }

// numeric reports whether the first n characters are digits and end a group.
func (r *run) numeric(n int) bool {
	if !r.whole(n) {
		return false
	}
	if r.alpha == 0 {
		return true
	}
	for _, b := range r.c[:n] {
		if b > '9' {
			return false
		}
	}
	return true
}

// leadingDigits is how many digits the run begins with.
func (r *run) leadingDigits() int {
	for i, b := range r.c[:r.n] {
		if b > '9' {
			return i
		}
	}
	return r.n
}

// shaped reports whether the run begins with groups of these lengths.
func (r *run) shaped(lengths ...int) bool {
	at := 0
	for _, n := range lengths {
		for i := at; i < at+n; i++ {
			if i >= r.n || r.last[i] != (i == at+n-1) {
				return false
			}
		}
		at += n
	}
	return true
}

// matches compares the first characters with a pattern: A for a letter, 9 for a
// digit, * for either.
func (r *run) matches(pattern string) bool {
	if len(pattern) > r.n {
		return false
	}
	for i := range len(pattern) {
		isDigit := r.c[i] <= '9'
		switch pattern[i] {
		case 'A':
			if isDigit {
				return false
			}
		case '9':
			if !isDigit {
				return false
			}
		}
	}
	return true
}

// closed reports whether the value of the first n characters is not a piece of
// something longer: no separator ties it to a further digit, but a blank.
func (r *run) closed(n int) bool {
	return n == r.n || strings.IndexByte(" *~|", r.sep[n]) >= 0 || r.c[n] > '9' && r.sep[n] != '_'
}
