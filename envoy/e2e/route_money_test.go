package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/bricks-gateway/bricks/internal/testenv"
)

// routeBilledFailure: 1,000 tokens in and 100 out of gpt-4o are 0.0035 dollars.
// A key whose limit has room for it goes on to the next step; one that has none
// gets the failure for an answer.
func routeBilledFailure(t *testing.T, e *faultEnv) {
	for name, c := range map[string]struct {
		limit   any
		answers bool
	}{"no limit": {nil, true}, "room": {1.0, true}, "no room": {0.004, false}} {
		t.Run(name, func(t *testing.T) {
			key := e.routeKey(testenv.Object{"costLimitInUsd": c.limit})
			e.newRoute("/billed/"+strings.ReplaceAll(name, " ", "-"), []testenv.Object{faultyStep("", nil), step(0, nil)}, key)
			a := e.post(t, "/api/route/billed/"+strings.ReplaceAll(name, " ", "-"), `{"stream":true,`+hello+`}`,
				append(bearer(key), "X-Fault", "billed error event", "X-Case", "billed "+name)...)
			want := 1
			if c.answers {
				want = 2
			}
			events := map[string]testenv.Event{}
			testenv.Eventually(t, waitForEvents, fmt.Sprintf("%d events behind %v", want, a), func() bool {
				for _, ev := range e.Events(url.Values{"keyIds": {key.ID}}) {
					events[ev.Action] = ev
				}
				return len(events) >= want
			})
			request, failed := events["allowed"], events["retried"]
			if c.answers {
				if a.status != 200 || a.err != nil || !strings.Contains(text(a.body), "You said") || request.Cost != "0.0000045" || request.Attempts != 2 {
					t.Errorf("got %v, event %+v", a, request)
				}
				if failed.Cost != "0.0035" || failed.InputTokens != 1000 || failed.OutputTokens != 100 || failed.SettingID != e.faultySetting || failed.Attempts != 1 {
					t.Errorf("failed attempt = %+v", failed)
				}
			} else if !strings.Contains(string(a.body), "overloaded") || request.Cost != "0.0035" || request.SettingID != e.faultySetting || failed.ID != "" {
				t.Errorf("got %v, events %+v", a, events)
			}
			if c.limit == nil {
				return
			}
			sum := nanoOf(t, request.Cost)
			if failed.ID != "" {
				sum += nanoOf(t, failed.Cost)
			}
			testenv.Eventually(t, waitForEvents, "the counters agree with the events", func() bool { return e.spent(t, key) == sum })
		})
	}
	e.checkLedger(t)
}

// spent is what the limiter counted of a key's money, in nano-dollars.
func (e *routeEnv) spent(t *testing.T, key testenv.Key) int64 {
	t.Helper()
	var standing struct{ CostInUSD json.Number }
	status, b := e.Call(http.MethodGet, "/api/reporting/keys/"+key.ID, nil)
	if err := json.Unmarshal(b, &standing); status != 200 || err != nil {
		t.Fatalf("standing: %d %s", status, b)
	}
	return nanoOf(t, standing.CostInUSD)
}

// checkLedger compares all counters with the events.
func (e *env) checkLedger(t *testing.T) {
	t.Helper()
	testenv.Eventually(t, waitForEvents, "no counter differs from the ledger", func() bool {
		status, b := e.Call(http.MethodGet, "/api/reporting/ledger", nil)
		return status == 200 && strings.Contains(string(b), `"differences":[]`)
	})
}

// routeLittleMoney: a cent pays for less than 1,000 tokens of gpt-4o, and for all
// that gpt-4o-mini may write. A step without a price is passed over.
func routeLittleMoney(t *testing.T, e *faultEnv) {
	unpriced := e.CreateSetting("openai", stepCredential(2), e.fakes[2].URL(), testenv.Object{"allowedModels": []string{"fake-503"}})
	var keys []testenv.Key
	for range 3 {
		k := e.CreateKey(append([]string{unpriced}, e.up...), testenv.Object{"costLimitInUsd": 0.01})
		keys = append(keys, k)
	}
	nobody := testenv.Object{"provider": "openai", "model": "fake-503"}
	add := func(path string, steps ...testenv.Object) {
		e.Do(http.MethodPost, "/api/routes", testenv.Object{"name": path, "path": path, "steps": steps, "cacheConfig": testenv.Object{"enabled": false},
			"keyIds": []string{keys[0].ID, keys[1].ID, keys[2].ID}})
	}
	add("/little/dear", nobody, faultyStep("500", nil), step(1, nil), step(0, nil))
	add("/little/cheap", step(0, nil), step(1, nil))
	add("/little/unpriced", nobody, nobody)
	maximum := func(upstream int) (n int64) {
		t.Helper()
		var body struct {
			Maximum int64 `json:"max_completion_tokens"`
		}
		if requests := e.fakes[upstream].Requests(); len(requests) != 1 || json.Unmarshal(requests[0].Body, &body) != nil {
			t.Fatalf("upstream %d: %d requests", upstream, len(requests))
		}
		return body.Maximum
	}
	e.reset()
	a := e.post(t, "/api/route/little/dear", anyChat, append(bearer(keys[0]), "X-Fault", "500", "X-Case", "little")...)
	m := maximum(1)
	if a.status != 200 || a.header.Get("X-Bricks-Attempts") != "2" || m < 900 || m > 999 || a.header.Get("X-Bricks-Max-Output-Tokens") != fmt.Sprint(m) {
		t.Errorf("maximum %d: %v %v", m, a.header, a)
	}
	e.reset()
	a = e.post(t, "/api/route/little/cheap", anyChat, bearer(keys[1])...)
	if m := maximum(0); a.status != 200 || m != 0 || a.header.Get("X-Bricks-Max-Output-Tokens") != "" {
		t.Errorf("maximum %d: %v %v", m, a.header, a)
	}
	a = e.post(t, "/api/route/little/unpriced", anyChat, bearer(keys[2])...)
	if got := decodeError(t, a); a.status != 403 || *got.Error.Code != "cost_not_boundable" {
		t.Errorf("got %v", a)
	}
}
