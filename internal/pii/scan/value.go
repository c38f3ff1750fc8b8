package scan

import (
	"strings"

	"github.com/bricks-gateway/bricks/internal/pii"
)

// How sure a find is, by what speaks for it.
const (
	certain  = 0.97 // a label and check digits, or a shape that nothing else has
	sure     = 0.92 // a label and the right shape
	likely   = 0.82 // a label and a shape that others have as well
	possible = 0.7  // a shape alone
)

// value reads a value of a kind that a label announced at a place.
func (sc *scanner) value(k kind, at int, p place) (pii.Span, bool) {
	switch k {
	case kind(pii.Phone):
		return sc.phone(at, p, true)
	case kind(pii.DateTime):
		return sc.date(at)
	case kind(pii.Age):
		return sc.ageValue(at, p)
	case kind(pii.IPAddress):
		return sc.ipAddress(at, true)
	case kind(pii.MACAddress):
		return sc.macAddress(at, true)
	case kind(pii.CardExpiry):
		return sc.expiry(at, p)
	}
	var r run
	r.read(sc.s, at)
	if r.n == 0 {
		return pii.Span{}, false
	}
	n, typ, score := labelled(k, &r, p)
	if n == 0 {
		return pii.Span{}, false
	}
	if n > r.small && (typ == pii.LicensePlate && !p.copula || typ == pii.SwiftCode && !sc.assignedTo(at)) { // may be words
		return pii.Span{}, false
	}
	return pii.Span{Start: at, End: r.end[n-1], Type: typ, Score: score}, true
}

// assignedTo reports whether a sign such as a colon stands right before a place.
func (sc *scanner) assignedTo(at int) bool {
	for at > 0 && (sc.s[at-1] == ' ' || sc.s[at-1] == '"' || sc.s[at-1] == '\'') {
		at--
	}
	return strings.IndexByte(":=>|#", sc.at(at-1)) >= 0
}

// labelled gives how many of the run's characters are the value, its type and
// score; 0 when it is none.
func labelled(k kind, r *run, p place) (n int, typ pii.Type, score float32) {
	typ = pii.Type(k)
	switch k {
	case kind(pii.SSN), kind(pii.USIndividualTaxIdentificationNumber):
		return american(r, typ)
	case taxNumber:
		return tax(r)
	case kind(pii.UKUniqueTaxpayerReferenceNumber):
		return exactly(r, 10, typ, sure)
	case kind(pii.UKNationalInsuranceNumber):
		return nino(r, typ)
	case kind(pii.UKNationalHealthServiceNumber):
		if r.numeric(10) && r.closed(10) && nhsNumber(r.c[:10]) {
			return 10, typ, certain
		}
	case kind(pii.CASocialInsuranceNumber):
		if r.numeric(9) && r.closed(9) && luhn(r.c[:9]) {
			return 9, typ, certain
		}
	case kind(pii.CAHealthNumber):
		return canadianHealth(r, typ)
	case kind(pii.INAadhaar):
		if r.numeric(12) && r.closed(12) && verhoeff(r.c[:12]) {
			return 12, typ, certain
		}
	case kind(pii.INPermanentAccountNumber):
		if r.whole(10) && r.matches("AAAAA9999A") {
			return 10, typ, certain
		}
	case kind(pii.INVoterNumber):
		if r.whole(10) && r.matches("AAA9999999") {
			return 10, typ, certain
		}
	case kind(pii.INNrega):
		return jobCard(r, typ)
	case kind(pii.IBAN):
		if n := ibanIn(r); n > 0 {
			return n, typ, certain
		}
	case kind(pii.SwiftCode):
		if n, typ, score := swift(r, typ); p.words == 0 || p.copula || strings.ContainsAny(string(r.c[:n]), "0123456789") {
			return n, typ, score
		}
	case kind(pii.BankRouting), sortCode:
		return routing(r, k == sortCode)
	case kind(pii.BankAccountNumber):
		return account(r, typ, p)
	case kind(pii.CardNumber):
		if n := cardIn(r, true); n > 0 {
			return n, typ, certain
		}
	case kind(pii.CardCVV):
		if d := r.leadingDigits(); (d == 3 || d == 4) && r.whole(d) && r.closed(d) && (p.words == 0 || p.copula) {
			return d, typ, sure
		}
	case kind(pii.PIN):
		return pin(r, typ, p)
	case kind(pii.DriverID):
		return driver(r, typ, p)
	case kind(pii.PassportNumber):
		return passport(r, typ, p)
	case kind(pii.LicensePlate), vehicle:
		return plate(r, p, k == vehicle)
	case kind(pii.VehicleIdentificationNumber):
		if n := vinIn(r); n > 0 {
			return n, typ, certain
		}
	case anyNumber:
		return other(r, p)
	}
	return 0, typ, 0
}

// exactly takes a number of so many digits.
func exactly(r *run, digits int, typ pii.Type, score float32) (int, pii.Type, float32) {
	if r.numeric(digits) && r.closed(digits) {
		return digits, typ, score
	}
	return 0, typ, 0
}

