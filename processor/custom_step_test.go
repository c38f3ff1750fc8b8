package processor_test

import (
	"io"
	"strings"
	"testing"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/provider"
	"github.com/bricks-gateway/bricks/internal/secrets"
)

// customRouteWorld is routeWorld, but that the second step is at a custom
// provider.
func customRouteWorld(t *testing.T, change func(*gateway.CustomProvider)) *world {
	t.Helper()
	p := &gateway.CustomProvider{
		ID: "c", Provider: "own", AuthenticationParam: "token",
		Routes: []gateway.CustomRoute{{
			Path: "/chat/completions", TargetURL: "https://llm.example:8443/llm/chat?version=7", ModelLocation: "model", PromptLocation: "messages.#.content", StreamLocation: "stream",
		}, {Path: "/embeddings", TargetURL: "https://llm.example:8443/llm/embed", ModelLocation: "model", PromptLocation: "input"}},
	}
	if change != nil {
		change(p)
	}
	made, err := provider.NewCustom(p)
	if err != nil {
		t.Fatal(err)
	}
	w := routeWorld()
	w.customs = map[string]*provider.Custom{"own": made}
	// What the setting says of a cluster is not what a custom step uses.
	w.settings["t"].Provider, w.settings["t"].PathPrefix = "own", "/prefix"
	w.routes["/r"].Steps[1].Provider = "own"
	return w
}

func TestWhereACustomStepsCredentialGoes(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*gateway.CustomProvider)
		secret string
		want   map[string]string // header → value; "" is absent
	}{
		"bearer": {nil, otherCredential, map[string]string{":path": "/llm/chat?version=7", "authorization": "Bearer " + otherCredential, "x-token": ""}},
		"header": {func(p *gateway.CustomProvider) { p.AuthenticationHeader = "X-Token" }, otherCredential, map[string]string{":path": "/llm/chat?version=7", "x-token": otherCredential, "authorization": ""}},
		"query":  {func(p *gateway.CustomProvider) { p.AuthenticationQuery = "key" }, "s+cret/&=", map[string]string{":path": "/llm/chat?version=7&key=s%2Bcret%2F%26%3D", "authorization": ""}},
		"none":   {func(p *gateway.CustomProvider) { p.AuthenticationParam = "" }, otherCredential, map[string]string{":path": "/llm/chat?version=7", "authorization": ""}},
	} {
		t.Run(name, func(t *testing.T) {
			w := customRouteWorld(t, c.change)
			w.settings["t"].APIKey = gateway.NewSecret(c.secret)
			ticket := ticketOf(t, w)
			answers := attempt(w, ticket, "3", requestBody(routeChat))
			if len(answers) != 2 || holds(answers) {
				t.Fatalf("answers = %v", answers)
			}
			got := sets(answers[1])
			for name, want := range c.want {
				if got[name] != want {
					t.Errorf("%s = %q, want %q", name, got[name], want)
				}
			}
			if got[":authority"] != "llm.example:8443" || got["x-bricks-cluster"] != "custom/https/llm.example:8443" || got["x-envoy-upstream-rq-per-try-timeout-ms"] != "7000" {
				t.Errorf("headers = %v", got)
			}
			if body := string(answers[1].GetRequestBody().GetResponse().GetBodyMutation().GetBody()); body != `{"model":"gpt-4o-mini","messages":[]}` {
				t.Errorf("body %s", body)
			}
			removed := strings.Join(answers[1].GetRequestBody().GetResponse().GetHeaderMutation().GetRemoveHeaders(), " ")
			if c.want["authorization"] == "" && !strings.Contains(removed, "authorization") {
				t.Errorf("the client's key is not removed: %s", removed)
			}
			if answers := attempt(w, ticket, "1", requestBody(routeChat)); strings.Contains(answers[1].String(), c.secret) {
				t.Error("the first step holds the second's credential")
			}
		})
	}
}

// An answer that repeats the credential loses it in either spelling, held back
// and retried or not.
func TestACustomStepsCredentialIsTakenOutOfItsAnswer(t *testing.T) {
	const secret, escaped = "s3cret+credential/0123", "s3cret%2Bcredential%2F0123"
	for _, status := range []string{"200", "500", "302"} {
		w := customRouteWorld(t, func(p *gateway.CustomProvider) { p.AuthenticationQuery = "key" })
		w.settings["t"].APIKey = gateway.NewSecret(secret)
		answers := attempt(w, ticketOf(t, w), "3", requestBody(routeChat),
			responseHeaders(":status", status, "location", "https://x.example/?key="+escaped, "x-plain", secret, "x-other", "kept"),
			responseBody(false, `{"url":"?key=`+escaped[:9]), responseBody(true, escaped[9:]+`","key":"`+secret+`"}`))[2:]
		var removed, body string
		for _, a := range answers {
			removed += strings.Join(a.GetResponseHeaders().GetResponse().GetHeaderMutation().GetRemoveHeaders(), " ")
			body += string(a.GetResponseBody().GetResponse().GetBodyMutation().GetBody())
		}
		if removed != "location x-plain" || body != `{"url":"?key=***","key":"***"}` {
			t.Errorf("%s: removed %q, body %s", status, removed, body)
		}
	}
}

