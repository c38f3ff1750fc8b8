package processor

import (
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/bricks-gateway/bricks/internal/jsonscan"
	"github.com/bricks-gateway/bricks/internal/provider"
)

// pieces is what a request says about what is billed by other units than tokens.
type pieces struct {
	imageSize, quality string // of images; empty: the provider's choice
	images             int64  // given as input
	partial            int64  // images before the last one of a stream
	text               int64  // bytes of text that the model reads, with these endpoints
	characters         int64  // to be spoken
	speed              float64
	audio              audio
	background         bool // answered at once, worked on later
	dataSources        bool // Azure's own retrieval
}

// readPiece reads the fields that some endpoints have beside the usual ones.
func (c *call) readPiece(m jsonscan.Member, e *provider.Endpoint, fail func(param, message string)) {
	for _, name := range e.Unseen {
		if m.Name == name && !m.IsNull() {
			c.unseen = true
		}
	}
	if m.IsNull() {
		return
	}
	switch m.Name {
	case "data_sources":
		c.dataSources = true
	case "background":
		if e.Meter == provider.MeterResponses {
			value, ok := m.Bool()
			if c.background = value; !ok {
				fail(m.Name, "must be true or false")
			}
		}
	}
	switch e.Meter {
	case provider.MeterImages:
		c.readImage(m, fail)
	case provider.MeterSpeech:
		c.readSpeech(m, fail)
	}
}

func (c *call) readImage(m jsonscan.Member, fail func(param, message string)) {
	text := func(to *string) {
		s, ok := m.String()
		if *to = s; !ok || len(s) > maxField {
			fail(m.Name, "must be a string of at most 256 bytes")
		}
	}
	switch m.Name {
	case "prompt":
		c.text += int64(len(m.Value))
	case "size":
		text(&c.imageSize)
	case "quality":
		text(&c.quality)
	case "partial_images":
		n, ok := m.Int(16)
		if c.partial = n; !ok {
			fail(m.Name, "must be a whole number from 0 to 16")
		}
	case "image", "images":
		c.images = 1
		if m.IsArray() {
			c.images = 0
			_ = jsonscan.Array(m.Value, func([]byte) bool { c.images++; return true })
		}
	case "mask":
		c.images++
	}
}

func (c *call) readSpeech(m jsonscan.Member, fail func(param, message string)) {
	switch m.Name {
	case "input", "instructions":
		s, ok := m.String()
		if !ok {
			fail(m.Name, "must be a string")
		}
		c.text += int64(len(m.Value))
		if m.Name == "input" {
			c.characters = int64(utf8.RuneCountInString(s))
		}
	case "speed":
		f, err := strconv.ParseFloat(string(m.Value), 64)
		if c.speed = f; err != nil || !(f > 0) || math.IsInf(f, 1) {
			fail(m.Name, "must be a number above 0")
		}
	case "stream_format":
		s, _ := m.String()
		c.stream = s == "sse"
	}
}

// listLength is how many outputs a list asks for: one for each text or list of
// tokens in it, one for a list of tokens.
func listLength(m jsonscan.Member) int64 {
	if !m.IsArray() {
		return 1
	}
	n := int64(0)
	_ = jsonscan.Array(m.Value, func(value []byte) bool {
		if len(value) > 0 && (value[0] == '"' || value[0] == '[') {
			n++
		}
		return true
	})
	return max(n, 1)
}
