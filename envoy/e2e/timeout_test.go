package e2e

import (
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/testenv"
)

// TestSilentStreamIsCut: x-request-timeout bounds the gaps of a stream. The
// provider pauses for half a minute between events; a client that waits for one
// second at most is let go long before.
func TestSilentStreamIsCut(t *testing.T) {
	e := newEnv(t, testenv.Options{})
	key := e.newKey(nil)
	start := time.Now()
	a := e.post(t, chat, `{"model":"gpt-4o-mini","stream":true,"messages":[{"role":"user","content":"hello"}]}`,
		append(bearer(key), "X-Request-Timeout", "1s", "X-Fake-Pace", "30s")...)
	took := time.Since(start)
	if a.status != 200 || a.err == nil {
		t.Errorf("got %v, want a stream that is cut", a)
	}
	if took < time.Second || took > 10*time.Second {
		t.Errorf("cut after %v, want about a second", took)
	}
	events := e.AwaitEvents(key, 1)
	if len(events) != 1 || !events[0].Incomplete || !events[0].Estimated || events[0].OutputTokens == 0 {
		t.Errorf("events = %+v, want one that counts what passed", events)
	}
}
