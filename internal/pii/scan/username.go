package scan

import (
	"strings"

	"github.com/bricks-gateway/bricks/internal/pii"
)

// usernameAfter looks for the user name behind a label.
func (sc *scanner) usernameAfter(l *label) bool {
	s := sc.s
	f, ok := sc.assigned(l, 64)
	if !ok {
		return false
	}
	name := s[f.start:f.end]
	name = strings.TrimPrefix(name, "@")
	if at := len(s[f.start:f.end]) - len(name); at > 0 {
		f.start += at
	}
	if slash := strings.LastIndexAny(name, `\`); slash >= 0 { // DOMAIN\joe
		f.start += slash + 1
		name = name[slash+1:]
	}
	if len(name) < 2 || placeholder(name) || !userLike(name) || strings.EqualFold(name, s[l.start:l.end]) {
		return false
	}
	short := l.end-l.start <= 5 // user, login, nick: words of much else
	score := float32(sure)
	switch f.op {
	case equals:
		if sc.call(f.end) || f.spaced && !f.quoted && l.first == l.last && (!marked(name) || expression(name)) {
			return false
		}
		if l.kind != kind(pii.Username) && strings.Trim(name, "0123456789") == "" { // uid=1000
			return false
		}
	case colon:
		if short && (numeral(name) || sc.beginsLine(l.start) && !marked(name) && !f.quoted && strings.EqualFold(s[l.start:l.end], "user")) { // "User: hello" is talk
			return false
		}
		if f.quoted {
			break
		}
		if !marked(name) && (f.words > 1 || !sc.clauseEnds(f.end) || class[name[0]] == upper && short) || sc.call(f.end) {
			return false
		}
	case verb:
		if f.words > 3 || !marked(name) && (statuses.has(name) || short && !f.quoted || !sc.clauseEnds(f.end) || len(name) < 4 || class[name[0]] == upper) {
			return false
		}
		score = likely + 0.04
	default:
		next := s[min(len(s), f.end+1):]
		next = next[:min(len(next), 16)]
		signing := sc.at(f.end) == ' ' && signs.has(next[:wordLength(next)])
		if f.words > 0 || !marked(name) && (!signing && (short || !sc.clauseEnds(f.end) || class[name[0]] == upper) || statuses.has(name) || notUsers.has(name) || fillers.has(name) || copulas.has(name) || len(name) < 4 && !signing) {
			return false
		}
		if short && !signing && !marked(name) {
			return false
		}
		score = likely
	}
	sc.add(f.start, f.end, pii.Username, score)
	return true
}

func wordLength(s string) int {
	i := 0
	for i < len(s) && class[s[i]] != 0 {
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
