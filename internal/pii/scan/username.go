package scan

import (
	"strings"

	"github.com/bricks-gateway/bricks/internal/pii"
)

// usernameAfter looks for the user name behind a label.
func (sc *scanner) usernameAfter(l *label) bool {
	s := sc.s
	if sc.wordAt(l.start-1) && shortUser(l) && !strings.EqualFold(s[l.start:l.end], "user") || sc.at(l.start-1) == '.' {
		return false // a part of closeHandle
	}
	if shortUser(l) && (sc.wordAt(l.end) || sc.at(l.end) == '-' && sc.wordAt(l.end+1)) || sc.at(l.start-1) == '/' && sc.wordAt(l.start-2) {
		return false // a part of handleClick, pseudo-version, classes/user:total
	}
	for _, beyond := range []bool{false, true} {
		f, ok := sc.assigned(l, 64, beyond)
		if !ok || f.start == l.end || sc.tagWithoutEnd(l, f.end) || beyond && f.op == beside {
			continue
		}
		f.end -= len(s[f.start:f.end]) - len(strings.TrimRight(s[f.start:f.end], "?!"))
		name := strings.TrimPrefix(s[f.start:f.end], "@")
		if slash := strings.LastIndexByte(name, '\\'); slash >= 0 { // DOMAIN\joe
			name = name[slash+1:]
		}
		f.start = f.end - len(name)
		if score := sc.username(l, f, name); score > 0 {
			sc.add(f.start, f.end, pii.Username, score)
			sc.passwordBeside(f)
			return true
		}
	}
	return false
}

// passwordBeside notes the password of "login: joe / S3same!".
func (sc *scanner) passwordBeside(f free) {
	if f.op < colon || !strings.HasPrefix(sc.s[f.end:], " / ") {
		return
	}
	if v, ok := sc.freeValue(free{op: colon}, f.end+len(" / ")); ok && strongSecret(sc.s[v.start:v.end]) {
		sc.add(v.start, v.end, pii.Password, likely)
	}
}

// shortUser reports whether a label is user, login, handle or the like: words of
// much else.
func shortUser(l *label) bool { return l.end-l.start <= len("handle") }

// username gives the score of a value as the user name that a label announces, 0
// when it is none.
func (sc *scanner) username(l *label, f free, name string) float32 {
	text := sc.s[l.start:l.end]
	if handles.has(text) && sc.at(f.start-2) == '(' || strings.IndexByte(name, '.') > 0 && !f.quoted && strings.Contains(name, text) {
		return 0 // scan_handle("tag"), user = options.user
	}
	if len(name) < 2 || networks.has(sc.s[l.start:l.end]) && sc.at(f.start-1) != '@' || placeholder(name) || !userLike(name) || strings.EqualFold(name, sc.s[l.start:l.end]) ||
		strings.HasPrefix(name, "0x") || strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") == "" || sc.call(f.end) ||
		f.lines > 0 && (!sc.beginsLine(l.start) || !sc.endsLine(f.end)) { // if user: return
		return 0
	}
	if l.kind != kind(pii.Username) && (f.op < colon || numeral(name)) { // uid=1000
		return 0
	}
	short, strange := shortUser(l), marked(name)
	capital := class[name[0]] == upper
	switch f.op {
	case equals:
		if f.words > 1 || short && numeral(name) || f.spaced && !f.quoted && l.first == l.last && (!strange || expression(name)) {
			return 0
		}
		return sure
	case colon:
		if f.quoted {
			return sure
		}
		if short && (numeral(name) || !strange && sc.beginsLine(l.start) && sc.speaks(l, f.end, name)) ||
			!strange && (f.words > 1 || !sc.clauseEnds(f.end) || capital && (short || !sc.endsLine(f.end))) { // "User: hello" is talk
			return 0
		}
		return sure
	case verb:
		if !strange && (f.to || f.words > 3 || statuses.has(name) || sayingWord(name) || short && !f.quoted && !sc.owned(l) || !sc.clauseEnds(f.end) || len(name) < 4 || capital) {
			return 0
		}
		return likely + 0.04
	}
	return sc.usernameBeside(l, f, name)
}

// usernameBeside gives the score of a name with nothing but a blank between it
// and the label: "user joe logged in", "username joe".
func (sc *scanner) usernameBeside(l *label, f free, name string) float32 {
	text := sc.s[l.start:l.end]
	if f.words > 0 || systemUsers.has(name) || handles.has(text) && sc.at(f.start-1) != '@' || strings.EqualFold(text, "users") {
		return 0
	}
	next := sc.s[min(len(sc.s), f.end+1):]
	if sc.at(f.end) == ' ' && signs.has(next[:wordLength(next)]) && !statuses.has(name) && !notUsers.has(name) && !fillers.has(name) && !copulas.has(name) {
		return likely
	}
	if marked(name) || !shortUser(l) && sc.clauseEnds(f.end) && class[name[0]] != upper && len(name) >= 4 &&
		!sayingWord(name) && !statuses.has(name) && !notUsers.has(name) && !fillers.has(name) && !copulas.has(name) {
		return likely
	}
	return 0
}

// speaks reports whether a label names who speaks in a transcript, "User: hello",
// and not a setting, "user: jsmith".
func (sc *scanner) speaks(l *label, end int, name string) bool {
	text := sc.s[l.start:l.end]
	if !strings.EqualFold(text, "user") || sc.beforePassword(end) {
		return false
	}
	return text != "user" || len(name) < 5 || greetings.has(name) || class[name[0]] == upper
}

var greetings = wordsOf(`hello thanks thank please okay sorry great continue exactly nothing morning goodbye hallo danke bonjour merci gracias ciao grazie`)

