package processor

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/limit"
)

func TestUserAccounts(t *testing.T) {
	defaults := gateway.Limits{RateLimitOverTime: 5, RateLimitUnit: gateway.Minute}
	x := &exchange{s: &Server{o: Options{DefaultUser: defaults}}, key: &gateway.Key{ID: "key"}}
	x.event.UserID = "spike"
	if got := x.userAccounts(); got != nil {
		t.Errorf("before the lookup: %v", got)
	}
	x.matched = true
	want := []limit.Account{{ID: "default:key:spike", Label: `user "spike"`, Limits: defaults}}
	if diff := cmp.Diff(want, x.userAccounts()); diff != "" {
		t.Errorf("under defaults (-want +got):\n%s", diff)
	}
	x.users = []*gateway.User{{ID: "v", UserID: "spike"}, {ID: "u", UserID: "spike", CostLimit: 7, MaxParallelRequests: 2}}
	want = []limit.Account{
		{ID: "user:u", Label: `user "spike"`, Limits: gateway.Limits{CostLimit: 7, MaxParallelRequests: 2}},
		{ID: "user:v", Label: `user "spike"`},
	}
	if diff := cmp.Diff(want, x.userAccounts()); diff != "" {
		t.Errorf("with users (-want +got):\n%s", diff)
	}
}
