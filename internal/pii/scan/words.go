package scan

import "strings"

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
