package e2e

import (
	"encoding/json"
	"strings"

	"github.com/bricks-gateway/bricks/internal/provider"
	"github.com/bricks-gateway/bricks/internal/testenv"
)

// example is what a row is called with, and the bill that follows.
type example struct {
	body, contentType string
	stream            string // a body that asks for a stream
	streamType        string // its content type, where it is another
	asked             string // the model of body, as an event of a failed call shows it
	want, wantStream  testenv.Event
}

func free(model string) testenv.Event {
	return testenv.Event{Model: model, Cost: "0", PriceStatus: "free"}
}

// pending is an event of what is charged later.
func pending(model string) testenv.Event {
	return testenv.Event{Model: model, Cost: "0", PriceStatus: "pending"}
}

// billed is an event of what the fake counted. The money is worked out by hand.
func billed(model string, input, output int64, cost string) testenv.Event {
	status := "priced"
	if cost == "" {
		status = "unpriced"
	}
	return testenv.Event{Model: model, InputTokens: input, OutputTokens: output, Cost: json.Number(cost), PriceStatus: status}
}

// exampleOf finds the example of a row. ok is false when the row bills and none
// is known.
func exampleOf(name string, row provider.Endpoint) (x example, ok bool) {
	if name == "anthropic" {
		x, ok = anthropicExamples[row.Operation]
	} else {
		x, ok = openAIExamples(name, row)[row.Operation]
	}
	if !ok && !row.Bills() {
		switch row.Body {
		case provider.NoBody, provider.OptionalJSON:
			return example{want: free("")}, true
		case provider.StreamedBody:
			return uploadExample, true
		case provider.JSONBody:
			return managed, true
		}
	}
	if x.contentType == "" {
		x.contentType = "application/json"
	}
	if x.streamType == "" {
		x.streamType = x.contentType
	}
	if !row.Streams && !strings.Contains(x.stream, "sse") {
		x.stream = ""
	}
	return x, ok
}

// managed has every field that a call about something kept requires.
var managed = example{
	contentType: "application/json", want: free(""),
	body: `{ "metadata" : {"a":"1"}, "name":"n","file_id":"f","filename":"f","purpose":"batch","bytes":1.0e1,"mime_type":"text/plain",` +
		`"part_ids":["p"],"query":"q","attributes":{},"items":[],"role":"user","content":"hello","requests":[{"custom_id":"a","params":{}}],` +
		`"input_file_id":"f","endpoint":"/v1/chat/completions","completion_window":"24h"}`,
}

var uploadExample = func() example {
	x := example{want: free("")}
	// One row wants "file", another "data".
	x.body, x.contentType = form("file", []byte("\x00\x01\xff\r\n--not the boundary"), "purpose", "assistants")
	return x
}()

var anthropicExamples = map[string]example{
	// claude-haiku-4-5: 1000 in, 5000 out.
	"chat": {
		asked: "claude-haiku-4-5", body: helloCall, want: billed("claude-haiku-4-5-20251001", 10, 5, "0.000035"),
		stream:     `{"model":"claude-haiku-4-5","max_tokens":64,"stream":true,` + hello + `}`,
		wantStream: billed("claude-haiku-4-5-20251001", 10, 5, "0.000035"),
	},
	"count_tokens": {asked: "claude-haiku-4-5", body: `{"model":"claude-haiku-4-5",` + hello + `}`, want: free("claude-haiku-4-5")},
	"text_completion": {
		asked: "claude-haiku-4-5", want: testenv.Event{Model: "claude-haiku-4-5-20251001", Estimated: true, PriceStatus: "priced"},
		body:       `{"model":"claude-haiku-4-5","max_tokens_to_sample":64,"prompt":"\n\nHuman: hello there gateway\n\nAssistant:"}`,
		stream:     `{"model":"claude-haiku-4-5","max_tokens_to_sample":64,"stream":true,"prompt":"\n\nHuman: hello there gateway\n\nAssistant:"}`,
		wantStream: testenv.Event{Model: "claude-haiku-4-5-20251001", Estimated: true, PriceStatus: "priced"},
	},
	"create_batch": {body: managed.body, want: pending("")},
}

