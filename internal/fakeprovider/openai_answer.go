package fakeprovider

import "net/http"

const created = 1700000000

func (x *exchange) answerChat(c conversation) {
	r := x.reply(c)
	cached := min(x.fault.cached, c.prompt)
	x.pending = Usage{Model: r.model, InputTokens: c.prompt, CachedTokens: cached, OutputTokens: r.output, ReasoningTokens: x.fault.reasoning}
	if c.stream {
		x.streamChat(c, r)
		return
	}
	message := ordered{{"role", "assistant"}, {"content", r.text()}, {"refusal", nil}, {"annotations", []any{}}}
	if r.tool != "" {
		message = ordered{{"role", "assistant"}, {"content", nil}, {"tool_calls", []any{x.toolCall(r, r.arguments)}}, {"refusal", nil}}
	}
	var choices []any
	for i := range c.n {
		choices = append(choices, ordered{{"index", i}, {"message", message}, {"logprobs", nil}, {"finish_reason", finishReason(r)}})
	}
	answer := ordered{
		{"id", "chatcmpl-" + r.id}, {"object", "chat.completion"}, {"created", created}, {"model", r.model},
		{"choices", choices},
	}
	if x.fault.usage != "none" {
		answer = append(answer, member{"usage", x.chatUsage()})
	}
	x.sendJSON(http.StatusOK, append(answer, member{"service_tier", "default"}, member{"system_fingerprint", "fp_fake"}))
}

func finishReason(r reply) string {
	switch {
	case r.tool != "":
		return "tool_calls"
	case r.limited:
		return "length"
	}
	return "stop"
}

func (x *exchange) toolCall(r reply, arguments string) ordered {
	return ordered{
		{"id", "call_" + r.id}, {"type", "function"},
		{"function", ordered{{"name", r.tool}, {"arguments", arguments}}},
	}
}

func (x *exchange) chatUsage() ordered {
	u := x.pending
	return ordered{
		{"prompt_tokens", u.InputTokens}, {"completion_tokens", u.OutputTokens}, {"total_tokens", u.InputTokens + u.OutputTokens},
		{"prompt_tokens_details", ordered{{"cached_tokens", u.CachedTokens}, {"audio_tokens", 0}}},
		{"completion_tokens_details", ordered{
			{"reasoning_tokens", u.ReasoningTokens}, {"audio_tokens", 0},
			{"accepted_prediction_tokens", 0}, {"rejected_prediction_tokens", 0},
		}},
	}
}

// streamChat sends a chunk with the role, one a word, one with the reason of
// the end, the usage chunk when it was asked for, and the end marker.
func (x *exchange) streamChat(c conversation, r reply) {
	s := &stream{x: x}
	chunk := func(choices []any, usage any) {
		event := ordered{
			{"id", "chatcmpl-" + r.id}, {"object", "chat.completion.chunk"}, {"created", created}, {"model", r.model},
			{"service_tier", "default"}, {"system_fingerprint", "fp_fake"}, {"choices", choices},
		}
		switch {
		case usage != nil:
			event = append(event, member{"usage", usage})
		case x.fault.usage == "every":
			event = append(event, member{"usage", x.chatUsage()})
		case c.includeUsage && x.fault.usage != "none":
			event = append(event, member{"usage", nil})
		}
		if usage == nil {
			event = append(event, member{"obfuscation", "Zq3"})
		}
		s.add("", encode(event))
	}
	delta := func(i int64, d ordered, finish any) {
		chunk([]any{ordered{{"index", i}, {"delta", d}, {"logprobs", nil}, {"finish_reason", finish}}}, nil)
	}
	if x.azure { // no choices, and no usage either
		s.add("", encode(ordered{{"id", ""}, {"object", ""}, {"created", 0}, {"model", ""}, {"choices", []any{}},
			{"prompt_filter_results", []any{ordered{{"prompt_index", 0}, {"content_filter_results", ordered{}}}}}}))
	}
	for i := range c.n {
		if r.tool != "" {
			delta(i, ordered{{"role", "assistant"}, {"content", nil}, {"tool_calls", []any{append(ordered{{"index", 0}}, x.toolCall(r, "")...)}}, {"refusal", nil}}, nil)
			for _, part := range splitBytes([]byte(r.arguments), []int{5}) {
				delta(i, ordered{{"tool_calls", []any{ordered{{"index", 0}, {"function", ordered{{"arguments", string(part)}}}}}}}, nil)
			}
		} else {
			delta(i, ordered{{"role", "assistant"}, {"content", ""}, {"refusal", nil}}, nil)
			for k := range r.words {
				delta(i, ordered{{"content", r.piece(k)}}, nil)
			}
		}
		delta(i, ordered{}, finishReason(r))
	}
	if c.includeUsage && x.fault.usage == "" {
		chunk([]any{}, x.chatUsage())
	}
	s.add("", []byte("[DONE]"))
	s.send()
}
