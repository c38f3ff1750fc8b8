package scan

import (
	"strings"

	"github.com/bricks-gateway/bricks/internal/pii"
)

// passwordAfter looks for the password behind a label.
func (sc *scanner) passwordAfter(l *label) bool {
	if sc.credentials(l) {
		return true
	}
	for _, beyond := range []bool{false, true} {
		f, ok := sc.assigned(l, 80, beyond)
		if !ok || f.start == l.end || sc.tagWithoutEnd(l, f.end) || beyond && f.op == beside {
			continue
		}
		if score := sc.password(l, f); score > 0 {
			sc.add(f.start, f.end, pii.Password, score)
			return true
		}
	}
	return false
}

// password gives the score of a value as the password that a label announces, 0
// when it is none.
func (sc *scanner) password(l *label, f free) float32 {
	option := strings.HasSuffix(sc.s[:l.start], "-") && f.op == beside
	if option { // --password x
		f.op = equals
	}
	value := sc.s[f.start:f.end]
	hard := secretLike(value)
	if len(value) < 3 || strings.HasPrefix(value, "0x") || placeholder(value) || strings.EqualFold(value, sc.s[l.start:l.end]) ||
		strings.IndexByte(value, '|') >= 0 && !f.quoted ||
		f.lines > 0 && (!sc.beginsLine(l.start) || !sc.endsLine(f.end)) {
		return 0
	}
	if l.weak && (f.op < colon || l.end-l.start > len("pass") && !f.quoted && !strongSecret(value)) { // credentials: defaultCredentials
		return 0
	}
	if f.quoted {
		if f.op >= verb && (hard || f.op > verb || strings.IndexByte(value, ' ') < 0) || f.op == beside && (hard || f.words == 0) {
			return sure
		}
		return 0
	}
	ends := sc.clauseEnds(f.end)
	switch f.op {
	case equals:
		if sc.call(f.end) || (option || f.spaced) && !hard || expression(value) {
			return 0
		}
		return sure
	case colon:
		if sc.call(f.end) || expression(value) || !hard && (!ends || f.words > 0) || f.words > 2 && !hard {
			return 0
		}
		return sure
	case verb:
		if !hard && (!ends || f.to || statuses.has(value) || sayingWord(value) || len(value) < 4 || f.words > 2 || class[value[0]] == upper) {
			return 0
		}
		return likely + 0.04
	}
	if f.words > 0 || !hard || !strongSecret(value) && strings.Count(value, "-") < 2 {
		return 0
	}
	return likely
}

// credentials reads "user / password" and "user:password" behind a label such as
// "credentials".
func (sc *scanner) credentials(l *label) bool {
	if !l.weak {
		return false
	}
	f, ok := sc.assigned(l, 48, false)
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
	if l.kind == kind(pii.Password) && (strongSecret(value) || strings.Count(value, "-") > 1) && !expression(value) {
		sc.add(start, end, pii.Password, likely-0.02)
	}
	if l.kind == kind(pii.Username) && userLike(value) && (marked(value) || sc.opensLine(start) && lowerCase(value) && !notUsers.has(value) && !statuses.has(value) && !fillers.has(value)) {
		sc.add(start, end, pii.Username, likely-0.02)
	}
}
