package scan

import (
	"sort"
	"strings"

	"github.com/bricks-gateway/bricks/internal/pii"
)

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
