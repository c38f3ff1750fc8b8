package processor

import (
	"bytes"
	"mime/multipart"
	"strings"
	"testing"

	"github.com/bricks-gateway/bricks/internal/provider"
)

func endpoint(t testing.TB, path string) *provider.Endpoint {
	m, ok := provider.Find("POST", "/api/providers/openai/v1"+path)
	if !ok || m.Endpoint == nil {
		t.Fatalf("no endpoint %s", path)
	}
	return m.Endpoint
}

// spell makes a form by hand: parts are header lines and content in turn.
func spell(parts ...string) []byte {
	var b strings.Builder
	for i := 0; i < len(parts); i += 2 {
		b.WriteString("--B\r\nContent-Disposition: form-data; " + parts[i] + "\r\n\r\n" + parts[i+1] + "\r\n")
	}
	b.WriteString("--B--\r\n")
	return []byte(b.String())
}

func TestReadMultipart(t *testing.T) {
	body := spell(`name="model"`, "gpt-image-1", `name="image[]"; filename="a.png"`, "\x89PNG\r\n--C", `name="image[]"; filename="b.png"`, "x",
		`name="prompt"`, "a \"fox\"", `name="n"`, "3", `name="size"`, "1024x1024", `name="quality"`, "low", `name="user"`, "ann", `name="stream"`, "true",
		`name="partial_images"`, "2", `name="unknown"`, "{")
	c, r := readMultipart(body, "B", endpoint(t, "/images/edits"))
	if r != nil {
		t.Fatalf("refused: %+v", r)
	}
	if c.model != "gpt-image-1" || c.images != 2 || c.factor != 3 || c.imageSize != "1024x1024" || c.quality != "low" || c.user != "ann" || !c.stream || c.partial != 2 {
		t.Errorf("read %+v", c)
	}
	// A quoted text, as JSON would spell it: `"a \"fox\""`.
	if c.text != 11 || c.size != int64(len(body)) {
		t.Errorf("text %d, size %d", c.text, c.size)
	}
	c, r = readMultipart(spell(`name="file"; filename="a.mp3"`, strings.Repeat("x", 7500), `name="model"`, "whisper-1"), "B", endpoint(t, "/audio/transcriptions"))
	if r != nil || c.audio.most != 10_000 || c.audio.likely != 468 {
		t.Errorf("audio %+v, %+v; want 10 s at 6 kbit/s, 0.47 s at 128", c.audio, r)
	}
}

func TestReadMultipartRefuses(t *testing.T) {
	const path = "/images/edits"
	good := spell(`name="model"`, "m", `name="image"; filename="a"`, "x")
	many := make([]string, 0, 2*(maxParts+1))
	for range maxParts + 1 {
		many = append(many, `name="x[]"`, "y")
	}
	for name, body := range map[string][]byte{
		"empty":               nil,
		"no end":              good[:len(good)-6],
		"another boundary":    bytes.ReplaceAll(good, []byte("--B"), []byte("--C")),
		"two models":          spell(`name="model"`, "a", `name="model"`, "b"),
		"two prompts":         spell(`name="prompt"`, "a", `name="prompt"`, "b"),
		"n of zero":           spell(`name="n"`, "0"),
		"n of a word":         spell(`name="n"`, "many"),
		"stream of a word":    spell(`name="stream"`, "yes"),
		"a long model":        spell(`name="model"`, strings.Repeat("x", 300)),
		"a model of bytes":    spell(`name="model"`, "\xff\xfe"),
		"a text over a MiB":   spell(`name="x"`, strings.Repeat("x", maxText+1)),
		"too many parts":      spell(many...),
		"something before":    append([]byte("x\r\n"), good...),
		"two names":           spell(`name="x"; name*=utf-8''model`, "m"),
		"a name in escapes":   spell(`name="mod\\el"`, "m"),
		"two dispositions":    spell("name=\"x\"\r\nContent-Disposition: form-data; name=\"model\"", "m"),
		"an encoded text":     spell("name=\"model\"\r\nContent-Transfer-Encoding: base64", "bQ=="),
		"another charset":     spell("name=\"prompt\"\r\nContent-Type: text/plain; charset=utf-7", "+AGE-"),
		"a broken charset":    spell("name=\"prompt\"\r\nContent-Type: text/plain; charset=utf-7; x", "+AGE-"),
		"two types":           spell("name=\"prompt\"\r\nContent-Type: text/plain\r\nContent-Type: text/plain; charset=utf-7", "+AGE-"),
		"a charset for all":   spell(`name="_charset_"`, "utf-7"),
		"a model in a file":   spell(`name="model"; filename="m"`, "m"),
		"no name":             spell(`x="y"`, "m"),
		"a header over a MiB": spell(`name="`+strings.Repeat("x", 11<<20)+`"`, "x"),
	} {
		if _, r := readMultipart(body, "B", endpoint(t, path)); r == nil || r.status != 400 {
			t.Errorf("%s was not refused with 400: %+v", name, r)
		}
	}
	if _, r := readMultipart(spell(`name="file"; filename="a"`, "x"), "B", endpoint(t, "/audio/transcriptions")); r == nil {
		t.Error("a form without a model was not refused")
	}
}

// A prompt that is sent as a file is one that nobody has looked at.
func TestTextInAFile(t *testing.T) {
	for body, want := range map[string]bool{
		`name="image[]"; filename="a.png"`: true, `name="mask"; filename="m"`: true, `name="file"; filename="a.mp3"`: true,
		`name="prompt"; filename="p"`: false, `name="instructions"; filename=""`: false,
	} {
		if _, ok := textParts(spell(`name="model"`, "m", body, "a@b.de"), "B"); ok != want {
			t.Errorf("%s may pass: %v", body, ok)
		}
	}
}

