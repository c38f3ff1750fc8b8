package policy

import (
	"bytes"
	"slices"
	"strings"

	"github.com/bricks-gateway/bricks/internal/jsonscan"
)

// walker collects the texts of a JSON body. Every string is a text, but for what
// is known to be none: ids, names of models and functions, and media.
type walker struct {
	d     *document
	outer *place // of src, when it stands in a string
	depth int    // JSON texts around this one
	// custom: nobody knows the body's members, so that their names say nothing.
	custom bool
	// leave is where a string begins that is no text; 0: nowhere.
	leave int
	// answer takes the strings of an answer; nil: the body is a request.
	answer func(at int, literal []byte, here where)
	edits  []edit // of what an answer must not have
}

// maxNested bounds JSON in strings in JSON.
const maxNested = 4

// where says where a value stands.
type where struct {
	label  string // its name, inside of data
	parent string // the name of the object or list that it stands in
	data   bool   // names are the client's own, and every one of them may explain a value
}

// structural members hold no text that a model reads, or none that may change.
var structural = []string{
	"model", "id", "object", "type", "role", "format", "call_id", "tool_use_id", "signature", "encrypted_content", "thinking_signature",
	"system_fingerprint", "obfuscation", "$ref", "pattern", "required", "b64_json", "partial_image_b64", "embedding", "user", "safety_identifier",
	"prompt_cache_key", "media_type", "mime_type", "finish_reason", "stop_reason", "status", "service_tier",
}

func isStructural(name string) bool {
	return slices.Contains(structural, name) || strings.HasSuffix(name, "_id") || strings.HasSuffix(name, "_ids")
}

// media are the objects around what is fetched or decoded, not read as text.
var media = []string{"image_url", "video_url", "audio_url", "input_audio", "source", "image", "audio"}

// value walks the value raw, which stands at an offset of src.
func (w *walker) value(at int, raw []byte, here where) {
	if len(raw) == 0 {
		return
	}
	switch c := raw[0]; {
	case c == '"' && w.answer != nil:
		w.answer(at, raw, here)
	case c == '"':
		w.text(at, raw, here)
	case c == '{':
		w.object(at, raw, here)
	case c == '[':
		_ = jsonscan.Elements(raw, func(i int, element []byte) bool {
			w.value(at+i, element, where{label: here.label, parent: here.parent, data: here.data})
			return true
		})
	case here.data && w.answer == nil && (c == '-' || c >= '0' && c <= '9') && len(raw) >= minNumber:
		w.d.begin(here.label)
		start := len(w.d.buf)
		w.d.buf = append(w.d.buf, raw...)
		w.d.fields = append(w.d.fields, field{start: start, end: len(w.d.buf), place: place{at: at, outer: w.outer}, quotes: w.quote()})
	}
}

// minNumber is how many digits a number of a tool's arguments has to have to be
// looked at.
const minNumber = 4

// quote is how a quotation mark is spelled in the body, that deep in strings.
func (w *walker) quote() string {
	switch w.depth {
	case 0:
		return `"`
	case 1:
		return `\"`
	}
	return strings.Repeat(`\`, 1<<w.depth-1) + `"`
}

// text adds a string, or the texts in it when it holds JSON.
func (w *walker) text(at int, literal []byte, here where) {
	if isDataURL(literal) && !isMedia(literal) {
		w.d.unseen = "a data: URL"
		return
	}
	if isBase64(literal) {
		return
	}
	start := len(w.d.buf)
	w.d.begin(here.label)
	begin := len(w.d.buf)
	var jumps []jump
	w.d.buf, jumps = appendDecoded(w.d.buf, literal)
	p := place{at: at + 1, jumps: shift(jumps, at), outer: w.outer}
	if text := w.d.buf[begin:]; w.depth < maxNested && holdsJSON(text) {
		nested := bytes.TrimSpace(bytes.Clone(text))
		i := bytes.IndexByte(text, nested[0])
		w.d.buf = w.d.buf[:start]
		inner := walker{d: w.d, outer: &p, depth: w.depth + 1}
		inner.value(i, nested, where{label: here.label, data: true})
		return
	}
	w.d.fields = append(w.d.fields, field{start: begin, end: len(w.d.buf), place: p})
}

func shift(jumps []jump, by int) []jump {
	for i := range jumps {
		jumps[i].source += by
	}
	return jumps
}

func holdsJSON(text []byte) bool {
	text = bytes.TrimSpace(text)
	return len(text) > 1 && (text[0] == '{' || text[0] == '[') && jsonscan.Check(text) == nil
}

var dataURL = []byte(`"data:`)

func isDataURL(literal []byte) bool {
	return bytes.HasPrefix(literal, dataURL) && bytes.Contains(literal[:min(len(literal), 128)], []byte(";base64,"))
}

// isBase64 reports whether a literal is a data: URL and nothing else: what only
// begins like one, or is too short for a picture, is text.
func isBase64(literal []byte) bool {
	if !isDataURL(literal) {
		return false
	}
	kind, content, _ := bytes.Cut(literal[len(dataURL):len(literal)-1], []byte(";base64,"))
	for _, b := range kind {
		if !base64Bytes[b] && bytes.IndexByte([]byte(".-;"), b) < 0 {
			return false
		}
	}
	for _, b := range content {
		if !base64Bytes[b] && b != '\\' { // \/ is a slash
			return false
		}
	}
	return !bytes.Contains(content, []byte(`\u`)) && len(kind) <= maxMediaType && len(content) >= leastMedia
}

const (
	maxMediaType = 48 // more than any type of media takes, and too little for a message
	leastMedia   = 40 // a GIF of one pixel has 48
)

var base64Bytes = func() (table [256]bool) {
	for _, b := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=") {
		table[b] = true
	}
	return table
}()

