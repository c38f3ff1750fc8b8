package token_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/bricks-gateway/bricks/internal/token"
)

type object = map[string]any

func encode(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func message(role, content string) object { return object{"role": role, "content": content} }

func function(name, description string, required []string, properties object) object {
	parameters := object{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		parameters["required"] = required
	}
	return object{"type": "function", "function": object{"name": name, "description": description, "strict": true, "parameters": parameters}}
}

func property(kind, description string, enum ...string) object {
	p := object{"type": kind, "description": description}
	if len(enum) > 0 {
		p["enum"] = enum
	}
	return p
}

var weather = function("get_current_weather", "Get the current weather in a given location", []string{"location"}, object{
	"location": property("string", "The city and state, e.g. San Francisco, CA"),
	"unit":     property("string", "The unit of temperature to return", "celsius", "fahrenheit"),
})

var order = function("create_order", "Create an order for a customer.", []string{"customer_id", "items", "priority"}, object{
	"customer_id": property("string", "The customer's identifier"),
	"items":       property("array", "The SKUs to order"),
	"priority":    property("string", "How soon", "low", "normal", "high", "urgent"),
	"name":        property("string", "Whom to ask for"),
	"type":        property("integer", "Kind of order"),
	"description": property("string", "Anything else"),
	"required":    property("boolean", "Whether it must arrive"),
	"enum":        property("number", "Which list"),
})

// typical chat requests, of text, names and tools only.
var typical = map[string]object{
	"short":  {"messages": []any{message("user", "hi")}},
	"system": {"messages": []any{message("system", "You are a helpful assistant."), message("user", corpus["english"])}},
	"names": {"messages": []any{
		message("system", "You are a helpful, pattern-following assistant that translates corporate jargon into plain English."),
		object{"role": "system", "name": "example_user", "content": "New synergies will help drive top-line growth."},
		object{"role": "system", "name": "example_assistant", "content": "Things working well together will increase revenue."},
		message("user", "This late pivot means we don't have time to boil the ocean for the client deliverable."),
	}},
	"languages": {"messages": []any{message("user", corpus["german"]), message("assistant", corpus["chinese"]), message("user", corpus["emoji"])}},
	"escapes":   {"messages": []any{message("user", corpus["code"]), message("assistant", corpus["json"]), message("user", "a\u2028<b>&\x01")}},
	"many": {"messages": func() (all []any) {
		for i := range 200 {
			all = append(all, message([]string{"user", "assistant"}[i%2], "ok"))
		}
		return all
	}()},
	"tool": {"messages": []any{message("system", "You are a helpful assistant."), message("user", "What's the weather like in San Francisco?")}, "tools": []any{weather}},
	"tools": {"messages": []any{
		message("system", "You take orders. Ask when in doubt; never invent a customer's identifier or an article."),
		message("user", "Please order two of the blue ones for Ms Smith, as usual, and tell me what the weather will be at her place."),
	}, "tools": []any{weather, order}},
}

// settings are members that bill nothing.
func withSettings(body object, model string) object {
	out := object{
		"model": model, "stream": true, "stream_options": object{"include_usage": true}, "temperature": 0.2, "max_completion_tokens": 512,
		"user": "a-user-with-a-rather-long-name", "metadata": object{"trace": strings.Repeat("x", 200)}, "tool_choice": "auto", "n": 3,
		"response_format": object{"type": "text"},
	}
	for k, v := range body {
		out[k] = v
	}
	return out
}

func TestInputBoundsTheCookbook(t *testing.T) {
	o := newOracle(t)
	for e, model := range models {
		for name, body := range typical {
			want, declared := o.count("chat", e, body), o.count("declared", e, body)
			got := token.Input("openai", model, encode(t, withSettings(body, model)))
			if got.Tokens < max(want, declared) || float64(got.Tokens) > float64(want)*1.15+16 || !got.Exact || got.Hidden {
				t.Errorf("%s, %s: Input = %+v, the cookbook counts %d, declarations make it %d", e, name, got, want, declared)
			}
		}
	}
}

// The same without Python: the cookbook's own worked examples, as the API counted
// them (openai-cookbook, How_to_count_tokens_with_tiktoken).
func TestInputBoundsWhatTheAPICounted(t *testing.T) {
	cookbook := encode(t, object{"messages": []any{
		message("system", "You are a helpful, pattern-following assistant that translates corporate jargon into plain English."),
		object{"role": "system", "name": "example_user", "content": "New synergies will help drive top-line growth."},
		object{"role": "system", "name": "example_assistant", "content": "Things working well together will increase revenue."},
		object{"role": "system", "name": "example_user", "content": "Let's circle back when we have more bandwidth to touch base on opportunities for increased leverage."},
		object{"role": "system", "name": "example_assistant", "content": "Let's talk later when we're less busy about how to do better."},
		message("user", "This late pivot means we don't have time to boil the ocean for the client deliverable."),
	}})
	tool := encode(t, object{"messages": []any{
		message("system", "You are a helpful assistant that can answer to questions about the weather."),
		message("user", "What's the weather like in San Francisco?"),
	}, "tools": []any{object{"type": "function", "function": object{
		"name": "get_current_weather", "description": "Get the current weather in a given location",
		"parameters": object{"type": "object", "properties": object{
			"location": property("string", "The city and state, e.g. San Francisco, CA"),
			"unit":     property("string", "The unit of temperature to return", "celsius", "fahrenheit"),
		}, "required": []string{"location"}},
	}}}})
	for _, c := range []struct {
		model string
		body  []byte
		api   int64
	}{{"gpt-4o", cookbook, 124}, {"gpt-4", cookbook, 129}, {"gpt-4o-mini", tool, 101}, {"gpt-4", tool, 105}} {
		if got := token.Input("openai", c.model, c.body); got.Tokens < c.api || float64(got.Tokens) > float64(c.api)*1.15+16 {
			t.Errorf("%s: Input = %+v, the API counted %d", c.model, got, c.api)
		}
	}
}

func TestInputSaysWhatItCannotSee(t *testing.T) {
	image := "data:image/png;base64," + strings.Repeat("iVBORw0KGgo", 10_000)
	hides := map[string]string{
		"previous response": `{"input":"hi","previous_response_id":"resp_1"}`,
		"conversation":      `{"input":"hi","conversation":{"id":"c"}}`,
		"stored prompt":     `{"prompt":{"id":"pmpt_1"}}`,
		"item reference":    `{"input":[{"type":"item_reference","id":"m"}]}`,
		"reasoning":         `{"input":[{"type":"reasoning","encrypted_content":"x"}]}`,
		"image":             `{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"` + image + `"}}]}]}`,
		"response image":    `{"input":[{"role":"user","content":[{"type":"input_image","image_url":"` + image + `"}]}]}`,
		"escaped name":      `{"messages":[{"role":"user","content":[{"type":"im\u0061ge_url","image_url":{"url":"` + image + `"}}]}]}`,
		"escaped member":    `{"input":"hi","previous_response\u005fid":"resp_1"}`,
		"audio":             `{"messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{}}]}]}`,
		"earlier audio":     `{"messages":[{"role":"assistant","audio":{"id":"audio_1"}}]}`,
		"file":              `{"messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"f"}}]}]}`,
		"document":          `{"messages":[{"role":"user","content":[{"type":"document","source":{}}]}]}`,
		"in a tool result":  `{"messages":[{"role":"user","content":[{"type":"tool_result","content":[{"type":"image","source":{"data":"` + image + `"}}]}]}]}`,
		"part of no kind":   `{"messages":[{"role":"user","content":[{"x":1}]}]}`,
		"search":            `{"input":"hi","tools":[{"type":"web_search"}]}`,
		"own data":          `{"messages":[],"data_sources":[{}]}`,
	}
	for name, body := range hides {
		for _, provider := range []string{"openai", "anthropic"} {
			if got := token.Input(provider, "gpt-4o", []byte(body)); !got.Hidden || got.Tokens > 400 && provider == "openai" {
				t.Errorf("%s, %s: Input = %+v, want Hidden and no tokens for media", provider, name, got)
			}
		}
	}
	for _, body := range []string{
		`{"messages":[{"role":"user","content":[{"type":"text","text":"image_url"}]}]}`,
		`{"messages":[{"role":"assistant","content":null,"audio":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]}]}`,
		`{"input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"x"}]},{"type":"function_call_output","call_id":"c","output":"y"}]}`,
		`{"system":[{"type":"text","text":"x","cache_control":{"type":"ephemeral"}}],"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":[{"type":"text","text":"x"}]}]}]}`,
		`{"input":["a","b"],"previous_response_id":null}`,
	} {
		if got := token.Input("openai", "gpt-4o", []byte(body)); got.Hidden || !got.Exact {
			t.Errorf("Input(%s) = %+v, want all seen", body, got)
		}
	}
}

// word is a word of one token in both vocabularies, with its space.
const word = " the"

func TestInputCountsEveryPlaceThatHoldsText(t *testing.T) {
	text := strings.Repeat(word, 1000)
	for _, body := range []string{
		`{"messages":[{"role":"user","content":"%s"}]}`,
		`{"messages":[{"role":"user","content":[{"type":"text","text":"%s"}]}]}`,
		`{"messages":[{"role":"user","content":["%s"]}]}`,
		`{"messages":[{"role":"user","name":"%s"}]}`,
		`{"messages":[{"role":"%s"}]}`,
		`{"messages":[{"role":"assistant","tool_calls":[{"function":{"arguments":"%s"}}]}]}`,
		`{"messages":[{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":"{\"required\":[\"%s\"]}"}}]}]}`,
		`{"messages":[{"role":"assistant","function_call":{"arguments":"%s"}}]}`,
		`{"messages":[{"role":"tool","content":"%s"}]}`,
		`{"messages":[{"role":"user","unknown":"%s"}]}`,
		`{"messages":[{"role":"user","content":{"odd":"%s"}}]}`,
		`{"messages":{"odd":"%s"}}`,
		`{"messages":[{"role":"user","content":[{"type":"tool_result","content":"%s"}]}]}`,
		`{"messages":[{"role":"user","content":[{"type":"tool_use","input":{"required":["%s"]}}]}]}`,
		`{"messages":[{"role":"user","content":[{"type":"text","text":"x","odd":"%s"}]}]}`,
		`{"system":"%s"}`,
		`{"system":[{"type":"text","text":"%s"}]}`,
		`{"instructions":"%s"}`,
		`{"input":"%s"}`,
		`{"input":["x","%s"]}`,
		`{"input":[{"role":"user","content":"%s"}]}`,
		`{"input":[{"type":"function_call","arguments":"%s"}]}`,
		`{"input":[{"type":"function_call_output","output":"%s"}]}`,
		`{"prompt":"%s"}`,
		`{"prompt":["%s"]}`,
		`{"suffix":"%s"}`,
		`{"prediction":{"type":"content","content":"%s"}}`,
		`{"tools":[{"type":"function","function":{"name":"f","description":"%s"}}]}`,
		`{"tools":[{"type":"function","function":{"name":"%s"}}]}`,
		`{"tools":[{"function":{"parameters":{"properties":{"type":{"description":"%s"}}}}}]}`,
		`{"tools":[{"function":{"parameters":{"properties":{"%s":{"type":"string"}}}}}]}`,
		`{"tools":[{"function":{"parameters":{"properties":{"a":{"enum":["x","%s"]}}}}}]}`,
		`{"tools":[{"function":{"parameters":{"required":["%s"]}}}]}`,
		`{"tools":[{"function":{"parameters":{"type":"%s"}}}]}`,
		`{"functions":[{"name":"f","description":"%s"}]}`,
		`{"response_format":{"type":"json_schema","json_schema":{"schema":{"description":"%s"}}}}`,
		`{"text":{"format":{"schema":{"required":["%s"]}}}}`,
		`{"unknown":"%s"}`,
	} {
		for _, model := range []string{"gpt-4o", "gpt-4", "llama-3"} {
			b := fmt.Appendf(nil, body, text)
			if got := token.Input("openai", model, b); got.Tokens < 1000 || got.Tokens > token.ByteBound(b) {
				t.Errorf("%s: Input(%s) = %+v, want 1000 to the byte bound", model, body, got)
			}
		}
	}
}

func TestInputCountsGivenTokens(t *testing.T) {
	list := "[" + strings.Repeat("1234567,", 999) + "1]"
	for body, want := range map[string]int64{
		`{"input":` + list + `}`: 1000, `{"input":[` + list + `,` + list + `]}`: 2000, `{"prompt":[` + list + `]}`: 1000,
	} {
		got := token.Input("openai", "text-embedding-3-small", []byte(body))
		if got.Tokens < want || got.Tokens > want+want/64+16 || got.Hidden {
			t.Errorf("Input of %d tokens = %+v", want, got)
		}
	}
}

func TestInputOfOtherProvidersBoundsByBytes(t *testing.T) {
	text := strings.Repeat("ä", 100)
	body := encode(t, object{"model": "gpt-4o", "messages": []any{message("user", text)}})
	for _, provider := range []string{"anthropic", "custom"} {
		if got := token.Input(provider, "gpt-4o", body); got.Exact || got.Tokens < 200 || got.Tokens > token.ByteBound(body) {
			t.Errorf("%s: Input = %+v, want 200 bytes' tokens at least", provider, got)
		}
	}
	tools := encode(t, object{"messages": []any{message("user", "x")}, "tools": []any{object{"name": "f", "input_schema": object{}}}})
	// Anthropic's own instructions for tools: up to 530 tokens (their tool use page).
	if got := token.Input("anthropic", "claude-opus-4", tools); got.Tokens < 530+int64(len("user"+"x"+"f")) {
		t.Errorf("tools: Input = %+v, want room for 530 more", got)
	}
	if got := token.ByteBound(tools); got < 530 {
		t.Errorf("tools: ByteBound = %d, want room for 530 more", got)
	}
}

func TestInputLeavesRoomForWhatModelsAdd(t *testing.T) {
	body := encode(t, object{"messages": []any{message("user", "x")}})
	plain := token.Input("openai", "gpt-4o", body).Tokens
	// gpt-oss is shown some 70 tokens about itself, its channels and the date.
	if got := token.Input("openai", "gpt-oss-120b", body).Tokens; got < plain+70 {
		t.Errorf("gpt-oss: %d tokens, gpt-4o: %d, want 70 more", got, plain)
	}
	body = encode(t, object{"messages": []any{message("user", "x")}, "tools": []any{}})
	if got := token.Input("openai", "gpt-4o", body).Tokens; got < plain+12 {
		t.Errorf("with tools: %d tokens, without: %d, want the cookbook's 12 more", got, plain)
	}
}

// A property may be called as a word of the schema language.
func TestInputCountsPropertiesWithWordsForNames(t *testing.T) {
	count := func(name string) int64 {
		f := function("f", "d", nil, object{name: object{"description": "x"}})
		return token.Input("openai", "gpt-4o", encode(t, object{"tools": []any{f, f, f, f, f, f, f, f}})).Tokens
	}
	for _, name := range []string{"type", "name", "description", "required", "enum"} {
		if got, want := count(name), count("size"); got < want {
			t.Errorf("a property called %s counts %d, one called size %d", name, got, want)
		}
	}
}

func TestInputGivesUpOnTooManyElements(t *testing.T) {
	body := []byte(`{"messages":[` + strings.Repeat(`{},`, 1<<20) + `{"content":[{"type":"image_url"}]}]}`)
	if got := token.Input("openai", "gpt-4o", body); !got.Hidden || got.Exact || got.Tokens < 1<<20 {
		t.Errorf("Input = %+v, want what was not read Hidden and counted by its bytes", got)
	}
}

func TestInputOfABrokenOrHugeBodyIsItsBytes(t *testing.T) {
	for _, body := range []string{`[]`, ``, `{"messages":[`, `{"messages":["` + strings.Repeat("x", 5<<20) + `"]}`} {
		if got := token.Input("openai", "gpt-4o", []byte(body)); got.Tokens < int64(len(body)) || !got.Hidden || got.Exact {
			t.Errorf("%.20s: Input = %+v, want its %d bytes and Hidden", body, got, len(body))
		}
	}
}

// What Input assumes of texts that the provider may join. "\u00a0 \u00a0" and "a" are
// two tokens apart and four joined.
func TestJoiningTextsAddsAtMostTwoTokens(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		a, b := texts().Draw(r, "a"), texts().Draw(r, "b")
		for _, model := range models {
			apart := token.Count(model, []byte(a)).Tokens + token.Count(model, []byte(b)).Tokens
			if joined := token.Count(model, []byte(a+b)).Tokens; joined > apart+2 {
				r.Fatalf("%q + %q: %d apart, %d joined", a, b, apart, joined)
			}
		}
	})
}
