package scan

import (
	"net/netip"
	"strings"
	"unicode/utf8"

	"github.com/bricks-gateway/bricks/internal/pii"
)

// schemes of URLs, before "://".
const longestScheme = 16

// url looks at the colon of "://" at i.
func (sc *scanner) url(i int) {
	s := sc.s
	start := i
	for start > 0 && i-start < longestScheme && (class[s[start-1]]&(lower|upper|digits) != 0 || s[start-1] == '+' || s[start-1] == '.' || s[start-1] == '-') {
		start--
	}
	for start < i && class[s[start]]&(lower|upper) == 0 {
		start++
	}
	if start == i {
		return
	}
	end := sc.urlEnd(i+3, start)
	if end <= i+4 {
		return
	}
	from := start
	if user := sc.userInfo(i+3, end); user > 0 {
		from = user
		if scheme := s[start:i]; !strings.HasPrefix(scheme, "http") && !strings.HasPrefix(scheme, "ftp") {
			return // the rest of a database's address names nobody
		}
		if host, _ := sc.domain(from); host == 0 {
			return
		}
	}
	score := float32(sure + 0.01)
	if scheme := s[start:i]; !strings.HasPrefix(scheme, "http") && !strings.HasPrefix(scheme, "ftp") {
		score = possible // of a database: what it says of users and passwords tells more
	}
	sc.add(from, end, pii.URL, score)
}

// urlEnd is where a URL ends whose scheme or www begins at start.
func (sc *scanner) urlEnd(i, start int) int {
	s, round, square := sc.s, 0, 0
	limit := min(len(s), i+2048)
	first := i
loop:
	for ; i < limit; i++ {
		switch b := s[i]; b {
		case '"', '<', '>', '`', '{', '}', '|', '\\', '^':
			if !sc.escaped(i) {
				break loop
			}
		case ' ', '\t', '\n', '\r':
			if !sc.escaped(i) {
				break loop
			}
		case '(':
			round++
		case ')':
			if round--; round < 0 {
				break loop
			}
		case '[':
			square++
		case ']':
			if square--; square < 0 {
				break loop
			}
		case '\'':
			if start > 0 && s[start-1] == '\'' {
				break loop
			}
		default:
			if class[b] == foreign && utf8.RuneStart(b) {
				if r, _ := utf8.DecodeRuneInString(s[i:]); r >= 0x2e80 || r == utf8.RuneError {
					break loop
				}
			}
		}
	}
	for i > first && strings.IndexByte(".,;:!?'*_", s[i-1]) >= 0 {
		i--
	}
	return i
}

// escaped reports whether the character at i was written in a URL's encoding.
func (sc *scanner) escaped(i int) bool {
	start, end := sc.text.Original(i, i+1)
	return end-start > 1 && sc.text.Source()[start] == '%'
}

// userInfo notes the user and the password of a URL whose authority begins at i,
// and gives where the host begins; 0 when there are none.
func (sc *scanner) userInfo(i, end int) int {
	s := sc.s
	host := i
	for host < end && s[host] != '/' && s[host] != '?' && s[host] != '#' {
		host++
	}
	at := strings.LastIndexByte(s[i:host], '@')
	if at < 0 {
		return 0
	}
	user, password, two := strings.Cut(s[i:i+at], ":")
	if user != "" && !placeholder(user) {
		sc.add(i, i+len(user), pii.Username, certain+0.01)
	}
	if two && password != "" && !placeholder(password) {
		sc.add(i+len(user)+1, i+at, pii.Password, certain+0.01)
	}
	return i + at + 1
}

// bareURL looks at a token that may begin a URL without a scheme.
func (sc *scanner) bareURL(tok *token) {
	s := sc.s
	if b := sc.at(tok.start - 1); b == '.' || b == '@' || b == '/' || b == '-' || b == '_' || b == ':' {
		return
	}
	end, tld := sc.domain(tok.start)
	if end == 0 {
		return
	}
	www := tok.end-tok.start == 3 && s[tok.start]|0x20 == 'w' && s[tok.start+1]|0x20 == 'w' && s[tok.start+2]|0x20 == 'w'
	path := sc.at(end) == '/' && sc.at(end+1) != ' ' || sc.at(end) == ':' && class[sc.at(end+1)] == digits
	switch {
	case sc.at(end) == '@', sc.at(end) == '(', sc.at(end) == '=':
		return
	case www && end > tok.start+4:
	case path && webDomain.has(tld):
	case plainDomain.has(tld) && lowerCase(s[end-len(tld):end]):
	default:
		return
	}
	if path {
		end = max(end, sc.urlEnd(end, tok.start))
	}
	score := float32(sure)
	if !www {
		score = possible
	}
	sc.add(tok.start, end, pii.URL, score)
}

var (
	plainDomain = wordsOf(`com org net edu gov`)
	webDomain   = wordsOf(`com org net edu gov io dev app ai co info biz me tv xyz online site shop store tech blog cloud uk de fr es it nl pt in eu us ca au at ch be se no dk pl cz ru br jp cn`)
)

