package token

import (
	"bytes"
	"strings"

	"github.com/bricks-gateway/bricks/internal/jsonscan"
)

// What providers put around what the body holds, in tokens. For OpenAI's models:
// the cookbook's "How to count tokens with tiktoken" (3 a message, 3 to prime the
// answer, 1 a name) and its figures for tools; a 64th and spare on top of all.
// For all others the text counts by its bytes, which leaves room in anything but
// the shortest text, and their templates are no longer than these.
const (
	perMessage      = 3
	perMessageOther = 8
	perInputOther   = 2
	perName         = 1
	perPart         = 2 // texts that are joined have made up to two tokens more than apart
	perCall         = 8
	priming         = 3
	spare           = 4
	spareShare      = 64
	openTools       = 12
	openSchema      = 16
	openOther       = 64
	openToolsOther  = 1024 // Anthropic's instructions for tools take up to 530
	openHarmony     = 128  // gpt-oss's own system message
)

// largestWalk is the longest body that is looked into. A longer one counts by its
// bytes and as hiding input: it holds media, or is more than a model takes.
const largestWalk = 4 << 20

// Input returns an upper bound of the input tokens that the provider will bill for
// a request whose JSON body is given, be it a chat completion, a completion, an
// embedding, a response (OpenAI's Responses API) or a message (Anthropic's). body
// must have passed jsonscan.Check, or the bound is of its bytes alone.
//
// Text is counted as Count does, for the providers "openai" and "azure", whose
// models and deployments carry the models' names; every other provider's text
// counts by its bytes, whatever its models are called. Text is what the models
// are shown: contents, names, tools, schemas; of the settings that bill nothing
// none counts; what this package does not know counts by its bytes. Several
// answers (n, best_of) bill the input once.
//
// The bound covers what the cookbook's formula counts. Of what OpenAI adds in ways
// it does not publish it covers what is known: no more than a 64th and 4 tokens
// are kept for it.
func Input(provider, model string, body []byte) Bound {
	e := None
	if provider == "openai" || provider == "azure" {
		e = encodingOf(model)
	}
	if len(body) > largestWalk {
		return Bound{Tokens: ByteBound(body), Hidden: true}
	}
	r := request{meter: newMeter(e)}
	defer r.free()
	r.scan(body)
	if err := jsonscan.Object(body, r.member); err != nil {
		return Bound{Tokens: ByteBound(body), Hidden: true}
	}
	n := r.tokens
	switch {
	case e == None && r.tools:
		n += openOther + openToolsOther
	case e == None:
		n += openOther
	case r.tools:
		n += openTools
	}
	if strings.Contains(model, "gpt-oss") {
		n += openHarmony
	}
	if e != None {
		n += n/spareShare + priming + spare
	}
	return Bound{Tokens: min(n, ByteBound(body)), Exact: r.exact, Hidden: r.hidden}
}

// request walks one body. Each level of a body is scanned again by the level
// below, so it goes down a fixed number of levels only.
type request struct {
	*meter
	tools bool
}

// raw counts a value by its bytes.
func (r *request) raw(value []byte) { r.atMost(len(value)) }

// member counts a member of the body itself.
func (r *request) member(m jsonscan.Member) bool {
	if m.IsNull() {
		return true
	}
	switch m.Name {
	case "model", "stream", "stream_options", "temperature", "top_p", "top_k", "n", "best_of", "seed", "stop", "stop_sequences",
		"max_tokens", "max_completion_tokens", "max_output_tokens", "max_tool_calls", "frequency_penalty", "presence_penalty",
		"logit_bias", "logprobs", "top_logprobs", "echo", "user", "metadata", "safety_identifier", "prompt_cache_key",
		"prompt_cache_retention", "service_tier", "store", "background", "include", "truncation", "modalities",
		"parallel_tool_calls", "reasoning", "reasoning_effort", "thinking", "verbosity", "encoding_format", "dimensions",
		"anthropic_version", "speed", "inference_geo":
	case "previous_response_id", "conversation", "container", "mcp_servers", "web_search_options", "data_sources",
		"file", "files", "file_ids", "image", "images", "mask", "documents", "attachments", "plugins", "search_parameters":
		r.hidden = true
	case "messages":
		r.each(m.Value, r.item)
	case "system", "instructions":
		r.tokens += r.forMessage()
		r.content(m.Value, 0)
	case "input", "prompt":
		r.inputs(m)
	case "suffix":
		r.tokens += perCall
		r.content(m.Value, 0)
	case "tools", "functions":
		r.tools = true
		r.each(m.Value, r.tool)
	case "response_format", "text", "output_format", "output_config":
		if bytes.Contains(m.Value, []byte("schema")) {
			r.tokens += openSchema
		}
		if kind(m.Value) != "text" { // which is the default
			r.json(m.Value)
		}
	case "tool_choice", "function_call", "prediction":
		if m.IsObject() { // else a mode, as "auto"
			r.tokens += perCall
			r.json(m.Value)
		}
	default:
		r.atMost(len(m.Name) + len(m.Value))
	}
	return true
}

