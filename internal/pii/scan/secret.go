package scan

import (
	"sort"
	"strings"

	"github.com/bricks-gateway/bricks/internal/pii"
)

// operator says how a label is tied to a value of free form.
type operator uint8

const (
	none     operator = iota
	beside            // a blank
	verb              // is, was set to
	colon             // :
	equals            // =, |, ->, a tag
	quoteBar          // the value is in quotes
)

// free is a value of free form behind a label.
type free struct {
	start, end int
	op         operator
	words      int // between label and operator
	quoted     bool
	spaced     bool // blanks stand around the =
	to         bool // the verb is a mere "to"
	lines      int  // line ends before the value
}

// assigned finds what a label of a free-form value is said to be: it skips the
// words to an operator, and the quotes and brackets around the value.
func (sc *scanner) assigned(l *label, reach int) (free, bool) {
	s, i := sc.s, l.end
	f := free{op: beside}
	limit := min(len(s), l.end+reach)
	for i < limit {
		switch b := s[i]; {
		case b == ' ' || b == '\t' || b == '*' || b == ')' || b == ']' || b == '`':
			if b == '\t' && f.op < equals {
				f.op = equals
			}
			i++
		case b == '"' || b == '\'':
			if f.op > beside || i > l.end && f.words == 0 && s[i-1] == ' ' {
				return sc.freeValue(f, i)
			}
			i++
		case b == '(' && f.op == beside && (sc.at(i+1) == '"' || sc.at(i+1) == '\''): // setPassword("…")
			f.op = equals
			i++
		case b == '(' && f.op == beside:
			close := strings.IndexByte(s[i:min(len(s), i+30)], ')')
			if close < 0 || f.words > 2 {
				return f, false
			}
			i += close + 1
		case b == ':' && f.op < colon:
			f.op = colon
			if i++; sc.at(i) == '=' {
				f.op = equals
				f.spaced = sc.at(i-2) == ' ' && sc.at(i+1) == ' '
				i++
			}
		case b == '=' || b == '|' || b == '>' && f.op < equals:
			if b == '=' && (sc.at(i+1) == '=' || sc.at(i-1) == '!' || sc.at(i+1) == '~') {
				return f, false
			}
			f.spaced = sc.at(i-1) == ' ' && sc.at(i+1) == ' '
			f.op = equals
			if i++; sc.at(i) == '>' {
				i++
			}
		case b == '-' && sc.at(i+1) == '>':
			f.op = equals
			i += 2
		case b == '-' && sc.at(i-1) == ' ' && sc.at(i+1) == ' ' && f.op == beside:
			f.op = colon
			i += 2
		case b == '\n':
			if f.op < verb || f.words > 2 || f.op == verb || sc.at(i+1) == '\n' && f.op != colon {
				return f, false
			}
			f.lines++
			i++
		case f.op > verb || f.op == verb && !copulas.has(s[i:sc.wordStop(i)]):
			return sc.freeValue(f, i)
		case class[b] != 0:
			end := sc.wordStop(i)
			word := s[i:end]
			switch {
			case copulas.has(word):
				f.op, f.to = verb, word == "to"
			case fillers.has(word) || setting.has(word):
				f.words++
			default:
				if f.words == 0 && i <= l.end+1 && f.op == beside {
					return sc.freeValue(f, i)
				}
				f.words++
			}
			if f.words > 5 {
				return f, false
			}
			i = end
			for i < limit && strings.IndexByte("@.-_+", s[i]) >= 0 && class[sc.at(i+1)] != 0 { // for joe@example.com
				i = sc.wordStop(i + 1)
			}
		case f.op == beside && i <= l.end+1 && i > l.end:
			return sc.freeValue(f, i)
		default:
			return f, false
		}
	}
	return f, false
}

// setting are words of changing a value; the new one follows "to".
var setting = wordsOf(`set reset changed change updated update to`)

// wordStop is where the run of letters and digits at i ends.
func (sc *scanner) wordStop(i int) int {
	for i < len(sc.s) && class[sc.s[i]] != 0 {
		i++
	}
	return i
}