// isMedia reports whether a data: URL is of what is seen or heard.
func isMedia(literal []byte) bool {
	kind := bytes.TrimPrefix(literal, dataURL)
	for _, m := range [...]string{"image/", "audio/", "video/"} {
		if bytes.HasPrefix(kind, []byte(m)) {
			return true
		}
	}
	return false
}

func (w *walker) object(at int, raw []byte, here where) {
	kind := ""
	if !here.data && !w.custom {
		kind = stringMember(raw, "type")
		if w.answer == nil && isFile(kind, raw) {
			w.d.unseen = "a file"
		}
	}
	_ = jsonscan.Object(raw, func(m jsonscan.Member) bool {
		if w.leave != 0 && w.leave == at+m.At || w.takeOut(m, at, here) || w.passes(m, raw, kind, here) {
			return true
		}
		next := where{parent: m.Name, data: here.data || w.isData(m)}
		if next.data {
			next.label = m.Name
		}
		w.value(at+m.At, m.Value, next)
		return true
	})
}

// passes reports whether a member is left alone.
func (w *walker) passes(m jsonscan.Member, object []byte, kind string, here where) bool {
	switch {
	case here.data || w.custom:
		return false
	case isReference(m.Name):
		w.d.unseen = "a file"
		return true
	case !isString(m.Value):
		return m.Name == "embedding" || m.Name == "required" || isStructural(m.Name) && m.IsArray()
	case m.Name == "name":
		return !isParticipant(stringMember(object, "role")) // else of a function
	case slices.Contains(media, here.parent) && (m.Name == "url" || m.Name == "data"):
		return kind != "text"
	case m.Name == "image_url":
		return true
	}
	return isStructural(m.Name)
}

// takeOut empties the member of an answer that spells its text a second time,
// in pieces.
func (w *walker) takeOut(m jsonscan.Member, at int, here where) bool {
	if w.answer == nil || here.data || m.Name != "logprobs" || m.IsNull() {
		return false
	}
	empty := "null"
	if m.IsArray() {
		empty = "[]"
	}
	w.edits = append(w.edits, edit{at + m.At, at + m.End(), empty})
	return true
}

// isReference reports whether a member of a request names documents that the
// provider keeps.
func isReference(name string) bool {
	return name == "input_file_id" || name == "file_ids" || name == "training_file" || name == "validation_file"
}

// isData reports whether what a member holds is the client's own data.
func (w *walker) isData(m jsonscan.Member) bool {
	switch m.Name {
	case "arguments", "metadata":
		return true
	case "input":
		return m.IsObject() // of a tool
	}
	return false
}

func isString(value []byte) bool { return len(value) > 0 && value[0] == '"' }

// isParticipant reports whether who has the role is somebody, whose name is a
// person's.
func isParticipant(role string) bool {
	return role == "user" || role == "assistant" || role == "system" || role == "developer"
}

func stringMember(object []byte, name string) string {
	m, found := jsonscan.Get(object, name)
	if !found {
		return ""
	}
	s, _ := m.String()
	return s
}

// isFile reports whether a part of a request is a document that only the
// provider can read.
func isFile(kind string, raw []byte) bool {
	switch kind {
	case "input_file", "file", "container_upload":
		return true
	case "document":
		source, _ := jsonscan.Get(raw, "source")
		of := stringMember(source.Value, "type")
		return of != "text" && of != "content"
	}
	return false
}
