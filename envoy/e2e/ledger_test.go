package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/testenv"
)

// standing is what GET /api/reporting/keys/{keyId} tells.
type standing struct {
	CostInUSD       json.Number
	ReservedInUSD   json.Number
	RunningRequests int
}

func (e *env) standing(t *testing.T, k testenv.Key) standing {
	t.Helper()
	status, b := e.Call(http.MethodGet, "/api/reporting/keys/"+k.ID, nil)
	var s standing
	if err := json.Unmarshal(b, &s); status != http.StatusOK || err != nil {
		t.Fatalf("standing: got %d %s, %v", status, b, err)
	}
	return s
}

// verifyLedger runs the command that an operator would.
func (e *env) verifyLedger(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), testenv.Build(t, "./cmd/bricks"), "ledger", "verify", "--admin-url", "http://"+e.Admin).CombinedOutput()
	if err != nil {
		t.Errorf("bricks ledger verify: %v\n%s", err, out)
	}
	return string(out)
}

// TestKilledWithOpenReservations: what the killed gateway had reserved is booked,
// each request once, and nothing stays reserved.
func TestKilledWithOpenReservations(t *testing.T) { killedWithOpenReservations(t, testenv.Options{}) }

func killedWithOpenReservations(t *testing.T, o testenv.Options) {
	e := newEnv(t, o)
	const open = 100
	k := e.newKey(testenv.Object{"costLimitInUsd": dollars((open + 1) * limitedBound)})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var clients sync.WaitGroup
	for i := range open {
		clients.Go(func() {
			_, _ = e.try(ctx, http.MethodPost, chat, limited(i%2 == 0), append(bearer(k), "X-Fake-Hold", "killed")...)
		})
	}
	testenv.Eventually(t, waitForEvents, "100 open reservations", func() bool { return e.standing(t, k).RunningRequests == open })
	if a := e.race(t, 20, k, limited(false), "X-Fake-Words", "50"); a > 1 {
		t.Errorf("%d requests were let through on money for one", a)
	}
	testenv.Eventually(t, waitForEvents, "the one is settled", func() bool { return e.standing(t, k).RunningRequests == open })
	e.Kill()
	cancel()
	clients.Wait()
	e.Restart()
	testenv.Eventually(t, time.Minute, "nothing is reserved and all is booked", func() bool {
		s := e.standing(t, k)
		return s.RunningRequests == 0 && nanoOf(t, s.ReservedInUSD) == 0 && nanoOf(t, s.CostInUSD) >= open*limitedBound
	})
	interrupted := 0
	for _, ev := range e.Events(url.Values{"keyIds": {k.ID}}) {
		if ev.RefusalCode == "interrupted" {
			interrupted++
			if nanoOf(t, ev.Cost) != limitedBound || !ev.Estimated {
				t.Errorf("an interrupted request is booked at %s, want what was reserved: %+v", ev.Cost, ev)
			}
		}
	}
	if interrupted != open {
		t.Errorf("%d requests were booked as interrupted, want %d", interrupted, open)
	}
	if out := e.verifyLedger(t); !strings.Contains(out, "1 accounts") {
		t.Errorf("bricks ledger verify: %s", out)
	}
}

// TestBooksAgree runs a mix of requests on a key with limits. In the end the
// events, the counters and the provider's own bill are the same, to the
// nano-dollar.
func TestBooksAgree(t *testing.T) { booksAgree(t, testenv.Options{}) }

func booksAgree(t *testing.T, o testenv.Options) {
	e := newEnv(t, o)
	k := e.newKey(testenv.Object{"costLimitInUsd": 50, "costLimitInUsdOverTime": 40, "costLimitInUsdUnit": "d", "rateLimitOverTime": 1_000_000, "rateLimitUnit": "h"})
	var wg sync.WaitGroup
	const workers = 8
	each := number(t, "BRICKS_TEST_REQUESTS", 1000) / workers
	for w := range workers {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(uint64(w), 7))
			for i := range each {
				e.mixed(t, k, random, fmt.Sprintf("%d-%d", w, i))
			}
		})
	}
	wg.Wait()
	// A client that left very early never came to the provider, or to Envoy.
	seen := e.fake.Requests()
	byUser := map[string]testenv.Event{}
	var sum int64
	testenv.Eventually(t, time.Minute, "an event for each request", func() bool {
		clear(byUser)
		sum = 0
		for _, ev := range e.Events(url.Values{"keyIds": {k.ID}}) {
			byUser[ev.UserID] = ev
			sum += nanoOf(t, ev.Cost)
		}
		for _, r := range seen {
			if byUser[userOf(t, r)].ID == "" {
				return false
			}
		}
		return true
	})
	exact := 0
	for _, r := range seen {
		ev := byUser[userOf(t, r)]
		if ev.Estimated || ev.Status != http.StatusOK {
			continue
		}
		exact++
		if got, want := nanoOf(t, ev.Cost), nano(r.Usage)-r.Usage.CachedTokens*inputPrice/2; got != want {
			t.Errorf("request %s cost %d, the provider billed %d for %+v", userOf(t, r), got, want, r.Usage)
		}
	}
	if s := e.standing(t, k); nanoOf(t, s.CostInUSD) != sum || nanoOf(t, s.ReservedInUSD) != 0 {
		t.Errorf("the events cost %d, the counter says %+v", sum, s)
	}
	e.verifyLedger(t)
	t.Logf("measured: %d requests, %d of them with the provider's own figures, %d nano-dollars", len(byUser), exact, sum)
	if exact < workers*each/2 {
		t.Errorf("only %d of %d requests were compared with the bill", exact, workers*each)
	}
}

// mixed sends one request of a random kind: JSON, stream, cached input, without
// usage, failing, or left by its client.
func (e *env) mixed(t *testing.T, k testenv.Key, random *rand.Rand, name string) {
	stream := random.IntN(2) == 0
	body := fmt.Sprintf(`{"model":"gpt-4o-mini","user":%q,"max_tokens":%d,"stream":%t,%s}`, name, 1+random.IntN(80), stream, hello)
	headers := append(bearer(k), "X-Fake-Words", fmt.Sprint(1+random.IntN(100)))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	switch random.IntN(8) {
	case 0:
		headers = append(headers, "X-Fake-Cached-Tokens", "4")
	case 1:
		headers = append(headers, "X-Fake-Usage", "none")
	case 2:
		headers = append(headers, "X-Fake-Status", "500")
	case 3:
		headers = append(headers, "X-Fake-Reasoning-Tokens", "30")
	case 4:
		headers = append(headers, "X-Fake-Pace", "5ms")
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, time.Duration(5+random.IntN(60))*time.Millisecond)
		defer stop()
	}
	a, err := e.try(ctx, http.MethodPost, chat, body, headers...)
	if ctx.Err() == nil && (err != nil || a.status != http.StatusOK && a.status != http.StatusInternalServerError) {
		t.Errorf("%s: %v %v", name, a, err)
	}
}
