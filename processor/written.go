package processor

import "github.com/bricks-gateway/bricks/internal/provider"

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
	if len(w.text) > maxWritten {
		w.text = w.text[:before]
	}
}

// atLeast is a number of tokens that what was written surely has: every piece
// is one or more, and tokens of more than eight bytes are rare.
func (w *written) atLeast() int64 { return max(w.pieces, w.size/8) }

// tokens is our count where the provider tells none: a token for every four
// bytes, and one for every piece at least.
func (w *written) tokens() int64 { return max(w.pieces, (w.size+3)/4) }
