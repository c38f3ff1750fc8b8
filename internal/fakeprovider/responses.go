package fakeprovider

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

var responseFields = map[string]check{
	"model": isString, "input": isText, "instructions": isString, "stream": isBool, "background": isBool, "store": isBool,
	"max_output_tokens": integer(1, 1<<31), "temperature": number(0, 2), "top_p": number(0, 1), "tools": isArray, "tool_choice": isChoice,
	"previous_response_id": isString, "conversation": isChoice, "prompt": isObject, "metadata": isObject, "user": isString,
	"reasoning": isObject, "text": isObject, "include": isArray, "parallel_tool_calls": isBool, "truncation": isString,
	"service_tier": isString, "stream_options": isObject, "max_tool_calls": integer(1, 1<<20), "safety_identifier": isString, "prompt_cache_key": isString,
}

// readResponse counts the words of the input: a text, or messages of texts.
func (x *exchange) readResponse(o object) (c conversation, err error) {
	if err := o.fields(responseFields); err != nil {
		return c, err
	}
	c.model, c.stream, c.maximum, c.n = text(o["model"]), o.bool("stream"), o.int("max_output_tokens"), 1
	if x.azure {
		c.model = deployedModel(c.model)
	}
	if c.model == "" && absent(o["prompt"]) {
		return c, badRequest("model", "Missing required parameter: 'model'.")
	}
	if !absent(o["stream_options"]) {
		options, err := decodeObject(o["stream_options"])
		if err != nil || !absent(options["include_usage"]) {
			return c, badRequest("stream_options", "Unknown parameter: 'stream_options.include_usage'.")
		}
	}
	c.last = text(o["input"])
	if starts(o["input"], "[") {
		items, err := o.objects("", "input")
		if err != nil {
			return c, err
		}
		for _, item := range items {
			c.last = itemText(item)
			c.prompt += 4
			c.prompt += words(c.last)
		}
	} else {
		c.prompt = words(c.last)
	}
	c.prompt += 3 + words(text(o["instructions"]))
	return c, nil
}

func itemText(item object) string {
	if s := text(item["content"]); s != "" {
		return s
	}
	var parts []struct{ Text string }
	_ = json.Unmarshal(item["content"], &parts)
	var all []string
	for _, p := range parts {
		all = append(all, p.Text)
	}
	return strings.Join(all, " ")
}

func (x *exchange) responses(o object) error {
	c, err := x.readResponse(o)
	if err != nil {
		return err
	}
	if err := x.begin(c.model); err != nil || !x.wait() {
		return err
	}
	r := x.reply(c)
	x.pending = Usage{Model: r.model, InputTokens: c.prompt, CachedTokens: min(x.fault.cached, c.prompt), OutputTokens: r.output, ReasoningTokens: x.fault.reasoning}
	output := []any{ordered{
		{"type", "message"}, {"id", "msg_" + r.id}, {"status", "completed"}, {"role", "assistant"},
		{"content", []any{ordered{{"type", "output_text"}, {"text", r.text()}, {"annotations", []any{}}, {"logprobs", []any{}}}}},
	}}
	status, event := "completed", "response.completed"
	if r.limited {
		status, event = "incomplete", "response.incomplete"
	}
	var usage any = x.responseUsage()
	if x.fault.usage == "none" {
		usage = nil
	}
	if o.bool("background") {
		r.id = fmt.Sprintf("%d-%s", x.p.serial(), r.id) // the same call again is other work
		working := x.response(c, r, "queued", nil, nil)
		x.keep("/v1/responses/resp_"+r.id, job{working: working, done: x.response(c, r, status, output, usage)})
		if !c.stream {
			x.sendJSON(http.StatusOK, working)
			return nil
		}
	}
	if !c.stream {
		x.sendJSON(http.StatusOK, x.response(c, r, status, output, usage))
		return nil
	}
	x.streamResponse(r, output[0], x.response(c, r, "in_progress", nil, nil), event, x.response(c, r, status, output, usage))
	return nil
}

