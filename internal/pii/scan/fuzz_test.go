package scan_test

import (
	"strings"
	"testing"
	"time"
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

// hostile texts are made of what costs the most: candidates that come to nothing.
var hostile = []string{
	"1", "a", "@", ".", "-", ":", "/", " ", "\n", "(", "+", "=", "_", "'", "\"", "\\", "é", "漢", "|", ",",
	"1 ", "1.", "1-", "1/", "1:", "a.", "a@", "a:", "a-", "a1", "A1", "A ", "AB12 ", "GB29", "x@y.z", "://", "a://", "http://a@b", "www.",
	"ssn ", "ssn:", "ssn is ", "my ", "account number ", "password ", "password is ", "password:", "password=\"", "user ", "user=", "pin of my ", "card (",
	"ssn,", "ssn|", "ssn|a\n", "a|ssn\n1|", "ssn\n", "VALUES (", "(ssn) VALUES (1),", "values", "May ", "1 May ", "May 1 ", "Monday ", "5 years old ", "2001:", "ab:", "::1", "1::",
	" -p ", "mysql -p ", "curl -u a:b ", "/home/", "/home/a", `\Users\`, "AKIA", "aZ9/", "4111 1111 ", "123-45-6789 ", "1234567890 ", "12/12/2012 ", "10:10 ", "555-1234 ext ", "DE89 3704 0044 0532 0130 00 ", "\u0430", "%40", "&#64;", "\\u0040",
	"username: abcdef ", "account number 12345678 ", "order 1234567 ", "if x is my ", "8 is my pin ", "is my ssn ", "ssn, pin, ", "a\tssn\t",
}

// Time may not grow faster than length: at most so much a byte, which is far
// above what any text takes, for 32 KiB and for 512 KiB alike.
func TestTimeIsLinear(t *testing.T) {
	const most = 4 * time.Microsecond
	for _, unit := range hostile {
		var perByte [2]time.Duration
		for i, size := range []int{32 << 10, 512 << 10} {
			text := strings.Repeat(unit, size/len(unit))
			start := time.Now()
			scan.Append(nil, text, pii.All)
			perByte[i] = time.Since(start) / time.Duration(size>>10)
			if perByte[i] > most*1024 {
				t.Errorf("%q at %d KiB: %v a KiB", unit, size>>10, perByte[i])
			}
		}
		if testing.Verbose() {
			t.Logf("%-28q %8v %8v a KiB", unit, perByte[0], perByte[1])
		}
		if perByte[1] > 5*perByte[0]+200*time.Microsecond {
			t.Errorf("%q: %v a KiB in 32 KiB, %v in 512 KiB", unit, perByte[0], perByte[1])
		}
	}
}
