package scan_test

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/pii"
	"github.com/bricks-gateway/bricks/internal/pii/scan"
	"github.com/bricks-gateway/bricks/internal/testenv"
)

// hostile texts are made of what costs the most: candidates that come to nothing.
var hostile = []string{
	"1", "a", "@", ".", "-", ":", "/", " ", "\n", "(", "+", "=", "_", "'", "\"", "\\", "é", "漢", "|", ",",
	"1 ", "1.", "1-", "1/", "1:", "a.", "a@", "a:", "a-", "a1", "A1", "A ", "AB12 ", "GB29", "x@y.z", "://", "a://", "http://a@b", "www.",
	"ssn ", "ssn:", "ssn is ", "my ", "account number ", "password ", "password is ", "password:", "password=\"", "user ", "user=", "pin of my ", "card (",
	"ssn,", "ssn|", "ssn|a\n", "a|ssn\n1|", "ssn\n", "VALUES (", "(ssn) VALUES (1),", "values", "May ", "1 May ", "May 1 ", "Monday ", "5 years old ", "2001:", "ab:", "::1", "1::",
	" -p ", "mysql -p ", "curl -u a:b ", "/home/", "/home/a", `\Users\`, "AKIA", "aZ9/", "4111 1111 ", "123-45-6789 ", "1234567890 ", "12/12/2012 ", "10:10 ", "555-1234 ext ", "DE89 3704 0044 0532 0130 00 ", "\u0430", "%40", "&#64;", "\\u0040",
	"username: abcdef ", "account number 12345678 ", "order 1234567 ", "if x is my ", "8 is my pin ", "is my ssn ", "a dot ", " dot ", "a at b dot ", "[at]", "(", " @ a.com", "ssn, pin, ", "a\tssn\t",
}

// Time may not grow faster than length: at most so much a byte, which is far
// above what any text takes, for 32 KiB and for 512 KiB alike. It is the time of
// this thread, whatever else the machine does.
func TestTimeIsLinear(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds, and under the race detector most of them are the detector's")
	}
	const most = 5 * time.Millisecond // a KiB
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for _, unit := range hostile {
		var took [2]time.Duration // a KiB
		for i, size := range []int{32 << 10, 512 << 10} {
			text := strings.Repeat(unit, size/len(unit))
			start := testenv.ThreadTime(t)
			scan.Append(nil, text, pii.All&^learnedTypes)
			took[i] = (testenv.ThreadTime(t) - start) / time.Duration(size>>10)
			if took[i] > most {
				t.Errorf("%q at %d KiB: %v a KiB", unit, size>>10, took[i])
			}
		}
		if testing.Verbose() {
			t.Logf("%-28q %8v %8v a KiB", unit, took[0], took[1])
		}
		if took[1] > 5*took[0]+500*time.Microsecond {
			t.Errorf("%q: %v a KiB in 32 KiB, %v in 512 KiB", unit, took[0], took[1])
		}
	}
}
