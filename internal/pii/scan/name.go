package scan

import (
	"strings"
	"unicode/utf8"

	"github.com/bricks-gateway/bricks/internal/pii"
)

// nameAfter takes what a form, a key or a tag says that somebody is called:
// "Surname: Okwuosa", {"familyName":"Okwuosa"}. The model of package ner judges
// names in sentences; a bare one that no list knows says nothing to it.
func (sc *scanner) nameAfter(l *label) {
	f, ok := sc.assigned(l, 32, true)
	if !ok || f.op < colon || f.words > 0 || f.lines > 0 || sc.tagWithoutEnd(l, f.end) {
		return
	}
	limit := len(sc.s)
	if f.quoted {
		limit = f.end
	}
	lone := f.quoted || sc.at(l.start-1) == '<' || sc.opensLine(l.start) && !f.spaced
	if end := sc.personName(&f.start, limit, lone && partNames.has(sc.s[l.start:l.end])); end > 0 && (sc.at(end) != '\'' && sc.at(end) != '"' || end == f.end) {
		sc.add(f.start, end, pii.Name, likely)
	}
}

// nameCell takes a cell below the header of a name.
func (sc *scanner) nameCell(l *label, c cell) {
	start := c.start
	if sc.personName(&start, c.end, partNames.has(sc.s[l.start:l.end])) == c.end {
		sc.add(start, c.end, pii.Name, likely)
	}
}

// personName reads the words of a name from start, which it puts behind titles,
// and returns where it ends; 0 when they are none, or go on with what no name has.
// One word in small letters is a name when small is set.
func (sc *scanner) personName(start *int, limit int, small bool) (end int) {
	words, capitals, plain := 0, 0, 0 // plain: words in small letters that tie no names
	for i, joined := *start, true; joined; {
		stop := min(sc.wordStop(i), limit)
		word := sc.s[i:stop]
		if l, ok := sc.trie.match(sc.s, i); ok && words > 0 && l.kind < anyNumber && sc.s[i-1] == ' ' {
			break // the next field of the line
		} else if ok && words == 0 && l.end >= stop && l.kind != month && l.kind != weekday {
			return 0 // a key again, as in a template
		}
		if word == "" || words == 5 || strings.ContainsAny(word, "0123456789") || notNames.has(word) || class[word[0]] == lower && placeholder(word) {
			return 0
		}
		next := i
		next, joined = sc.nameJoint(stop, limit)
		i, end = next, stop
		switch {
		case words == 0 && joined && titles.has(word):
			*start = next
			continue
		case class[word[0]]&(upper|foreign) != 0:
			capitals++
		case !particles.has(word):
			plain++
		}
		words++
	}
	if end-*start < 2 || end < limit && !sc.nameEnds(end) {
		return 0
	}
	alone := end == limit || sc.at(end) == '\n' || sc.at(end) == '<'
	if capitals > 0 && plain == 0 || small && words == 1 && alone && !copulas.has(sc.s[*start:end]) && !fillers.has(sc.s[*start:end]) {
		return end
	}
	return 0
}

// nameJoint reads what ties two words of a name at i: a blank, a hyphen, an
// apostrophe, the dot of an initial, the comma of "Okwuosa, Bertil" in a field of
// its own.
func (sc *scanner) nameJoint(i, limit int) (next int, joined bool) {
	rest := sc.s[i:limit]
	for _, joint := range []string{". ", " ", "-", "'", "’", ", "} {
		if !strings.HasPrefix(rest, joint) || joint == ", " && limit == len(sc.s) {
			continue
		}
		next = i + len(joint)
		if next < limit && class[sc.s[next]]&(lower|upper|foreign) != 0 {
			return next, true
		}
	}
	return i, false
}