// beforePassword reports whether a label of a password follows behind a comma.
func (sc *scanner) beforePassword(i int) bool {
	for limit := i + 4; i < limit && strings.IndexByte(", ;/", sc.at(i)) >= 0; {
		i++
	}
	l, ok := sc.trie.match(sc.s, min(i, len(sc.s)))
	return ok && l.kind == kind(pii.Password)
}

func wordLength(s string) int {
	i := 0
	for i < len(s) && i < 16 && class[s[i]] != 0 {
		i++
	}
	return i
}

// beginsLine reports whether nothing but quotes and stars stands before i in its
// line.
func (sc *scanner) beginsLine(i int) bool {
	for i > 0 && strings.IndexByte("*#> \"", sc.s[i-1]) >= 0 {
		i--
	}
	return i == 0 || sc.s[i-1] == '\n'
}

// opensLine reports whether nothing at all stands before i in its line.
func (sc *scanner) opensLine(i int) bool { return i == 0 || sc.s[i-1] == '\n' }

// endsLine reports whether nothing but quotes and stars stands behind i in its
// line.
func (sc *scanner) endsLine(i int) bool {
	for i < len(sc.s) && strings.IndexByte("*\" \r,;.", sc.s[i]) >= 0 {
		i++
	}
	return i >= len(sc.s) || sc.s[i] == '\n'
}

// tagWithoutEnd reports whether a label stands between < and > and the value
// behind it, which ends at end, is not followed by a closing tag: <user>:<password>.
func (sc *scanner) tagWithoutEnd(l *label, end int) bool {
	return sc.at(l.start-1) == '<' && sc.at(l.end) == '>' && !(sc.at(end) == '<' && sc.at(end+1) == '/')
}

// networks are labels of a name only with its @: Instagram is a place.
var networks = wordsOf(`insta instagram ig twitter tiktok snap telegram threads bluesky`)

// handles are verbs as well.
var handles = wordsOf(`handle handles nick pseudo discord`)

// owned reports whether "my" or the like stands before a label.
func (sc *scanner) owned(l *label) bool {
	return l.first > 0 && owners.has(sc.wordOf(l.first-1))
}

var owners = wordsOf(`my your his her their our mein meine mon ma mi mio mijn meu minha`)

func numeral(s string) bool {
	for i := range len(s) {
		if class[s[i]] != digits {
			return false
		}
	}
	return true
}

// signs are the verbs behind a user name in logs.
var signs = wordsOf(`logged signed authenticated connected failed disconnected locked login logout password requested uploaded deleted created has from by`)

// notUsers are words that stand behind "user" or "login" without naming one.
var notUsers = wordsOf(`page form button screen attempt attempts failed successful error service process flow name names account accounts
	agent interface input experience story stories manual guide data group groups role roles type types table model models field
	management space profile defined friendly id ids list count base side end with from here now today please to as at in on by via
	using into details info information credentials ok success failure was is has can should must will who that and or not but`)

// userLike reports whether a value may be a user name at all.
func userLike(name string) bool {
	if len(name) > 40 || class[name[0]] == 0 && name[0] != '_' && name[0] != '.' {
		return false
	}
	for i := range len(name) {
		if class[name[i]] == 0 && strings.IndexByte("._-#+@$", name[i]) < 0 {
			return false
		}
	}
	return true
}

// marked reports whether a name has what words do not: a digit, an underscore, a
// dot, or a capital inside.
func marked(name string) bool {
	for i := range len(name) {
		c := class[name[i]]
		if c == digits || name[i] == '_' || i > 0 && c == upper && class[name[i-1]] == lower || name[i] == '.' && i > 0 && i < len(name)-1 {
			return true
		}
	}
	return false
}

// homes are folders whose next part is a user's name.
var homes = []string{"/home/", "/Users/", `\Users\`, `\\Users\\`, "/var/mail/", `\Documents and Settings\`}

// byPath looks for the user in a home directory at a slash or backslash.
func (sc *scanner) byPath(i int) {
	s := sc.s
	for _, home := range homes {
		if !strings.HasPrefix(s[i:], home) || home[0] == '/' && sc.wordAt(i-1) && !strings.HasSuffix(s[:i], "mnt/c") {
			continue
		}
		start := i + len(home)
		end := start
		for end < len(s) && end-start < 40 && (class[s[end]] != 0 || s[end] == '.' || s[end] == '_' || s[end] == '-') {
			end++
		}
		for end > start && (s[end-1] == '.' || s[end-1] == '-') {
			end--
		}
		if name := s[start:end]; len(name) >= 2 && !systemUsers.has(name) && !placeholder(name) && userLike(name) {
			sc.add(start, end, pii.Username, sure)
		}
		return
	}
}

// systemUsers are accounts that are nobody's.
var systemUsers = wordsOf(`root admin administrator ubuntu runner user users username public default shared git www nobody app node
	ec2-user centos debian vagrant all guest you myuser linuxbrew`)

// bySSH looks for the user before the at sign at i of "ssh joe@host".
func (sc *scanner) bySSH(i int) {
	s := sc.s
	start := i
	for start > 0 && i-start < 40 && (class[s[start-1]]&(lower|upper|digits) != 0 || s[start-1] == '.' || s[start-1] == '_' || s[start-1] == '-') {
		start--
	}
	line := s[max(0, start-48):start]
	line = line[strings.LastIndexByte(line, '\n')+1:]
	for _, command := range []string{"ssh ", "scp ", "sftp ", "rsync ", "mosh ", "ssh-copy-id "} {
		if !strings.Contains(line, command) {
			continue
		}
		if name := s[start:i]; len(name) >= 2 && !systemUsers.has(name) && userLike(name) {
			sc.add(start, i, pii.Username, certain+0.01)
		}
		return
	}
}
