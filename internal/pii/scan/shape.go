package scan

import (
	"strings"

	"github.com/bricks-gateway/bricks/internal/pii"
)

// shapes looks for values that their form alone gives away.
func (sc *scanner) shapes() {
	sc.addresses()
	for t := range sc.tokens {
		tok := &sc.tokens[t]
		if tok.label != 0 {
			continue
		}
		size := tok.end - tok.start
		switch {
		case tok.has&^upper == lower:
			sc.byTitle(t)
		case tok.has&digits != 0:
			sc.numbers(t)
		case tok.has == upper && size == 20:
			sc.codes(tok)
		case tok.has == upper && size >= 2 && size <= 8:
			if next := sc.at(tok.end); next == ' ' || next == '-' || next == '.' || next == '/' || next == '_' {
				sc.codes(tok)
			}
		}
		if next := sc.at(tok.end); (next == ':' || next == '-') && size <= 4 && sc.wordAt(tok.end+1) || next == ':' && sc.at(tok.end+1) == ':' || next == '.' && size == 4 {
			sc.hardware(tok)
		}
		if size > secretKeySize/8 && tok.has&^(digits|lower|upper) == 0 && tok.has&(lower|upper) != 0 {
			sc.awsSecret(tok)
		}
	}
}

// addresses looks for what a sign gives away: @, ://, a home directory; and for
// domains.
func (sc *scanner) addresses() {
	s := sc.s
	for i := strings.IndexByte(s, '@'); i >= 0 && i < len(s); {
		sc.email(i)
		sc.bySSH(i)
		next := strings.IndexByte(s[i+1:], '@')
		if next < 0 {
			break
		}
		i += 1 + next
	}
	last := 0
	for i := strings.Index(s, "://"); i >= 0; {
		if i >= last {
			sc.url(i)
			last = sc.urlEnd(i+3, i)
		}
		next := strings.Index(s[i+3:], "://")
		if next < 0 {
			break
		}
		i += 3 + next
	}
	for _, home := range homes {
		for i := strings.Index(s, home); i >= 0; {
			sc.byPath(i)
			next := strings.Index(s[i+1:], home)
			if next < 0 {
				break
			}
			i += 1 + next
		}
	}
	sc.options()
	sc.spelledEmails()
	last = 0
	for t := range sc.tokens {
		tok := &sc.tokens[t]
		if tok.start >= last && sc.at(tok.end) == '.' && sc.wordAt(tok.end+1) && class[sc.s[tok.end+1]] != digits {
			sc.bareURL(tok)
		}
	}
}

// clean reports whether a value may begin at a place: it is no piece of a longer
// one.
func (sc *scanner) clean(at int) bool {
	switch sc.at(at - 1) {
	case '-', '.', '/', '_', ',':
		return !sc.wordAt(at - 2)
	}
	return true
}

// numbers looks at a token with a digit.
func (sc *scanner) numbers(t int) {
	tok := &sc.tokens[t]
	if class[sc.s[tok.start]] != digits {
		sc.codes(tok)
		return
	}
	sc.byPerson(t)
	sc.byApposition(t)
	sc.yearAlone(t)
	if f, ok := sc.date(tok.start); ok {
		sc.found = append(sc.found, f)
	}
	if f, ok := sc.phone(tok.start, place{}, false); ok {
		sc.found = append(sc.found, f)
	}
	if tok.end-tok.start <= 4 {
		if sc.at(tok.end) == '.' {
			if f, ok := sc.ipAddress(tok.start, false); ok {
				sc.found = append(sc.found, f)
			}
		}
		if end := sc.timeOfDay(tok.start); end > tok.start && sc.clean(tok.start) && sc.tellsTime(t, end) {
			sc.add(tok.start, end, pii.DateTime, possible-0.1)
		}
	}
	if !sc.clean(tok.start) {
		return
	}
	var r run
	r.read(sc.s, tok.start)
	if n := cardIn(&r, false); n > 0 {
		score := float32(possible)
		if !r.shaped(n) {
			score = sure - 0.02
		}
		sc.add(tok.start, r.end[n-1], pii.CardNumber, score)
		sc.besideCard(r.end[n-1])
	}
	if typ, ok := dashed(&r); ok {
		sc.add(tok.start, r.end[8], typ, likely-0.04)
	}
	if r.shaped(4, 4, 4) && r.numeric(12) && r.alone(12) && r.c[0] >= '2' && verhoeff(r.c[:12]) {
		sc.add(tok.start, r.end[11], pii.INAadhaar, likely)
	}
	sc.letteredCodes(tok, &r)
}

