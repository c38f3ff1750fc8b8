package fakeprovider

import (
	"encoding/base64"
	"net/http"
	"strings"
)

var speechFields = map[string]check{
	"model": isString, "input": isString, "voice": isChoice, "instructions": isString, "speed": number(0.25, 4),
	"response_format": oneOf("mp3", "opus", "aac", "flac", "wav", "pcm"), "stream_format": oneOf("sse", "audio"),
}

// Sound is what all speech sounds like: bytes that are no text.
var Sound = []byte("ID3\x04\x00\x00\xff\xfb\x90\x00 data: \n\n \x00\x00 not an event")

func (x *exchange) speech(o object) error {
	x.deployed(o)
	if err := o.fields(speechFields); err != nil {
		return err
	}
	for _, name := range []string{"model", "input", "voice"} {
		if absent(o[name]) {
			return badRequest(name, "Missing required parameter: '%s'.", name)
		}
	}
	model, sse := text(o["model"]), text(o["stream_format"]) == "sse"
	if sse && strings.HasPrefix(model, "tts-1") {
		return badRequest("stream_format", "sse is not supported for tts-1 or tts-1-hd.")
	}
	if err := x.begin(model); err != nil || !x.wait() {
		return err
	}
	x.pending = Usage{Model: answerModel(model), InputTokens: words(text(o["input"])), OutputTokens: 50}
	if !sse {
		x.sendBytes(http.StatusOK, "audio/mpeg", [][]byte{Sound})
		return nil
	}
	s := &stream{x: x}
	s.add("speech.audio.delta", encode(ordered{{"type", "speech.audio.delta"}, {"audio", base64.StdEncoding.EncodeToString(Sound)}}))
	s.add("speech.audio.done", encode(ordered{{"type", "speech.audio.done"}, {"usage", x.plainUsage("input_tokens", "output_tokens")}}))
	s.send()
	return nil
}

// Every recording lasts so long, whatever is in it.
const recordedSeconds = 9

func (x *exchange) transcribe() error {
	f, err := x.recording()
	if err != nil {
		return err
	}
	whisper := strings.HasPrefix(f.fields["model"], "whisper")
	if err := x.begin(f.fields["model"]); err != nil || !x.wait() {
		return err
	}
	x.pending = Usage{Model: answerModel(f.fields["model"])}
	usage := ordered{{"type", "duration"}, {"seconds", recordedSeconds}}
	if !whisper {
		x.pending.InputTokens, x.pending.OutputTokens = 90, 3
		usage = ordered{
			{"type", "tokens"}, {"input_tokens", 90}, {"input_token_details", ordered{{"text_tokens", 0}, {"audio_tokens", 90}}},
			{"output_tokens", 3}, {"total_tokens", 93},
		}
	}
	if f.fields["stream"] == "true" && !whisper {
		s := &stream{x: x}
		for _, word := range []string{"so", " it", " was"} {
			s.add("transcript.text.delta", encode(ordered{{"type", "transcript.text.delta"}, {"delta", word}}))
		}
		s.add("transcript.text.done", encode(ordered{{"type", "transcript.text.done"}, {"text", "so it was"}, {"usage", usage}}))
		s.send()
		return nil
	}
	x.sendTranscript(f, member{"usage", usage})
	return nil
}

func (x *exchange) translate() error {
	f, err := x.recording()
	if err != nil {
		return err
	}
	if err := x.begin(f.fields["model"]); err != nil || !x.wait() {
		return err
	}
	x.pending = Usage{Model: answerModel(f.fields["model"])}
	x.sendTranscript(f)
	return nil
}

func (x *exchange) sendTranscript(f form, more ...member) {
	switch f.fields["response_format"] {
	case "text", "srt", "vtt":
		x.sendBytes(http.StatusOK, "text/plain; charset=utf-8", [][]byte{[]byte("so it was\n")})
	case "verbose_json":
		x.sendJSON(http.StatusOK, append(ordered{{"task", "transcribe"}, {"language", "english"}, {"duration", 8.47}, {"text", "so it was"}}, more...))
	default:
		x.sendJSON(http.StatusOK, append(ordered{{"text", "so it was"}}, more...))
	}
}

func (x *exchange) recording() (form, error) {
	f, err := x.form()
	if err != nil {
		return f, err
	}
	if x.model != "" {
		f.fields["model"] = x.model
	}
	if len(f.files["file"]) != 1 || f.fields["model"] == "" {
		return f, badRequest("file", "'file' and 'model' are required")
	}
	return f, nil
}