// american tells a Social Security number from an individual taxpayer's: the
// latter begin with 9 (IRS, 26 CFR 301.6109-1).
func american(r *run, asked pii.Type) (int, pii.Type, float32) {
	if !r.numeric(9) || !r.closed(9) {
		return 0, asked, 0
	}
	switch {
	case socialSecurity(r.c[:9]):
		return 9, pii.SSN, sure
	case taxpayer(r.c[:9]):
		return 9, pii.USIndividualTaxIdentificationNumber, sure
	}
	return 0, asked, 0
}

// socialSecurity reports whether nine digits may be a Social Security number
// (SSA, POMS RM 10201.035).
func socialSecurity(d []byte) bool {
	area, group, serial := string(d[:3]), string(d[3:5]), string(d[5:])
	return area != "000" && area != "666" && d[0] != '9' && group != "00" && serial != "0000"
}

// taxpayer reports whether nine digits may be an individual taxpayer's number.
func taxpayer(d []byte) bool {
	group := int(d[3]-'0')*10 + int(d[4]-'0')
	return d[0] == '9' && (group >= 50 && group <= 65 || group >= 70 && group <= 88 || group >= 90 && group <= 92 || group >= 94)
}

// tax tells by the value which country's tax number it is.
func tax(r *run) (int, pii.Type, float32) {
	if n, typ, score := american(r, pii.SSN); n > 0 && typ != pii.SSN {
		return n, typ, score
	}
	switch {
	case r.shaped(3, 2, 4) && r.numeric(9) && r.closed(9) && socialSecurity(r.c[:9]):
		return 9, pii.SSN, likely
	case r.numeric(10) && r.closed(10):
		return 10, pii.UKUniqueTaxpayerReferenceNumber, likely
	case r.whole(10) && r.matches("AAAAA9999A"):
		return 10, pii.INPermanentAccountNumber, sure
	}
	return 0, 0, 0
}

func nino(r *run, typ pii.Type) (int, pii.Type, float32) {
	if !r.matches("AA999999") || !ninoPrefix(r.c[0], r.c[1]) {
		return 0, typ, 0
	}
	if r.whole(9) && r.c[8] >= 'A' && r.c[8] <= 'D' {
		return 9, typ, certain
	}
	if r.whole(8) {
		return 8, typ, sure
	}
	return 0, typ, 0
}

func canadianHealth(r *run, typ pii.Type) (int, pii.Type, float32) {
	if r.whole(12) && r.matches("AAAA99999999") { // Quebec
		return 12, typ, certain
	}
	if r.whole(12) && r.matches("9999999999AA") && (r.small >= 12 || r.sep[10] == 0) { // Ontario, with a version code
		return 12, typ, certain
	}
	for _, n := range [...]int{10, 12, 9} {
		if !r.numeric(n) || !r.closed(n) {
			continue
		}
		return n, typ, sure
	}
	return 0, typ, 0
}

// jobCard reads a job card of MGNREGA: a state and its numbers.
func jobCard(r *run, typ pii.Type) (int, pii.Type, float32) {
	if !r.matches("AA9999") || !pairIn(indianStates, r.c[0], r.c[1]) {
		return 0, typ, 0
	}
	for n := min(r.n, 24); n >= 10; n-- {
		if !r.whole(n) {
			continue
		}
		letters := 0
		for _, b := range r.c[2:n] {
			if b > '9' {
				letters++
			}
		}
		if letters == 0 {
			return n, typ, certain
		}
	}
	return 0, typ, 0
}

// pin takes four to eight digits.
func pin(r *run, typ pii.Type, p place) (int, pii.Type, float32) {
	d := r.leadingDigits()
	if p.words > 0 && !p.copula || p.weak && p.words > 0 {
		return 0, typ, 0
	}
	for n := min(d, 8); n >= 4; n-- {
		if r.whole(n) && r.closed(n) && (r.shaped(n) || r.shaped(1, 1, 1, 1) || r.shaped(2, 2) || r.shaped(3, 3)) {
			return n, typ, sure
		}
	}
	return 0, typ, 0
}

// other takes the number of something that is none of ours.
func other(r *run, p place) (int, pii.Type, float32) {
	if p.words > 1 || p.asked {
		return 0, nothing, 0
	}
	n := r.n
	for n > 0 && (!r.last[n-1] || n > 1 && r.alpha > 0 && r.group > 1) {
		n--
	}
	if r.group > 1 { // the first group, and those that - or . or / tie to it, or a blank when all are digits
		n = 0
		for n < r.n && (n == 0 || !r.last[n-1] || r.sep[n] != ' ' || r.alpha == 0) {
			n++
		}
	}
	digits := 0
	for _, b := range r.c[:n] {
		if b <= '9' {
			digits++
		}
	}
	if n == 0 || digits < 3 || !r.last[n-1] {
		return 0, nothing, 0
	}
	return n, nothing, possible + 0.02
}
