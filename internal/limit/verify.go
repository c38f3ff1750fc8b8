package limit

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

// Difference is a counter that is not what the ledger says.
type Difference struct {
	Account gateway.AccountID
	Window  bool // of the running window; else of all time
	Counted gateway.NanoUSD
	Ledger  gateway.NanoUSD
}

// A counter moves a moment after its event is written, so one that differs is
// read again before it is called wrong.
const (
	verifyTries = 4
	verifyPause = 250 * time.Millisecond
)

// Verify compares counters with the ledger and returns how many accounts it
// looked at. Requests may run meanwhile. only limits it to some accounts; nil:
// all.
func Verify(ctx context.Context, l Limiter, ledger Ledger, only func(gateway.AccountID) bool) (accounts int, differences []Difference, err error) {
	suspects := only
	for try := range verifyTries {
		if try > 0 {
			t := time.NewTimer(verifyPause)
			select {
			case <-t.C:
			case <-ctx.Done():
				t.Stop()
				return accounts, nil, ctx.Err()
			}
		}
		counters, err := l.Counters(ctx)
		if err != nil {
			return accounts, nil, fmt.Errorf("read counters: %w", err)
		}
		counters = slices.DeleteFunc(counters, func(c Counter) bool { return suspects != nil && !suspects(c.Account) })
		if try == 0 {
			accounts = len(counters)
		}
		if differences, err = compare(ctx, counters, ledger); err != nil || len(differences) == 0 {
			return accounts, nil, err
		}
		wrong := map[gateway.AccountID]bool{}
		for _, d := range differences {
			wrong[d.Account] = true
		}
		suspects = func(id gateway.AccountID) bool { return wrong[id] }
	}
	return accounts, differences, nil
}

func compare(ctx context.Context, counters []Counter, ledger Ledger) ([]Difference, error) {
	if err := ledger.Flush(ctx); err != nil {
		return nil, fmt.Errorf("flush events: %w", err)
	}
	var out []Difference
	for _, c := range counters {
		sum, err := ledger.Spend(ctx, c.Account, time.Time{}, time.Time{})
		if err != nil {
			return nil, fmt.Errorf("sum the ledger: %w", err)
		}
		if sum != c.Total {
			out = append(out, Difference{c.Account, false, c.Total, sum})
		}
		if c.Unit == "" {
			continue
		}
		if sum, err = ledger.Spend(ctx, c.Account, c.WindowStart, time.Time{}); err != nil {
			return nil, fmt.Errorf("sum the ledger: %w", err)
		}
		if sum != c.Window {
			out = append(out, Difference{c.Account, true, c.Window, sum})
		}
	}
	slices.SortFunc(out, func(a, b Difference) int { return cmp.Compare(a.Account, b.Account) })
	return out, nil
}
