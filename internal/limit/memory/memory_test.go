package memory_test

import (
	"testing"

	"github.com/bricks-gateway/bricks/internal/limit"
	"github.com/bricks-gateway/bricks/internal/limit/limittest"
	"github.com/bricks-gateway/bricks/internal/limit/memory"
)

func TestConformance(t *testing.T) {
	limittest.Run(t, func(_ testing.TB, c *limittest.Clock, l *limittest.Ledger) limit.Limiter {
		return memory.New(l, c.Now)
	})
}
