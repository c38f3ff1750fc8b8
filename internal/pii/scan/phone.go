package scan

import (
	"strings"

	"github.com/bricks-gateway/bricks/internal/pii"
)

// dialled is a telephone number as it is written.
type dialled struct {
	start, end int
	n          int      // digits
	digits     [18]byte // of them
	groups     [12]int  // lengths
	seps       [12]byte // what stands before each group
	group      int
	plus       bool
	round      bool // a part stands in parentheses
}

// phone reads a telephone number at a place: one in international form, one in
// the form of a country, or with a label any that may be one.
func (sc *scanner) phone(at int, p place, labelled bool) (pii.Span, bool) {
	d, ok := sc.dial(at)
	if !ok {
		return pii.Span{}, false
	}
	if labelled && p.weak && p.words > 1 {
		labelled = false
	}
	if !labelled && sc.s[at] == '0' && sc.at(at-1) == ' ' && class[sc.at(at-2)] == digits {
		return pii.Span{}, false // the middle of a longer number
	}
	var score float32
	switch {
	case d.plus && !labelled && d.start == at && !d.round: // 00
		score = possible - 0.02
		if d.n < 9 || d.group < 2 {
			return pii.Span{}, false
		}
	case d.plus && !labelled && d.group == 1 && d.n < 10:
		return pii.Span{}, false
	case d.plus && d.n >= 7 && d.n <= 15 && d.digits[0] != '0':
		score = sure - 0.02
	case labelled && d.n >= 6 && d.n <= 15 && plausible(&d, p):
		score = likely
		if p.weak {
			score = likely - 0.02
		}
	case american10(&d):
		score = possible
	case national(&d):
		score = possible - 0.02
	default:
		return pii.Span{}, false
	}
	return pii.Span{Start: d.start, End: sc.extension(d.end), Type: pii.Phone, Score: score}, true
}

// dial reads digits in groups. A plus or a parenthesis before them belongs to
// the number.
func (sc *scanner) dial(at int) (d dialled, ok bool) {
	s := sc.s
	d.start = at
	if b := sc.at(at - 1); b == '(' {
		d.start--
		d.round = true
	}
	if b := sc.at(d.start - 1); b == '+' {
		d.start--
		d.plus = true
	} else if d.round && sc.at(d.start-1) == ' ' && sc.at(d.start-2) == '+' {
		d.start -= 2
		d.plus = true
	}
	if b := sc.at(d.start - 1); sc.wordAt(d.start-1) || (b == '-' || b == '.' || b == '/' || b == '_') && sc.wordAt(d.start-2) {
		return d, false
	}
	open := d.round
	for i := at; class[sc.at(i)] == digits; {
		start := i
		for ; i < len(s) && class[s[i]] == digits; i++ {
			if d.n == len(d.digits) {
				return d, false
			}
			d.digits[d.n] = s[i]
			d.n++
		}
		if d.group == len(d.groups) {
			return d, false
		}
		d.groups[d.group] = i - start
		d.group++
		d.end = i
		if d.group == 1 && d.round && sc.at(i) == ')' {
			d.end++ // of "(415)" alone
		}
		var sep byte
		i, sep = sc.dialGap(i, &open, &d.round)
		if class[sc.at(i)] == digits && d.group < len(d.groups) {
			d.seps[d.group] = sep
		}
	}
	if d.group <= 1 && d.round {
		return d, false
	}
	if sc.wordAt(d.end) && !(sc.s[d.end]|0x20 == 'x' && class[sc.at(d.end+1)] == digits) {
		return d, false
	}
	if d.n >= 11 && d.groups[0] >= 2 && d.digits[0] == '0' && d.digits[1] == '0' && d.digits[2] != '0' {
		d.plus = true // 00 is the plus of most of the world
		copy(d.digits[:], d.digits[2:d.n])
		d.n -= 2
	}
	return d, d.n > 0
}

