package scan

import (
	"strings"

	"github.com/bricks-gateway/bricks/internal/pii"
)

// How far a label reaches, in bytes: forward over the words between it and its
// value, and back to a value that stands before it.
const (
	reach     = 96
	reachBack = 48
)

// place says how a value stands to the label that is followed.
type place struct {
	weak    bool // the label also means other things
	copula  bool // an "is", a colon or the like stands right before the value
	words   int  // how many words stand between that are none of ours
	crossed int  // how many other labels do
	back    bool // the value stands before the label
	asked   bool // a sentence ended between them
	round   bool // parentheses are open
	passed  bool // some word stands between
	cell    bool // the value is a cell of a table
}

// penalty lowers the score of what is farther away.
func (p place) penalty() float32 {
	cost := 0.03*float32(p.words) + 0.1*float32(p.crossed)
	if p.weak {
		cost += 0.12
	}
	if p.back || p.asked {
		cost += 0.05
	}
	return cost
}

// wordSet is a set of short words in lower case.
type wordSet map[string]bool

func wordsOf(text string) wordSet {
	set := wordSet{}
	for w := range strings.FieldsSeq(text) {
		set[w] = true
	}
	return set
}

func (w wordSet) has(s string) bool {
	var buffer [16]byte
	return w[string(lowered(s, &buffer))]
}

var (
	// copulas say that what follows is the value.
	copulas = wordsOf(`is are was were be being equals reads ist sind war lautet heißt heisst est sont était es son era è é sono são era hai hain tha
		as following follows below namely to`)
	// fillers stand between a label and its value and say nothing.
	fillers = wordsOf(`my your his her their our its the a an of for to it this that here also no nr num number numbers code id nbr n on file
		value currently still now please use enter and or with s in at from under whose which shown given provided listed issued
		die der das den dem mein meine meiner deine ihr ihre ihrer sein seine unser unsere und oder von für mit lautet nummer bitte
		le la les un une mon ma mes ton votre vos son sa ses leur notre du de des et ou numéro suivant
		el los las una mi su tu nuestro nuestra y o del número siguiente
		il lo i gli mio mia tuo sua suo di e del della numero seguente
		de het een mijn jouw uw zijn haar ons onze van voor en of nummer
		sure yes yeah yep ok okay well um uh s claro oui sí si ja bien
		meu minha seu sua nosso nossa do da dos e ou número seguinte
		mera meri mere aapka uska iska ka ki ke yeh ye`)
	// abbreviated words end in a dot that ends no sentence.
	abbreviated = wordsOf(`no nr num acct acc tel mob ph ref st dr mr mrs ms ext fax nro nbr exp geb reg lic soc sec n tél telf`)
)

// byLabels looks for the value of each label.
func (sc *scanner) byLabels() {
	for i := range sc.labels {
		l := &sc.labels[i]
		if sc.closingTag(l.start) || sc.inHeader(l.start) {
			continue
		}
		var found bool
		switch l.kind {
		case anything, anonymous:
			continue
		case month:
			sc.byMonth(l)
			continue
		case weekday:
			sc.byWeekday(l)
			continue
		case yearsOld:
			sc.byAgeUnit(l)
			continue
		case kind(pii.Password):
			found = sc.passwordAfter(l)
		case kind(pii.Username):
			found = sc.usernameAfter(l)
		case kind(pii.INAadhaar):
			if found = sc.after(l); !found && strings.EqualFold(sc.s[l.start:l.end], "uid") {
				found = sc.usernameAfter(l) // uid=joe
			}
		case kind(pii.PIN):
			if found = sc.after(l); !found && l.end-l.start > len("pass") && strings.EqualFold(sc.s[l.start:l.start+len("pass")], "pass") {
				found = sc.passwordAfter(l) // passcode: S3same%
			}
		case kind(pii.Name):
			sc.nameAfter(l)
			continue
		case kind(pii.AWSSecretKey), kind(pii.AWSAccessKey), kind(pii.Email), kind(pii.URL):
			continue // their shapes look for the label
		case kind(pii.Phone):
			found = l.weak && i > 0 && sc.topic(&sc.labels[i-1], l) || sc.after(l)
		default:
			found = sc.after(l)
		}
		if !found && l.kind < anyNumber {
			sc.before(l)
		}
	}
}

