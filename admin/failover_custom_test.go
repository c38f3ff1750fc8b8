package admin

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// embedRoute is customRoute for embeddings.
const embedRoute = `{"path":"/embeddings","target_url":"https://api.example.com/v1/embed","model_location":"model","request_prompt_location":"input",` +
	`"response_completion_location":"","stream_location":"","stream_end_word":"","stream_response_completion_location":"","stream_max_empty_messages":0}`

func TestRoutesWithCustomProviders(t *testing.T) {
	f := newFixture(t)
	chat := strings.Replace(customRoute, `"/chat"`, `"/v9/chat/completions"`, 1)
	paths := func(list ...string) func(string) string {
		return func(body string) string {
			return strings.Replace(body, "["+customRoute+"]", "["+strings.Join(list, ",")+"]", 1)
		}
	}
	f.want(f.custom("own", "", paths(chat, customRoute, embedRoute)), 200)
	f.want(f.custom("odd", "", paths(
		strings.Replace(chat, `"model_location":"model"`, `"model_location":"options.engine"`, 1),
		strings.Replace(customRoute, `"stream_location":"stream"`, `"stream_location":"live"`, 1),
	)), 200)
	f.want(f.custom("two", "", paths(chat, strings.Replace(chat, "/v9", "/v8", 1))), 200)
	setting := f.want(f.do("POST", settingsPath, `{"provider":"own","setting":{},"allowedModels":["big","small"]}`), 200).str("id")
	key := f.key(setting, "").str("keyId")
	for name, c := range map[string]struct{ more, steps, pointer, says string }{
		"by the path's end":          {`"keyIds":["` + key + `"]`, `{"provider":"own","model":"big"}`, "", ""},
		"chat":                       {`"operation":"chat"`, `{"provider":"own","model":"big"},{"provider":"openai","model":"m"}`, "", ""},
		"embeddings":                 {`"operation":"embeddings"`, `{"provider":"openai","model":"m"},{"provider":"own","model":"big"}`, "", ""},
		"a path":                     {"", `{"provider":"own","model":"big","params":{"path":"/chat"}}`, "", ""},
		"no such path":               {"", `{"provider":"own","model":"big","params":{"path":"/talk"}}`, "/steps/0", "custom provider own has no path /talk"},
		"another operation's path":   {`"operation":"chat"`, `{"provider":"own","model":"big","params":{"path":"/embeddings"}}`, "/steps/0", "does not take a body with messages"},
		"the model is elsewhere":     {"", `{"provider":"openai","model":"m"},{"provider":"odd","model":"big"}`, "/steps/1", "reads the model at options.engine, so it does not take the route's body"},
		"the flag is elsewhere":      {"", `{"provider":"odd","model":"big","params":{"path":"/chat"}}`, "/steps/0", "reads at live whether to stream"},
		"two paths":                  {"", `{"provider":"two","model":"big"}`, "/steps/0", "more than one path that ends in /chat/completions"},
		"no path":                    {`"operation":"embeddings"`, `{"provider":"two","model":"big"}`, "/steps/0", "has no path that ends in /embeddings"},
		"another API":                {"", `{"provider":"anthropic","model":"m"},{"provider":"own","model":"big"}`, "/steps/1/provider", "speaks another API"},
		"no such provider":           {"", `{"provider":"Own","model":"big"}`, "/steps/0/provider", "is no custom provider"},
		"a deployment":               {"", `{"provider":"own","model":"big","params":{"deploymentId":"d"}}`, "/steps/0/params/deploymentId", "not for custom providers"},
		"a version":                  {"", `{"provider":"own","model":"big","params":{"apiVersion":"1"}}`, "/steps/0/params/apiVersion", "not for custom providers"},
		"a path of the gateway's":    {"", `{"provider":"openai","model":"m","params":{"path":"/chat/completions"}}`, "/steps/0/params/path", "for custom providers only"},
		"a key without a setting":    {`"keyIds":["` + key + `"]`, `{"provider":"two","model":"big","params":{"path":"/v8/chat/completions"}}`, "/steps/0", "has no provider setting for two"},
		"a model that is not listed": {`"keyIds":["` + key + `"]`, `{"provider":"own","model":"huge"}`, "/steps/0", "that allows model huge"},
	} {
		t.Run(name, func(t *testing.T) {
			more := c.more
			if !strings.Contains(more, "keyIds") {
				more = strings.TrimPrefix(more+`,"keyIds":[]`, ",")
			}
			got := f.do("POST", failoverPath, fmt.Sprintf(`{"name":"r","path":"/%s","steps":[%s],%s,%s}`, strings.NewReplacer(" ", "-", "'", "").Replace(name), c.steps, more, noCache))
			if c.pointer == "" {
				f.want(got, 200)
			} else if f.want(got, 400); !slices.Equal(got.pointers(), []string{c.pointer}) || !strings.Contains(got.text, c.says) {
				t.Errorf("faults at %v, want %s, %s: %s", got.pointers(), c.pointer, c.says, got.text)
			}
		})
	}
}

func TestARouteShowsItsPathAtACustomProvider(t *testing.T) {
	f := newFixture(t)
	made := f.want(f.custom("own", ""), 200)
	key := f.key(f.want(f.do("POST", settingsPath, `{"provider":"own","setting":{}}`), 200).str("id"), "").str("keyId")
	route := f.want(f.do("POST", failoverPath, `{"name":"r","path":"/shown","keyIds":["`+key+`"],"steps":[{"provider":"own","model":"big","params":{"path":"/chat"}}],`+noCache+`}`), 200)
	one := failoverPath + "/" + route.str("id")
	if route.at("steps", 0, "params", "path") != "/chat" {
		t.Errorf("made %s", route.text)
	}
	f.want(f.do("PATCH", one, route.text), 200)
	stored, err := f.store.Route(t.Context(), route.str("id"))
	if err != nil || stored.Steps[0].Params["path"] != "/chat" {
		t.Errorf("stored %+v, %v", stored, err)
	}
	// A custom provider that has changed stands in the way of changed steps only.
	f.want(f.do("PATCH", customProvidersPath+"/"+made.str("id"), `{"route_configs":[`+embedRoute+`]}`), 200)
	f.want(f.do("PATCH", one, `{"name":"still"}`), 200)
	if got := f.want(f.do("PATCH", one, `{"operation":"chat"}`), 400); !slices.Equal(got.pointers(), []string{"/steps/0"}) {
		t.Errorf("faults at %v: %s", got.pointers(), got.text)
	}
}
