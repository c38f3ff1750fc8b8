package processor_test

import (
	"testing"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

// 1,000 tokens in and 100 out of gpt-4o, which the deployment runs, are 0.0035
// dollars; the answer does not say its model.
func TestAPaidFailureIsRecordedByTheDeploymentsModel(t *testing.T) {
	azure := func() *world {
		w := routeWorld()
		s := w.settings["s"]
		s.Provider, s.AllowedModels = "azure", nil
		s.Params = map[string]string{"resourceName": "ours", "apiVersion": "2024-10-21", "modelMap": `{"prod-chat":"gpt-4o"}`}
		w.routes["/r"].Steps[0].Provider, w.routes["/r"].Steps[0].Model = "azure", "prod-chat"
		return w
	}
	ticket := ticketOf(t, azure())
	w := azure()
	attempt(w, ticket, "1", requestBody(routeChat), responseHeaders(":status", "200", "content-type", "text/event-stream"),
		responseBody(false, `data: {"choices":[],"usage":{"prompt_tokens":1000,"completion_tokens":100}}`+"\n\n"),
		responseBody(true, `data: {"error":{"message":"overloaded"}}`+"\n\n"))
	if len(w.finals) != 1 {
		t.Fatalf("events = %+v", w.finals)
	}
	if e := w.finals[0]; e.RequestModel != "gpt-4o" || e.Cost != 3_500_000 || e.PriceStatus != gateway.Priced || e.Action != "retried" {
		t.Errorf("event = %+v", e)
	}
}
