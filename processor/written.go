package processor

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/bricks-gateway/bricks/internal/provider"
	"github.com/bricks-gateway/bricks/internal/token"
)

// written is what the model wrote in a stream, as it passes.
type written struct {
	pieces int64 // events with text
	size   int64 // bytes of text
	text   []byte
}

// maxWritten bounds the text that is kept to count its tokens, should the
// provider not tell them.
const maxWritten = 256 << 10

func (w *written) read(data []byte) {
	before := len(w.text)
	w.text = provider.AppendText(w.text, data)
	n := len(w.text) - before
	if n == 0 {
		return
	}
	w.pieces++
	w.size += int64(n)
	if before > 0 && len(w.text) > maxWritten {
		w.text = w.text[:before]
	}
}

// atLeast is a number of tokens that what was written surely has: every piece
// is one or more, and tokens of more than eight bytes are rare.
func (w *written) atLeast() int64 { return max(w.pieces, w.size/8) }

// tokens is our count where the provider tells none. What passed maxWritten is
// taken to be like what was kept.
func (w *written) tokens(model string) int64 {
	text, err := jsontext.AppendUnquote(nil, `"`+string(w.text)+`"`)
	if err != nil {
		return max(w.pieces, (w.size+3)/4)
	}
	n := token.Output(model, text)
	if kept := int64(len(w.text)); kept > 0 && w.size > kept {
		n = (n*w.size + kept - 1) / kept
	}
	return max(n, 1)
}
