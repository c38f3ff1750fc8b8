package e2e

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/testenv"
)

// TestAPriceIsInForceWhenTheAdminAPIAnswers: each request comes right after the
// change, with no waiting. Every chat has 10 tokens of input and 5 of output.
func TestAPriceIsInForceWhenTheAdminAPIAnswers(t *testing.T) {
	e := newEnv(t, testenv.Options{})
	chats := 0
	cost := func(want, status string) {
		t.Helper()
		a := e.post(t, chat, helloChat)
		if chats++; a.status != http.StatusOK {
			t.Fatalf("got %v", a)
		}
		if got := e.AwaitEvent(e.key, a.eventID()); got.Cost.String() != want || got.PriceStatus != status {
			t.Errorf("cost %s (%s), want %s (%s)", got.Cost, got.PriceStatus, want, status)
		}
	}
	price := func(path string, input float64, more testenv.Object) string {
		t.Helper()
		body := testenv.Object{"prices": testenv.Object{"input_cost_per_token": input, "output_cost_per_token": 0}}
		for k, v := range more {
			body[k] = v
		}
		id, _ := e.Do(http.MethodPut, "/api/pricing/"+path, body)["id"].(string)
		return id
	}
	cost("0.0000045", "priced") // the list's: 10×150 + 5×600
	start := time.Now().Unix()
	price("models/gpt-4o-mini", 1e-6, testenv.Object{"effectiveFrom": start - 3600})
	cost("0.00001", "priced")
	own := price("settings/"+e.openAI+"/models/openai/gpt-4o-mini", 0, testenv.Object{"effectiveFrom": start - 3600})
	cost("0", "priced") // free on purpose
	price("settings/"+e.openAI+"/models/openai/gpt-4o-mini", 5e-6, testenv.Object{"effectiveFrom": start + 3600})
	cost("0", "priced") // not yet
	e.Do(http.MethodDelete, "/api/pricing/overrides/"+own, nil)
	cost("0.00001", "priced")

	// Priced again, the list's and the free ones are corrected: -0.0000045 + 3×0.00001.
	body := testenv.Object{"from": start - 60, "to": start + 60, "apply": false}
	rerate := func() (changed, difference string) {
		t.Helper()
		_, b := e.Call(http.MethodPost, "/api/pricing/rerate", body)
		var answer struct {
			Total struct{ Count, Changed, Difference json.Number }
		}
		d := json.NewDecoder(bytes.NewReader(b))
		if err := d.Decode(&answer); err != nil || answer.Total.Count != "5" {
			t.Fatalf("%v: %s", err, b)
		}
		return answer.Total.Changed.String(), answer.Total.Difference.String()
	}
	if changed, difference := rerate(); changed != "3" || difference != "0.0000255" {
		t.Errorf("shown: %s changed by %s", changed, difference)
	}
	body["apply"] = true
	rerate()
	if changed, difference := rerate(); changed != "0" || difference != "0" {
		t.Errorf("after it was applied: %s changed by %s", changed, difference)
	}
	corrections := 0
	for _, event := range e.Events(url.Values{"keyIds": {e.key.ID}}) {
		if event.Operation == "correction" {
			corrections++
		}
	}
	if corrections != 3 {
		t.Errorf("%d corrections among the events, want 3", corrections)
	}
}

func TestTheUnknownPricePolicyIsInForceWhenTheAdminAPIAnswers(t *testing.T) {
	e := newEnv(t, testenv.Options{})
	limited := e.newKey(testenv.Object{"costLimitInUsd": 1})
	body := strings.Replace(helloChat, "gpt-4o-mini", "fake-unpriced", 1)
	for _, step := range []struct {
		policy any
		status int
	}{{nil, 403}, {"allow", 200}, {"deny", 403}, {"allow", 200}, {nil, 403}} {
		e.Do(http.MethodPut, "/api/pricing/policy", testenv.Object{"unknownPricePolicy": step.policy})
		a := e.post(t, chat, body, bearer(limited)...)
		if a.status != step.status {
			t.Fatalf("with policy %v: got %v, want %d", step.policy, a, step.status)
		}
		if event := e.AwaitEvent(limited, a.eventID()); step.status == 200 && event.PriceStatus != "unpriced" {
			t.Errorf("the event is %s", event.PriceStatus)
		}
	}
	// With a price the model may be used at once.
	e.Do(http.MethodPut, "/api/pricing/models/fake-unpriced", testenv.Object{
		"prices": testenv.Object{"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6}, "maxOutputTokens": 100,
	})
	a := e.post(t, chat, body, bearer(limited)...)
	if a.status != http.StatusOK {
		t.Fatalf("got %v", a)
	}
	if event := e.AwaitEvent(limited, a.eventID()); event.Cost != "0.00002" {
		t.Errorf("cost %s, want 10×0.000001 + 5×0.000002", event.Cost)
	}
}
