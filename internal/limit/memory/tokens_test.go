package memory_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/limit"
	"github.com/bricks-gateway/bricks/internal/limit/limittest"
	"github.com/bricks-gateway/bricks/internal/limit/memory"
)

func TestTokenWindow(t *testing.T) {
	limittest.RunTokens(t, func(_ testing.TB, c *limittest.Clock, tokens int64, length time.Duration) limit.TokenWindow {
		return memory.NewTokenWindow(tokens, length, c.Now)
	})
}

// TestMadeUpUsersAreBounded: a client that makes names up is refused at last, and
// known users are not. When their time is over there is room again.
func TestMadeUpUsersAreBounded(t *testing.T) {
	c := &limittest.Clock{}
	w := memory.NewTokenWindow(10, time.Minute, c.Now)
	for i := range 100_000 {
		if err := w.Take(t.Context(), strconv.Itoa(i), 5); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Take(t.Context(), "one more", 5); gateway.KindOf(err) != gateway.Unavailable {
		t.Errorf("one more: %v", err)
	}
	if err := w.Take(t.Context(), "7", 5); err != nil {
		t.Errorf("a known user: %v", err)
	}
	c.Advance(time.Minute)
	if err := w.Take(t.Context(), "one more", 5); err != nil {
		t.Errorf("later: %v", err)
	}
}