// nameEnds reports whether a field may end at i.
func (sc *scanner) nameEnds(i int) bool {
	switch sc.at(i) {
	case 0, '\n', '\r', '\t', ',', ';', '|', '<', '"', '\'', '&', '}', ')', ']':
		return true
	case '.', ' ':
		r, _ := utf8.DecodeRuneInString(sc.s[min(i+1, len(sc.s)):])
		return r == utf8.RuneError || r == ' ' || r == '\n' || r == '|' || r == '-' || r == '(' || sc.at(i) == '.' && r == '"' || sc.at(i) == ' ' && sc.labelAt(i+1)
	}
	return false
}

func (sc *scanner) labelAt(i int) bool {
	_, ok := sc.trie.match(sc.s, i)
	return ok
}

var (
	// partNames are keys whose value is one word, be it in small letters.
	partNames = wordsOf(`surname last_name lastname last-name family_name familyname first_name firstname first-name given_name givenname forename
		middle_name middlename maiden_name maidenname nachname vorname apellido apellidos prénom cognome achternaam voornaam sobrenome`)
	titles    = wordsOf(`mr mrs ms miss mx dr prof professor sir madam herr frau mme mlle sr sra shri smt`)
	particles = wordsOf(`de la le du da do dos das del della di van von der den ter ten el al bin bint ibn y e zu zum af av`)
	// notNames stand in a field of a name without being one.
	notNames = wordsOf(`string str varchar char text nvarchar integer number null none nil undefined required optional unknown missing empty blank n/a
		first last middle full given family name names value field input column label placeholder test sample example here redacted anonymous
		withheld confidential not is must should please enter your true false yes no any never ltd limited inc llc gmbh plc corp corporation company bank
		university school hospital institute foundation ministry council department group club pty bv ag team support`)
)

// byTitle looks for a name behind a title or a word for one's people: "Ms
// Fitzgerald", "my wife Sorcha". It is the least sure of finds: where the model sees
// a name or an address, that stays.
func (sc *scanner) byTitle(t int) {
	tok := sc.tokens[t]
	start := tok.end + 1
	if sc.at(tok.end) == '.' {
		start++
	}
	if class[sc.at(start)]&(upper|foreign) == 0 || sc.at(start-1) != ' ' {
		return // almost always
	}
	word := sc.s[tok.start:tok.end]
	titled := tok.has == upper|lower && class[word[0]] == upper && titles.has(word) && !commonTitles.has(word)
	if !titled && (tok.has != lower || !people.has(word) || start > tok.end+1) || sc.wordAt(tok.start-1) || strings.IndexByte("-.@/_", sc.at(tok.start-1)) >= 0 {
		return
	}
	end, words := start, 0
	for i, joined := start, true; joined && words < 3; words++ {
		stop := sc.wordStop(i)
		part := sc.s[i:stop]
		if class[part[0]]&(upper|foreign) == 0 || len(part) > 1 && strings.ToUpper(part) == part || notNames.has(part) || notTitled.has(part) || sc.labelAt(i) ||
			strings.ContainsAny(part, "0123456789") {
			break
		}
		end = stop
		i, joined = sc.nameJoint(stop, len(sc.s))
		joined = joined && (titled || sc.at(i-1) != '-')
	}
	if end-start > 2 && !sc.call(end) && !(sc.at(end) == '.' && sc.wordAt(end+1)) {
		sc.add(start, end, pii.Name, learnedLow)
	}
}

var (
	// commonTitles are titles that stand before other words as well.
	commonTitles = wordsOf(`miss sir madam professor sr sra m`)
	// people are words that a name follows without a comma.
	people = wordsOf(`mr mrs auntie aunt uncle cousin grandma grandpa granny wife husband daughter son brother sister niece nephew colleague
		coworker boss boyfriend girlfriend fiancé fiancée roommate flatmate neighbour neighbor classmate stepson stepdaughter`)
	// notTitled stand behind a title, or are taught to one's people.
	notTitled = wordsOf(`pepper who no martens robot right potato president chairman speaker minister judge sam
		english french spanish german italian chinese japanese korean arabic hindi latin greek russian dutch portuguese math maths
		i christmas easter instagram facebook google`)
)