// dialGap reads what may stand between two groups of digits at i: one of the signs
// - . / _ * ~, blanks, and parentheses.
func (sc *scanner) dialGap(i int, open, round *bool) (end int, sep byte) {
	start := i
	for i < len(sc.s) && i-start < 4 {
		switch b := sc.s[i]; {
		case b == ')' && *open:
			*open = false
		case b == '(' && !*open && class[sc.at(i+1)] == digits:
			*open, *round = true, true
		case b == ' ' && (sep == 0 || i-start == 1 && sep == ' ' || i-start == 2 || sc.s[i-1] == ')'):
			sep = max(sep, ' ')
		case strings.IndexByte("-./_*~", b) >= 0 && (sep == 0 || sep == ' ' || sc.s[i-1] == ')'):
			sep = b
		default:
			return i, sep
		}
		i++
	}
	return i, sep
}

// extension gives the end of a number with its extension: x12, ext. 12.
func (sc *scanner) extension(end int) int {
	s, i := sc.s, end
	for i < len(s) && (s[i] == ' ' || s[i] == ',') && i-end < 2 {
		i++
	}
	word := i
	for i < len(s) && class[s[i]]&(lower|upper) != 0 && i-word < 10 {
		i++
	}
	if w := s[word:i]; !extensions.has(w) && (w != "" || sc.at(i) != '#') {
		return end
	}
	for i < len(s) && (s[i] == '.' || s[i] == ' ' || s[i] == ':' || s[i] == '#') {
		i++
	}
	start := i
	for i < len(s) && class[s[i]] == digits {
		i++
	}
	if i == start || i-start > 6 || sc.wordAt(i) {
		return end
	}
	return i
}

var extensions = wordsOf(`x ext extn extension dw durchwahl poste interno int anexo toestel ramal`)

// plausible reports whether digits beside a label may be a telephone number:
// neither a date nor an address of the internet.
func plausible(d *dialled, p place) bool {
	if d.group == 1 && d.n < 7 && (p.words > 0 || p.weak) {
		return false
	}
	if d.group == 3 && d.groups[0] == 4 && d.groups[1] == 2 && d.groups[2] == 2 && d.seps[1] == '-' {
		return false
	}
	if d.group == 3 && d.groups[0] <= 2 && d.groups[1] <= 2 && (d.groups[2] == 4 || d.groups[2] == 2) && d.seps[1] != ' ' {
		return false
	}
	if d.group == 4 && d.seps[1] == '.' && d.seps[2] == '.' && d.groups[3] <= 3 && d.groups[2] <= 3 && d.groups[0] != 2 {
		return false
	}
	if p.weak && d.group == 1 && !p.copula && !p.back && (p.passed || d.n < 9) {
		return false
	}
	if p.weak && d.group == 2 && d.n < 8 && !p.copula && !p.back && d.seps[1] != '-' {
		return false
	}
	if d.group == 2 && d.seps[1] == '.' && d.groups[0] < 3 { // 3.14159265
		return false
	}
	return d.groups[0] <= 15
}

// american10 reports whether the digits have the form of the North American
// plan: (415) 555-2671, 1-415-555-2671.
func american10(d *dialled) bool {
	g := d.groups[:d.group]
	area := d.digits[:]
	if len(g) == 4 && g[0] == 1 && d.digits[0] == '1' || len(g) == 4 && g[0] == 3 && string(d.digits[:3]) == "001" {
		area = area[g[0]:]
		g = g[1:]
	}
	if len(g) == 2 && d.round && g[0] == 3 && g[1] == 7 {
		return area[0] >= '2'
	}
	if len(g) != 3 || g[0] != 3 || g[1] != 3 || g[2] != 4 || area[0] < '2' {
		return false
	}
	// Dashes and dots are the plan's own; blanks are everybody's.
	last := d.seps[d.group-1]
	if last == ' ' {
		return area[0] >= '2' && area[3] >= '2' && d.seps[d.group-2] == ' ' || d.round
	}
	return last == '-' || last == '.'
}

// national reports whether the digits have the form that many countries have: a
// zero, and groups of two and more.
func national(d *dialled) bool {
	if d.digits[0] != '0' || d.digits[1] == '0' || d.n < 10 || d.n > 12 || d.group < 2 {
		return d.round && d.digits[0] == '0' && d.n >= 9 && d.n <= 12 && d.digits[1] != '0'
	}
	for _, size := range d.groups[:d.group] {
		if size < 2 {
			return false
		}
	}
	if d.groups[0] == 2 && d.groups[1] == 2 && d.groups[2] == 4 && d.group == 3 { // a date
		return false
	}
	return d.groups[0] <= 6 && d.seps[1] != '.' || d.group >= 5 && d.n == 10
}