// openAIExamples are the calls in OpenAI's form, by operation. Money in
// nano-dollars a token: gpt-4o-mini 150 in and 600 out, with Azure too.
func openAIExamples(name string, row provider.Endpoint) map[string]example {
	all := map[string]example{
		// 10×150 + 5×600 = 4500.
		"chat": {
			asked: "gpt-4o-mini", body: helloChat, want: billed("gpt-4o-mini-2024-07-18", 10, 5, "0.0000045"),
			stream: `{"model":"gpt-4o-mini","stream":true,` + hello + `}`, wantStream: billed("gpt-4o-mini-2024-07-18", 10, 5, "0.0000045"),
		},
		// gpt-3.5-turbo-instruct: 3×1500 + 5×2000 = 14500.
		"text_completion": {
			asked: "gpt-3.5-turbo-instruct", body: `{"model":"gpt-3.5-turbo-instruct","prompt":"hello there gateway"}`,
			want:       billed("gpt-3.5-turbo-instruct", 3, 5, "0.0000145"),
			stream:     `{"model":"gpt-3.5-turbo-instruct","prompt":"hello there gateway","stream":true}`,
			wantStream: billed("gpt-3.5-turbo-instruct", 3, 5, "0.0000145"),
		},
		// text-embedding-3-small: 3×20 = 60.
		"embeddings": {
			asked: "text-embedding-3-small", body: `{"model":"text-embedding-3-small","input":["one two","three"]}`,
			want: billed("text-embedding-3-small", 3, 0, "0.00000006"),
		},
		"moderation":   {body: `{"input":"hello"}`, want: free("")},
		"count_tokens": {asked: "gpt-4o-mini", body: `{"model":"gpt-4o-mini","input":"hello"}`, want: free("gpt-4o-mini")},
		// 6×150 + 5×600 = 3900.
		"responses": {
			asked: "gpt-4o-mini", body: `{"model":"gpt-4o-mini","input":"hello there gateway"}`, want: billed("gpt-4o-mini-2024-07-18", 6, 5, "0.0000039"),
			stream:     `{"model":"gpt-4o-mini","input":"hello there gateway","stream":true}`,
			wantStream: billed("gpt-4o-mini-2024-07-18", 6, 5, "0.0000039"),
		},
		"compact_response": {
			asked: "gpt-4o-mini", body: `{"model":"gpt-4o-mini","input":"hello there gateway"}`, want: billed("gpt-4o-mini", 6, 5, "0.0000039"),
		},
		// gpt-image-1: text 5000 and images 10000 in, images 40000 out.
		// 3×5000 + 200×40000 = 8015000; one image 3×5000 + 100×40000 = 4015000.
		"image_generation": {
			asked: "gpt-image-1", body: `{"model":"gpt-image-1","prompt":"a red fox","n":2,"size":"1024x1024","quality":"low"}`,
			want:       billed("gpt-image-1", 3, 200, "0.008015"),
			stream:     `{"model":"gpt-image-1","prompt":"a red fox","stream":true,"partial_images":1}`,
			wantStream: billed("gpt-image-1", 3, 100, "0.004015"),
		},
		"create_batch": {body: managed.body, want: pending("")},
		"create_assistant": {
			asked: "gpt-4o-mini", body: `{"model":"gpt-4o-mini","name":"n"}`, want: free("gpt-4o-mini"),
		},
	}
	run := example{
		body: `{"assistant_id":"a","tool_outputs":[]}`, want: pending("gpt-4o-mini"),
		stream: `{"assistant_id":"a","tool_outputs":[],"stream":true}`, wantStream: billed("gpt-4o-mini", 10, 5, "0.0000045"),
	}
	all["create_run"], all["create_thread_and_run"] = run, run
	run.wantStream = pending("gpt-4o-mini") // the run was billed, or is, by the call that began it
	all["submit_tool_outputs"] = run
	part := example{want: free("")}
	part.body, part.contentType = form("data", []byte("\x00\x01"))
	all["create_upload_part"] = part
	addForms(all)
	adapt(name, row, all)
	return all
}

