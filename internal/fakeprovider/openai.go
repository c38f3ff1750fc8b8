package fakeprovider

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
)

// conversation is what both APIs' requests say, as far as the answer needs it.
type conversation struct {
	model        string
	prompt       int64  // tokens
	last         string // text of the last message
	toolResult   bool   // the last message carries a tool's result
	tool         string // name of the first tool that may be called; "" for none
	toolArgument string // its first required argument
	stream       bool
	maximum      int64 // of output tokens; 0: none
	n            int64
	includeUsage bool
}

const imageTokens, toolTokens = 85, 10

var chatFields = map[string]check{
	"model": isString, "messages": isArray, "stream": isBool, "stream_options": isObject,
	"temperature": number(0, 2), "top_p": number(0, 1), "n": integer(1, 128),
	"max_tokens": integer(1, 1<<31), "max_completion_tokens": integer(1, 1<<31),
	"presence_penalty": number(-2, 2), "frequency_penalty": number(-2, 2), "logit_bias": isObject,
	"logprobs": isBool, "top_logprobs": integer(0, 20), "seed": integer(-1<<53, 1<<53),
	"stop": isStrings, "user": isString, "store": isBool, "metadata": isObject,
	"tools": isArray, "tool_choice": isChoice, "parallel_tool_calls": isBool, "response_format": isObject,
	"modalities": isArray, "audio": isObject, "prediction": isObject, "service_tier": isString,
	"reasoning_effort":  oneOf("none", "minimal", "low", "medium", "high", "xhigh"),
	"verbosity":         oneOf("low", "medium", "high"),
	"safety_identifier": isString, "prompt_cache_key": isString, "web_search_options": isObject,
	"functions": isArray, "function_call": isChoice,
}

func (x *exchange) chat(o object) error {
	x.deployed(o)
	if v := x.r.URL.Query().Get("api-version"); x.azure && v != "" && v < "2024-09-01" && !absent(o["stream_options"]) {
		return violation("Unrecognized request argument supplied: stream_options")
	}
	c, err := readChat(o)
	if err != nil {
		return err
	}
	if err := x.begin(c.model); err != nil || !x.wait() {
		return err
	}
	x.answerChat(c)
	return nil
}

// deployed puts the model that the path names in the place of the body's.
func (x *exchange) deployed(o object) {
	if x.model != "" {
		o["model"] = encode(x.model)
	}
}

// begin checks the model and takes its faults.
func (x *exchange) begin(model string) error {
	x.fault.model(model)
	if err := x.fault.failure(); err != nil {
		x.wait()
		return err
	}
	if known(model) {
		return nil
	}
	return &apiError{
		status: http.StatusNotFound, kind: "invalid_request_error", code: "model_not_found",
		message: "The model `" + model + "` does not exist or you do not have access to it.",
	}
}

func readChat(o object) (c conversation, err error) {
	if err := o.fields(chatFields); err != nil {
		return c, err
	}
	if c.model = text(o["model"]); c.model == "" {
		return c, badRequest("model", "you must provide a model parameter")
	}
	if absent(o["messages"]) {
		return c, badRequest("messages", "Missing required parameter: 'messages'.")
	}
	c.stream, c.n = o.bool("stream"), max(1, o.int("n"))
	c.maximum = o.int("max_completion_tokens")
	if c.maximum == 0 {
		c.maximum = o.int("max_tokens")
	} else if !absent(o["max_tokens"]) {
		return c, badRequest("max_tokens", "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.")
	}
	if err := c.readStreamOptions(o["stream_options"]); err != nil {
		return c, err
	}
	if err := c.readMessages(o); err != nil {
		return c, err
	}
	return c, c.readTools(o)
}

func (c *conversation) readStreamOptions(v json.RawMessage) error {
	if absent(v) {
		return nil
	}
	if !c.stream {
		return badRequest("stream_options", "The 'stream_options' parameter is only allowed when 'stream' is enabled.")
	}
	options, err := decodeObject(v)
	if err != nil {
		return badRequest("stream_options", "Invalid 'stream_options': %v.", err)
	}
	for name := range options {
		if name != "include_usage" && name != "include_obfuscation" {
			return badRequest("stream_options", "Unknown parameter: 'stream_options.%s'.", name)
		}
	}
	c.includeUsage = options.bool("include_usage")
	return options.fields(map[string]check{"include_usage": isBool, "include_obfuscation": isBool})
}

