package redis_test

import (
	"sync"
	"testing"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/limit/redis"
	"github.com/bricks-gateway/bricks/internal/testenv"
)

// TestFlushAllUnderLoad: Redis forgets everything, three times, while clients of
// two replicas spend a budget. The running requests of both stay reserved.
func TestFlushAllUnderLoad(t *testing.T) {
	server := testenv.StartRedis(t)
	all := replicas(t, 2, redis.Options{Server: serverOf(server), Timeout: patient})
	k := budget("k", 20_000)
	long := all[1].mustReserve(t, 1000, k) // runs over all of it
	var mu sync.Mutex
	flushAt := []gateway.NanoUSD{4000, 9000, 14000}
	spent := spendAll(t, all, 40, 100, 19_000, func(spent gateway.NanoUSD) {
		mu.Lock()
		defer mu.Unlock()
		if len(flushAt) > 0 && spent > flushAt[0] {
			flushAt = flushAt[1:]
			server.MustDo("FLUSHALL")
		}
	}, k)
	t.Logf("spent %d of 19000", spent)
	if spent > 19_000 {
		t.Errorf("spent %d of the 19000 that the running request left", spent)
	}
	all[1].settle(t, long, 1000, k)
	testenv.Eventually(t, patience, "the sums are the ledger's", func() bool {
		got := all[0].standing(t, k)
		return got.Spent == spent+1000 && got.Reserved == 0
	})
}

// TestEventsOfOtherReplicasAreRead: what another replica has settled is not in
// the ledger yet when Redis forgets.
func TestEventsOfOtherReplicasAreRead(t *testing.T) {
	server := testenv.StartRedis(t)
	all := replicas(t, 2, redis.Options{Server: serverOf(server), Timeout: patient})
	k := budget("k", 1000)
	all[1].settle(t, all[1].mustReserve(t, 400, k), 400, k)
	running := all[1].mustReserve(t, 500, k)
	server.MustDo("FLUSHALL")
	if _, err := all[0].reserve(101, k); code(err) != "budget_reserved" {
		t.Errorf("400 are spent and 500 reserved: %v", err)
	}
	if got := all[0].standing(t, k); got.Spent != 400 || got.Reserved != 500 || got.Running != 1 {
		t.Errorf("standing = %+v", got)
	}
	all[1].settle(t, running, 500, k)
}

// TestAReadingThatIsDisturbedIsRepeated: a request that is settled while the
// ledger is read may be counted twice for a moment, and is put right.
func TestAReadingThatIsDisturbedIsRepeated(t *testing.T) {
	server := testenv.StartRedis(t)
	r := replicas(t, 1, redis.Options{Server: serverOf(server), Timeout: patient})[0]
	k := budget("k", 1000)
	x := r.mustReserve(t, 100, k)
	var once sync.Once
	r.spool.reading = func() { // after the sum was taken, with x's event in it
		once.Do(func() {
			if err := x.Settle(t.Context(), 100); err != nil {
				t.Error(err)
			}
		})
	}
	r.spool.Add(k.ID, x.At(), 100)
	if err := r.Recount(t.Context(), k.ID); err != nil {
		t.Fatal(err)
	}
	if got := r.standing(t, k); got.Spent < 100 {
		t.Errorf("%+v: money is missing", got)
	}
	testenv.Eventually(t, patience, "the doubt ends", func() bool { return r.standing(t, k).Spent == 100 })
}