// addForms adds the calls with files.
func addForms(all map[string]example) {
	png := []byte("\x89PNG\r\n\x1a\n\x00\x00")
	// 3×5000 + 85×10000 + 100×40000 = 4865000.
	edit := example{asked: "gpt-image-1", want: billed("gpt-image-1", 88, 100, "0.004865")}
	edit.body, edit.contentType = form("image", png, "model", "gpt-image-1", "prompt", "a red fox")
	edit.stream, edit.streamType = form("image", png, "model", "gpt-image-1", "prompt", "a red fox", "stream", "true")
	edit.wantStream = edit.want
	all["image_edit"] = edit
	// 85×10000 + 100×40000 = 4850000.
	vary := example{asked: "gpt-image-1", want: billed("gpt-image-1", 85, 100, "0.00485")}
	vary.body, vary.contentType = form("image", png, "model", "gpt-image-1")
	all["image_variation"] = vary
	// tts-1: 19 characters at 15000. gpt-4o-mini-tts: 3×600 + 50×12000 = 601800.
	all["speech"] = example{
		asked: "tts-1", body: `{"model":"tts-1","input":"hello there gateway","voice":"alloy"}`, want: billed("tts-1", 0, 0, "0.000285"),
		stream:     `{"model":"gpt-4o-mini-tts","input":"hello there gateway","voice":"alloy","stream_format":"sse"}`,
		wantStream: billed("gpt-4o-mini-tts", 3, 50, "0.0006018"),
	}
	// whisper-1: 9 s at 100000.
	heard := example{asked: "whisper-1", want: billed("whisper-1", 0, 0, "0.0009")}
	heard.body, heard.contentType = form("file", wav(2), "model", "whisper-1")
	// gpt-4o-transcribe: 90×2500 + 3×10000 = 255000.
	heard.stream, heard.streamType = form("file", wav(2), "model", "gpt-4o-transcribe", "stream", "true")
	heard.wantStream = billed("gpt-4o-transcribe", 90, 3, "0.000255")
	all["transcription"] = heard
	// The answer tells nothing: 2 s and the header's 44 bytes by the file, 2002 ms.
	translated := example{asked: "whisper-1", want: billed("whisper-1", 0, 0, "0.0002002")}
	translated.want.Estimated = true
	translated.body, translated.contentType = form("file", wav(2), "model", "whisper-1")
	all["translation"] = translated
}

// adapt changes the examples to what a provider has.
func adapt(name string, row provider.Endpoint, all map[string]example) {
	rename := func(operation, model, answered string, input, output int64, cost string) {
		x := all[operation]
		x.body, x.stream = strings.ReplaceAll(x.body, x.asked, model), strings.ReplaceAll(x.stream, x.asked, model)
		x.asked = model
		x.want, x.wantStream = billed(answered, input, output, cost), billed(answered, input, output, cost)
		all[operation] = x
	}
	switch {
	case name == "vllm": // a model of one's own has no price
		rename("chat", "fake-own", "fake-own", 10, 5, "")
		rename("text_completion", "fake-own", "fake-own", 3, 5, "")
		rename("embeddings", "fake-own", "fake-own", 3, 0, "")
	case name == "deepinfra": // 30 in, 50 out: 550, 340, 90
		const llama = "meta-llama/Meta-Llama-3.1-8B-Instruct"
		rename("chat", llama, llama, 10, 5, "0.00000055")
		rename("text_completion", llama, llama, 3, 5, "0.00000034")
		rename("embeddings", llama, llama, 3, 0, "0.00000009")
	case strings.Contains(row.Path, "{deployment}"):
		adaptDeployment(all)
	case name == "azure": // dearer: embeddings 22, sound 6000
		rename("embeddings", "text-embedding-3-small", "text-embedding-3-small", 3, 0, "0.000000066")
		heard := all["transcription"]
		heard.wantStream = billed("gpt-4o-transcribe", 90, 3, "0.00057")
		all["transcription"] = heard
	}
}

// adaptDeployment: whatever the body asks for, gpt-4o-mini is deployed, and
// answers as far as the fake lets it.
func adaptDeployment(all map[string]example) {
	const dated = "gpt-4o-mini-2024-07-18"
	for operation, x := range all {
		x.asked = "gpt-4o-mini"
		switch operation {
		case "chat":
		case "text_completion": // 3×150 + 5×600
			x.want, x.wantStream = billed(dated, 3, 5, "0.00000345"), billed(dated, 3, 5, "0.00000345")
		case "embeddings": // 3×150
			x.want = billed("gpt-4o-mini", 3, 0, "0.00000045")
		case "image_generation":
			x.want, x.wantStream = billed("gpt-4o-mini", 3, 200, ""), billed("gpt-4o-mini", 3, 100, "")
			x.want.Estimated, x.wantStream.Estimated = true, true
		case "image_edit":
			x.want = billed("gpt-4o-mini", 88, 100, "")
			x.want.Estimated = true
			x.wantStream = x.want
		case "speech": // 3×150 + 50×600
			x.want = billed("gpt-4o-mini", 0, 0, "")
			x.want.Estimated = true
			x.wantStream = billed("gpt-4o-mini", 3, 50, "0.00003045")
		case "transcription": // 90×150 + 3×600
			x.want = billed("gpt-4o-mini", 90, 3, "0.0000153")
			x.wantStream = x.want
		case "translation":
			x.want = billed("gpt-4o-mini", 0, 0, "")
			x.want.Estimated = true
		}
		all[operation] = x
	}
}
