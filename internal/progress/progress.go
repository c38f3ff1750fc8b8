// Package progress says how far long work is, to whoever waits for it at a
// terminal or reads a log. It is no log and no metric.
//
// The program says once where such lines go (To), whoever starts long work names
// it (Do), and code below says how far it is (Report), knowing of neither.
package progress

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/term"
)

const (
	quiet      = time.Second            // work that ends within it is not spoken of
	onTerminal = 200 * time.Millisecond // between two states of the line
	inLog      = 10 * time.Second       // between two lines
)

type writerKey struct{}

// To returns a context for work whose progress is written to w. A terminal gets
// one line that is written over, and gone in the end; anything else gets lines.
func To(ctx context.Context, w io.Writer) context.Context {
	return context.WithValue(ctx, writerKey{}, w)
}

type workKey struct{}

// work is what Do runs. Its numbers are safe for concurrent use.
type work struct {
	doing       string
	w           io.Writer
	terminal    bool
	done, total atomic.Int64
}

// Do runs f and says how far it is, from its first second on. doing names it, as
// in "import". Without a To it only runs f. It writes nothing after f's return.
func Do(ctx context.Context, doing string, f func(context.Context) error) error {
	w, ok := ctx.Value(writerKey{}).(io.Writer)
	if !ok {
		return f(ctx)
	}
	return do(ctx, &work{doing: doing, w: w, terminal: isTerminal(w)}, f)
}

func do(ctx context.Context, w *work, f func(context.Context) error) error {
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		w.speak(stop)
	}()
	defer func() {
		close(stop)
		<-stopped
	}()
	return f(context.WithValue(ctx, workKey{}, w))
}

// Report says that done parts of total are done; total 0: nobody knows how many
// there are. It costs nothing to speak of and may be called for every part.
func Report(ctx context.Context, done, total int64) {
	if w, ok := ctx.Value(workKey{}).(*work); ok {
		w.done.Store(done)
		w.total.Store(total)
	}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) //nolint:gosec // a descriptor fits
}

// speak writes until stop is closed.
func (w *work) speak(stop <-chan struct{}) {
	began, timer := time.Now(), time.NewTimer(quiet)
	defer timer.Stop()
	for spoken := false; ; spoken = true {
		select {
		case <-stop:
			if spoken && w.terminal {
				_, _ = io.WriteString(w.w, "\r\x1b[K")
			}
			return
		case <-timer.C:
		}
		line := w.line(time.Since(began))
		if w.terminal {
			_, _ = io.WriteString(w.w, "\r"+line+"\x1b[K") // who cannot be told is not told
			timer.Reset(onTerminal)
		} else {
			_, _ = io.WriteString(w.w, line+"\n")
			timer.Reset(inLog)
		}
	}
}

func (w *work) line(after time.Duration) string {
	done, total := w.done.Load(), w.total.Load()
	text := w.doing + ": "
	switch {
	case total > 0:
		text += fmt.Sprintf("%d of %d (%d %%), ", done, total, int64(float64(done)/float64(total)*100))
	case done > 0:
		text += fmt.Sprintf("%d, ", done)
	}
	return text + after.Truncate(time.Second).String()
}
