package provider

import (
	"bytes"
	"strings"

	"github.com/bricks-gateway/bricks/internal/jsonscan"
)

// Meter names the way in which an answer tells its usage.
type Meter int

// MeterNone is for calls that bill nothing when they are made.
const (
	MeterNone          Meter = iota
	MeterOpenAI              // usage in the answer, and in the stream's last chunk when asked for
	MeterAnthropic           // usage spread over message_start and message_delta
	MeterComplete            // Anthropic's older call, which tells no usage
	MeterResponses           // usage in the answer, and in the event that ends a stream
	MeterRun                 // usage in the event that ends a run's stream; in an answer while it is null
	MeterImages              // tokens, or as many images as the answer holds
	MeterSpeech              // the characters asked for, or tokens in a stream's last event
	MeterTranscription       // seconds of audio, or tokens
	MeterCustom              // tells nothing: tokens are counted
)

// ByUnit reports whether pieces other than tokens may be billed: images, audio,
// characters.
func (m Meter) ByUnit() bool {
	return m == MeterImages || m == MeterSpeech || m == MeterTranscription
}

// endings are the stream events that end an answer, by meter.
var endings = map[Meter][]string{
	MeterAnthropic:     {"message_stop"},
	MeterResponses:     {"response.completed", "response.incomplete", "response.failed"},
	MeterImages:        {"image_generation.completed", "image_edit.completed"},
	MeterSpeech:        {"speech.audio.done"},
	MeterTranscription: {"transcript.text.done"},
}

// Ended reports whether a stream event is the provider's own end marker. It may
// carry usage all the same.
func (m Meter) Ended(name string, data []byte) bool {
	switch m {
	case MeterAnthropic:
		return name == "message_stop"
	case MeterComplete:
		reason, ok := jsonscan.Get(data, "stop_reason")
		return ok && !reason.IsNull()
	case MeterResponses, MeterImages, MeterSpeech, MeterTranscription:
		return contains(endings[m], kind(name, data))
	}
	return string(data) == "[DONE]"
}

// kind is an event's type: its name, or what its data calls itself.
func kind(name string, data []byte) string {
	if name != "" {
		return name
	}
	t, _ := jsonscan.Get(data, "type")
	s, _ := t.String()
	return s
}

// ReadEvent adds what one stream event's data tells. Figures are cumulative
// with every provider we know: a later one replaces an earlier one. Images are
// the exception: each comes complete and with its own.
func (m Meter) ReadEvent(r *Reading, data []byte) {
	switch m {
	case MeterOpenAI:
		if r.Model != "" && !bytes.Contains(data, []byte(`"usage"`)) {
			return
		}
		r.merge(m.ReadJSON(data))
	case MeterAnthropic:
		m.readMessage(r, data)
	case MeterComplete:
		if r.Model == "" {
			r.model(data)
		}
	case MeterResponses:
		if x, ok := jsonscan.Get(data, "response"); ok && (r.Model == "" || bytes.Contains(data, []byte(`"usage"`))) {
			r.merge(m.ReadJSON(x.Value))
		}
	case MeterRun:
		if bytes.Contains(data, []byte(`"usage"`)) && bytes.Contains(data, []byte(`"thread.run"`)) {
			r.merge(m.ReadJSON(data))
		}
	case MeterImages:
		if strings.HasSuffix(kind("", data), ".completed") {
			next := m.ReadJSON(data)
			next.add(r)
			next.Usage.Images = r.Usage.Images + 1
			*r = next
		}
	case MeterSpeech, MeterTranscription:
		if bytes.Contains(data, []byte(`"usage"`)) {
			r.merge(m.ReadJSON(data))
		}
	}
}

func (m Meter) readMessage(r *Reading, data []byte) {
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

// add sums the tokens of an earlier image of the same answer up.
func (r *Reading) add(earlier *Reading) {
	r.Usage.InputTokens += earlier.Usage.InputTokens
	r.Usage.CacheReadTokens += earlier.Usage.CacheReadTokens
	r.Usage.OutputTokens += earlier.Usage.OutputTokens
	r.Usage.ImageInputTokens += earlier.Usage.ImageInputTokens
	r.Usage.ImageOutputTokens += earlier.Usage.ImageOutputTokens
	r.HasCost = r.HasCost || earlier.HasCost
	r.Invalid = r.Invalid || earlier.Invalid
}