// freeValue reads a value of free form at i: to the closing quote, or to a blank
// without the punctuation that closes a clause.
func (sc *scanner) freeValue(f free, i int) (free, bool) {
	s := sc.s
	if i < len(s) && strings.IndexByte("\"'`", s[i]) >= 0 {
		quote := s[i]
		i++
		end := i
		for end < len(s) && end-i < 128 && s[end] != quote && s[end] != '\n' {
			end++
		}
		if end < len(s) && s[end] == quote && end > i {
			f.start, f.end, f.quoted = i, end, true
			return f, true
		}
	}
	for i < len(s) && strings.IndexByte("([", s[i]) >= 0 && f.op < equals {
		i++
	}
	end := i
	for end < len(s) && end-i < 129 && s[end] > ' ' && strings.IndexByte("\"`", s[end]) < 0 {
		if s[end] == '<' && sc.at(end+1) == '/' || s[end] == '|' && end > i && sc.at(end+1) <= ' ' || s[end] == '\'' && sc.at(end+1) <= ' ' {
			break
		}
		if f.op == equals && end > i && (s[end] == ';' || s[end] == ',' || s[end] == '&' && sc.nextKey(end+1)) {
			break
		}
		if f.op == colon && (s[end] == ',' || s[end] == ';') && sc.at(end+1) <= ' ' {
			break
		}
		end++
	}
	if end-i >= 129 {
		return f, false
	}
	for end > i && strings.IndexByte(".,;:?)]}>", s[end-1]) >= 0 {
		if s[end-1] == ')' && strings.IndexByte(s[i:end], '(') > 0 {
			break
		}
		end--
	}
	f.start, f.end = i, end
	return f, end > i
}

// nextKey reports whether a name and an equals sign stand at i, as in a=1&b=2.
func (sc *scanner) nextKey(i int) bool {
	end := sc.wordStop(i)
	return end > i && sc.at(end) == '='
}

// passwordAfter looks for the password behind a label.
func (sc *scanner) passwordAfter(l *label) bool {
	s := sc.s
	if sc.credentials(l) {
		return true
	}
	f, ok := sc.assigned(l, 80)
	if !ok || f.start == l.end || sc.tagWithoutEnd(l, f.end) {
		return false
	}
	option := strings.HasSuffix(s[:l.start], "-") && f.op == beside
	if option {
		f.op = equals
	}
	value := s[f.start:f.end]
	if f.lines > 0 && (!sc.beginsLine(l.start) || !sc.endsLine(f.end)) {
		return false
	}
	if len(value) < 3 || strings.HasPrefix(value, "0x") || l.weak && f.op < colon || placeholder(value) || strings.EqualFold(value, s[l.start:l.end]) {
		return false
	}
	hard := secretLike(value)
	if strings.IndexByte(value, '|') >= 0 && !f.quoted || l.weak && f.quoted && f.op < colon {
		return false
	}
	if l.weak && len(s[l.start:l.end]) > 4 && !f.quoted && !strongSecret(value) { // credentials: defaultCredentials
		return false
	}
	end := sc.clauseEnds(f.end)
	score := float32(sure)
	switch {
	case f.quoted && f.op >= verb:
		if strings.IndexByte(value, ' ') >= 0 && !hard && f.op == verb {
			return false
		}
	case f.quoted:
		if !hard && f.words > 0 {
			return false
		}
	case f.op == equals:
		if sc.call(f.end) || (option || f.spaced) && !hard || expression(value) {
			return false
		}
	case f.op == colon:
		if f.words > 2 && !hard || !hard && (!end || f.words > 0) || expression(value) || sc.call(f.end) {
			return false
		}
	case f.op == verb:
		if !hard && (!end || f.to || statuses.has(value) || sayingWord(value) || len(value) < 4 || f.words > 2 || class[value[0]] == upper) {
			return false
		}
		score = likely + 0.04
	default:
		if !hard || f.words > 0 || !strongSecret(value) && strings.Count(value, "-") < 2 {
			return false
		}
		score = likely
	}
	sc.add(f.start, f.end, pii.Password, score)
	return true
}

// credentials reads "user / password" and "user:password" behind a label such as
// "credentials".
func (sc *scanner) credentials(l *label) bool {
	if !l.weak {
		return false
	}
	f, ok := sc.assigned(l, 48)
	if !ok || f.op < verb || f.quoted {
		return false
	}
	s := sc.s
	value := s[f.start:f.end]
	user, secret, two := strings.Cut(value, ":")
	at := f.start + len(user) + 1
	if !two {
		user, secret, two = strings.Cut(value, "/")
	}
	if !two && strings.HasPrefix(s[f.end:], " / ") {
		next, ok := sc.freeValue(free{op: colon}, f.end+3)
		if ok {
			user, secret, two, at = value, s[next.start:next.end], true, next.start
		}
	}
	if !two || len(user) < 2 || len(secret) < 4 || !userLike(user) || placeholder(secret) {
		return false
	}
	sc.add(f.start, f.start+len(user), pii.Username, likely)
	sc.add(at, at+len(secret), pii.Password, likely)
	return true
}

