package scan_test

import (
	"testing"
	"unicode/utf8"

	"github.com/bricks-gateway/bricks/internal/pii"
	"github.com/bricks-gateway/bricks/internal/pii/scan"
)

// FuzzAppend checks what holds for every text: spans are in it, in order, apart,
// and whole characters; the same text gives the same.
func FuzzAppend(f *testing.F) {
	for _, s := range []string{records, code, "ssn\n123-45-6789", "a|ssn|b\n1|123456789|c\n", "\xff@\xfe.com", "password: \xff\xff\xff", "５５５-１２３４ tel", "e\u0301@x.com", "INSERT INTO a (ssn) VALUES ('", "http://a:b@", "+49 (0", "1.2.3.4.5", "::", "Mai 5.", "C:\\Users\\"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		spans := scan.Append(nil, text, pii.All)
		last := 0
		for _, s := range spans {
			if s.Start < last || s.End <= s.Start || s.End > len(text) {
				t.Fatalf("%q: span %v after %d", text, s, last)
			}
			if s.Type >= pii.Types || s.Score <= 0 || s.Score > 1 {
				t.Fatalf("%q: span %v", text, s)
			}
			if utf8.ValidString(text) && !utf8.ValidString(text[s.Start:s.End]) {
				t.Fatalf("%q: span %v splits a character", text, s)
			}
			last = s.End
		}
		again := scan.Append(nil, text, pii.All)
		if len(again) != len(spans) {
			t.Fatalf("%q: %v, then %v", text, spans, again)
		}
	})
}