func TestACustomStepThatCannotBeCalledIsPassedOver(t *testing.T) {
	good := ticketOf(t, customRouteWorld(t, nil))
	for name, c := range map[string]struct {
		config func(*gateway.CustomProvider)
		change func(*world)
		alone  int // status when there is no other step
	}{
		"the custom provider is gone": {nil, func(w *world) { w.customs = nil }, 503},
		"its paths are gone":          {func(p *gateway.CustomProvider) { p.Routes = nil }, nil, 503},
		"its path is gone":            {func(p *gateway.CustomProvider) { p.Routes = p.Routes[1:] }, nil, 400}, // embeddings are left
		"its path reads elsewhere":    {func(p *gateway.CustomProvider) { p.Routes[0].ModelLocation = "engine" }, nil, 400},
		"its credential is gone":      {nil, func(w *world) { w.settings["t"].APIKey = gateway.Secret{} }, 403},
		"its setting is another's":    {nil, func(w *world) { w.settings["t"].Provider = "other" }, 403},
	} {
		t.Run(name, func(t *testing.T) {
			w := customRouteWorld(t, c.config)
			if c.change != nil {
				c.change(w)
			}
			answers := attempt(w, good, "3", requestBody(routeChat))
			if status, _ := refusal(t, answers); status != 503 || strings.Contains(answers[len(answers)-1].String(), otherCredential) {
				t.Errorf("status = %d, answers %v", status, answers)
			}
			// Two tries of the first step are all that is left.
			answers, _ = process(w, io.EOF, routeHeaders(), requestBody(routeChat))
			if got := sets(answers[len(answers)-1]); got["x-envoy-max-retries"] != "1" {
				t.Errorf("headers = %v", got)
			}
			w.routes["/r"].Steps = w.routes["/r"].Steps[1:]
			answers, _ = process(w, io.EOF, routeHeaders(), requestBody(routeChat))
			if status, body := refusal(t, answers); status != c.alone {
				t.Errorf("alone: %d %s, want %d", status, body, c.alone)
			}
		})
	}
}

func TestARouteWhoseCustomProvidersAreNotKnownYetWaits(t *testing.T) {
	w := customRouteWorld(t, nil)
	w.customs, w.customErr = nil, &gateway.Error{Kind: gateway.Unavailable}
	answers, _ := process(w, io.EOF, routeHeaders(), requestBody(routeChat))
	if status, body := refusal(t, answers); status != 503 {
		t.Errorf("%d %s, want 503: the step must not be passed over", status, body)
	}
}

func TestACustomStepThatDoesNotStreamIsPassedOver(t *testing.T) {
	const stream = `{"model":"any","stream":true,"messages":[]}`
	w := customRouteWorld(t, func(p *gateway.CustomProvider) { p.Routes[0].StreamLocation = "" })
	for body, retries := range map[string]string{routeChat: "2", stream: "1"} {
		answers, _ := process(w, io.EOF, routeHeaders(), requestBody(body))
		if got := sets(answers[len(answers)-1]); got["x-envoy-max-retries"] != retries {
			t.Errorf("%s: headers %v, want %s retries", body, got, retries)
		}
	}
	w.routes["/r"].Steps = w.routes["/r"].Steps[1:]
	answers, _ := process(w, io.EOF, routeHeaders(), requestBody(stream))
	if status, body := refusal(t, answers); status != 400 || !strings.Contains(body, "no step of this route streams") {
		t.Errorf("alone: %d %s", status, body)
	}
}

// The price list is not a custom provider's, whatever it calls its models: a
// billed failure at such a step has no price, and a step none either.
func TestTheListsPricesAreNotACustomSteps(t *testing.T) {
	w := customRouteWorld(t, nil)
	w.routes["/r"].Steps[0], w.routes["/r"].Steps[1] = w.routes["/r"].Steps[1], w.routes["/r"].Steps[0]
	ticket := ticketOf(t, w)
	attempt(w, ticket, "1", requestBody(routeChat), responseHeaders(":status", "200", "content-type", "text/event-stream"),
		responseBody(false, `data: {"model":"gpt-4o","choices":[],"usage":{"prompt_tokens":1000,"completion_tokens":100}}`+"\n\n"),
		responseBody(true, `data: {"error":{"message":"overloaded"}}`+"\n\n"))
	if len(w.finals) == 0 {
		t.Fatal("no event of the failure")
	}
	if e := w.finals[len(w.finals)-1]; e.Provider != "own" || e.Action != "retried" || e.PriceStatus != gateway.Unpriced || e.Cost != 0 || e.Usage.InputTokens != 1000 {
		t.Errorf("event = %+v", e)
	}
	w.keys[secrets.HashKey(bricksKey)].CostLimit = gateway.USD
	w.routes["/r"].Steps = w.routes["/r"].Steps[:1]
	answers, _ := process(w, io.EOF, routeHeaders(), requestBody(`{"model":"any","max_tokens":10,"messages":[]}`))
	if status, body := refusal(t, answers); status != 403 || !strings.Contains(body, "has no known price") {
		t.Errorf("with a cost limit: %d %s, want 403", status, body)
	}
}
