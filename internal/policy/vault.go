package policy

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"strings"
)

// vault keeps what placeholders stand for while a request is under way.
type vault struct {
	secret []byte
	values map[string]string // by placeholder
}

func newVault(secret []byte) *vault {
	return &vault{secret: secret, values: map[string]string{}}
}

// markLength is how many characters of a placeholder tell values apart: 40 bits.
const markLength = 8

var markAlphabet = base32.StdEncoding.WithPadding(base32.NoPadding)

// keep returns the placeholder of a value, such as [EMAIL_K4WQ7ZPD]. Equal
// values of a type have equal ones, so that a conversation stays in step with
// itself, and the provider's own cache too.
func (v *vault) keep(label, value string) string {
	sum := hmac.New(sha256.New, v.secret)
	sum.Write([]byte(label))
	sum.Write([]byte{0})
	sum.Write([]byte(value))
	mark := markAlphabet.EncodeToString(sum.Sum(nil)[:markLength*5/8])
	placeholder := strings.TrimSuffix(label, "]") + "_" + mark + "]"
	if other, taken := v.values[placeholder]; taken && other != value {
		return label // which nothing is put in the place of
	}
	v.values[placeholder] = value
	return placeholder
}

// find is the first placeholder in text: text[start:end].
func (v *vault) find(text string) (start, end int, value string, found bool) {
	for i := 0; ; {
		open := strings.IndexByte(text[i:], '[')
		if open < 0 {
			return 0, 0, "", false
		}
		open += i
		size := strings.IndexByte(text[open:min(len(text), open+maxPlaceholder)], ']')
		if size > 0 {
			if value, ok := v.values[text[open:open+size+1]]; ok {
				return open, open + size + 1, value, true
			}
		}
		i = open + 1
	}
}

// maxPlaceholder bounds the length of a placeholder in bytes.
const maxPlaceholder = 64

// unfinished is where the beginning of a placeholder stands at the end of text;
// len(text): nowhere.
func unfinished(text string) int {
	i := strings.LastIndexByte(text, '[')
	if i < 0 || len(text)-i >= maxPlaceholder || strings.IndexByte(text[i:], ']') >= 0 {
		return len(text)
	}
	for _, c := range []byte(text[i+1:]) {
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' {
			return len(text)
		}
	}
	return i
}