// clauseEnds reports whether nothing of the clause follows at i.
func (sc *scanner) clauseEnds(i int) bool {
	for i < len(sc.s) && strings.IndexByte(".,;:!?)]}\"'`* ", sc.s[i]) >= 0 {
		i++
	}
	if i >= len(sc.s) || sc.s[i] == '\n' || sc.s[i] == '\r' || sc.s[i] == '|' || sc.s[i] == '<' {
		return true
	}
	if b := sc.at(i - 1); b == ' ' && i >= 2 && strings.IndexByte(".,;!?)", sc.s[i-2]) >= 0 {
		return true
	}
	word := sc.s[i:sc.wordStop(i)]
	return clauseWords.has(word) || fillersAfter.has(word)
}

var fillersAfter = wordsOf(`and und et y e en but for please thanks thank host port user username db database login url email ip for to`)

// call reports whether an identifier that ends at i is called or indexed.
func (sc *scanner) call(i int) bool { return sc.at(i) == '(' || sc.at(i) == '[' }

// expression reports whether a value is code: a name of several parts, a call.
func expression(value string) bool {
	if strings.ContainsAny(value, "()") && strings.IndexByte(value, '(') > 0 && class[value[0]] != digits && strings.HasSuffix(value, ")") {
		return true
	}
	if strings.HasSuffix(value, "{") {
		return true
	}
	if open := strings.IndexAny(value, "(["); open > 0 && identifier(value[:open]) {
		return true
	}
	if dot := strings.IndexByte(value, '.'); dot > 0 && dot < len(value)-1 && identifier(value) {
		return true
	}
	return false
}

// identifier reports whether s is of small letters, dots and underscores, as the
// names of code are.
func identifier(s string) bool {
	for i := range len(s) {
		if class[s[i]]&(lower|upper) == 0 && s[i] != '.' && s[i] != '_' {
			return false
		}
	}
	return true
}

// placeholder reports whether a value stands for one that is not there.
func placeholder(value string) bool {
	if notValues.has(value) {
		return true
	}
	if strings.HasPrefix(value, "${") || strings.HasPrefix(value, "$(") || strings.HasPrefix(value, "{{") || strings.HasPrefix(value, "%(") || strings.HasPrefix(value, "<") && strings.HasSuffix(value, ">") || strings.HasPrefix(value, "{") && strings.HasSuffix(value, "}") || strings.HasPrefix(value, "[") && strings.HasSuffix(value, "]") || value[0] == '<' && value[len(value)-1] != '>' && identifier(value[1:]) {
		return true
	}
	if value[0] == '$' && len(value) > 1 && strings.ToUpper(value) == value && identifier(value[1:]) {
		return true
	}
	return strings.Trim(value, "*xX.•#-_?%s") == "" || same([]byte(value)) && len(value) > 2
}

// notValues stand where a value could.
var notValues = wordsOf(`none null nil true false undefined required optional string str int bool text bytes password passwort username user name
	uint8 uint16 uint32 uint64 int8 int16 int32 int64 byte bytes char range
	login value example empty unknown missing invalid changeme? yes no n/a na tbd redacted hidden secret? enter your my the
	return raise pass break continue if else elif while def class var let const new
	field must should cannot can will and or is in for self request config os env any object`)

// statuses are what is said of passwords without naming them.
var statuses = wordsOf(`wrong incorrect correct invalid valid expired expiring required optional weak strong secure insecure missing empty not
	too the a an never always still also now being been safe unsafe compromised leaked stored hashed encrypted reset changed updated
	sent set case-sensitive forgotten lost different same important necessary mandatory needed blank unknown hidden visible
	good bad long short unique easy hard here there this that it what below above following working broken mine yours ours private
	confidential secret sensitive temporary permanent falsch richtig abgelaufen incorrecta incorrecto errato sbagliata expiré
	specified given configured chosen generated entered typed matched verified checked
	about used enough simple complex common protected accepted rejected disabled enabled locked provided displayed shown`)

// sayingWord reports whether a word has the ending of one that says something of
// a password or a user: supported, missing, case-insensitive.
func sayingWord(s string) bool {
	for _, ending := range []string{"ed", "ing", "able", "ible", "ly", "ive", "ful"} {
		if len(s) > len(ending)+3 && strings.HasSuffix(s, ending) && lowerCase(strings.ReplaceAll(s, "-", "")) {
			return true
		}
	}
	return false
}

