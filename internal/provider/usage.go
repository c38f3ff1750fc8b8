package provider

import (
	"bytes"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/jsonscan"
)

// maxTokens bounds what a provider may claim in one figure: beyond any context
// window, so a larger one is a broken or hostile answer.
const maxTokens = 1 << 31

// Reading is what an answer, or the part of a stream seen so far, told.
type Reading struct {
	Usage   gateway.Usage
	HasCost bool   // usage was reported
	Model   string // the answer's own model, empty when not told
	// ServiceTier is the tier that served the request, as the provider spells it
	// ("fast" for Anthropic's fast speed); empty when not told.
	ServiceTier string
	// Invalid says that a figure was not a token count; Usage is then partial.
	Invalid bool
}

// ReadJSON reads a whole JSON answer.
func (m Meter) ReadJSON(body []byte) Reading {
	var r Reading
	if m == MeterNone {
		return r
	}
	searches := int64(0)
	_ = jsonscan.Object(body, func(x jsonscan.Member) bool {
		switch x.Name {
		case "model":
			r.Model, _ = x.String()
		case "service_tier":
			r.ServiceTier, _ = x.String()
		case "usage":
			r.apply(m, x.Value)
		case "output":
			searches = countSearches(x)
		}
		return true
	})
	r.Usage.WebSearches = max(r.Usage.WebSearches, searches)
	return r
}

// countSearches counts the calls of OpenAI's web search tool among a response's
// output items: they cost a fee each and are not in the usage.
func countSearches(output jsonscan.Member) (n int64) {
	if !output.IsArray() || !bytes.Contains(output.Value, []byte("web_search_call")) {
		return 0
	}
	_ = jsonscan.Array(output.Value, func(item []byte) bool {
		if t, ok := jsonscan.Get(item, "type"); ok && string(t.Value) == `"web_search_call"` {
			n++
		}
		return true
	})
	return n
}

// ReadEvent adds what one stream event's data tells. Figures are cumulative
// with every provider we know: a later one replaces an earlier one.
func (m Meter) ReadEvent(r *Reading, data []byte) {
	switch m {
	case MeterOpenAI:
		if r.Model != "" && !bytes.Contains(data, []byte(`"usage"`)) {
			return
		}
		object := data
		if x, ok := jsonscan.Get(data, "response"); ok && x.IsObject() {
			object = x.Value // an event of the responses API
		}
		r.merge(m.ReadJSON(object))
	case MeterAnthropic:
		if !bytes.Contains(data, []byte(`"usage"`)) {
			return
		}
		message := data
		if x, ok := jsonscan.Get(data, "message"); ok && x.IsObject() {
			message = x.Value // message_start
		}
		r.model(message)
		if u, ok := jsonscan.Get(message, "usage"); ok {
			r.apply(m, u.Value)
		}
	}
}

func (r *Reading) model(object []byte) {
	if x, ok := jsonscan.Get(object, "model"); ok {
		if s, ok := x.String(); ok {
			r.Model = s
		}
	}
}

func (r *Reading) merge(next Reading) {
	if next.Model != "" {
		r.Model = next.Model
	}
	if next.ServiceTier != "" {
		r.ServiceTier = next.ServiceTier
	}
	if next.HasCost {
		r.Usage, r.HasCost = next.Usage, true
	}
	r.Invalid = r.Invalid || next.Invalid
}

// apply overwrites the figures that the usage object carries.
func (r *Reading) apply(m Meter, usage []byte) {
	if len(usage) == 0 || usage[0] != '{' {
		return
	}
	r.HasCost = true
	if m == MeterAnthropic {
		r.applyAnthropic(usage)
		return
	}
	u := &r.Usage
	_ = jsonscan.Object(usage, func(x jsonscan.Member) bool {
		switch x.Name {
		case "prompt_tokens", "input_tokens":
			r.count(x, &u.InputTokens)
		case "completion_tokens", "output_tokens":
			r.count(x, &u.OutputTokens)
		case "prompt_tokens_details", "input_tokens_details":
			r.details(x, map[string]*int64{
				"cached_tokens": &u.CacheReadTokens, "cache_write_tokens": &u.CacheWrite5mTokens,
				"audio_tokens": &u.AudioInputTokens, "image_tokens": &u.ImageInputTokens,
			})
			r.cachedDetails(x)
		case "completion_tokens_details", "output_tokens_details":
			r.details(x, map[string]*int64{
				"reasoning_tokens": &u.ReasoningTokens, "audio_tokens": &u.AudioOutputTokens,
				"image_tokens": &u.ImageOutputTokens,
			})
		}
		return true
	})
}

// applyAnthropic normalises: Anthropic's input_tokens exclude cache reads and
// writes, ours include them. In a stream the pieces come in different events,
// so the uncached part is recovered before an overwrite.
func (r *Reading) applyAnthropic(usage []byte) {
	u := &r.Usage
	uncached := u.InputTokens - u.CacheReadTokens - u.CacheWrite5mTokens - u.CacheWrite1hTokens
	var write, write1h int64
	write, write1h = u.CacheWrite5mTokens+u.CacheWrite1hTokens, u.CacheWrite1hTokens
	_ = jsonscan.Object(usage, func(x jsonscan.Member) bool {
		switch x.Name {
		case "input_tokens":
			r.count(x, &uncached)
		case "output_tokens":
			r.count(x, &u.OutputTokens)
		case "cache_read_input_tokens":
			r.count(x, &u.CacheReadTokens)
		case "cache_creation_input_tokens":
			r.count(x, &write)
		case "cache_creation":
			r.details(x, map[string]*int64{"ephemeral_1h_input_tokens": &write1h})
		case "output_tokens_details":
			r.details(x, map[string]*int64{"thinking_tokens": &u.ReasoningTokens})
		case "server_tool_use":
			r.details(x, map[string]*int64{"web_search_requests": &u.WebSearches})
		case "service_tier":
			if tier, ok := x.String(); ok && r.ServiceTier != fastTier {
				r.ServiceTier = tier
			}
		case "speed":
			if speed, _ := x.String(); speed == "fast" {
				r.ServiceTier = fastTier
			}
		}
		return true
	})
	write1h = min(write1h, write)
	u.CacheWrite1hTokens, u.CacheWrite5mTokens = write1h, write-write1h
	u.InputTokens = uncached + u.CacheReadTokens + write
}

// fastTier is what Anthropic's fast speed is priced as.
const fastTier = "fast"

// cachedDetails reads which of the cached tokens were sound.
func (r *Reading) cachedDetails(details jsonscan.Member) {
	if !details.IsObject() {
		return
	}
	if x, ok := jsonscan.Get(details.Value, "cached_tokens_details"); ok {
		r.details(x, map[string]*int64{"audio_tokens": &r.Usage.CacheReadAudioTokens})
	}
}

func (r *Reading) details(x jsonscan.Member, fields map[string]*int64) {
	if !x.IsObject() {
		return
	}
	_ = jsonscan.Object(x.Value, func(d jsonscan.Member) bool {
		if to, ok := fields[d.Name]; ok {
			r.count(d, to)
		}
		return true
	})
}

func (r *Reading) count(x jsonscan.Member, to *int64) {
	if x.IsNull() {
		return
	}
	n, ok := x.Int(maxTokens)
	if !ok {
		r.Invalid = true
		return
	}
	*to = n
}

// Ended reports whether a stream event is the provider's own end marker.
func (m Meter) Ended(name string, data []byte) bool {
	if m == MeterAnthropic {
		return name == "message_stop"
	}
	return string(data) == "[DONE]"
}