// closingTag reports whether a label at i is the name in </name>, which says
// nothing of what follows.
func (sc *scanner) closingTag(i int) bool { return i >= 2 && sc.s[i-1] == '/' && sc.s[i-2] == '<' }

// after looks for the label's value behind it, and for a list of values.
func (sc *scanner) after(l *label) bool {
	p := place{weak: l.weak}
	if l.governed {
		p.crossed++
	}
	pos := l.end
	for t := l.last + 1; t < len(sc.tokens) && sc.tokens[t].start <= l.end+reach; t++ {
		tok := &sc.tokens[t]
		if !sc.gap(l, pos, tok.start, &p) {
			return false
		}
		word := sc.s[tok.start:tok.end]
		small := tok.has == lower && (fillers.has(word) || copulas.has(word))
		if !small && tok.label == 0 || tok.has&digits != 0 || l.kind == kind(pii.CardExpiry) {
			if end, ok := sc.take(l, tok.start, p); ok {
				sc.list(l, t, end, p)
				return true
			}
		}
		if !sc.pass(l, t, &p) {
			return false
		}
		p.passed = true
		pos = tok.end
	}
	return false
}

// topic looks for the value of a label behind a mere "number" in the same
// sentence: "my passport is new, its number is …".
func (sc *scanner) topic(l, number *label) bool {
	if l.kind >= anyNumber || l.weak || freeForm(l.kind) || number.start-l.end > 64 || !numberWords.has(sc.s[number.start:number.end]) ||
		strings.ContainsAny(sc.s[l.end:number.start], ".\n?!;") {
		return false
	}
	of := *number
	of.kind, of.weak = l.kind, false
	return sc.after(&of)
}

var numberWords = wordsOf(`number nummer numéro numero número`)

// gap reads what stands between two words on the way to a value, and reports
// whether the way goes on.
func (sc *scanner) gap(l *label, from, to int, p *place) bool {
	for i := from; i < to; i++ {
		switch sc.s[i] {
		case ':', '=', '>', '|':
			p.copula = true
		case '#', '\t':
			p.copula = p.copula || p.words == 0
		case '(':
			p.round = true
		case ')':
			p.round = false
		case ',', '"', '\'':
			if p.weak && l.kind == kind(pii.Phone) && sc.s[i] == ',' {
				return false
			}
		case '}', '<':
			if sc.s[i] == '}' || p.copula && sc.at(i+1) == '/' {
				return false
			}
		case '\n':
			if p.words > 0 || p.asked && i > from && sc.s[i-1] == '\n' || p.weak && !p.copula && l.kind == kind(pii.Phone) {
				return false
			}
			p.asked = true
		case '.', '?', '!', ';':
			if next := sc.at(i + 1); next != ' ' && next != '\n' && next != 0 {
				continue
			}
			if sc.s[i] == '.' && sc.abbreviation(from) {
				continue
			}
			if p.words > 0 {
				return false
			}
			p.asked = true
		}
	}
	return true
}

// abbreviation reports whether the word that ends at i is written with a dot.
func (sc *scanner) abbreviation(i int) bool {
	start := i
	for start > 0 && i-start < 8 && class[sc.s[start-1]] != 0 {
		start--
	}
	return abbreviated.has(sc.s[start:i])
}

// pass reports whether a token that is no value may stand between the label and
// its value, and notes what it does.
func (sc *scanner) pass(l *label, t int, p *place) bool {
	tok := &sc.tokens[t]
	if p.round || p.asked && sc.at(tok.start-1) == '\n' && sc.at(tok.end) == ':' { // an aside; who speaks
		return true
	}
	if tok.label != 0 {
		other := &sc.labels[tok.label-1]
		switch {
		case other.kind == l.kind || other.kind == anonymous || t > other.first:
			return true
		case other.kind == anyNumber || other.kind == anything || other.kind == yearsOld:
			return false
		case other.governed:
		case other.weak:
			p.words++
		default:
			p.crossed++
		}
		return p.crossed <= 2 && p.words <= 4 && !p.asked
	}
	word := sc.s[tok.start:tok.end]
	switch {
	case copulas.has(word):
		p.copula = true
		return true
	case fillers.has(word):
		return true
	case tok.has&digits != 0 && tok.end-tok.start > 2:
		return false
	}
	p.words++
	p.copula = false
	return p.words <= 4 && !p.asked
}

