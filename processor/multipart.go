package processor

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"regexp"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/bricks-gateway/bricks/internal/jsonscan"
	"github.com/bricks-gateway/bricks/internal/policy"
	"github.com/bricks-gateway/bricks/internal/provider"
)

// Bounds of what is read of a multipart body. The body itself is bounded before.
const (
	maxParts = 128
	maxText  = 1 << 20 // of a part without a file name
)

// readMultipart reads what decisions need of a multipart/form-data body, which
// itself is forwarded byte for byte.
func readMultipart(body []byte, boundary string, e *provider.Endpoint) (call, *refusal) {
	c := call{factor: 1, size: int64(len(body))}
	var bad *refusal
	fail := func(param, message string) { bad = invalid(param+" "+message, param) }
	reader := multipart.NewReader(bytes.NewReader(body), boundary)
	seen := map[string]bool{}
	if !bytes.HasPrefix(body, []byte("--"+boundary)) { // what stands before it, others may read
		return c, invalid("the body does not start with its boundary", "")
	}
	for parts := 0; bad == nil; parts++ {
		part, err := reader.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || parts == maxParts {
			return c, invalid("the body is not multipart/form-data of at most 128 parts, ended by its boundary", "")
		}
		name, isFile, ok := partName(part)
		if !ok {
			return c, invalid("a part of the body has a header that not everyone reads alike", clip(name))
		}
		if isFile {
			bad = c.readFile(name, part)
			continue
		}
		text, err := io.ReadAll(io.LimitReader(part, maxText+1))
		if err != nil || len(text) > maxText {
			return c, invalid("a part of the body is cut, or longer than 1 MiB", name)
		}
		// Which of two counts is the provider's affair, so that none may.
		if seen[name] && !strings.HasSuffix(name, "[]") {
			return c, invalid("two parts are called "+clip(name), name)
		}
		seen[name] = true
		c.readText(name, text, e, fail)
	}
	if bad == nil && c.model == "" && !e.ModelOptional {
		bad = invalid("model is required", "model")
	}
	return c, bad
}

var (
	plainName    = regexp.MustCompile(`^[A-Za-z0-9_.-]+(\[[A-Za-z0-9_]*\])*$`)
	mediaPart    = regexp.MustCompile(`^(file|mask|image(\[[0-9]*\])?)$`)
	extendedName = regexp.MustCompile(`(?i)(^|[^e])name\*`) // not filename*
)

// partName is what a part is called, and whether it is a file. ok is false when
// another reader could see another name, or another content: what we allow must
// be what the provider gets.
func partName(part *multipart.Part) (name string, isFile, ok bool) {
	name = part.FormName()
	disposition := part.Header["Content-Disposition"]
	if len(disposition) != 1 || !plainName.MatchString(name) || extendedName.MatchString(disposition[0]) ||
		!strings.Contains(disposition[0], `name="`+name+`"`) && !strings.Contains(disposition[0], "name="+name) {
		return name, false, false
	}
	switch strings.ToLower(part.Header.Get("Content-Transfer-Encoding")) {
	case "", "7bit", "8bit", "binary":
	default:
		return name, false, false
	}
	isFile = strings.Contains(strings.ToLower(disposition[0]), "filename")
	if isFile {
		return name, true, name != "model" && name != "user"
	}
	return name, false, name != "_charset_" && readAsUTF8(part.Header["Content-Type"])
}

// readAsUTF8 reports whether the types that a part is given, none or one, leave
// no doubt that its text is UTF-8.
func readAsUTF8(types []string) bool {
	if len(types) == 0 {
		return true
	}
	_, params, err := mime.ParseMediaType(types[0])
	return len(types) == 1 && err == nil && isUTF8(params["charset"])
}

// numbers are parts whose text is a JSON number or boolean.
var numbers = map[string]bool{"n": true, "stream": true, "partial_images": true, "temperature": true}

// readText takes a part as the member of a JSON object that it stands for.
func (c *call) readText(name string, text []byte, e *provider.Endpoint, fail func(param, message string)) {
	m := jsonscan.Member{Name: name, Value: text}
	if !numbers[name] {
		m.Value = quoteText(text)
	}
	switch name {
	case "model", "stream", "user":
		c.readMember(m, e, fail)
	case "prompt", "size", "quality", "partial_images":
		c.readPiece(m, e, fail)
		if e.Meter == provider.MeterTranscription {
			c.text += int64(len(text))
		}
	case "n":
		c.readBounds(m, e, fail)
	}
}

// readFile looks at a file: how long its audio is, or that it is an image.
func (c *call) readFile(name string, part io.Reader) *refusal {
	b, err := io.ReadAll(part)
	if err != nil {
		return invalid("a part of the body is cut", name)
	}
	if name == "file" {
		c.audio = measureAudio(b)
	} else {
		c.images++
	}
	return nil
}

// quoteText spells text as a JSON string, so that one reader serves both forms. What
// is no UTF-8 becomes a value that is no string.
func quoteText(text []byte) []byte {
	b, err := jsontext.AppendQuote(nil, text)
	if err != nil {
		return []byte("null")
	}
	return b
}

// textParts are the parts of a multipart body that a model reads: those without
// a file name, but for the names of models and users. readMultipart has passed
// the body; ok is false when it is not clear where they stand.
func textParts(body []byte, boundary string) (parts []policy.Part, ok bool) {
	reader := multipart.NewReader(bytes.NewReader(body), boundary)
	line := "\r\n"
	if rest := body[min(len(body), len("--"+boundary)):]; bytes.HasPrefix(rest, []byte("\n")) {
		line = "\n"
	}
	for at := 0; ; {
		part, err := reader.NextRawPart()
		if err != nil {
			return parts, errors.Is(err, io.EOF)
		}
		content, err := io.ReadAll(part)
		if err != nil {
			return nil, false
		}
		// The reader does not tell where it is: the content stands behind the next
		// empty line.
		at += bytes.Index(body[at:], []byte(line+line)) + 2*len(line)
		if !bytes.HasPrefix(body[at:], content) {
			return nil, false
		}
		name, isFile, ok := partName(part)
		if isFile && !mediaPart.MatchString(name) {
			return nil, false // a prompt in a file is a prompt
		}
		if ok && !isFile && name != "model" && name != "user" {
			parts = append(parts, policy.Part{Name: name, Start: at, End: at + len(content)})
		}
		at += len(content)
	}
}
