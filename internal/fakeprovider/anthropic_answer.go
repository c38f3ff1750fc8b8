package fakeprovider

import (
	"encoding/json"
	"net/http"
)

func (x *exchange) answerMessages(c conversation) {
	r := x.reply(c)
	f := x.fault
	x.pending = Usage{
		Model: r.model, InputTokens: c.prompt + f.cached + f.cacheWrite + f.cacheWrite1h, CachedTokens: f.cached,
		CacheWriteTokens: f.cacheWrite + f.cacheWrite1h, OutputTokens: r.output, ReasoningTokens: f.reasoning,
	}
	stop := "end_turn"
	content := []any{ordered{{"type", "text"}, {"text", r.text()}}}
	switch {
	case r.tool != "":
		stop, content = "tool_use", []any{toolUse(r, json.RawMessage(r.arguments))}
	case r.limited:
		stop = "max_tokens"
	}
	if c.stream {
		x.streamMessages(c, r, stop)
		return
	}
	answer := append(x.messageHead(r), member{"content", content}, member{"stop_reason", stop}, member{"stop_sequence", nil})
	if f.usage != "none" {
		answer = append(answer, member{"usage", x.messageUsage(c, r.output)})
	}
	x.sendJSON(http.StatusOK, answer)
}

func (x *exchange) messageHead(r reply) ordered {
	return ordered{{"id", "msg_" + r.id}, {"type", "message"}, {"role", "assistant"}, {"model", r.model}}
}

func toolUse(r reply, input any) ordered {
	return ordered{{"type", "tool_use"}, {"id", "toolu_" + r.id}, {"name", r.tool}, {"input", input}}
}

// messageUsage counts as the API does: input_tokens leaves the cache out.
func (x *exchange) messageUsage(c conversation, output int64) ordered {
	f := x.fault
	return ordered{
		{"input_tokens", c.prompt}, {"cache_creation_input_tokens", f.cacheWrite + f.cacheWrite1h}, {"cache_read_input_tokens", f.cached},
		{"cache_creation", ordered{{"ephemeral_5m_input_tokens", f.cacheWrite}, {"ephemeral_1h_input_tokens", f.cacheWrite1h}}},
		{"output_tokens", output}, {"service_tier", "standard"},
	}
}

// streamMessages sends the events of one content block, with a ping between
// them. Its last usage is cumulative, as the API's is.
func (x *exchange) streamMessages(c conversation, r reply, stop string) {
	s := &stream{x: x}
	event := func(name string, members ...member) {
		s.add(name, encode(append(ordered{{"type", name}}, members...)))
	}
	head := append(x.messageHead(r), member{"content", []any{}}, member{"stop_reason", nil}, member{"stop_sequence", nil})
	if x.fault.usage != "none" {
		head = append(head, member{"usage", x.messageUsage(c, 1)})
	}
	event("message_start", member{"message", head})
	block := ordered{{"type", "text"}, {"text", ""}}
	if r.tool != "" {
		block = toolUse(r, ordered{})
	}
	event("content_block_start", member{"index", 0}, member{"content_block", block})
	event("ping")
	delta := func(kind, field, value string) {
		event("content_block_delta", member{"index", 0}, member{"delta", ordered{{"type", kind}, {field, value}}})
	}
	for i := range r.words {
		delta("text_delta", "text", r.piece(i))
	}
	if r.tool != "" {
		for _, part := range splitBytes([]byte(r.arguments), []int{5}) {
			delta("input_json_delta", "partial_json", string(part))
		}
	}
	event("content_block_stop", member{"index", 0})
	end := []member{{"delta", ordered{{"stop_reason", stop}, {"stop_sequence", nil}}}}
	if x.fault.usage != "none" {
		end = append(end, member{"usage", ordered{{"output_tokens", r.output}}})
	}
	event("message_delta", end...)
	event("message_stop")
	s.send()
}
