package scan

import "github.com/bricks-gateway/bricks/internal/pii"

// ibanIn is the length of the IBAN that the run begins with, 0 when there is
// none: its country's length, and its check digits.
func ibanIn(r *run) int {
	if !r.matches("AA99") {
		return 0
	}
	n := ibanLength(r.c[0], r.c[1])
	if n == 0 || !r.whole(n) || !mod97(r.c[:n]) {
		return 0
	}
	return n
}

// cardLengths has the shortest and the longest card number (ISO/IEC 7812).
const cardShortest, cardLongest = 12, 19

// cardIn is the length of the card number that the run begins with, the longest
// one, 0 when there is none. Without a label the first digits must be those of a
// large network, and the groups as printed on cards.
func cardIn(r *run, labelled bool) int {
	for n := min(r.n, cardLongest); n >= cardShortest; n-- {
		if !r.numeric(n) || !r.closed(n) || !luhn(r.c[:n]) || same(r.c[:n]) {
			continue
		}
		if labelled || cardNetwork(r.c[:n]) && printed(r, n) {
			return n
		}
	}
	return 0
}

// same reports whether all characters are one.
func same(c []byte) bool {
	for _, b := range c {
		if b != c[0] {
			return false
		}
	}
	return true
}

// printed reports whether the groups are those of a card, or all of one length.
func printed(r *run, n int) bool {
	if r.shaped(n) || r.shaped(4, 6, 5) || r.shaped(4, 6, 4) {
		return true
	}
	length := 0
	for i, at := 0, 0; i < n; i++ {
		if !r.last[i] {
			continue
		}
		if length == 0 {
			length = i + 1
		}
		if size := i + 1 - at; size != length && i+1 != n || size > length {
			return false
		}
		at = i + 1
	}
	return length == 4 || length == 1 || length == 2
}

// cardNetwork knows the first digits and lengths of Visa, Mastercard, American
// Express, Discover, Diners Club, JCB, UnionPay and Maestro.
func cardNetwork(d []byte) bool {
	two, four := number(d[:2]), number(d[:4])
	switch {
	case d[0] == '4':
		return len(d) == 13 || len(d) == 16 || len(d) == 19
	case two >= 51 && two <= 55, four >= 2221 && four <= 2720:
		return len(d) == 16
	case two == 34 || two == 37:
		return len(d) == 15
	case four == 6011, two == 65, four >= 6440 && four <= 6499:
		return len(d) >= 16
	case two == 62, two == 81:
		return len(d) >= 16
	case two == 36, two == 38, two == 39, four >= 3000 && four <= 3059:
		return len(d) == 14 || len(d) == 16
	case four >= 3528 && four <= 3589:
		return len(d) >= 16
	case four == 1800 || four == 2131:
		return len(d) == 15
	case four == 5018, four == 5020, four == 5038, four == 5893, four == 6304, four == 6759, four >= 6761 && four <= 6763:
		return true
	}
	return false
}

func number(d []byte) int {
	n := 0
	for _, b := range d {
		n = n*10 + int(b-'0')
	}
	return n
}

// swift reads a code of ISO 9362: bank, country, place, branch.
func swift(r *run, typ pii.Type) (int, pii.Type, float32) {
	if !r.matches("AAAAAA**") || !pairIn(countries, r.c[4], r.c[5]) {
		return 0, typ, 0
	}
	switch {
	case r.whole(11) && (r.shaped(11) || r.small >= 11 && (r.shaped(8, 3) || r.shaped(4, 2, 2, 3))):
		return 11, typ, certain
	case r.whole(8) && (r.shaped(8) || r.shaped(4, 2, 2)):
		return 8, typ, certain
	}
	return 0, typ, 0
}

// routing reads the number of a bank or branch: American or Indian, and abroad
// British, German, Australian.
func routing(r *run, abroad bool) (int, pii.Type, float32) {
	typ := pii.BankRouting
	switch {
	case r.numeric(9) && r.closed(9) && abaRouting(r.c[:9]):
		return 9, typ, certain
	case r.whole(11) && r.matches("AAAA9******") && r.c[4] == '0':
		return 11, typ, certain
	case !abroad:
	case r.numeric(8) && r.closed(8) && (r.shaped(8) || r.shaped(3, 3, 2) || r.shaped(5, 3)):
		return 8, typ, sure
	case r.numeric(6) && r.closed(6) && (r.shaped(2, 2, 2) || r.shaped(6) || r.shaped(3, 3)):
		return 6, typ, sure
	}
	return 0, typ, 0
}

// sortCode notes the sort code before a British account's number, 20-00-00
// 55779911, and returns where the number begins; at when there is none.
func (sc *scanner) sortCode(at int) int {
	var r run
	r.read(sc.s, at)
	if !r.numeric(14) || !r.closed(14) || !r.shaped(2, 2, 2, 8) || r.sep[2] != '-' || r.sep[4] != '-' {
		return at
	}
	sc.add(at, r.end[5], pii.BankRouting, sure)
	return r.end[13] - len("55779911")
}

// account reads a bank account's number: five to seventeen digits, with the
// separators of the first group throughout.
func account(r *run, typ pii.Type, p place) (int, pii.Type, float32) {
	if n := ibanIn(r); n > 0 {
		return n, pii.IBAN, certain
	}
	if p.weak && p.words > 0 && !p.copula {
		return 0, typ, 0
	}
	least := 6
	if p.weak || p.words > 1 {
		least = 7
	}
	d := min(r.leadingDigits(), 17)
	n := 0
	for i := range d {
		if i > 0 && r.sep[i] != 0 && n >= 5 && (r.sep[i] == '|' || r.sep[i] != firstSeparator(r) || r.sep[i] == ' ' && n >= least) {
			break
		}
		if r.last[i] {
			n = i + 1
		}
	}
	if n < least || !r.closed(n) {
		return 0, typ, 0
	}
	return n, typ, likely + 0.03
}

// firstSeparator is what stands behind the run's first group.
func firstSeparator(r *run) byte {
	for i := 1; i < r.n; i++ {
		if r.sep[i] != 0 {
			return r.sep[i]
		}
	}
	return 0
}