// take notes the value of the label's kind at a place, if one is there.
func (sc *scanner) take(l *label, at int, p place) (end int, ok bool) {
	if l.kind == kind(pii.BankAccountNumber) {
		at = sc.sortCode(at)
	}
	f, ok := sc.value(l.kind, at, p)
	if !ok {
		return 0, false
	}
	f.Score -= p.penalty()
	sc.found = append(sc.found, f)
	return f.End, true
}

// list goes on from a value to further ones of the same kind: 123-45-6789,
// 987-65-4321 and so on.
func (sc *scanner) list(l *label, t, end int, p place) {
	if l.kind == kind(pii.SwiftCode) {
		return // any word of eight letters may be one
	}
	p.words++ // what they have of their own is surer
	for {
		t = sc.tokenFrom(t, end)
		joined := false
		for ; t < len(sc.tokens) && sc.tokens[t].label == 0; t++ {
			tok := &sc.tokens[t]
			gap := strings.Trim(sc.s[end:tok.start], " \"'\n\r[]()")
			if len(gap) > 1 || gap != "" && strings.Trim(gap, ",;/|&+-*") != "" {
				return
			}
			joined = joined || gap != "" || strings.IndexByte(sc.s[end:tok.start], '\n') >= 0
			if !listWords.has(sc.s[tok.start:tok.end]) {
				break
			}
			joined = true
			end = tok.end
		}
		if !joined || t >= len(sc.tokens) || sc.tokens[t].label != 0 {
			return
		}
		next, ok := sc.take(l, sc.tokens[t].start, p)
		if !ok || next <= end {
			return
		}
		end = next
	}
}

var listWords = wordsOf(`and or und oder et ou y o e en of aur`)

// before looks for the label's value before it: "123-45-6789 is my SSN",
// "4111 1111 1111 1111 (card)".
func (sc *scanner) before(l *label) {
	if freeForm(l.kind) && sc.at(l.end) == '-' && sc.wordAt(l.end+1) {
		return // it is a pseudo-version
	}
	p := place{weak: l.weak, back: true}
	pos := l.start
	tied, loose, verb := false, false, false
	for t := l.first - 1; t >= 0 && sc.tokens[t].end >= l.start-reachBack; t-- {
		tok := &sc.tokens[t]
		gap := sc.s[tok.end:pos]
		if strings.ContainsAny(strings.TrimSuffix(gap, "<- "), "\n;!?<>{}") || strings.Contains(gap, ". ") {
			return
		}
		if l.kind == kind(pii.Phone) && pos == l.start && blank(gap, " -/,") && sc.clauseEnds(l.end) {
			tied = true // 781 1704 office
		}
		loose = loose || strings.ContainsAny(gap, "([")
		if loose && !l.weak || strings.Contains(gap, "=") || strings.Contains(gap, "->") || strings.Contains(gap, "<-") || strings.Contains(gap, " - ") {
			tied = true
		}
		if tok.label != 0 {
			return
		}
		word := sc.s[tok.start:tok.end]
		if copulas.has(word) && !(word == "to" && freeForm(l.kind)) { // code to handle it
			tied, verb = true, true
		} else if !fillers.has(word) && !possessive.has(word) {
			if p.copula = tied && !loose; tied && (verb || !freeForm(l.kind)) {
				sc.takeBefore(l, t, p)
			}
			return
		}
		pos = tok.start
	}
}

// freeForm reports whether any word may be a value of a kind.
func freeForm(k kind) bool { return k == kind(pii.Password) || k == kind(pii.Username) }

var possessive = wordsOf(`that thats it its new old full complete own correct`)

// takeBefore notes the value that ends with token t.
func (sc *scanner) takeBefore(l *label, t int, p place) {
	end := sc.tokens[t].end
	if freeForm(l.kind) {
		sc.freeBefore(l, end)
		return
	}
	for k := max(0, t-7); k <= t; k++ {
		if sc.tokens[k].label != 0 {
			continue
		}
		if f, ok := sc.value(l.kind, sc.tokens[k].start, p); ok && f.End == end {
			f.Score -= p.penalty()
			sc.found = append(sc.found, f)
			return
		}
	}
}
