package scan

import "github.com/bricks-gateway/bricks/internal/pii"

// vinIn is 17 when the run begins with a vehicle's number: letters and digits
// without I, O and Q (ISO 3779).
func vinIn(r *run) int {
	if !r.whole(17) || r.group > 1 && !r.shaped(17) && !r.shaped(3, 6, 8) && !r.shaped(3, 5, 1, 8) && !evenGroups(r, 17) {
		return 0
	}
	letters := 0
	for _, b := range r.c[:17] {
		if b == 'I' || b == 'O' || b == 'Q' {
			return 0
		}
		if b > '9' {
			letters++
		}
	}
	if letters == 0 || letters > 16 {
		return 0
	}
	return 17
}

// evenGroups reports whether the first n characters stand in groups of at least
// two, tied by one separator.
func evenGroups(r *run, n int) bool {
	size := 0
	for i := range n {
		size++
		if r.sep[i] != 0 && r.sep[i] != firstSeparator(r) {
			return false
		}
		if r.last[i] {
			if size == 1 && i+1 < n {
				return false
			}
			size = 0
		}
	}
	return true
}

// code reads the number of a document: groups with a digit in each but the
// first, up to most characters. It ends before a word.
func code(s *run, least, most, letters int) int {
	best, alpha, numerals, size, groupDigits := 0, 0, 0, 0, 0
	for i := range s.n {
		if i > 0 && s.sep[i] != 0 {
			size, groupDigits = 0, 0
		}
		size++
		if s.c[i] > '9' {
			alpha++
		} else {
			numerals++
			groupDigits++
		}
		if i+1 > most || alpha > letters {
			break
		}
		if !s.last[i] {
			continue
		}
		if groupDigits == 0 && (best > 0 && size > 2 || size > 5) {
			break
		}
		if i+1 >= least && numerals >= 3 && (groupDigits > 0 || size == 1 && i+1 < s.n && s.sep[i+1] == '-') {
			if best > 0 && s.sep[i+1-size] == ' ' && best >= least && s.sep[i+1-size] != firstSeparator(s) {
				break
			}
			best = i + 1
		}
	}
	return best
}

func driver(r *run, typ pii.Type, p place) (int, pii.Type, float32) {
	if p.words > 1 && !p.copula || p.weak && p.words > 0 {
		return 0, typ, 0
	}
	if r.whole(16) && r.matches("AAAAA999999") || r.whole(18) && r.matches("*****999999") {
		n := 16
		if !r.whole(16) || r.whole(18) && r.sep[16] == ' ' && r.c[16] <= '9' {
			n = 18
		}
		if r.whole(n) {
			return n, typ, certain
		}
	}
	n := code(r, 5, 20, 9)
	if n == 0 || p.weak && (n < 6 || n > r.small || numerals(r.c[:n]) < 5) {
		return 0, typ, 0
	}
	return n, typ, likely + 0.03
}

func numerals(c []byte) int {
	n := 0
	for _, b := range c {
		if b <= '9' {
			n++
		}
	}
	return n
}

func passport(r *run, typ pii.Type, p place) (int, pii.Type, float32) {
	if p.words > 2 && !p.copula {
		return 0, typ, 0
	}
	n := code(r, 6, 12, 6)
	if n < 6 {
		return 0, typ, 0
	}
	return n, typ, sure - 0.02
}

// plate reads a registration plate: two to four groups of letters and digits.
// Beside a mere word for a car only plates of known form are one.
func plate(r *run, p place, known bool) (int, pii.Type, float32) {
	typ := pii.LicensePlate
	if p.words > 1 && !p.copula || p.weak && p.words > 2 {
		return 0, typ, 0
	}
	if n := plateShape(r); n > 0 {
		return n, typ, sure
	}
	if known || p.weak && !p.copula || !p.copula && p.words > 0 {
		return 0, typ, 0
	}
	best, letters, numerals, size, groups := 0, 0, 0, 0, 0
	for i := 0; i < r.n && i < 10; i++ {
		size++
		if r.c[i] > '9' {
			letters++
		} else {
			numerals++
		}
		if i >= r.small && (p.weak || !p.copula) || i > 0 && r.sep[i] == '_' {
			break
		}
		if r.last[i] {
			groups++
			if size > 8 || groups > 4 || i+1 < r.n && r.sep[i+1] == '.' {
				break
			}
			if i >= 3 && numerals > 0 && letters > 0 {
				if size > 4 && r.sep[i+1-size] == ' ' && r.c[i] > '9' { // a word
					break
				}
				best = i + 1
			}
			size = 0
		}
	}
	if best < 4 || numerals == 0 || best < r.n && r.sep[best] == '_' {
		return 0, typ, 0
	}
	return best, typ, likely
}

// plateShapes are plates that are told from a word by their form: groups apart
// by a blank or a dash, or one group, in capitals.
var plateShapes = []string{
	"AA99 AAA",                                      // Britain
	"AA 99 AA 9999", "AA 99 A 9999", "AA99 AA 9999", // India
	"AAA 999", "AAA 9999", "999 AAA", "9AAA999", "9999 AAA", // American states, Spain
	"AA 999 AA",                                                                                                                        // France, Italy
	"A AA 9999", "A AA 999", "AA AA 999", "AA AA 9999", "A A 9999", "AA A 9999", "AAA A 9999", "AA A 999", "AAA AA 999", "AAA AA 9999", // Germany
	"99 AA AA", "99 AAA 9", "9 AAA 99", "AA 999 A", "A 999 AA", "AA 99 AA", // Netherlands
	"AAA 9A99", // Brazil
}

// plateShape is the length of a plate of a known form, 0 when there is none.
func plateShape(r *run) int {
	longest := 0
	for _, shape := range plateShapes {
		n, ok := 0, true
		for i := 0; i < len(shape) && ok; i++ {
			if shape[i] == ' ' {
				continue
			}
			ok = n < r.n && (r.c[n] > '9') == (shape[i] == 'A')
			if i > 0 && shape[i-1] != ' ' && r.sep[n] != 0 {
				ok = false
			}
			n++
		}
		if ok && r.whole(n) && n > longest && (n == r.n || r.sep[n] != '-') {
			longest = n
		}
	}
	return longest
}