func lowerCase(s string) bool {
	for i := range len(s) {
		if class[s[i]] != lower {
			return false
		}
	}
	return true
}

// ipAddress reads an address of version 4 or 6 at a place.
func (sc *scanner) ipAddress(at int, labelled bool) (pii.Span, bool) {
	s := sc.s
	if at > 0 && !labelled {
		if b := s[at-1]; b == '.' && at > 1 && sc.wordAt(at-2) || b == '-' || b == '_' || sc.wordAt(at-1) {
			return pii.Span{}, false
		}
	}
	end, dots, colons := at, 0, 0
	for end < len(s) && end-at < 46 {
		b := s[end]
		if b == '.' {
			dots++
		} else if b == ':' {
			colons++
		} else if !hexDigit(b) {
			break
		}
		end++
	}
	if end-at >= 46 || end < len(s) && (class[s[end]] != 0 || s[end] == '_') {
		return pii.Span{}, false
	}
	for end > at && (s[end-1] == '.' || s[end-1] == ':' && !strings.HasSuffix(s[at:end], "::")) {
		if s[end-1] == '.' {
			dots--
		} else {
			colons--
		}
		end--
	}
	if dots == 3 && colons <= 1 {
		end, ok := ipv4(s, at, end)
		if !ok || !labelled && sc.versioned(at) {
			return pii.Span{}, false
		}
		return pii.Span{Start: at, End: end, Type: pii.IPAddress, Score: sure - 0.01}, true
	}
	if colons < 2 {
		return pii.Span{}, false
	}
	text := s[at:end]
	if ip, err := netip.ParseAddr(text); err != nil || !ip.Is6() {
		return pii.Span{}, false
	}
	if !labelled && strings.Contains(text, "::") && colons < 4 && !longGroup(text) {
		return pii.Span{}, false // x[1::2], std::abs
	}
	return pii.Span{Start: at, End: end, Type: pii.IPAddress, Score: certain}, true
}

// longGroup reports whether a group has three digits, or the loopback's form.
func longGroup(s string) bool {
	size := 0
	for i := range len(s) {
		if s[i] == ':' {
			size = 0
		} else if size++; size >= 3 {
			return true
		}
	}
	return s == "::1"
}

// ipv4 checks four numbers up to 255 in s[at:end], which may go on with a port.
func ipv4(s string, at, end int) (int, bool) {
	part, size, parts := 0, 0, 0
	i := at
	for ; i < end && s[i] != ':'; i++ {
		switch {
		case s[i] == '.':
			if size == 0 {
				return 0, false
			}
			parts++
			part, size = 0, 0
		case class[s[i]] != digits:
			return 0, false
		default:
			part = part*10 + int(s[i]-'0')
			if size++; size > 3 || part > 255 {
				return 0, false
			}
		}
	}
	return i, parts == 3 && size > 0
}

// versioned reports whether the words before a place speak of a version.
func (sc *scanner) versioned(at int) bool {
	before := strings.ToLower(sc.s[max(0, at-24):at])
	for _, word := range []string{"version", "release", "build", " ver", "rev", "firmware", "section", "chapter", "kernel", "driver"} {
		if strings.Contains(before, word) {
			return true
		}
	}
	return false
}

func hexDigit(b byte) bool { return b >= '0' && b <= '9' || b|0x20 >= 'a' && b|0x20 <= 'f' }

// macAddress reads six pairs apart by : or -, three groups apart by dots, or with
// a label twelve hexadecimal digits.
func (sc *scanner) macAddress(at int, labelled bool) (pii.Span, bool) {
	s := sc.s
	if b := sc.at(at - 1); sc.wordAt(at-1) || !labelled && (b == ':' || b == '-') && at > 1 && hexDigit(s[at-2]) {
		return pii.Span{}, false
	}
	size := 2
	sep := sc.at(at + 2)
	if hexDigit(sep) {
		size, sep = 4, sc.at(at+4)
	}
	end := 0
	switch {
	case sep == ':' || sep == '-' || sep == '.' || sep == ' ' && labelled:
		end = at + 17
		if size == 4 {
			end = at + 14
		}
		if end > len(s) {
			return pii.Span{}, false
		}
		for i := at; i < end; i++ {
			if boundary := (i-at)%(size+1) == size; boundary != (s[i] == sep) || !boundary && !hexDigit(s[i]) {
				return pii.Span{}, false
			}
		}
		if size == 4 && !labelled && (sep != '.' || strings.Trim(s[at:end], "0123456789.") == "") {
			return pii.Span{}, false
		}
	case labelled && at+12 <= len(s):
		end = at + 12
		for i := at; i < end; i++ {
			if !hexDigit(s[i]) {
				return pii.Span{}, false
			}
		}
	default:
		return pii.Span{}, false
	}
	if sc.wordAt(end) || sc.at(end) == sep && hexDigit(sc.at(end+1)) {
		return pii.Span{}, false
	}
	return pii.Span{Start: at, End: end, Type: pii.MACAddress, Score: certain}, true
}
