package fakeprovider

import (
	"encoding/json"
	"net/http"
	"strings"
)

var completionFields = map[string]check{
	"model": isString, "prompt": isText, "suffix": isString, "max_tokens": integer(0, 1<<31), "temperature": number(0, 2), "top_p": number(0, 1),
	"n": integer(1, 128), "best_of": integer(1, 20), "stream": isBool, "stream_options": isObject, "logprobs": integer(0, 5), "echo": isBool,
	"stop": isStrings, "user": isString, "seed": integer(-1<<53, 1<<53), "presence_penalty": number(-2, 2), "frequency_penalty": number(-2, 2),
	"logit_bias": isObject,
}

// completions answers each prompt once, as chat would.
func (x *exchange) completions(o object) error {
	x.deployed(o)
	if err := o.fields(completionFields); err != nil {
		return err
	}
	c := conversation{model: text(o["model"]), stream: o.bool("stream"), maximum: o.int("max_tokens"), n: max(1, o.int("n"))}
	if c.model == "" {
		return badRequest("model", "you must provide a model parameter")
	}
	if err := c.readStreamOptions(o["stream_options"]); err != nil {
		return err
	}
	sizes, err := inputSizes(o["prompt"])
	if err != nil {
		return badRequest("prompt", "Invalid prompt.")
	}
	for _, size := range sizes {
		c.prompt += size
	}
	if c.last = text(o["prompt"]); c.last == "" {
		var list []string
		_ = json.Unmarshal(o["prompt"], &list)
		c.last = strings.Join(list, " ")
	}
	c.n *= int64(len(sizes))
	if err := x.begin(c.model); err != nil || !x.wait() {
		return err
	}
	r := x.reply(c)
	x.pending = Usage{Model: r.model, InputTokens: c.prompt, OutputTokens: r.output}
	if c.stream {
		x.streamCompletion(c, r)
		return nil
	}
	var choices []any
	for i := range c.n {
		choices = append(choices, ordered{{"text", r.text()}, {"index", i}, {"logprobs", nil}, {"finish_reason", finishReason(r)}})
	}
	answer := ordered{{"id", "cmpl-" + r.id}, {"object", "text_completion"}, {"created", created}, {"model", r.model}, {"choices", choices}}
	if x.fault.usage != "none" {
		answer = append(answer, member{"usage", x.plainUsage("prompt_tokens", "completion_tokens")})
	}
	x.sendJSON(http.StatusOK, answer)
	return nil
}

func (x *exchange) plainUsage(input, output string) ordered {
	u := x.pending
	return ordered{{input, u.InputTokens}, {output, u.OutputTokens}, {"total_tokens", u.InputTokens + u.OutputTokens}}
}

func (x *exchange) streamCompletion(c conversation, r reply) {
	s := &stream{x: x}
	chunk := func(choices []any, usage any) {
		event := ordered{{"id", "cmpl-" + r.id}, {"object", "text_completion"}, {"created", created}, {"model", r.model}, {"choices", choices}}
		if usage != nil || c.includeUsage && x.fault.usage != "none" {
			event = append(event, member{"usage", usage})
		}
		s.add("", encode(event))
	}
	for i := range c.n {
		for k := range r.words {
			chunk([]any{ordered{{"text", r.piece(k)}, {"index", i}, {"logprobs", nil}, {"finish_reason", nil}}}, nil)
		}
		chunk([]any{ordered{{"text", ""}, {"index", i}, {"logprobs", nil}, {"finish_reason", finishReason(r)}}}, nil)
	}
	if c.includeUsage && x.fault.usage == "" {
		chunk([]any{}, x.plainUsage("prompt_tokens", "completion_tokens"))
	}
	s.add("", []byte("[DONE]"))
	s.send()
}

func (x *exchange) moderations(o object) error {
	if err := o.fields(map[string]check{"model": isString, "input": isText}); err != nil {
		return err
	}
	if absent(o["input"]) {
		return badRequest("input", "Missing required parameter: 'input'.")
	}
	model := text(o["model"])
	if model == "" {
		model = "omni-moderation-latest"
	}
	if err := x.begin(model); err != nil || !x.wait() {
		return err
	}
	x.sendJSON(http.StatusOK, ordered{{"id", "modr-fake"}, {"model", answerModel(model)}, {"results", []any{ordered{
		{"flagged", false}, {"categories", ordered{{"violence", false}}}, {"category_scores", ordered{{"violence", 0.01}}},
		{"category_applied_input_types", ordered{{"violence", []string{"text"}}}},
	}}}})
	return nil
}

// complete is Anthropic's older call: no usage, and a stream without named ends.
func (x *exchange) complete(o object) error {
	for _, name := range []string{"model", "prompt", "max_tokens_to_sample"} {
		if absent(o[name]) {
			return badRequest("", "%s: Field required", name)
		}
	}
	prompt := text(o["prompt"])
	if !strings.HasPrefix(prompt, "\n\nHuman:") || !strings.Contains(prompt, "\n\nAssistant:") {
		return badRequest("", `prompt must start with "\n\nHuman:" turn and end with "\n\nAssistant:"`)
	}
	said := strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(strings.TrimPrefix(prompt, "\n\nHuman:")), "Assistant:"))
	c := conversation{model: text(o["model"]), last: said, prompt: words(prompt), maximum: o.int("max_tokens_to_sample"), n: 1}
	if err := x.begin(c.model); err != nil || !x.wait() {
		return err
	}
	r := x.reply(c)
	x.pending = Usage{Model: r.model, InputTokens: c.prompt, OutputTokens: r.output}
	completion := func(text string, reason any) ordered {
		return ordered{{"type", "completion"}, {"id", "compl_" + r.id}, {"completion", text}, {"stop_reason", reason}, {"model", r.model}}
	}
	if !o.bool("stream") {
		x.sendJSON(http.StatusOK, completion(" "+r.text(), "stop_sequence"))
		return nil
	}
	s := &stream{x: x}
	for i := range r.words {
		s.add("completion", encode(completion(" "+r.words[i], nil)))
	}
	s.add("ping", []byte(`{"type":"ping"}`))
	s.add("completion", encode(completion("", "stop_sequence")))
	s.send()
	return nil
}