func (r *request) forMessage() int64 {
	if r.vocabulary == nil {
		return perMessageOther
	}
	return perMessage
}

// scan pays for walking over a value.
func (r *request) scan(value []byte) { r.work -= scanWork + len(value)/8 }

const scanWork = 2

// each calls count for the elements of an array. Any other value counts by its
// bytes, and so does what is left when the budget is spent, which may hide input.
func (r *request) each(value []byte, count func([]byte)) {
	if len(value) == 0 || value[0] != '[' {
		r.raw(value)
		return
	}
	r.scan(value)
	err := jsonscan.Array(value, func(x []byte) bool {
		if r.work -= scanWork; r.work > 0 {
			count(x)
			return true
		}
		r.hidden = true
		r.raw(value)
		return false
	})
	if err != nil {
		r.raw(value)
	}
}

// inputs counts the input of an embedding, a completion or a response: text,
// tokens, lists of these, or items. An object is a stored prompt.
func (r *request) inputs(m jsonscan.Member) {
	switch {
	case m.IsObject():
		r.hidden = true
	case m.IsArray():
		r.each(m.Value, r.input)
	default:
		r.tokens += r.forMessage()
		r.content(m.Value, 0)
	}
}

func (r *request) input(value []byte) {
	switch value[0] {
	case '"':
		if r.vocabulary == nil {
			r.tokens += perInputOther
		}
		r.quoted(value)
	case '[':
		r.each(value, r.number)
	case '{':
		r.item(value)
	default:
		r.number(value)
	}
}

// number counts a token that is given as its number.
func (r *request) number(value []byte) {
	c := value[0]
	if c >= '0' && c <= '9' {
		r.tokens++
		return
	}
	r.hidden = r.hidden || c == '[' || c == '{'
	r.raw(value)
}

// item counts a message, or an item of a response's input.
func (r *request) item(value []byte) {
	r.scan(value)
	switch kind(value) {
	case "", "message":
	case "function_call", "function_call_output", "custom_tool_call", "custom_tool_call_output":
		r.tokens += perCall
	default: // reasoning, references, calls of the provider's own tools
		r.hidden = true
		return
	}
	r.tokens += r.forMessage()
	if jsonscan.Object(value, r.ofMessage) != nil {
		r.raw(value)
	}
}

func (r *request) ofMessage(m jsonscan.Member) bool {
	if m.IsNull() {
		return true
	}
	switch m.Name {
	case "type", "status", "cache_control":
	case "name":
		r.tokens += perName
		r.content(m.Value, 0)
	case "role", "content", "refusal", "reasoning_content", "arguments", "output", "input", "id", "call_id", "tool_call_id":
		r.content(m.Value, 0)
	case "tool_calls":
		r.each(m.Value, func(call []byte) {
			r.tokens += perCall
			r.json(call)
		})
	case "function_call":
		r.tokens += perCall
		r.json(m.Value)
	case "audio":
		r.hidden = true
	default:
		r.atMost(len(m.Name) + len(m.Value))
	}
	return true
}

// deepestContent is how often content holds content: in a tool's result.
const deepestContent = 1

// content counts a string, or a list of parts.
func (r *request) content(value []byte, depth int) {
	switch {
	case len(value) == 0 || string(value) == "null":
	case value[0] == '"':
		r.quoted(value)
	case value[0] == '[':
		r.each(value, func(x []byte) { r.part(x, depth) })
	default:
		r.raw(value)
	}
}

// part counts a part of a message's content. What is not known to be text hides
// input; its bytes, which may be a picture's, do not count.
func (r *request) part(value []byte, depth int) {
	r.scan(value)
	r.tokens += perPart
	if value[0] == '"' {
		r.quoted(value)
		return
	}
	switch kind(value) {
	case "text", "input_text", "output_text", "refusal":
	case "thinking", "redacted_thinking":
	case "tool_use", "tool_result":
		r.tokens += perCall
	default:
		r.hidden = true
		return
	}
	err := jsonscan.Object(value, func(m jsonscan.Member) bool {
		switch m.Name {
		case "type", "cache_control":
		case "text", "refusal", "name", "id", "tool_use_id":
			r.content(m.Value, depth)
		case "input":
			r.json(m.Value)
		case "content":
			if depth < deepestContent {
				r.content(m.Value, depth+1)
			} else {
				r.hidden = true
			}
		default:
			r.atMost(len(m.Name) + len(m.Value))
		}
		return true
	})
	if err != nil {
		r.raw(value)
	}
}

// kind returns the type member of an object.
func kind(value []byte) string {
	m, found := jsonscan.Get(value, "type")
	if !found {
		return ""
	}
	s, ok := m.String()
	if !ok || s == "" {
		return "?"
	}
	return s
}
