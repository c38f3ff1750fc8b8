package testenv

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// ThreadTime is the processor's time that this thread has taken, whatever else the
// machine does. Between two calls the goroutine must be locked to its thread.
func ThreadTime(t testing.TB) time.Duration {
	t.Helper()
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &now); err != nil {
		t.Fatal(err)
	}
	return time.Duration(now.Nano())
}