var roles = oneOf("developer", "system", "user", "assistant", "tool", "function")

func (c *conversation) readMessages(o object) error {
	messages, err := o.objects("", "messages")
	if err != nil {
		return err
	}
	if len(messages) == 0 {
		return badRequest("messages", "Invalid 'messages': empty array. Expected an array with minimum length 1.")
	}
	c.prompt = 3
	for i, m := range messages {
		at := fmt.Sprintf("messages[%d]", i)
		if want := roles(m["role"]); want != "" {
			return badRequest(at+".role", "Invalid value for '%s.role': expected %s.", at, want)
		}
		if err := m.fields(map[string]check{"content": isText, "name": isString, "tool_calls": isArray, "tool_call_id": isString}); err != nil {
			return badRequest(at, "%s: %v", at, err)
		}
		role := text(m["role"])
		c.toolResult = role == "tool"
		switch {
		case c.toolResult && text(m["tool_call_id"]) == "":
			return badRequest(at+".tool_call_id", "Missing parameter '%s.tool_call_id'.", at)
		case absent(m["content"]) && absent(m["tool_calls"]):
			return badRequest(at+".content", "Invalid value for '%s.content': expected a string, got null.", at)
		}
		if err := checkToolCalls(at, m); err != nil {
			return err
		}
		c.prompt += 4
		if err := c.readContent(at, m); err != nil {
			return err
		}
	}
	return nil
}

func checkToolCalls(at string, m object) error {
	if absent(m["tool_calls"]) {
		return nil
	}
	calls, err := m.objects(at, "tool_calls")
	if err != nil {
		return err
	}
	for _, call := range calls {
		f, err := decodeObject(call["function"])
		if err != nil || text(call["id"]) == "" || text(call["type"]) != "function" || text(f["name"]) == "" || !starts(f["arguments"], `"`) {
			return badRequest(at+".tool_calls", "Invalid '%s.tool_calls'.", at)
		}
	}
	return nil
}

func (c *conversation) readContent(at string, m object) error {
	c.last = ""
	if !starts(m["content"], "[") {
		c.last = text(m["content"])
		c.prompt += words(c.last)
		return nil
	}
	parts, err := m.objects(at, "content")
	if err != nil {
		return err
	}
	for _, part := range parts {
		if err := c.readPart(at, part); err != nil {
			return err
		}
	}
	return nil
}

func (c *conversation) readPart(at string, part object) error {
	kind := text(part["type"])
	ok := true
	switch kind {
	case "text", "refusal":
		if ok = starts(part[kind], `"`); ok {
			c.last += text(part[kind])
			c.prompt += words(text(part[kind]))
		}
	case "image_url":
		image, err := decodeObject(part["image_url"])
		url := text(image["url"])
		ok = err == nil && (strings.HasPrefix(url, "https://") || strings.HasPrefix(url, "data:image/"))
		c.prompt += imageTokens
	case "input_audio", "file":
		_, err := decodeObject(part[kind])
		ok = err == nil
	default:
		ok = false
	}
	if !ok {
		return badRequest(at+".content", "Invalid part of type '%s' in '%s.content'.", kind, at)
	}
	return nil
}

var toolName = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`)

func (c *conversation) readTools(o object) error {
	if absent(o["tools"]) {
		if !absent(o["tool_choice"]) {
			return badRequest("tool_choice", "'tool_choice' is only allowed when 'tools' are specified.")
		}
		return nil
	}
	tools, err := o.objects("", "tools")
	if err != nil {
		return err
	}
	for i, tool := range tools {
		f, err := decodeObject(tool["function"])
		if err != nil || text(tool["type"]) != "function" || !toolName.MatchString(text(f["name"])) {
			return badRequest("tools", "Invalid 'tools[%d]'.", i)
		}
		if err := f.fields(map[string]check{"description": isString, "parameters": isObject, "strict": isBool}); err != nil {
			return err
		}
		c.addTool(text(f["name"]), f["parameters"])
	}
	if text(o["tool_choice"]) == "none" {
		c.tool = ""
	}
	return nil
}

func (c *conversation) addTool(name string, schema json.RawMessage) {
	c.prompt += toolTokens
	if c.tool != "" {
		return
	}
	c.tool, c.toolArgument = name, "input"
	s, _ := decodeObject(schema)
	var required []string
	if json.Unmarshal(s["required"], &required) == nil && len(required) > 0 {
		c.toolArgument = required[0]
	}
}
