package fakeprovider

import (
	"fmt"
	"net/http"
)

var messagesFields = map[string]check{
	"model": isString, "messages": isArray, "max_tokens": integer(1, 1<<31), "system": isText, "stream": isBool,
	"metadata": isObject, "stop_sequences": isArray, "temperature": number(0, 1), "top_p": number(0, 1), "top_k": integer(0, 1<<31),
	"tools": isArray, "tool_choice": isObject, "thinking": isObject, "service_tier": oneOf("auto", "standard_only"),
}

// newVersion is the API version that refuses sampling parameters.
const newVersion = "2026-10-21"

func (x *exchange) messages(o object) error {
	c, err := x.readMessages(o)
	if err != nil {
		return err
	}
	if absent(o["max_tokens"]) {
		return badRequest("", "max_tokens: Field required")
	}
	c.stream, c.maximum, c.n = o.bool("stream"), o.int("max_tokens"), 1
	if err := x.begin(c.model); err != nil || !x.wait() {
		return err
	}
	x.answerMessages(c)
	return nil
}

func (x *exchange) countTokens(o object) error {
	c, err := x.readMessages(o)
	if err != nil {
		return err
	}
	if err := x.begin(c.model); err != nil || !x.wait() {
		return err
	}
	x.sendJSON(http.StatusOK, ordered{{"input_tokens", c.prompt}})
	return nil
}

func (x *exchange) readMessages(o object) (c conversation, err error) {
	for name, check := range messagesFields {
		if v := o[name]; len(v) > 0 {
			if want := check(v); want != "" {
				return c, badRequest("", "%s: Input should be %s", name, want)
			}
		}
	}
	for _, name := range []string{"model", "messages"} {
		if len(o[name]) == 0 {
			return c, badRequest("", "%s: Field required", name)
		}
	}
	if x.r.Header.Get("Anthropic-Version") == newVersion {
		for _, name := range []string{"temperature", "top_p", "top_k"} {
			if len(o[name]) > 0 {
				return c, badRequest("", "%s: not supported in this version", name)
			}
		}
	}
	c.model, c.prompt = text(o["model"]), 3
	if len(o["system"]) > 0 {
		if err := c.readBlocks("system", object{"content": o["system"]}); err != nil {
			return c, err
		}
		c.prompt += 4
	}
	messages, err := o.objects("", "messages")
	if err != nil {
		return c, err
	}
	if len(messages) == 0 {
		return c, badRequest("", "messages: at least one message is required")
	}
	for i, m := range messages {
		at := fmt.Sprintf("messages.%d", i)
		if want := oneOf("user", "assistant")(m["role"]); want != "" {
			return c, badRequest("", "%s.role: Input should be %s", at, want)
		}
		c.prompt += 4
		if err := c.readBlocks(at, m); err != nil {
			return c, err
		}
	}
	return c, c.readAnthropicTools(o)
}

// readBlocks reads content: a text, or an array of typed blocks.
func (c *conversation) readBlocks(at string, m object) error {
	c.last, c.toolResult = "", false
	if want := isText(m["content"]); want != "" {
		return badRequest("", "%s.content: Input should be %s", at, want)
	}
	if starts(m["content"], `"`) {
		c.last = text(m["content"])
		c.prompt += words(c.last)
		return nil
	}
	blocks, err := m.objects(at, "content")
	if err != nil {
		return err
	}
	for i, b := range blocks {
		if !c.readBlock(at, b) {
			return badRequest("", "%s.content.%d: Input does not match a block of type '%s'", at, i, text(b["type"]))
		}
	}
	return nil
}

func (c *conversation) readBlock(at string, b object) bool {
	switch text(b["type"]) {
	case "text":
		c.last += text(b["text"])
		c.prompt += words(text(b["text"]))
		return starts(b["text"], `"`)
	case "image", "document":
		source, err := decodeObject(b["source"])
		c.prompt += imageTokens
		switch text(source["type"]) {
		case "base64":
			return err == nil && text(source["media_type"]) != "" && text(source["data"]) != ""
		case "url":
			return err == nil && text(source["url"]) != ""
		}
		return text(source["type"]) == "text" || text(source["type"]) == "file"
	case "tool_use":
		return text(b["id"]) != "" && text(b["name"]) != "" && isObject(b["input"]) == ""
	case "tool_result":
		ok := text(b["tool_use_id"]) != ""
		if len(b["content"]) > 0 {
			ok = ok && c.readBlocks(at, b) == nil
		}
		c.toolResult = true
		return ok
	case "thinking":
		return starts(b["thinking"], `"`) && starts(b["signature"], `"`)
	}
	return false
}

func (c *conversation) readAnthropicTools(o object) error {
	if len(o["tools"]) == 0 {
		return nil
	}
	tools, err := o.objects("", "tools")
	if err != nil {
		return err
	}
	for i, tool := range tools {
		if !toolName.MatchString(text(tool["name"])) || isObject(tool["input_schema"]) != "" {
			return badRequest("", "tools.%d: name and input_schema are required", i)
		}
		c.addTool(text(tool["name"]), tool["input_schema"])
	}
	if choice, err := decodeObject(o["tool_choice"]); err == nil && text(choice["type"]) == "none" {
		c.tool = ""
	}
	return nil
}