// FuzzReadMultipart: what passes names the model that Go's own form reader sees,
// and that alone.
func FuzzReadMultipart(f *testing.F) {
	f.Add(spell(`name="model"`, "m", `name="image"; filename="a"`, "x"))
	f.Add(spell(`name="model"`, "a", `name="model"`, "b"))
	f.Add([]byte("--B\r\nContent-Disposition: form-data; name=model\n\nx\r\n--B--"))
	f.Fuzz(func(t *testing.T, body []byte) {
		c, r := readMultipart(body, "B", endpoint(t, "/images/edits"))
		if r != nil {
			return
		}
		form, err := multipart.NewReader(bytes.NewReader(body), "B").ReadForm(1 << 20)
		if err != nil {
			return // stricter than we are; the provider refuses it
		}
		if models := form.Value["model"]; len(models) > 1 || len(models) == 1 && models[0] != c.model || len(models) == 0 && c.model != "" {
			t.Errorf("%q: read model %q, the form has %q", body, c.model, models)
		}
	})
}

func TestMeasureAudio(t *testing.T) {
	// 2 channels of 16 bits at 8,000 a second: 32,000 bytes a second. The byte
	// rate in the header lies.
	header := []byte("RIFF\x00\x00\x00\x00WAVELIST\x03\x00\x00\x00abc\x00fmt \x10\x00\x00\x00\x01\x00\x02\x00\x40\x1f\x00\x00\xff\xff\xff\x7f\x04\x00\x10\x00data\x00\x00\x00\x00")
	file := append(bytes.Clone(header), make([]byte, 64_000-len(header))...)
	if got := measureAudio(file); got != (audio{2000, 2000}) {
		t.Errorf("WAV: %+v, want 2 s", got)
	}
	compressed := bytes.Replace(file, []byte("fmt \x10\x00\x00\x00\x01"), []byte("fmt \x10\x00\x00\x00\x31"), 1)
	if got := measureAudio(compressed); got.most != 64_000*1000/750 {
		t.Errorf("compressed WAV: %+v, want what its size allows", got)
	}
	for _, broken := range []string{"", "RIFF", "RIFF\x00\x00\x00\x00WAVE", "RIFF\x00\x00\x00\x00WAVEfmt \xff\xff\xff\xff", "RIFF\x00\x00\x00\x00WAVEabcd\xff\xff\xff\x7fx"} {
		if got := wavRate([]byte(broken)); got != 0 {
			t.Errorf("%q has rate %d", broken, got)
		}
	}
}

func TestReadPieces(t *testing.T) {
	read := func(path, body string) call {
		c, r := readCall([]byte(body), endpoint(t, path))
		if r != nil {
			t.Fatalf("%s %s was refused: %+v", path, body, r)
		}
		return c
	}
	if c := read("/audio/speech", `{"model":"m","input":"día\n","speed":0.5,"stream_format":"sse"}`); c.characters != 4 || c.speed != 0.5 || !c.stream {
		t.Errorf("speech: %+v", c)
	}
	// 4 characters at half speed: 1 s each at most, and a second for the start.
	if c := read("/audio/speech", `{"model":"m","input":"four","speed":0.5}`); c.spoken(true) != 5000 || c.spoken(false) != 4*132+1000 {
		t.Errorf("spoken %d, %d ms", c.spoken(true), c.spoken(false))
	}
	for body, want := range map[string]int64{
		`{"model":"m","prompt":"a"}`: 1, `{"model":"m","prompt":["a","b"],"n":3}`: 6, `{"model":"m","prompt":[1,2,3],"best_of":4}`: 4,
		`{"model":"m","prompt":[[1],[2]]}`: 2, `{"model":"m"}`: 1,
	} {
		if c := read("/completions", body); c.factor != want {
			t.Errorf("%s: factor %d, want %d", body, c.factor, want)
		}
	}
	for body, want := range map[string][3]bool{
		`{"model":"m","input":"x"}`:                                    {},
		`{"model":"m","input":"x","background":true}`:                  {true},
		`{"model":"m","tools":[{"type":"function"},{"type":"x"}]}`:     {false, true},
		`{"model":"m","tools":[{}]}`:                                   {false, true},
		`{"model":"m","tools":[{"type":"web_search","max_uses":1}]}`:   {false, true},
		`{"model":"m","tools":[{"type":"custom"}],"conversation":"c"}`: {false, false, true},
		`{"model":"m","previous_response_id":"r"}`:                     {false, false, true},
		`{"prompt":{"id":"p"}}`:                                        {false, false, true},
		`{"model":"m","previous_response_id":null,"background":null}`:  {},
	} {
		if c := read("/responses", body); [3]bool{c.background, c.unboundable, c.unseen} != want {
			t.Errorf("%s: background %v, unboundable %v, unseen %v; want %v", body, c.background, c.unboundable, c.unseen, want)
		}
	}
	for path, bodies := range map[string][]string{
		"/responses":          {`{"model":"m","background":"yes"}`},
		"/images/generations": {`{"n":0}`, `{"size":1}`, `{"quality":[]}`, `{"partial_images":-1}`},
		"/audio/speech":       {`{"model":"m","input":1}`, `{"model":"m","speed":0}`, `{"model":"m","speed":"fast"}`, `{"input":"x"}`},
		"/completions":        {`{"model":"m","best_of":0}`},
	} {
		for _, body := range bodies {
			if _, r := readCall([]byte(body), endpoint(t, path)); r == nil || r.status != 400 {
				t.Errorf("%s %s was not refused with 400: %+v", path, body, r)
			}
		}
	}
}
