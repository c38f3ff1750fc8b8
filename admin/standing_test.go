package admin

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/limit"
)

func TestKeyStanding(t *testing.T) {
	reset := time.Unix(1_772_500_000, 0)
	var asked limit.Account
	f := newFixture(t, func(o *Options) {
		o.Standing = func(_ context.Context, a limit.Account) (limit.Standing, error) {
			asked = a
			return limit.Standing{
				Spent: 3_500_000_000, Reserved: 1, Running: 2,
				Cost:   &limit.CostStanding{Limit: 5_000_000_000, Spent: 3_500_000_000, Reserved: 1, Remaining: 1_499_999_999},
				Window: &limit.CostStanding{Limit: 1_000_000_000, Reset: reset},
				Rate:   &limit.RateStanding{Limit: 10, Used: 4, Remaining: 6, Reset: reset},
			}, nil
		}
	})
	id := f.key(f.setting(), `"costLimitInUsd":5,"costLimitInUsdOverTime":1,"costLimitInUsdUnit":"d","rateLimitOverTime":10,"rateLimitUnit":"m"`).str("keyId")
	a := f.do(http.MethodGet, "/api/reporting/keys/"+id, "")
	const want = `{"id":"%s","costInUsd":3.5,"reservedInUsd":0.000000001,"runningRequests":2,` +
		`"costLimit":{"limitInUsd":5,"spentInUsd":3.5,"reservedInUsd":0.000000001,"remainingInUsd":1.499999999},` +
		`"costLimitOverTime":{"limitInUsd":1,"spentInUsd":0,"reservedInUsd":0,"remainingInUsd":0,"unit":"d","resetAt":1772500000},` +
		`"rateLimit":{"limit":10,"used":4,"remaining":6,"unit":"m","resetAt":1772500000}}`
	if want := fmt.Sprintf(want, id); a.text != want+"\n" {
		t.Errorf("standing = %d %s", a.status, a.text)
	}
	if asked.ID != gateway.KeyAccount(id) || asked.Limits.CostLimit != 5*gateway.USD || asked.Limits.RateLimitUnit != gateway.Minute {
		t.Errorf("asked for %+v", asked)
	}
	user := f.user(`"costLimitInUsd":2,"costLimitInUsdOverTime":1,"costLimitInUsdUnit":"d","rateLimitOverTime":10,"rateLimitUnit":"m"`).str("id")
	if a := f.do(http.MethodGet, "/api/reporting/users/"+user, ""); a.status != http.StatusOK || a.str("id") != user ||
		asked.ID != gateway.UserAccount(user) || asked.Limits.CostLimit != 2*gateway.USD {
		t.Errorf("a user: %d %s, asked for %+v", a.status, a.text, asked)
	}
	if a := f.do(http.MethodGet, "/api/reporting/keys/"+"00000000-0000-4000-8000-000000000000", ""); a.status != http.StatusNotFound {
		t.Errorf("a key that is not there: %d", a.status)
	}
}

func TestLedgerComparison(t *testing.T) {
	f := newFixture(t, func(o *Options) {
		o.VerifyLedger = func(context.Context) (int, []limit.Difference, error) {
			return 7, []limit.Difference{{Account: "key:k", Window: true, Counted: 5, Ledger: 1_000_000_000}}, nil
		}
	})
	a := f.do(http.MethodGet, "/api/reporting/ledger", "")
	if want := `{"accounts":7,"differences":[{"account":"key:k","window":true,"countedInUsd":0.000000005,"ledgerInUsd":1}]}` + "\n"; a.text != want {
		t.Errorf("got %d %s", a.status, a.text)
	}
}
