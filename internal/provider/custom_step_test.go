package provider_test

import (
	"strings"
	"testing"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/provider"
)

var (
	chatPath = gateway.CustomRoute{
		Path: "/v9/chat/completions", TargetURL: "https://a.example/llm/chat?version=7", ModelLocation: "model", PromptLocation: "messages.#.content",
		CompletionLocation: "choices.0.message.content", StreamLocation: "stream", StreamEndWord: "[DONE]", StreamCompletionLocation: "choices.0.delta.content",
	}
	embeddingsPath = gateway.CustomRoute{Path: "/embeddings", TargetURL: "https://a.example/llm/embed", ModelLocation: "model", PromptLocation: "input"}
)

func with(r gateway.CustomRoute, change func(*gateway.CustomRoute)) gateway.CustomRoute {
	change(&r)
	return r
}

func TestStepsOfCustomProviders(t *testing.T) {
	talk := with(chatPath, func(r *gateway.CustomRoute) { r.Path, r.TargetURL = "/talk", "https://a.example/talk" })
	bare := gateway.CustomRoute{Path: "/chat/completions", TargetURL: "https://a.example/", ModelLocation: "model", PromptLocation: "messages"}
	all := []gateway.CustomRoute{chatPath, embeddingsPath, talk}
	for name, c := range map[string]struct {
		routes                  []gateway.CustomRoute
		operations, given, path string
		does, refusal           string
	}{
		"chat by its end":             {all, "chat", "", "/llm/chat", "chat", ""},
		"chat, as short as it can be": {[]gateway.CustomRoute{bare}, "chat", "", "/", "chat", ""},
		"embeddings":                  {all, "embeddings", "", "/llm/embed", "embeddings", ""},
		"either":                      {all, "chat embeddings", "", "/llm/chat", "chat embeddings", ""},
		"one of the two":              {[]gateway.CustomRoute{embeddingsPath}, "chat embeddings", "", "", "embeddings", ""},
		"a named path":                {all, "chat embeddings", "/talk", "/talk", "chat", ""},
		"a path that is not there":    {all, "chat", "/tal", "", "", "has no path /tal"},
		"the other's path":            {all, "chat", "/embeddings", "", "", "reads the prompt at input"},
		"none":                        {[]gateway.CustomRoute{talk}, "chat", "", "", "", "has no path that ends in /chat/completions"},
		"none of either":              {[]gateway.CustomRoute{talk}, "chat embeddings", "", "", "", "has no path that ends in /chat/completions"},
		"an end that is none": {[]gateway.CustomRoute{with(chatPath, func(r *gateway.CustomRoute) { r.Path = "/mychat/completions" })}, "chat", "", "", "",
			"has no path that ends in /chat/completions"},
		"two": {[]gateway.CustomRoute{chatPath, with(chatPath, func(r *gateway.CustomRoute) { r.Path = "/chat/completions" })}, "chat", "", "", "",
			"more than one path that ends in /chat/completions"},
		"two, for one of the operations": {[]gateway.CustomRoute{chatPath, bare, embeddingsPath}, "chat embeddings", "", "", "", "more than one path"},
		"model elsewhere":                {[]gateway.CustomRoute{with(chatPath, func(r *gateway.CustomRoute) { r.ModelLocation = "options.engine" })}, "chat", "", "", "", "reads the model at options.engine"},
		"model elsewhere, but embeddings would do": {
			[]gateway.CustomRoute{with(chatPath, func(r *gateway.CustomRoute) { r.ModelLocation = "engine" }), embeddingsPath}, "chat embeddings", "", "", "", "reads the model at engine"},
		"stream elsewhere":   {[]gateway.CustomRoute{with(chatPath, func(r *gateway.CustomRoute) { r.StreamLocation = "live" })}, "chat", "", "", "", "reads at live whether to stream"},
		"prompt elsewhere":   {[]gateway.CustomRoute{with(chatPath, func(r *gateway.CustomRoute) { r.PromptLocation = "turns.#.text" })}, "chat", "", "", "", "reads the prompt at turns.#.text"},
		"prompt nearly":      {[]gateway.CustomRoute{with(chatPath, func(r *gateway.CustomRoute) { r.PromptLocation = "messages2" })}, "chat", "", "", "", "reads the prompt at messages2"},
		"answers elsewhere":  {[]gateway.CustomRoute{with(chatPath, func(r *gateway.CustomRoute) { r.CompletionLocation = "results.0" })}, "chat", "", "", "", "answers at results.0"},
		"streams elsewhere":  {[]gateway.CustomRoute{with(chatPath, func(r *gateway.CustomRoute) { r.StreamCompletionLocation = "piece" })}, "chat", "", "", "", "answers at piece"},
		"another end":        {[]gateway.CustomRoute{with(chatPath, func(r *gateway.CustomRoute) { r.StreamEndWord = "<end>" })}, "chat", "", "", "", "end with <end>"},
		"embeddings' answer": {[]gateway.CustomRoute{with(embeddingsPath, func(r *gateway.CustomRoute) { r.CompletionLocation = "data.0" })}, "embeddings", "", "/llm/embed", "embeddings", ""},
		"another operation":  {all, "images", "", "", "", "does not do images"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := provider.NewCustom(&gateway.CustomProvider{Provider: "own", Routes: c.routes})
			if err != nil {
				t.Fatal(err)
			}
			params := map[string]string{"path": c.given}
			operations := strings.Fields(c.operations)
			does, err := p.StepOperations(operations, params)
			if strings.Join(does, " ") != c.does || (err == nil) != (c.refusal == "") || err != nil && !strings.Contains(err.Error(), c.refusal) {
				t.Fatalf("does %v, %v; want %q, %q", does, err, c.does, c.refusal)
			}
			if c.path == "" {
				return
			}
			m, r, err := p.ForOperation(operations[0], params)
			if err != nil || m.Path != c.path || m.Method != "POST" || m.Provider != &p.Provider || m.Endpoint.Operation != operations[0] || m.Endpoint.Meter != provider.MeterOpenAI ||
				m.Endpoint.StreamUsage || r.Target.Path != c.path {
				t.Errorf("%+v, %+v, %v", m, r, err)
			}
		})
	}
}