// dashed tells the American numbers by their groups 3-2-4.
func dashed(r *run) (pii.Type, bool) {
	if !r.shaped(3, 2, 4) || !r.numeric(9) || !r.alone(9) || r.sep[3] != r.sep[5] || r.sep[3] == '/' || r.sep[3] == '_' {
		return 0, false
	}
	switch {
	case socialSecurity(r.c[:9]):
		return pii.SSN, true
	case taxpayer(r.c[:9]):
		return pii.USIndividualTaxIdentificationNumber, true
	}
	return 0, false
}

// alone reports whether no further number follows the first n characters.
func (r *run) alone(n int) bool { return n == r.n || r.c[n] > '9' && r.sep[n] == ' ' }

// codes looks at a token that begins with a letter.
func (sc *scanner) codes(tok *token) {
	if !sc.clean(tok.start) {
		return
	}
	var r run
	r.read(sc.s, tok.start)
	if n := ibanIn(&r); n > 0 {
		sc.add(tok.start, r.end[n-1], pii.IBAN, certain)
		return
	}
	sc.letteredCodes(tok, &r)
}

// letteredCodes looks for codes of letters and digits, in capitals.
func (sc *scanner) letteredCodes(tok *token, r *run) {
	s, at := sc.s, tok.start
	if r.alpha == 0 {
		return
	}
	capitals := func(n int) bool {
		for i := at; i < r.end[n-1]; i++ {
			if class[s[i]] == lower {
				return false
			}
		}
		return true
	}
	take := func(n int, typ pii.Type, score float32) {
		if capitals(n) {
			sc.add(at, r.end[n-1], typ, score)
		}
	}
	if r.whole(20) && r.shaped(20) && accessKey(r.c[:20]) {
		take(20, pii.AWSAccessKey, certain)
		return
	}
	switch {
	case r.whole(10) && r.shaped(10) && r.matches("AAAAA9999A") && strings.IndexByte("PCHABGJLFT", r.c[3]) >= 0:
		take(10, pii.INPermanentAccountNumber, sure-0.02)
	case r.whole(9) && r.matches("AA999999A") && (r.shaped(9) || r.shaped(2, 2, 2, 2, 1) || r.shaped(2, 6, 1)) && ninoPrefix(r.c[0], r.c[1]) && r.c[8] <= 'D':
		take(9, pii.UKNationalInsuranceNumber, sure-0.04)
	case r.whole(17) && r.shaped(17) && vinIn(r) == 17 && vinCheck(r.c[:17]):
		take(17, pii.VehicleIdentificationNumber, sure-0.05)
	case r.whole(16) && (r.shaped(16) || r.sep[2] == '-') && r.matches("AA99999999999999") && pairIn(indianStates, r.c[0], r.c[1]):
		take(16, pii.INNrega, likely)
	case r.whole(16) && r.shaped(16) && r.matches("AAAA*999999****") && strings.IndexByte("0156", r.c[6]) >= 0 && r.matches("AAAA*999999AA9AA"):
		take(16, pii.DriverID, likely)
	case r.whole(15) && r.matches("AA9999999999999") && pairIn(indianStates, r.c[0], r.c[1]) && (r.c[4] == '1' && r.c[5] == '9' || r.c[4] == '2' && r.c[5] == '0'):
		take(15, pii.DriverID, possible+0.05)
	case r.whole(12) && r.shaped(4, 4, 4) && r.matches("AAAA99999999") && strings.IndexByte("0156", r.c[6]) >= 0:
		take(12, pii.CAHealthNumber, possible+0.05)
	case r.whole(10) && r.matches("AA99AA9999") && pairIn(indianStates, r.c[0], r.c[1]) && (r.shaped(10) || r.shaped(2, 2, 2, 4) || r.shaped(4, 2, 4) || r.shaped(4, 6)):
		take(10, pii.LicensePlate, possible)
	case r.whole(7) && r.matches("AA99AAA") && r.shaped(4, 3) && r.sep[4] == ' ':
		take(7, pii.LicensePlate, possible)
	}
}