// secretLike reports whether a value looks made to be one: with a digit, a sign or
// a capital inside, or of several words.
func secretLike(value string) bool {
	var has flags
	signs, hyphens, inner := 0, 0, false
	for i := range len(value) {
		c := class[value[i]]
		has |= c
		inner = inner || c == upper && i > 0 && class[value[i-1]] == lower
		if c == 0 {
			if value[i] == '-' || value[i] == '.' || value[i] == '\'' || value[i] == '/' || value[i] == ',' || value[i] == ' ' {
				hyphens++
			} else {
				signs++
			}
		}
	}
	letters := has&(lower|upper|foreign) != 0
	return has&digits != 0 && (letters || signs > 0 || len(value) >= 6) || signs > 0 && letters || inner && len(value) >= 6 || hyphens >= 2 && letters && !strings.ContainsAny(value, "/', ")
}

// strongSecret reports whether a value can be little else than a secret: digits
// and letters, with a sign or a change of case.
func strongSecret(value string) bool {
	var has flags
	signs := false
	for i := range len(value) {
		has |= class[value[i]]
		signs = signs || class[value[i]] == 0 && strings.IndexByte("-./',:", value[i]) < 0
	}
	return len(value) >= 5 && has&digits != 0 && has&(lower|upper) != 0 && (signs || has&(lower|upper) == lower|upper || len(value) >= 6) || signs && len(value) >= 6 && has&(lower|upper) != 0
}

// freeBefore notes the password or user name that ends before a label: "hunter2
// is my password".
func (sc *scanner) freeBefore(l *label, end int) {
	s := sc.s
	for end < l.start && s[end] > ' ' && strings.IndexByte(",;:.\"'`()", s[end]) < 0 {
		end++
	}
	start := end
	for start > 0 && end-start < 64 && s[start-1] > ' ' && strings.IndexByte("\"'`(,:", s[start-1]) < 0 {
		start--
	}
	value := s[start:end]
	if len(value) < 4 || placeholder(value) || sc.call(end) || value[len(value)-1] == '=' {
		return
	}
	if l.kind == kind(pii.Password) && strongSecret(value) && !expression(value) {
		sc.add(start, end, pii.Password, likely-0.02)
	}
	if l.kind == kind(pii.Username) && userLike(value) && (marked(value) || sc.opensLine(start) && lowerCase(value) && !notUsers.has(value) && !statuses.has(value) && !fillers.has(value)) {
		sc.add(start, end, pii.Username, likely-0.02)
	}
}

// secretKeySize is how long a secret key of AWS is.
const secretKeySize = 40

// awsSecret looks at a token for a secret key of AWS: forty characters of base64,
// of all kinds, behind a word that says so or beside an access key.
func (sc *scanner) awsSecret(tok *token) {
	s := sc.s
	start := tok.start
	for start > 0 && tok.start-start < secretKeySize && (class[s[start-1]]&(lower|upper|digits) != 0 || s[start-1] == '/' || s[start-1] == '+') {
		start--
	}
	if tok.start-start >= secretKeySize || sc.wordAt(start-1) {
		return
	}
	end := start
	var has flags
	for end < len(s) && end-start <= secretKeySize && (class[s[end]]&(lower|upper|digits) != 0 || s[end] == '/' || s[end] == '+') {
		has |= class[s[end]]
		end++
	}
	if end-start != secretKeySize || sc.at(end) == '=' || sc.wordAt(end) || sc.at(end) == '-' || sc.at(end) == '_' {
		return
	}
	changes := 0
	for i := start + 1; i < end; i++ {
		if class[s[i]] != class[s[i-1]] {
			changes++
		}
	}
	if has != digits|lower|upper || changes < secretKeySize/4 {
		return // a path
	}
	if sc.speaksOfSecret(start) {
		sc.add(start, end, pii.AWSSecretKey, certain)
	}
}

// speaksOfSecret reports whether a label for secrets or access keys, or an access
// key, stands before a place; or one behind it.
func (sc *scanner) speaksOfSecret(start int) bool {
	before := sc.s[max(0, start-200):start]
	near := sort.Search(len(sc.labels), func(i int) bool { return sc.labels[i].start >= start-120 })
	for i := near; i < len(sc.labels) && sc.labels[i].start <= start+secretKeySize+60; i++ {
		l := &sc.labels[i]
		if l.kind == kind(pii.AWSSecretKey) || l.kind == kind(pii.AWSAccessKey) {
			return true
		}
	}
	return strings.Contains(before, "AKIA") || strings.Contains(before, "ASIA") || strings.Contains(before, "aws") || strings.Contains(before, "AWS")
}
