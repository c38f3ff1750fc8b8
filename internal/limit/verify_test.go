package limit_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/limit"
	"github.com/bricks-gateway/bricks/internal/limit/limittest"
	"github.com/bricks-gateway/bricks/internal/limit/memory"
)

func TestVerifyFindsWhatDiffers(t *testing.T) {
	ledger := &limittest.Ledger{}
	l := memory.New(ledger, nil)
	for _, id := range []gateway.AccountID{"key:good", "key:wrong"} {
		a := limit.Account{ID: id, Label: "key", Limits: gateway.Limits{CostLimit: 100, CostLimitOverTime: 100, CostLimitUnit: gateway.Month}}
		r, err := l.Reserve(t.Context(), limit.Request{ID: string(id), Accounts: []limit.Account{a}, Cost: 10, Least: 10})
		if err != nil {
			t.Fatal(err)
		}
		ledger.Add(id, r.At(), 7)
		if err := r.Settle(t.Context(), 7); err != nil {
			t.Fatal(err)
		}
	}
	accounts, differences, err := limit.Verify(t.Context(), l, ledger, nil)
	if accounts != 2 || len(differences) > 0 || err != nil {
		t.Fatalf("Verify = %d, %v, %v; want 2 accounts that agree", accounts, differences, err)
	}
	ledger.Add("key:wrong", time.Now().AddDate(-1, 0, 0), 3) // nobody told the counter
	ledger.Add("key:wrong", time.Now(), 2)
	_, differences, err = limit.Verify(t.Context(), l, ledger, nil)
	want := []limit.Difference{{Account: "key:wrong", Counted: 7, Ledger: 12}, {Account: "key:wrong", Window: true, Counted: 7, Ledger: 9}}
	if diff := cmp.Diff(want, differences); diff != "" || err != nil {
		t.Errorf("differences (-want +got), %v:\n%s", err, diff)
	}
	if err := l.Recount(t.Context(), "key:wrong"); err != nil {
		t.Fatal(err)
	}
	a := limit.Account{ID: "key:wrong", Limits: gateway.Limits{CostLimit: 100}}
	if s, err := l.Standing(t.Context(), a); err != nil || s.Spent != 12 {
		t.Errorf("after the recount: %+v, %v", s, err)
	}
}
