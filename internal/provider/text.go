package provider

import "github.com/bricks-gateway/bricks/internal/jsonscan"

// AppendText appends to dst what a model wrote in an answer, or in one event of
// a stream: text, refusals, reasoning, names and arguments of tool calls, in any
// of the shapes that we know. What is appended is JSON text as it stands between
// the quotes, still escaped.
func AppendText(dst, data []byte) []byte {
	_ = jsonscan.Object(data, func(m jsonscan.Member) bool {
		switch m.Name {
		case "choices": // chat completions and completions
			dst = eachObject(dst, m, appendChoice)
		case "delta": // Responses: a string; Anthropic: an object
			dst = appendString(dst, m)
			dst = appendMembers(dst, m.Value, "text", "partial_json", "thinking")
		case "content": // an Anthropic message
			dst = eachObject(dst, m, appendPart)
		case "output": // a Responses object
			dst = eachObject(dst, m, appendItem)
		}
		return true
	})
	return dst
}

func appendChoice(dst, choice []byte) []byte {
	_ = jsonscan.Object(choice, func(m jsonscan.Member) bool {
		switch m.Name {
		case "text":
			dst = appendString(dst, m)
		case "delta", "message":
			dst = appendMembers(dst, m.Value, "content", "refusal", "reasoning_content", "reasoning")
			if calls, ok := jsonscan.Get(m.Value, "tool_calls"); ok {
				dst = eachObject(dst, calls, appendCall)
			}
		}
		return true
	})
	return dst
}

func appendCall(dst, call []byte) []byte {
	if f, ok := jsonscan.Get(call, "function"); ok {
		dst = appendMembers(dst, f.Value, "name", "arguments")
	}
	return dst
}

func appendPart(dst, part []byte) []byte {
	dst = appendMembers(dst, part, "text", "thinking", "name")
	if input, ok := jsonscan.Get(part, "input"); ok {
		dst = append(dst, input.Value...)
	}
	return dst
}

func appendItem(dst, item []byte) []byte {
	dst = appendMembers(dst, item, "arguments", "name")
	for _, name := range [...]string{"content", "summary"} {
		if parts, ok := jsonscan.Get(item, name); ok {
			dst = eachObject(dst, parts, appendPart)
		}
	}
	return dst
}

func eachObject(dst []byte, m jsonscan.Member, add func(dst, object []byte) []byte) []byte {
	if !m.IsArray() {
		return dst
	}
	_ = jsonscan.Array(m.Value, func(value []byte) bool {
		if len(value) > 0 && value[0] == '{' {
			dst = add(dst, value)
		}
		return true
	})
	return dst
}

func appendMembers(dst, object []byte, names ...string) []byte {
	if len(object) == 0 || object[0] != '{' {
		return dst
	}
	_ = jsonscan.Object(object, func(m jsonscan.Member) bool {
		for _, name := range names {
			if m.Name == name {
				dst = appendString(dst, m)
			}
		}
		return true
	})
	return dst
}

func appendString(dst []byte, m jsonscan.Member) []byte {
	if n := len(m.Value); n >= 2 && m.Value[0] == '"' {
		dst = append(dst, m.Value[1:n-1]...)
	}
	return dst
}