// streamResponse sends the events of one item with one part of text, item being
// what it is in the end, and last the whole response.
func (x *exchange) streamResponse(r reply, item any, begun ordered, event string, whole ordered) {
	s := &stream{x: x}
	number := 0
	add := func(name string, members ...member) {
		s.add(name, encode(append(ordered{{"type", name}, {"sequence_number", number}}, members...)))
		number++
	}
	id := "msg_" + r.id
	ofPart := func(name string, members ...member) {
		add(name, append([]member{{"item_id", id}, {"output_index", 0}, {"content_index", 0}}, members...)...)
	}
	part := func(text string) member {
		return member{"part", ordered{{"type", "output_text"}, {"text", text}, {"annotations", []any{}}, {"logprobs", []any{}}}}
	}
	empty := ordered{{"type", "message"}, {"id", id}, {"status", "in_progress"}, {"role", "assistant"}, {"content", []any{}}}
	add("response.created", member{"response", begun})
	add("response.in_progress", member{"response", begun})
	add("response.output_item.added", member{"output_index", 0}, member{"item", empty})
	ofPart("response.content_part.added", part(""))
	for i := range r.words {
		ofPart("response.output_text.delta", member{"delta", r.piece(i)}, member{"logprobs", []any{}})
	}
	ofPart("response.output_text.done", member{"text", r.text()}, member{"logprobs", []any{}})
	ofPart("response.content_part.done", part(r.text()))
	add("response.output_item.done", member{"output_index", 0}, member{"item", item})
	add(event, member{"response", whole})
	s.send()
}

func (x *exchange) response(c conversation, r reply, status string, output, usage any) ordered {
	if output == nil {
		output = []any{}
	}
	var maximum any
	if c.maximum > 0 {
		maximum = c.maximum
	}
	return ordered{
		{"id", "resp_" + r.id}, {"object", "response"}, {"created_at", created}, {"status", status}, {"error", nil}, {"incomplete_details", nil},
		{"instructions", nil}, {"metadata", ordered{}}, {"model", r.model}, {"output", output}, {"parallel_tool_calls", true},
		{"temperature", 1}, {"tool_choice", "auto"}, {"tools", []any{}}, {"top_p", 1}, {"max_output_tokens", maximum}, {"usage", usage},
	}
}

func (x *exchange) responseUsage() ordered {
	u := x.pending
	return ordered{
		{"input_tokens", u.InputTokens}, {"input_tokens_details", ordered{{"cached_tokens", u.CachedTokens}, {"cache_write_tokens", 0}}},
		{"output_tokens", u.OutputTokens}, {"output_tokens_details", ordered{{"reasoning_tokens", u.ReasoningTokens}}},
		{"total_tokens", u.InputTokens + u.OutputTokens},
	}
}

func (x *exchange) responseInputTokens(o object) error {
	c, err := x.readResponse(o)
	if err != nil {
		return err
	}
	if err := x.begin(c.model); err != nil || !x.wait() {
		return err
	}
	x.sendJSON(http.StatusOK, ordered{{"object", "response.input_tokens"}, {"input_tokens", c.prompt}})
	return nil
}

func (x *exchange) compact(o object) error {
	c, err := x.readResponse(o)
	if err != nil {
		return err
	}
	if err := x.begin(c.model); err != nil || !x.wait() {
		return err
	}
	r := x.reply(c)
	x.pending = Usage{Model: r.model, InputTokens: c.prompt, OutputTokens: r.output}
	x.sendJSON(http.StatusOK, ordered{
		{"id", "resp_" + r.id}, {"object", "response.compaction"}, {"created_at", created},
		{"output", []any{ordered{{"type", "compaction"}, {"id", "cmp_" + r.id}, {"encrypted_content", "opaque"}}}},
		{"usage", x.responseUsage()},
	})
	return nil
}

// run answers with a run that is queued, or streams one to its end. Outputs of
// its tools go to the run that waits for them.
func (x *exchange) run(o object) error {
	if ok, err := x.ready(); !ok {
		return err
	}
	thread, id := x.params["thread_id"], x.params["run_id"]
	if thread == "" {
		thread = fmt.Sprintf("thread_%d", x.p.serial())
	}
	if id == "" {
		id = fmt.Sprintf("run_%d", x.p.serial())
	}
	x.pending = Usage{Model: "gpt-4o-mini", InputTokens: 10, OutputTokens: 5}
	told := x.plainUsage("prompt_tokens", "completion_tokens")
	run := func(status string, usage any) ordered {
		return ordered{
			{"id", id}, {"object", "thread.run"}, {"created_at", created}, {"thread_id", thread}, {"assistant_id", "asst_1"},
			{"status", status}, {"model", "gpt-4o-mini"}, {"usage", usage},
		}
	}
	path := "/v1/threads/" + thread + "/runs/" + id
	if _, going := x.p.look(path); going {
		x.pending = Usage{} // it is billed once
	}
	x.keep(path, job{working: run("in_progress", nil), done: run("completed", told)})
	if !o.bool("stream") {
		x.sendJSON(http.StatusOK, run("queued", nil))
		return nil
	}
	s := &stream{x: x}
	s.add("thread.run.created", encode(run("queued", nil)))
	s.add("thread.message.delta", encode(ordered{{"id", "msg_1"}, {"object", "thread.message.delta"}, {"delta", ordered{}}}))
	s.add("thread.run.completed", encode(run("completed", told)))
	s.add("done", []byte("[DONE]"))
	s.send()
	return nil
}
