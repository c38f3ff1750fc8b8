package scan

import (
	"strings"

	"github.com/bricks-gateway/bricks/internal/pii"
)

// known are the values that are looked for in the rest of the text, by their
// first token.
type known map[string][]pii.Span

// mostKnown bounds the values that one text makes known.
const mostKnown = 256

// carried are the types whose values are told by nothing but their label, so
// that a second mention would be missed.
var carried = pii.Of(pii.BankAccountNumber, pii.BankRouting, pii.CAHealthNumber, pii.CASocialInsuranceNumber, pii.CardNumber, pii.DriverID,
	pii.INAadhaar, pii.INNrega, pii.INVoterNumber, pii.INPermanentAccountNumber, pii.LicensePlate, pii.PassportNumber, pii.Password, pii.Phone, pii.SSN,
	pii.SwiftCode, pii.UKNationalHealthServiceNumber, pii.UKUniqueTaxpayerReferenceNumber, pii.USIndividualTaxIdentificationNumber, pii.Username,
	pii.VehicleIdentificationNumber, pii.Name)

// propagate takes the other mentions of values that were found with confidence:
// whole words only, and never a value that may be a word.
func (sc *scanner) propagate() {
	count := 0
	for _, f := range sc.found {
		if f.Type == nothing || !carried.Has(f.Type) || f.Score < likely-0.05 || f.Type == pii.Username && f.Score < sure || !distinct(f.Type, sc.s[f.Start:f.End]) || count == mostKnown {
			continue
		}
		if sc.known == nil {
			sc.known = known{}
		}
		count += sc.remember(f)
		if f.Type == pii.Name {
			count += sc.remember(sc.surname(f))
		}
	}
	if count == 0 {
		return
	}
	before := len(sc.found)
	next := 0 // of the finds, which are in order
	end := 0
	for t := range sc.tokens {
		tok := &sc.tokens[t]
		for next < before && sc.found[next].End <= tok.start {
			next++
		}
		if tok.start < end || next < before && sc.found[next].Start < tok.end && sc.found[next].Type != nothing {
			continue
		}
		for _, f := range sc.known[sc.s[tok.start:sc.wordStop(tok.start)]] {
			value := sc.s[f.Start:f.End]
			end := tok.start + len(value)
			if !strings.HasPrefix(sc.s[tok.start:], value) || sc.wordAt(tok.start-1) || sc.wordAt(end) || sc.partOfLonger(tok.start, end) {
				continue
			}
			sc.add(tok.start, end, f.Type, f.Score-0.02)
		}
	}
	clear(sc.known)
	if len(sc.found) > before {
		sc.resolve()
	}
}

// remember makes a value known and returns 1, or 0 when it was known or is empty.
func (sc *scanner) remember(f pii.Span) int {
	key := sc.s[f.Start:min(f.End, sc.wordStop(f.Start))]
	if key == "" || len(sc.known[key]) >= 8 {
		return 0
	}
	for _, k := range sc.known[key] {
		if sc.s[k.Start:k.End] == sc.s[f.Start:f.End] {
			return 0
		}
	}
	sc.known[key] = append(sc.known[key], f)
	return 1
}

// surname is the last part of a name when it can stand alone: long enough, and
// no word or place. Otherwise it is empty.
func (sc *scanner) surname(f pii.Span) pii.Span {
	start := f.Start + strings.LastIndexByte(sc.s[f.Start:f.End], ' ') + 1
	last := sc.s[start:f.End]
	if len(last) < 5 || class[last[0]] == lower || sc.wordStop(start) != f.End || ambiguousSurnames.has(last) {
		return pii.Span{}
	}
	return pii.Span{Start: start, End: f.End, Type: pii.Name, Score: f.Score - 0.05}
}

// ambiguousSurnames are words, places and months as well.
var ambiguousSurnames = wordsOf(`young brown green white black stone woods rivers banks price power march summer winter grace faith baker carter
	cooper farmer fisher hunter mason miller parker porter potter taylor turner walker weaver smith church street bishop cross field fields
	glass house knight short small strong sweet chase christian london paris jordan austin dallas houston jackson washington lincoln
	madison virginia carolina georgia charlotte florence brooklyn chelsea india china israel ireland england france holland germany
	spain rome berlin vienna sydney melbourne boston chicago denver phoenix april august light frost brook brooks wolfe major sharp
	noble marsh moore nichols gates bridges waters flowers pearl ruby amber joy crystal dawn eve java python swift golden silver
	rhodes wells lakes forest branch burns cannon carpenter chandler clark cook dean duke earl ellis english french german
	irish welsh scott norman roman west north south east dean doctor professor king queen prince page pages rose wright peters
	james david michael daniel thomas martin peter simon henry george charles edward arthur lewis frank robin terry kelly
	apple amazon oracle google microsoft tesla ford mercedes johnson williams`)

// distinct reports whether a value can hardly mean anything else elsewhere.
func distinct(typ pii.Type, value string) bool {
	numerals, letters := 0, 0
	for i := range len(value) {
		if class[value[i]] == digits {
			numerals++
		} else if class[value[i]] != 0 {
			letters++
		}
	}
	if class[value[0]] == 0 || class[value[len(value)-1]] == 0 {
		return false
	}
	switch typ {
	case pii.Name: // Anna Berg, never Will or Rose
		return strings.IndexByte(value, ' ') > 0 && letters >= 8 && class[value[0]] != lower
	case pii.Username:
		return len(value) >= 5 && numerals > 0 || len(value) >= 6 && !notUsers.has(value) && !statuses.has(value) && class[value[0]] != upper
	case pii.Password:
		return len(value) >= 6 && secretLike(value)
	case pii.SwiftCode:
		return true
	}
	return numerals+letters >= 6 && numerals >= 3
}

// partOfLonger reports whether a dash, a dot or a slash ties a number to further
// digits.
func (sc *scanner) partOfLonger(start, end int) bool {
	tied := func(sign, other int) bool {
		b := sc.at(sign)
		return (b == '-' || b == '.' || b == '/' || b == '_') && class[sc.at(other)] == digits
	}
	return tied(start-1, start-2) || tied(end, end+1)
}
