package e2e

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/bricks-gateway/bricks/internal/testenv"
)

// at is an env whose requests go to one processor's Envoy, and whose admin calls
// go to the one admin API.
func (r *roles) at(p *testenv.Gateway) *env {
	p.Admin = r.Admin
	return &env{Gateway: p, fake: r.fake, client: r.client}
}

// TestNoOverspendOverTwoProcessors: two processors with their Envoys share a
// key's money in Redis. Killing one of them in between changes nothing.
func TestNoOverspendOverTwoProcessors(t *testing.T) {
	r := newRolesOnRedis(t, 1)
	first := r.at(r.startProcessor(r.planes[0]))
	// Envoys of one control plane listen at one address, so that the second
	// processor has a control plane of its own.
	r.planes = append(r.planes, r.startPlane())
	second := r.at(r.startNamed("second", r.planes[1]))
	const limit = 10 * limitedBound
	for _, clients := range []int{1, 8, 200} {
		for range number(t, "BRICKS_TEST_ROUNDS", 3) {
			k := r.CreateKey([]string{r.setting}, testenv.Object{"costLimitInUsd": dollars(limit)})
			r.fake.Reset()
			answered := make([]int, 2)
			var wg sync.WaitGroup
			for i, e := range []*env{first, second} {
				wg.Go(func() { answered[i] = e.race(t, clients, k, limited(i == 0), "X-Fake-Words", "50") })
			}
			wg.Wait()
			all := answered[0] + answered[1] + first.drain(t, k, limited(false), "X-Fake-Words", "50")
			spent := first.spent(t, k, all)
			if bill := nano(r.fake.Bill()["gpt-4o-mini-2024-07-18"]); spent != bill {
				t.Errorf("%d clients: the events cost %d, the provider billed %d", clients, spent, bill)
			}
			if spent > limit || spent < limit-limitedBound {
				t.Errorf("%d clients: spent %d of %d in %d requests", clients, spent, limit, all)
			}
			if s := first.standing(t, k); nanoOf(t, s.CostInUSD) != spent || nanoOf(t, s.ReservedInUSD) != 0 {
				t.Errorf("%d clients: the counter says %+v, want %d spent", clients, s, spent)
			}
		}
	}
	if out := first.verifyLedger(t); !strings.Contains(out, "9 accounts") {
		t.Errorf("bricks ledger verify: %s", out)
	}
}

// TestRateOverTwoProcessors: one limit, whichever processor is asked.
func TestRateOverTwoProcessors(t *testing.T) {
	r := newRolesOnRedis(t, 2)
	both := []*env{r.at(r.startProcessor(r.planes[0])), r.at(r.startNamed("second", r.planes[1]))}
	k := r.CreateKey([]string{r.setting}, testenv.Object{"rateLimitOverTime": 20, "rateLimitUnit": "h"})
	admitted := 0
	for i := range 30 {
		a := both[i%2].post(t, chat, helloChat, bearer(k)...)
		if a.status == http.StatusOK {
			admitted++
		} else if a.status != http.StatusTooManyRequests {
			t.Errorf("got %v", a)
		}
	}
	if admitted != 20 {
		t.Errorf("%d requests were admitted, want 20", admitted)
	}
}