// accessKey reports whether twenty characters are the id of an AWS key (IAM's
// unique identifiers).
func accessKey(c []byte) bool {
	if c[0] != 'A' {
		return false
	}
	switch string(c[:4]) {
	case "AKIA", "ASIA", "AROA", "AIDA", "AGPA", "ANPA", "ANVA", "AIPA", "ABIA", "ACCA":
		return true
	}
	return false
}

// hardware looks for addresses of hexadecimal groups at a token.
func (sc *scanner) hardware(tok *token) {
	s := sc.s
	for i := tok.start; i < tok.end; i++ {
		if !hexDigit(s[i]) {
			return
		}
	}
	if sc.at(tok.start-1) == ':' && hexDigit(sc.at(tok.start-2)) {
		return
	}
	if f, ok := sc.macAddress(tok.start, false); ok {
		sc.found = append(sc.found, f)
		return
	}
	at := tok.start
	if sc.at(at-1) == ':' && sc.at(at-2) == ':' {
		at -= 2
	}
	if f, ok := sc.ipAddress(at, false); ok {
		sc.found = append(sc.found, f)
	}
}

// besideCard looks for the expiry and the code that stand right behind a card's
// number: 4111 1111 1111 1111 12/26 123.
func (sc *scanner) besideCard(end int) {
	skip := func(i int) int {
		for k := 0; k < 3 && i < len(sc.s) && strings.IndexByte(" ,;|\t", sc.s[i]) >= 0; k++ {
			i++
		}
		return i
	}
	at := skip(end)
	f, ok := sc.expiry(at, place{})
	if !ok || at == end {
		return
	}
	sc.found = append(sc.found, f)
	at = skip(f.End)
	var r run
	r.read(sc.s, at)
	if d := r.leadingDigits(); at > f.End && (d == 3 || d == 4) && r.whole(d) && r.closed(d) {
		sc.add(at, r.end[d-1], pii.CardCVV, likely)
	}
}

// expiry reads the month and year to which a card is good.
func (sc *scanner) expiry(at int, p place) (pii.Span, bool) {
	s := sc.s
	none := pii.Span{}
	found := func(end int) (pii.Span, bool) {
		return pii.Span{Start: at, End: end, Type: pii.CardExpiry, Score: sure}, true
	}
	if p.words > 0 && !p.copula || sc.wordAt(at-1) {
		return none, false
	}
	var r run
	r.read(s, at)
	switch d := r.leadingDigits(); {
	case r.n == 0:
		return none, false
	case d >= 6 && r.shaped(4, 2) && r.closed(6) && r.sep[4] != ' ':
		return found(r.end[5])
	case d >= 3 && (r.shaped(2, 2) || r.shaped(1, 2)), d >= 5 && (r.shaped(2, 4) || r.shaped(1, 4)):
		month, n := number(r.c[:1]), 1
		if !r.last[0] {
			month, n = number(r.c[:2]), 2
		}
		n += 2
		if !r.last[n-1] {
			n += 2
		}
		if month < 1 || month > 12 || !r.closed(n) || n < r.n && r.sep[n] == r.sep[n-1] && r.sep[n] != ' ' || r.sep[2] == ' ' && r.last[1] && !p.copula && p.back {
			return none, false
		}
		return found(r.end[n-1])
	case (d == 4 || d == 6) && r.shaped(d) && r.closed(d) && (p.copula || p.words == 0) && number(r.c[:2]) >= 1 && number(r.c[:2]) <= 12 && (d == 4 || r.c[2] == '2' && r.c[3] == '0'):
		return found(r.end[d-1])
	}
	if l, ok := sc.trie.match(s, at); ok && l.kind == month { // March 2027, Mar-27
		var y run
		i := l.end
		for i < len(s) && i-l.end < 3 && strings.IndexByte(" -/.'", s[i]) >= 0 {
			i++
		}
		y.read(s, i)
		if d := y.leadingDigits(); (d == 2 || d == 4) && y.whole(d) && i > l.end && (d == 4 || !strings.Contains(s[l.end:i], " ") || strings.Contains(s[l.end:i], "'")) {
			return found(y.end[d-1])
		}
	}
	return none, false
}
