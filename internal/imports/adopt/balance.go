package adopt

import (
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/imports"
	"github.com/bricks-gateway/bricks/internal/limit"
)

// part is what of a balance is booked at one moment.
type part struct {
	name string
	at   time.Time
	cost gateway.NanoUSD
}

// parts splits the balance, so that the sums since ever and in the present window
// are both right: what belongs to the window is booked now, the rest before it.
func parts(s imports.Spent, now time.Time) (all []part) {
	start, _ := limit.Window(s.Unit, now)
	if start.IsZero() {
		start = now
	}
	if before := s.Total - s.InWindow; before > 0 {
		all = append(all, part{"before", start.Add(-time.Microsecond), before})
	}
	if s.InWindow > 0 {
		all = append(all, part{"window", now, s.InWindow})
	}
	return all
}
