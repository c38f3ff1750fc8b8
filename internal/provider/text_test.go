package provider_test

import (
	"testing"

	"github.com/bricks-gateway/bricks/internal/provider"
)

func TestAppendText(t *testing.T) {
	for data, want := range map[string]string{
		`{"choices":[{"index":0,"delta":{"role":"assistant","content":"Hel\u00e9"}},{"delta":{"content":" two"}}]}`:                     `Hel\u00e9 two`,
		`{"choices":[{"delta":{"content":null,"reasoning_content":"hm","tool_calls":[{"function":{"name":"f","arguments":"{\"a"}}]}}]}`: `hmf{\"a`,
		`{"choices":[{"message":{"content":"done","refusal":null}}],"usage":{}}`:                                                        `done`,
		`{"choices":[{"text":"completed"}]}`:                    `completed`,
		`{"type":"response.output_text.delta","delta":"piece"}`: `piece`,
		`{"output":[{"type":"reasoning","summary":[{"text":"s"}]},{"type":"message","content":[{"type":"output_text","text":"whole"}]}]}`: `swhole`,
		`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Bon"}}`:                                             `Bon`,
		`{"type":"content_block_delta","delta":{"type":"input_json_delta","partial_json":"{\"x\""}}`:                                      `{\"x\"`,
		`{"content":[{"type":"thinking","thinking":"t"},{"type":"text","text":"x"},{"type":"tool_use","name":"f","input":{"a":1}}]}`:      `txf{"a":1}`,
		`{"type":"message_start","message":{"content":[],"usage":{"input_tokens":3}}}`:                                                    ``,
		`{"choices":[{"delta":{},"finish_reason":"stop"}]}`:                                                                               ``,
		`{"choices":"no array","delta":7,"content":{"a":1}}`:                                                                              ``,
		`[DONE]`: ``,
	} {
		if got := string(provider.AppendText(nil, []byte(data))); got != want {
			t.Errorf("AppendText(%s) = %s, want %s", data, got, want)
		}
	}
}

func BenchmarkAppendText(b *testing.B) {
	event := []byte(`{"id":"chatcmpl-Abc123","object":"chat.completion.chunk","created":1700000000,"model":"gpt-4o-mini","service_tier":"default","system_fingerprint":"fp_fake","choices":[{"index":0,"delta":{"content":" word"},"logprobs":null,"finish_reason":null}]}`)
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = provider.AppendText(dst[:0], event)
	}
}
