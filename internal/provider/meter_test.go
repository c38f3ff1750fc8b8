package provider_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/provider"
)

func TestUnitsOfJSON(t *testing.T) {
	for name, c := range map[string]struct {
		meter provider.Meter
		body  string
		want  provider.Reading
	}{
		"images by token": {
			provider.MeterImages,
			`{"created":1,"data":[{"b64_json":"AA"},{"b64_json":"BB"}],"usage":{"input_tokens":50,"input_tokens_details":{"text_tokens":10,"image_tokens":40},
			 "output_tokens":200,"output_tokens_details":{"text_tokens":5,"image_tokens":195},"total_tokens":250}}`,
			provider.Reading{HasCost: true, Usage: gateway.Usage{InputTokens: 50, OutputTokens: 200, Images: 2, ImageInputTokens: 40, ImageOutputTokens: 195}},
		},
		"images by count": {provider.MeterImages, `{"created":1,"data":[{"url":"https://a"}]}`, provider.Reading{Usage: gateway.Usage{Images: 1}}},
		"audio by token": {
			provider.MeterTranscription,
			`{"text":"x","usage":{"type":"tokens","input_tokens":14,"input_token_details":{"text_tokens":4,"audio_tokens":10},"output_tokens":3,"total_tokens":17}}`,
			provider.Reading{HasCost: true, Usage: gateway.Usage{InputTokens: 14, AudioInputTokens: 10, OutputTokens: 3}},
		},
		"audio by second": {
			provider.MeterTranscription, `{"text":"x","usage":{"type":"duration","seconds":9}}`,
			provider.Reading{HasCost: true, Usage: gateway.Usage{Milliseconds: 9000}},
		},
		"audio, the duration alone": {
			provider.MeterTranscription, `{"text":"x","duration":8.4701}`, provider.Reading{HasCost: true, Usage: gateway.Usage{Milliseconds: 8471}},
		},
		"audio, the duration as text": {
			provider.MeterTranscription, `{"text":"x","duration":"8.5"}`, provider.Reading{HasCost: true, Usage: gateway.Usage{Milliseconds: 8500}},
		},
		"audio of less than nothing": {provider.MeterTranscription, `{"duration":-1}`, provider.Reading{Invalid: true}},
		"audio of a year":            {provider.MeterTranscription, `{"duration":3e7}`, provider.Reading{Invalid: true}},
		"audio of no number":         {provider.MeterTranscription, `{"duration":"NaN"}`, provider.Reading{Invalid: true}},
		"a run that waits":           {provider.MeterRun, `{"object":"thread.run","model":"m","usage":null}`, provider.Reading{Model: "m"}},
		"complete tells none":        {provider.MeterComplete, `{"completion":" x","model":"m","usage":1}`, provider.Reading{Model: "m"}},
	} {
		if diff := cmp.Diff(c.want, c.meter.ReadJSON([]byte(c.body))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestStreamsOfEachMeter reads whole streams: the events, whether the last one
// ends it, and what they told.
func TestStreamsOfEachMeter(t *testing.T) {
	type event struct{ name, data string }
	for name, c := range map[string]struct {
		meter  provider.Meter
		events []event
		want   provider.Reading
	}{
		"responses": {
			provider.MeterResponses,
			[]event{
				{"response.created", `{"type":"response.created","response":{"model":"m","status":"in_progress","usage":null}}`},
				{"response.output_text.delta", `{"type":"response.output_text.delta","delta":"\"usage\""}`},
				{"response.completed", `{"type":"response.completed","response":{"model":"m-1","usage":{"input_tokens":6,"input_tokens_details":{"cached_tokens":2},"output_tokens":5,"output_tokens_details":{"reasoning_tokens":1}}}}`},
			},
			provider.Reading{HasCost: true, Model: "m-1", Usage: gateway.Usage{InputTokens: 6, CacheReadTokens: 2, OutputTokens: 5, ReasoningTokens: 1}},
		},
		"responses cut short, without names": {
			provider.MeterResponses,
			[]event{{"", `{"type":"response.incomplete","response":{"model":"m","usage":{"input_tokens":6,"output_tokens":5}}}`}},
			provider.Reading{HasCost: true, Model: "m", Usage: gateway.Usage{InputTokens: 6, OutputTokens: 5}},
		},
		"two images": {
			provider.MeterImages,
			[]event{
				{"image_generation.partial_image", `{"type":"image_generation.partial_image","b64_json":"AA"}`},
				{"image_generation.completed", `{"type":"image_generation.completed","usage":{"input_tokens":3,"output_tokens":10,"output_tokens_details":{"image_tokens":10}}}`},
				{"image_generation.completed", `{"type":"image_generation.completed","usage":{"input_tokens":3,"output_tokens":11,"output_tokens_details":{"image_tokens":11}}}`},
			},
			provider.Reading{HasCost: true, Usage: gateway.Usage{InputTokens: 6, OutputTokens: 21, Images: 2, ImageOutputTokens: 21}},
		},
		"speech": {
			provider.MeterSpeech,
			[]event{{"", `{"type":"speech.audio.delta","audio":"AA"}`}, {"", `{"type":"speech.audio.done","usage":{"input_tokens":3,"output_tokens":50,"total_tokens":53}}`}},
			provider.Reading{HasCost: true, Usage: gateway.Usage{InputTokens: 3, OutputTokens: 50}},
		},
		"transcription": {
			provider.MeterTranscription,
			[]event{{"", `{"type":"transcript.text.delta","delta":"x"}`}, {"", `{"type":"transcript.text.done","usage":{"type":"tokens","input_tokens":4,"output_tokens":2}}`}},
			provider.Reading{HasCost: true, Usage: gateway.Usage{InputTokens: 4, OutputTokens: 2}},
		},
		"a run counts itself, not its steps": {
			provider.MeterRun,
			[]event{
				{"thread.run.step.completed", `{"object":"thread.run.step","usage":{"prompt_tokens":99,"completion_tokens":99}}`},
				{"thread.run.completed", `{"object":"thread.run","model":"m","usage":{"prompt_tokens":10,"completion_tokens":5}}`},
				{"done", `[DONE]`},
			},
			provider.Reading{HasCost: true, Model: "m", Usage: gateway.Usage{InputTokens: 10, OutputTokens: 5}},
		},
		"complete": {
			provider.MeterComplete,
			[]event{{"completion", `{"completion":" x","stop_reason":null,"model":"m"}`}, {"ping", `{}`}, {"completion", `{"completion":"","stop_reason":"max_tokens","model":"m"}`}},
			provider.Reading{Model: "m"},
		},
	} {
		var r provider.Reading
		for i, e := range c.events {
			ended := c.meter.Ended(e.name, []byte(e.data))
			if last := i == len(c.events)-1; ended != last && !(ended && c.meter == provider.MeterImages) {
				t.Errorf("%s: event %d ends it: %v", name, i, ended)
			}
			c.meter.ReadEvent(&r, []byte(e.data))
		}
		if diff := cmp.Diff(c.want, r); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestReadTail(t *testing.T) {
	for tail, want := range map[string]int64{
		`AAAA"}],"size":"1024x1024","usage":{"input_tokens":3,"output_tokens":7}}`: 7,
		`"usage":{"output_tokens":1}},"usage" : {"output_tokens":7}, "x":1}`:       7,
		`AAAA"}]}`: 0, `"usage":{"output_tok`: 0, `"usage":null}`: 0, ``: 0,
	} {
		if r := provider.MeterImages.ReadTail([]byte(tail)); r.Usage.OutputTokens != want || r.HasCost != (want > 0) {
			t.Errorf("%s: %+v, want %d output tokens", tail, r, want)
		}
	}
}
