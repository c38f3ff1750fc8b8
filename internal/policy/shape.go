package policy

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/bricks-gateway/bricks/internal/jsonscan"
)

// shape is what an event of a stream says of the texts that it carries parts of.
type shape struct {
	texts []shapeText
	ended []string // choices whose texts are complete with it
	over  bool     // no text goes on after it
	// opaque: nothing else is to be looked for in it.
	opaque bool
}

// shapeText is a part of a text: the literal data[start:end].
type shapeText struct {
	choice, channel string
	start, end      int
	json            bool
	plain           bool // no literal: the text as it stands
}

func (s *shape) has(at int) bool {
	for _, t := range s.texts {
		if t.start == at {
			return true
		}
	}
	return false
}

func (s *shape) add(m jsonscan.Member, at int, choice, channel string, json bool) {
	if isString(m.Value) {
		s.texts = append(s.texts, shapeText{choice: choice, channel: choice + "/" + channel, start: at + m.At, end: at + m.End(), json: json})
	}
}

// readShape reads an event of any of the known shapes, or the one member called
// field of others.
func readShape(data []byte, field string) (s shape) {
	if jsonscan.Check(data) != nil {
		s.texts = []shapeText{{channel: "data", end: len(data), plain: true}}
		s.opaque = true
		return s
	}
	_ = jsonscan.Object(data, func(m jsonscan.Member) bool {
		switch {
		case m.Name == "choices" && m.IsArray():
			_ = jsonscan.Elements(m.Value, func(i int, choice []byte) bool {
				s.readChoice(m.At+i, choice)
				return true
			})
		case m.Name == "type" && isString(m.Value):
			kind, _ := m.String()
			s.readTyped(data, kind)
		case m.Name == "error" && !m.IsNull():
			s.over = true
		}
		return true
	})
	if field != "" && len(s.texts) == 0 {
		s.readField(0, data, field, "")
	}
	return s
}

// readChoice reads one choice of a chat completion or a completion.
func (s *shape) readChoice(at int, choice []byte) {
	index, _ := jsonscan.Get(choice, "index")
	name := string(index.Value)
	_ = jsonscan.Object(choice, func(m jsonscan.Member) bool {
		switch m.Name {
		case "text":
			s.add(m, at, name, m.Name, false)
		case "delta":
			s.readDelta(at+m.At, m.Value, name)
		case "finish_reason":
			if !m.IsNull() {
				s.ended = append(s.ended, name)
			}
		}
		return true
	})
}

func (s *shape) readDelta(at int, delta []byte, choice string) {
	_ = jsonscan.Object(delta, func(m jsonscan.Member) bool {
		switch m.Name {
		case "content", "refusal", "reasoning", "reasoning_content":
			s.add(m, at, choice, m.Name, false)
		case "audio":
			if t, found := jsonscan.Get(m.Value, "transcript"); found {
				s.add(t, at+m.At, choice, "transcript", false)
			}
		case "function_call":
			if a, found := jsonscan.Get(m.Value, "arguments"); found {
				s.add(a, at+m.At, choice, m.Name, true)
			}
		case "tool_calls":
			_ = jsonscan.Elements(m.Value, func(i int, call []byte) bool {
				s.readCall(at+m.At+i, call, choice)
				return true
			})
		}
		return true
	})
}

func (s *shape) readCall(at int, call []byte, choice string) {
	index, _ := jsonscan.Get(call, "index")
	for _, kind := range [...]string{"function", "custom"} {
		if f, found := jsonscan.Get(call, kind); found {
			_ = jsonscan.Object(f.Value, func(m jsonscan.Member) bool {
				if m.Name == "arguments" || m.Name == "input" {
					s.add(m, at+f.At, choice, "call"+string(index.Value), m.Name == "arguments")
				}
				return true
			})
		}
	}
}

// readTyped reads the events that have a type: Anthropic's and those of the
// Responses API.
func (s *shape) readTyped(data []byte, kind string) {
	switch kind {
	case "content_block_delta":
		index, _ := jsonscan.Get(data, "index")
		delta, _ := jsonscan.Get(data, "delta")
		_ = jsonscan.Object(delta.Value, func(m jsonscan.Member) bool {
			if m.Name == "text" || m.Name == "thinking" || m.Name == "partial_json" {
				s.add(m, delta.At, "block"+string(index.Value), m.Name, m.Name == "partial_json")
			}
			return true
		})
	case "content_block_stop":
		index, _ := jsonscan.Get(data, "index")
		s.ended = append(s.ended, "block"+string(index.Value))
	case "message_delta", "message_stop", "error":
		s.over = true
	default:
		s.readResponse(data, kind)
	}
}

func (s *shape) readResponse(data []byte, kind string) {
	if !strings.HasPrefix(kind, "response.") {
		return
	}
	if s.opaque = kind == "response.audio.delta"; s.opaque {
		return
	}
	base, isDelta := strings.CutSuffix(kind, ".delta")
	if !isDelta {
		// What is done, is; and a new part begins when the one before it has ended.
		s.over = kind != "response.in_progress" && kind != "response.created"
		return
	}
	m, found := jsonscan.Get(data, "delta")
	if !found {
		return
	}
	choice := base
	for _, name := range [...]string{"item_id", "output_index", "content_index", "summary_index"} {
		if v, found := jsonscan.Get(data, name); found {
			choice += "/" + string(v.Value)
		}
	}
	s.add(m, 0, choice, "delta", strings.HasSuffix(base, "arguments"))
}

// readField finds the strings that members called field hold, at any depth.
func (s *shape) readField(at int, value []byte, field, path string) {
	value = bytes.TrimLeft(value, " ")
	if len(value) == 0 {
		return
	}
	switch value[0] {
	case '{':
		_ = jsonscan.Object(value, func(m jsonscan.Member) bool {
			if m.Name == field && isString(m.Value) {
				s.add(m, at, path, m.Name, false)
			} else {
				s.readField(at+m.At, m.Value, field, path+"/"+m.Name)
			}
			return true
		})
	case '[':
		n := 0
		_ = jsonscan.Elements(value, func(i int, element []byte) bool {
			s.readField(at+i, element, field, path+"/"+strconv.Itoa(n))
			n++
			return true
		})
	}
}
