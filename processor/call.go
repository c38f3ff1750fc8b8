package processor

import (
	"bytes"
	"math"
	"slices"
	"strconv"

	"github.com/bricks-gateway/bricks/internal/jsonscan"
	"github.com/bricks-gateway/bricks/internal/provider"
	"github.com/bricks-gateway/bricks/internal/token"
)

// call is what the gateway reads of a request's JSON body.
type call struct {
	model   string
	stream  bool
	user    string            // of the body
	maximum int64             // the largest output maximum given; 0: none
	limits  []jsonscan.Member // that gave a maximum, null ones too
	floor   int64             // a smaller maximum would be no good: what is set aside for thinking
	factor  int64             // how many outputs of that size are asked for, at least 1
	size    int64             // of the body, in bytes
	opaque  bool              // input may be more than text
	body    []byte            // as it came; nil once it is forwarded, if it is large

	streamOptions jsonscan.Member
	includeUsage  jsonscan.Member // of stream_options
	usageAsked    bool            // the client itself asked for usage in the stream

	billing
}

const maxOutput = math.MaxInt32

// readCall validates body and reads what decisions need. Everything in the body
// that is not named here passes as it is.
func readCall(body []byte, e *provider.Endpoint) (call, *refusal) {
	c := call{factor: 1, size: int64(len(body))}
	if err := jsonscan.Check(body); err != nil {
		return c, invalid("the body is refused: "+err.Error(), "")
	}
	var bad *refusal
	fail := func(param, message string) { bad = invalid(param+" "+message, param) }
	err := jsonscan.Object(body, func(m jsonscan.Member) bool {
		c.readMember(m, e, fail)
		return bad == nil
	})
	if err != nil {
		return c, invalid("the body must be a JSON object", "")
	}
	if bad != nil {
		return c, bad
	}
	if c.model == "" {
		return c, invalid("model is required", "model")
	}
	c.body = body
	c.opaque = holdsMedia(body)
	return c, nil
}

func (c *call) readMember(m jsonscan.Member, e *provider.Endpoint, fail func(param, message string)) {
	ok := true
	switch m.Name {
	case "model":
		if c.model, ok = m.String(); !ok || c.model == "" || len(c.model) > maxField {
			fail("model", "must be a non-empty string of at most 256 bytes")
		}
	case "stream":
		if c.stream, ok = m.Bool(); !ok && !m.IsNull() {
			fail("stream", "must be true or false")
		}
		c.stream = c.stream && e.Streams
	case "stream_options":
		if !m.IsObject() && !m.IsNull() {
			fail("stream_options", "must be an object")
		}
		c.streamOptions = m
		if x, found := jsonscan.Get(m.Value, "include_usage"); found {
			c.includeUsage = x
			if c.usageAsked, ok = x.Bool(); !ok && !x.IsNull() {
				fail("stream_options.include_usage", "must be true or false")
			}
		}
	case "user":
		if c.user, ok = m.String(); (!ok && !m.IsNull()) || len(c.user) > maxField {
			fail("user", "must be a string of at most 256 bytes")
		}
	case "metadata":
		if x, found := jsonscan.Get(m.Value, "user_id"); found && e.Meter == provider.MeterAnthropic {
			if c.user, ok = x.String(); (!ok && !x.IsNull()) || len(c.user) > maxField {
				fail("metadata.user_id", "must be a string of at most 256 bytes")
			}
		}
	default:
		c.readBounds(m, e, fail)
		c.readBilling(m, e, fail)
	}
}

func (c *call) readBounds(m jsonscan.Member, e *provider.Endpoint, fail func(param, message string)) {
	limit := slices.Contains(e.OutputLimits, m.Name)
	if limit {
		c.limits = append(c.limits, m)
	}
	if m.IsNull() {
		return
	}
	if m.Name == "thinking" && e.Meter == provider.MeterAnthropic {
		if budget, ok := jsonscan.Get(m.Value, "budget_tokens"); ok {
			c.floor, _ = budget.Int(maxOutput)
			c.floor++
		}
	}
	if limit {
		n, ok := m.Int(maxOutput)
		if !ok || n < 1 {
			fail(m.Name, "must be a whole number from 1 to 2147483647")
		}
		c.maximum = max(c.maximum, n)
	}
	for _, name := range e.OutputFactors {
		if m.Name == name {
			n, ok := m.Int(1 << 16)
			if !ok || n < 1 {
				fail(name, "must be a whole number from 1 to 65536")
			}
			c.factor *= max(n, 1)
		}
	}
}

// maxKept is how large a body may be to be kept until the answer's end, in case
// the provider does not report usage.
const maxKept = 64 << 10

// forget lets go of a large body.
func (c *call) forget() {
	if c.size > maxKept {
		c.body = nil
	}
}

// estimatedInput counts the input's tokens where nobody reports them; of a body
// that is not kept, one for every four bytes.
func (c *call) estimatedInput(provider string) int64 {
	if c.body == nil {
		return (c.size + 3) / 4
	}
	return token.Input(provider, c.model, c.body).Tokens
}

// holdsMedia reports whether input may be more than text. It looks for the part
// types' names anywhere, and takes an escaped letter, which honest encoders do
// not write, as a hidden name: a false alarm only reserves more.
func holdsMedia(body []byte) bool {
	for _, part := range [...]string{
		"image_url", "input_image", `"image"`, "input_audio", "input_file", `"file"`, `"document"`, "file_id", `\u005f`, `\u005F`, `\u006`, `\u007`,
	} {
		if bytes.Contains(body, []byte(part)) {
			return true
		}
	}
	return false
}

// withMaximum returns body with no larger output maximum than n. A body without
// one gets it in the field called name.
func (c *call) withMaximum(body []byte, name string, n int64) []byte {
	value := strconv.AppendInt(nil, n, 10)
	given := false
	for _, m := range slices.Backward(c.limits) { // from behind, so that places in front stay right
		asked, ok := m.Int(maxOutput)
		if ok {
			given = true
		}
		if ok && asked > n {
			body = jsonscan.Replace(body, m, value)
		}
	}
	switch {
	case given:
	case len(c.limits) > 0: // null
		body = jsonscan.Replace(body, c.limits[0], value)
	default:
		body = jsonscan.InsertFirst(body, strconv.Quote(name), string(value))
	}
	c.findStreamOptions(body)
	return body
}

// findStreamOptions looks for what stands elsewhere after an edit.
func (c *call) findStreamOptions(body []byte) {
	if c.streamOptions.Name == "" {
		return
	}
	c.streamOptions, _ = jsonscan.Get(body, "stream_options")
	if c.includeUsage.Name != "" {
		c.includeUsage, _ = jsonscan.Get(c.streamOptions.Value, "include_usage")
	}
}

// withUsage returns body changed to ask the provider for usage in the stream.
func (c *call) withUsage(body []byte) []byte {
	switch {
	case c.includeUsage.Name != "":
		at := c.includeUsage
		at.At += c.streamOptions.At // found inside the value of stream_options
		return jsonscan.Replace(body, at, []byte("true"))
	case c.streamOptions.IsObject():
		return jsonscan.Replace(body, c.streamOptions, jsonscan.InsertFirst(c.streamOptions.Value, `"include_usage"`, "true"))
	case c.streamOptions.Name != "": // null
		return jsonscan.Replace(body, c.streamOptions, []byte(`{"include_usage":true}`))
	}
	return jsonscan.InsertFirst(body, `"stream_options"`, `{"include_usage":true}`)
}
