package fold_test

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/pii/fold"
	"github.com/bricks-gateway/bricks/internal/testenv"
)

// Time per byte stays the same from 64 KiB to 1 MiB, whatever the text is made of;
// a quadratic step would take 16 times as long.
func TestTimeIsLinear(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds, and under the race detector most of them are the detector's")
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for _, unit := range []string{"\u0301", "\u200b", "а.", "ａ", "%25", "%E9", `\`, `\ud83d`, "&#", "\uFDFA", "가\u1160", "é", "C:\\"} {
		var took [2]time.Duration // a KiB
		for i, size := range []int{64 << 10, 1 << 20} {
			in := strings.Repeat(unit, size/len(unit))
			var text fold.Text
			start := testenv.ThreadTime(t)
			text.Reset(in)
			took[i] = (testenv.ThreadTime(t) - start) / time.Duration(size>>10)
		}
		if testing.Verbose() {
			t.Logf("%-10q %8v %8v a KiB", unit, took[0], took[1])
		}
		if took[1] > 5*took[0]+50*time.Microsecond {
			t.Errorf("%q: %v a KiB in 64 KiB, %v in 1 MiB", unit, took[0], took[1])
		}
	}
}
