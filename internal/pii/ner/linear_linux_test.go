package ner_test

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/pii/ner"
	"github.com/bricks-gateway/bricks/internal/testenv"
)

// Time per byte stays the same from 32 KiB to 512 KiB, whatever the text is made
// of; a quadratic step would take 16 times as long. It is the time of this thread,
// whatever else the machine does.
func TestAppendIsLinear(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	ner.Load()
	for _, c := range []struct{ name, part string }{
		{"capitals", "A"}, {"capitalised words", "Anna "}, {"digits", "7"}, {"commas", ","}, {"line breaks", "\n"}, {"apostrophes", "a'"},
		{"streets", "12 Main Street, "}, {"marks", "e\u0301"}, {"Han", "王"}, {"invalid bytes", "\xff"}, {"colons", "name: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			small, large := perKiB(t, c.part, 32), perKiB(t, c.part, 512)
			t.Logf("%v a KiB in 32 KiB, %v in 512 KiB", small, large)
			if large > 3*small+20*time.Microsecond {
				t.Errorf("%v a KiB in 32 KiB, %v in 512 KiB", small, large)
			}
		})
	}
}

// perKiB is the least of three times that a KiB takes in a text of so many.
func perKiB(t *testing.T, part string, size int) time.Duration {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	text := strings.Repeat(part, size<<10/len(part))
	best := time.Hour
	for range 3 {
		start := testenv.ThreadTime(t)
		ner.Append(nil, text)
		best = min(best, testenv.ThreadTime(t)-start)
	}
	return best / time.Duration(size)
}
