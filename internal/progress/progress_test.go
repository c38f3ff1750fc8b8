package progress

import (
	"bytes"
	"context"
	"errors"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

func TestProgressIsSaidWhileWorkIsLong(t *testing.T) {
	errWork := errors.New("the work's own")
	for _, c := range []struct {
		name     string
		terminal bool
		work     func(context.Context)
		want     string
	}{
		{"short work", false, func(context.Context) { time.Sleep(time.Second - 1) }, ""},
		{"short work at a terminal", true, func(context.Context) { time.Sleep(time.Second - 1) }, ""},
		{"parts of a known number", false, func(ctx context.Context) {
			Report(ctx, 1, 8)
			time.Sleep(5 * time.Second)
			Report(ctx, 2, 8)
			time.Sleep(7 * time.Second)
		}, "count: 1 of 8 (12 %), 1s\ncount: 2 of 8 (25 %), 11s\n"},
		{"parts of an unknown number", false, func(ctx context.Context) {
			Report(ctx, 7, 0)
			time.Sleep(2 * time.Second)
		}, "count: 7, 1s\n"},
		{"work that says nothing", false, func(context.Context) { time.Sleep(2 * time.Second) }, "count: 1s\n"},
		{"a terminal", true, func(ctx context.Context) {
			Report(ctx, 1, 2)
			time.Sleep(1300 * time.Millisecond)
		}, "\rcount: 1 of 2 (50 %), 1s\x1b[K\rcount: 1 of 2 (50 %), 1s\x1b[K\r\x1b[K"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out bytes.Buffer
				err := do(t.Context(), &work{doing: "count", w: &out, terminal: c.terminal}, func(ctx context.Context) error {
					c.work(ctx)
					return errWork
				})
				if !errors.Is(err, errWork) || out.String() != c.want {
					t.Errorf("got %q and %v, want %q", out.String(), err, c.want)
				}
			})
		})
	}
}

// TestNobodyNeedsToListen: code that reports is called by some who asked for no
// progress.
func TestNobodyNeedsToListen(t *testing.T) {
	var out bytes.Buffer
	for _, ctx := range []context.Context{t.Context(), To(t.Context(), &out)} {
		Report(ctx, 1, 2)
		if err := Do(ctx, "nothing", func(ctx context.Context) error { Report(ctx, 1, 2); return nil }); err != nil || out.Len() > 0 {
			t.Errorf("got %v and %q", err, out.String())
		}
	}
}

func TestAFileIsNoTerminal(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/log")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close() //nolint:errcheck // a test's
	if isTerminal(file) {
		t.Error("a file is written over like a terminal")
	}
}
