// Package ner finds the names of persons and postal addresses in text, which
// have no checksum and no fixed form: a small model decides, learned from
// generated documents (see DATASHEET.md; train makes it, chain runs it).
//
// It looks at words, their shape, lists of known names and places, and a few
// tokens around; it needs no dictionary of a language and no memory to speak of.
package ner

import (
	_ "embed"
	"sync"

	"github.com/bricks-gateway/bricks/internal/pii"
	"github.com/bricks-gateway/bricks/internal/pii/ner/chain"
)

//go:embed model.bin
var file []byte

var model = sync.OnceValue(func() *chain.Model {
	m, err := chain.Unmarshal(file)
	if err != nil {
		panic("the embedded model: " + err.Error()) // the build is broken, and a test would have failed
	}
	return m
})

var decoders = sync.Pool{New: func() any { return new(chain.Decoder) }}

// Load reads the model, which otherwise the first Append does: some 100 ms.
func Load() { model() }

// Append appends to dst the names and addresses in text: Name and Address spans
// with byte offsets, in order, none over another. Score is the mean probability
// that its tokens belong to it. Titles (Mr., Dr.) are outside of names; an
// address has street, town, postcode and country where they stand together, a
// town or a country alone is none. Text is any UTF-8, best in NFKC. The time is
// linear in its length. Append is safe for concurrent use.
func Append(dst []pii.Span, text string) []pii.Span {
	d := decoders.Get().(*chain.Decoder)
	defer decoders.Put(d)
	return d.Append(dst, model(), text)
}
