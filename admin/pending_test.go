package admin

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/store"
)

// TestPendingAndCharged: both kinds of events are shown as the document says, the
// charge is found by its action, and pricing again touches the charge alone.
func TestPendingAndCharged(t *testing.T) {
	f := newFixture(t)
	at := time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	asked := &gateway.Event{ID: uuid.NewString(), CreatedAt: at, KeyID: keyA, Provider: "openai", Operation: "create_batch", Action: "allowed",
		PriceStatus: gateway.Pending, Job: "/v1/batches/b"}
	open := *asked
	open.ID, open.Job = uuid.NewString(), "/v1/batches/c"
	charge := *asked
	charge.ID, charge.CorrelationID, charge.Action, charge.CreatedAt = uuid.NewString(), asked.ID, gateway.ActionCharged, at.Add(time.Second)
	// gpt-4o in a batch: 1250 a token in.
	charge.ResponseModel, charge.Usage, charge.Cost, charge.PriceStatus, charge.PriceTerms = "gpt-4o", gateway.Usage{InputTokens: 1000}, 1_250_000, gateway.Priced, "batch/400"
	if err := f.store.WriteEvents(t.Context(), []*gateway.Event{asked, &open}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := f.store.ChargeEvent(t.Context(), store.Charge{EventID: asked.ID, Status: gateway.Free, Events: []*gateway.Event{&charge}}); err != nil {
		t.Fatal(err)
	}
	document := f.want(f.do("GET", documentPath, ""), 200)
	enum, _ := document.at("components", "schemas", "EventAnswer", "properties", "price_status", "enum").([]any)
	query := fmt.Sprintf("/api/v2/events?start=%d&end=%d", at.Unix(), at.Unix()+9)
	shown := f.want(f.do("GET", query, ""), 200)
	list, _ := shown.at("events").([]any)
	status := map[any]any{}
	for _, e := range list {
		e := e.(map[string]any)
		if status[e["id"]] = e["price_status"]; !slices.Contains(enum, e["price_status"]) {
			t.Errorf("the document's statuses are %v, an event has %v", enum, e["price_status"])
		}
	}
	if status[asked.ID] != "free" || status[open.ID] != "pending" || status[charge.ID] != "priced" {
		t.Errorf("events: %s", shown.text)
	}
	charged := f.want(f.do("GET", query+"&actions=charged", ""), 200)
	if charged.at("events", 0, "id") != charge.ID || charged.at("events", 0, "correlation_id") != asked.ID || charged.at("events", 0, "price_terms") != "batch/400" {
		t.Errorf("charged: %s", charged.text)
	}
	f.want(f.do("PUT", "/api/pricing/models/gpt-4o", `{"prices":{"input_cost_per_token":1e-6,"output_cost_per_token":0},"effectiveFrom":0}`), 200)
	again := f.want(f.do("POST", "/api/pricing/rerate", fmt.Sprintf(`{"from":%d,"to":%d,"apply":true}`, at.Unix(), at.Unix()+9)), 200)
	// 1000 tokens at 1000 are cheaper by 250,000 nano-dollars.
	if again.at("total", "count") != 1. || again.at("total", "difference") != -0.00025 {
		t.Errorf("priced again: %s", again.text)
	}
}
