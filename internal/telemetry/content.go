package telemetry

import (
	"bytes"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/tidwall/gjson"

	"github.com/bricks-gateway/bricks/internal/provider"
	"github.com/bricks-gateway/bricks/internal/sse"
)

// maxContent bounds the text of each attribute that holds messages, in bytes.
const maxContent = 16 << 10

// message is one of the conventions' messages; text is all that is kept of it.
type message struct {
	Role         string `json:"role"`
	Parts        []part `json:"parts"`
	FinishReason string `json:"finish_reason,omitempty"`
}

type part struct {
	Type    string  `json:"type"`
	Content *string `json:"content,omitempty"` // nil: not text
}

// Content is what a request asked and what its client got, as the event keeps
// them: with the policy's changes, and empty where the key or the operator lets
// nothing be kept.
type Content struct{ Request, Response []byte }

// Tell adds the messages of c, if the tracer may have any.
func (s *Span) Tell(c Content, finishReasons []string) {
	if !s.Recording() || !s.tracer.content {
		return
	}
	set := attributes{}
	room := maxContent
	set.messages(genAIInstructions.String, instructions(c.Request, &room))
	room = maxContent
	set.messages(genAIInput.String, questions(c.Request, &room))
	if text := answerText(c.Response); text != "" {
		room = maxContent
		m := message{Role: "assistant", Parts: []part{textPart(text, &room)}}
		if len(finishReasons) > 0 {
			m.FinishReason = finishReasons[0]
		}
		set.messages(genAIOutput.String, []message{m})
	}
	s.span.SetAttributes(set...)
}

// instructions are what stands outside of the conversation: Anthropic's system,
// the Responses API's instructions.
func instructions(body []byte, room *int) (parts []part) {
	for _, name := range []string{"system", "instructions"} {
		if v := gjson.GetBytes(body, name); v.Exists() {
			parts = append(parts, partsOf(v, room)...)
		}
	}
	return parts
}

// questions are the messages of a chat, or what stands in their place.
func questions(body []byte, room *int) (all []message) {
	for _, name := range []string{"messages", "input", "prompt"} {
		v := gjson.GetBytes(body, name)
		if !v.IsArray() || !v.Get("0").IsObject() {
			if parts := partsOf(v, room); len(parts) > 0 {
				all = append(all, message{Role: "user", Parts: parts})
			}
			continue
		}
		v.ForEach(func(_, m gjson.Result) bool {
			role := m.Get("role").String()
			if role == "" {
				role = "user"
			}
			all = append(all, message{Role: label(role), Parts: partsOf(m.Get("content"), room)})
			return *room > 0
		})
	}
	return all
}

// partsOf reads a text, a list of texts, or a list of parts with a type.
func partsOf(v gjson.Result, room *int) []part {
	parts := []part{}
	switch {
	case v.Type == gjson.String:
		parts = append(parts, textPart(v.Str, room))
	case v.IsArray():
		v.ForEach(func(_, p gjson.Result) bool {
			if p.Type == gjson.String {
				parts = append(parts, textPart(p.Str, room))
			} else if text := p.Get("text"); text.Type == gjson.String {
				parts = append(parts, textPart(text.Str, room))
			} else if kind := p.Get("type").String(); kind != "" {
				parts = append(parts, part{Type: label(kind)})
			}
			return *room > 0
		})
	}
	return parts
}

// textPart takes as much of text as there is room for.
func textPart(text string, room *int) part {
	if len(text) > *room {
		text = strings.ToValidUTF8(text[:*room], "") + "…"
		*room = 0
	} else {
		*room -= len(text)
	}
	return part{Type: "text", Content: &text}
}

// answerText is what the model wrote, in a body or in a stream of events.
func answerText(body []byte) string {
	var raw []byte
	if start := bytes.TrimLeft(body, " \r\n\t"); len(start) > 0 && start[0] == '{' {
		raw = provider.AppendText(nil, body)
	} else {
		var scanner sse.Scanner
		read := func(e sse.Event) { raw = provider.AppendText(raw, e.Data) }
		scanner.Feed(body, read)
		scanner.Close(read)
	}
	// The text still has JSON's escapes, unless something else stands among it.
	if text, err := jsontext.AppendUnquote(nil, `"`+string(raw)+`"`); err == nil {
		return string(text)
	}
	return strings.ToValidUTF8(string(raw), "\uFFFD")
}
