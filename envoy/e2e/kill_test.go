package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/fakeprovider"
	"github.com/bricks-gateway/bricks/internal/testenv"
)

// TestKilledUnderLoad kills the gateway with SIGKILL at a random moment under
// load and starts it again, over and over. In the end every request that the
// provider saw has exactly one event. BRICKS_TEST_KILLS sets the rounds.
func TestKilledUnderLoad(t *testing.T) {
	e := newEnv(t, testenv.Options{})
	e.killUnderLoad(t, e.Restart)
}

// killUnderLoad does so with e's gateway, which restart starts again.
func (e *env) killUnderLoad(t *testing.T, restart func()) {
	t.Helper()
	rounds := number(t, "BRICKS_TEST_KILLS", 3)
	for round := range rounds {
		ctx, cancel := context.WithCancel(t.Context())
		var load sync.WaitGroup
		for worker := range 8 {
			load.Go(func() { e.load(ctx, fmt.Sprintf("r%d-w%d", round, worker)) })
		}
		// Some requests have ended by then, and some are in each phase.
		before := len(e.fake.Requests())
		after := 50 + rand.IntN(150)
		testenv.Eventually(t, 30*time.Second, fmt.Sprintf("%d requests", after), func() bool { return len(e.fake.Requests()) >= before+after })
		e.Kill()
		cancel()
		load.Wait()
		restart()
	}
	// What Envoy had written to the provider's socket may be read only now.
	var seen []fakeprovider.Request
	testenv.Eventually(t, 10*time.Second, "the provider is quiet", func() bool {
		now := e.fake.Requests()
		quiet := len(now) == len(seen)
		seen = now
		return quiet
	})
	byUser := map[string][]testenv.Event{}
	ids := map[string]bool{}
	testenv.Eventually(t, 20*time.Second, "an event for each request", func() bool {
		clear(byUser)
		clear(ids)
		for _, ev := range e.Events(map[string][]string{"keyIds": {e.key.ID}}) {
			byUser[ev.UserID] = append(byUser[ev.UserID], ev)
			ids[ev.ID] = true
		}
		for _, r := range seen {
			if len(byUser[userOf(t, r)]) == 0 {
				return false
			}
		}
		return true
	})
	interrupted := 0
	for _, r := range seen {
		events := byUser[userOf(t, r)]
		if len(events) != 1 {
			t.Errorf("request %s has %d events: %+v", userOf(t, r), len(events), events)
			continue
		}
		ev := events[0]
		if ev.Incomplete {
			interrupted++
			if !ev.Estimated {
				t.Errorf("interrupted, but not flagged as an estimate: %+v", ev)
			}
		} else if want := cost(r.Usage); ev.Cost.String() != want {
			t.Errorf("request %s cost %s, want %s", userOf(t, r), ev.Cost, want)
		}
	}
	t.Logf("measured: %d rounds: the provider saw %d requests, %d of them were interrupted, %d events", rounds, len(seen), interrupted, len(ids))
}

// load sends one request after the other until the gateway is gone. Each names
// its own user, by which its event is found.
func (e *env) load(ctx context.Context, name string) {
	for i := 0; ; i++ {
		body := fmt.Sprintf(`{"model":"gpt-4o-mini","user":"%s-%d","stream":%t,%s}`, name, i, i%3 == 0, hello)
		var headers []string
		if i%3 == 0 {
			headers = []string{"X-Fake-Pace", "3ms"}
		}
		if a, err := e.try(ctx, http.MethodPost, chat, body, headers...); err != nil || a.err != nil {
			return
		}
	}
}

func userOf(t *testing.T, r fakeprovider.Request) string {
	t.Helper()
	var body struct{ User string }
	if err := json.Unmarshal(r.Body, &body); err != nil || body.User == "" {
		t.Fatalf("a request without a user: %s", r.Body)
	}
	return body.User
}

// cost is gpt-4o-mini's: 150 nano-dollars a token in, 600 out.
func cost(u fakeprovider.Usage) string {
	nano := u.InputTokens*150 + u.OutputTokens*600
	return strconv.FormatFloat(float64(nano)/1e9, 'f', -1, 64)
}
