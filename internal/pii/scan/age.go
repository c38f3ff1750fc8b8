package scan

import "github.com/bricks-gateway/bricks/internal/pii"

// oldest is an age that nobody exceeds.
const oldest = 120

// ageValue reads the number behind "age" or "aged".
func (sc *scanner) ageValue(at int, p place) (pii.Span, bool) {
	if p.words > 0 && !p.copula || p.words > 2 {
		return pii.Span{}, false
	}
	end := at
	n := 0
	for end < len(sc.s) && class[sc.s[end]] == digits && end-at < 4 {
		n = n*10 + int(sc.s[end]-'0')
		end++
	}
	if end == at || end-at > 3 || n > oldest || sc.wordAt(end) || !p.cell && (sc.at(end) == '.' || sc.at(end) == ',' || sc.at(end) == '/' || sc.at(end) == ':') && class[sc.at(end+1)] == digits || sc.at(end) == '%' {
		return pii.Span{}, false
	}
	return pii.Span{Start: at, End: end, Type: pii.Age, Score: sure}, true
}

// byAgeUnit looks for the number before "years old", "-year-old", "yo".
func (sc *scanner) byAgeUnit(l *label) {
	t := l.first - 1
	if t < 0 {
		return
	}
	tok := sc.tokens[t]
	gap := sc.s[tok.end:l.start]
	if len(gap) > 2 || !blank(gap, " -") || !sc.ageToken(tok) {
		return
	}
	end := l.end
	if l.last > l.first && !ageWords.has(sc.wordOf(l.last)) { // not the patient of "68 years patient"
		end = sc.tokens[l.first].end
	}
	sc.add(tok.start, end, pii.Age, sure)
}

// ageToken reports whether a token is a number that may be somebody's age.
func (sc *scanner) ageToken(tok token) bool {
	if tok.has != digits || tok.end-tok.start > 3 || (sc.at(tok.start-1) == '.' || sc.at(tok.start-1) == ',' || sc.at(tok.start-1) == '$') && class[sc.at(tok.start-2)] == digits || sc.at(tok.start-1) == '$' {
		return false
	}
	return number([]byte(sc.s[tok.start:tok.end])) <= oldest
}

// byPerson looks for an age behind a verb that people's ages have: "turned 40",
// "he is 33,".
func (sc *scanner) byPerson(t int) {
	tok := sc.tokens[t]
	if t == 0 || tok.end-tok.start > 3 || !sc.ageToken(tok) || sc.s[sc.tokens[t-1].end:tok.start] != " " {
		return
	}
	before := sc.tokens[t-1]
	word := sc.s[before.start:before.end]
	n := number([]byte(sc.s[tok.start:tok.end]))
	if n < 1 || !sc.aloneAfter(t) {
		return
	}
	switch {
	case turning.has(word):
		if t >= 2 && !amounts.has(sc.wordOf(t-2)) {
			sc.add(tok.start, tok.end, pii.Age, possible)
		}
	case being.has(word) && t >= 2 && n >= 5 && (persons.has(sc.wordOf(t-2)) || t >= 3 && adverbs.has(sc.wordOf(t-2)) && persons.has(sc.wordOf(t-3))):
		sc.add(tok.start, tok.end, pii.Age, possible)
	case adverbs.has(word) && t >= 3 && n >= 5 && being.has(sc.wordOf(t-2)) && persons.has(sc.wordOf(t-3)):
		sc.add(tok.start, tok.end, pii.Age, possible)
	case word == "m" && t >= 2 && n >= 5 && sc.wordOf(t-2) == "I": // I'm 33
		sc.add(tok.start, tok.end, pii.Age, possible)
	}
}

// byApposition looks for an age between commas behind a person: "the suspect, 19,
// lives", "Anna Berg, 34, said".
func (sc *scanner) byApposition(t int) {
	tok := sc.tokens[t]
	if t == 0 || t+1 == len(sc.tokens) || tok.end-tok.start > 3 || !sc.ageToken(tok) || sc.s[sc.tokens[t-1].end:tok.start] != ", " || sc.s[tok.end:sc.tokens[t+1].start] != ", " {
		return
	}
	before, after := sc.tokens[t-1], sc.wordOf(t+1)
	named := before.has&(upper|foreign) != 0 && before.has&digits == 0 && before.label == 0
	if named && reporting.has(after) || persons.has(sc.wordOf(t-1)) && (reporting.has(after) || being.has(after)) {
		sc.add(tok.start, tok.end, pii.Age, possible)
	}
}

// reporting are what follows the age of somebody in the news.
var reporting = wordsOf(`of from who lives lived said says told was died works worked has had moved`)

var ageWords = wordsOf(`old years age yo o young alt ans años anni oud jaar anos edad idade saal ka ki jährig jährige jähriger jähriges`)

func (sc *scanner) wordOf(t int) string { return sc.s[sc.tokens[t].start:sc.tokens[t].end] }

// aloneAfter reports whether a number ends its clause, so that it counts nothing.
func (sc *scanner) aloneAfter(t int) bool {
	tok := sc.tokens[t]
	switch b := sc.at(tok.end); b {
	case 0, '\n', ';', '!', '?', ')', '"':
		return true
	case '.', ',':
		return class[sc.at(tok.end+1)] != digits
	case ' ':
		return t+1 < len(sc.tokens) && clauseWords.has(sc.wordOf(t+1))
	}
	return false
}

var (
	turning = wordsOf(`turned turn turns turning`)
	amounts = wordsOf(`it page pages to channel`)
	being   = wordsOf(`is am was be s`)
	adverbs = wordsOf(`now only just already almost nearly about over currently`)
	persons = wordsOf(`i he she who mother father son daughter brother sister wife husband grandmother grandfather mom dad mum uncle aunt patient child baby boy girl friend man woman suspect victim
		driver student teacher nurse husband widow teenager niece nephew grandson granddaughter`)
	clauseWords = wordsOf(`yesterday tomorrow recently last this earlier and but now today so when this next on in years yrs yo with who or`)
)
