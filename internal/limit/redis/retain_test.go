package redis

import (
	"fmt"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/limit"
	"github.com/bricks-gateway/bricks/internal/limit/limittest"
	"github.com/bricks-gateway/bricks/internal/testenv"
)

// TestWhatCannotBeKeptIsRecounted: more settlements than memory may hold, and
// one that is too old to be sent twice.
func TestWhatCannotBeKeptIsRecounted(t *testing.T) {
	s, err := ParseURL(gateway.NewSecret(testenv.RedisURL(t)))
	if err != nil {
		t.Fatal(err)
	}
	ledger := &limittest.Ledger{}
	l := New(Options{Server: s, Ledger: ledger, Prefix: "retain:", Timeout: 5 * time.Second})
	defer l.Close() //nolint:errcheck // a test's
	if err := l.client.Set(t.Context(), "retain:{live}:epoch", 1, 0).Err(); err != nil {
		t.Fatal(err)
	}
	accounts := map[string]limit.Account{}
	for _, name := range []string{"kept", "old", "surplus"} {
		a := limit.Account{ID: gateway.KeyAccount(name), Label: "key", Limits: gateway.Limits{CostLimit: 1000}}
		if got, err := l.Standing(t.Context(), a); err != nil || got.Spent != 0 {
			t.Fatal(got, err)
		}
		accounts[name] = a
	}
	add := func(name, id string, since time.Time) {
		a := accounts[name].ID
		ledger.Add(a, time.Now(), 7)
		l.retain.add(operation{id: id, cost: 7, at: time.Now(), accounts: []gateway.AccountID{a}, since: since})
	}
	add("old", "old", time.Now().Add(-maxAge))
	add("kept", "kept", time.Now())
	for i := range maxRetained - 2 {
		l.retain.add(operation{kind: undone, id: fmt.Sprint(i), since: time.Now()}) // for no account
	}
	add("surplus", "surplus", time.Now())
	if n := l.retain.size(); n != maxRetained {
		t.Errorf("%d are kept, want %d", n, maxRetained)
	}
	if err := l.deliver(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, a := range accounts {
		if got, err := l.Standing(t.Context(), a); err != nil || got.Spent != 7 {
			t.Errorf("%s stands at %+v, %v; want 7 spent", name, got, err)
		}
	}
}
