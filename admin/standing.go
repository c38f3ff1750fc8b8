package admin

import (
	"context"
	"net/http"
	"reflect"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/limit"
)

// costStanding is how one cost limit stands.
type costStanding struct {
	LimitInUSD     usd    `json:"limitInUsd"`
	SpentInUSD     usd    `json:"spentInUsd"`
	ReservedInUSD  usd    `json:"reservedInUsd" doc:"Held by running requests."`
	RemainingInUSD usd    `json:"remainingInUsd" doc:"Neither spent nor reserved; never negative."`
	Unit           string `json:"unit,omitempty" enum:"m,h,d,mo"`
	ResetAt        int64  `json:"resetAt,omitempty" doc:"Unix seconds; absent: never."`
}

// rateStanding is how a rate limit stands.
type rateStanding struct {
	Limit     int64  `json:"limit"`
	Used      int64  `json:"used"`
	Remaining int64  `json:"remaining"`
	Unit      string `json:"unit" enum:"s,m,h,d"`
	ResetAt   int64  `json:"resetAt" doc:"Unix seconds, when the limit is whole again."`
}

// standingAnswer is what an account spent and how its limits stand.
type standingAnswer struct {
	ID              string        `json:"id" format:"uuid"`
	CostInUSD       usd           `json:"costInUsd" doc:"Spent ever."`
	ReservedInUSD   usd           `json:"reservedInUsd" doc:"Held by running requests."`
	RunningRequests int           `json:"runningRequests"`
	CostLimit       *costStanding `json:"costLimit,omitempty" doc:"Absent: no limit."`
	CostLimitWindow *costStanding `json:"costLimitOverTime,omitempty" doc:"Absent: no limit."`
	RateLimit       *rateStanding `json:"rateLimit,omitempty" doc:"Absent: no limit."`
}

// ledgerAnswer is the outcome of a comparison of counters with the ledger.
type ledgerAnswer struct {
	Accounts    int                `json:"accounts" doc:"How many accounts are counted now."`
	Differences []ledgerDifference `json:"differences"`
}

type ledgerDifference struct {
	Account      string `json:"account"`
	Window       bool   `json:"window" doc:"Of the running window; else of all time."`
	CountedInUSD usd    `json:"countedInUsd"`
	LedgerInUSD  usd    `json:"ledgerInUsd"`
}

func (a *api) standingRoutes() []route {
	const group = "reporting"
	return []route{
		{method: http.MethodGet, path: "/api/reporting/keys/{keyId}", id: "getKeyStanding", summary: "What a key spent and how its limits stand now", group: group,
			answer: reflect.TypeFor[standingAnswer](), statuses: []int{404}, handle: a.getKeyStanding},
		{method: http.MethodGet, path: "/api/reporting/users/{id}", id: "getUserStanding", summary: "What a user spent and how its limits stand now", group: group,
			answer: reflect.TypeFor[standingAnswer](), statuses: []int{404}, handle: a.getUserStanding},
		{method: http.MethodGet, path: "/api/reporting/ledger", id: "verifyLedger", summary: "Compare the counters of money with the sums of the events", group: group,
			access: readingWhole, answer: reflect.TypeFor[ledgerAnswer](), statuses: []int{404}, handle: a.verifyLedger},
	}
}

func (a *api) getKeyStanding(ctx context.Context, c *call) (any, error) {
	k, err := c.key(ctx)
	if err != nil {
		return nil, err
	}
	return a.standing(ctx, k.ID, limit.Account{ID: gateway.KeyAccount(k.ID), Label: "key", Limits: k.Limits()})
}

func (a *api) getUserStanding(ctx context.Context, c *call) (any, error) {
	u, err := c.user(ctx)
	if err != nil {
		return nil, err
	}
	return a.standing(ctx, u.ID, limit.Account{ID: gateway.UserAccount(u.ID), Label: "user", Limits: u.Limits()})
}

func (a *api) standing(ctx context.Context, id string, account limit.Account) (any, error) {
	if a.Standing == nil {
		return nil, notFound.with("this process counts no limits and knows none that does")
	}
	s, err := a.Standing(ctx, account)
	if err != nil {
		return nil, err
	}
	l := account.Limits
	answer := standingAnswer{
		ID: id, CostInUSD: usd(s.Spent), ReservedInUSD: usd(s.Reserved), RunningRequests: s.Running,
		CostLimit: newCostStanding(s.Cost, ""), CostLimitWindow: newCostStanding(s.Window, l.CostLimitUnit),
	}
	if r := s.Rate; r != nil {
		answer.RateLimit = &rateStanding{Limit: r.Limit, Used: r.Used, Remaining: r.Remaining, Unit: string(l.RateLimitUnit), ResetAt: r.Reset.Unix()}
	}
	return answer, nil
}

func newCostStanding(s *limit.CostStanding, unit gateway.Unit) *costStanding {
	if s == nil {
		return nil
	}
	out := &costStanding{
		LimitInUSD: usd(s.Limit), SpentInUSD: usd(s.Spent), ReservedInUSD: usd(s.Reserved), RemainingInUSD: usd(s.Remaining),
		Unit: string(unit),
	}
	if !s.Reset.IsZero() {
		out.ResetAt = s.Reset.Unix()
	}
	return out
}

func (a *api) verifyLedger(ctx context.Context, _ *call) (any, error) {
	if a.VerifyLedger == nil {
		return nil, notFound.with("this process counts no limits and knows none that does")
	}
	accounts, differences, err := a.VerifyLedger(ctx)
	if err != nil {
		return nil, err
	}
	answer := ledgerAnswer{Accounts: accounts, Differences: []ledgerDifference{}}
	for _, d := range differences {
		answer.Differences = append(answer.Differences, ledgerDifference{string(d.Account), d.Window, usd(d.Counted), usd(d.Ledger)})
	}
	return answer, nil
}
