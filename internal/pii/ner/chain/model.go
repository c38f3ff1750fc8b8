// Package chain is the linear-chain model of names and addresses: for each token
// a sum of weights of its hashed features, between tokens a weight for each pair
// of labels, and the best labelling of a segment by Viterbi's algorithm.
//
// It knows nothing of where a model comes from: package train makes one, package
// ner has the one that is used.
package chain

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/bricks-gateway/bricks/internal/pii/ner/feature"
)

// Label is what a token is.
type Label uint8

// The labels: outside of a span, its first token, its further tokens.
const (
	Outside Label = iota
	BeginName
	InName
	BeginAddress
	InAddress

	Labels // how many there are
)

// Follows reports whether label b may come after label a.
func Follows(a, b Label) bool {
	switch b {
	case InName:
		return a == BeginName || a == InName
	case InAddress:
		return a == BeginAddress || a == InAddress
	}
	return true
}

// Contexts is how many kinds of place between two tokens have weights of their own.
const Contexts = 4

// Context is the kind of place before token t.
func Context(t *feature.Token) int {
	if t.Shape == feature.Blank {
		return 3
	}
	return int(t.Space)
}

// rowBits says how many rows of weights there are: 2^20, one for each hash of a feature.
const rowBits = 20

// Rows is the number of rows of weights.
const Rows = 1 << rowBits

// Row is the row of a feature's hash.
func Row(hash uint32) uint32 { return hash >> (32 - rowBits) }

// Model is a trained model, read-only and safe for concurrent use.
type Model struct {
	Lexicon *feature.Lexicon
	// Weights has for each row four signed bytes, lowest first, for the labels after Outside, whose weight is nought.
	Weights []uint32
	// Scale is what one unit of a weight is worth.
	Scale float32
	// Moves are the weights of a label after another, by Context. A move that
	// Follows forbids counts for nothing.
	Moves [Contexts][Labels][Labels]float32
	// Bias is added to each label: above nought it finds more.
	Bias [Labels]float32
}

const magic = "bricks-ner 1\n"

// MarshalBinary is the model's file.
func (m *Model) MarshalBinary() ([]byte, error) {
	var raw []byte
	raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(m.Scale))
	for _, from := range m.Moves {
		for _, to := range from {
			for _, v := range to {
				raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
			}
		}
	}
	for _, v := range m.Bias {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	raw, err := m.Lexicon.AppendBinary(raw)
	if err != nil {
		return nil, err
	}
	for _, w := range m.Weights {
		raw = binary.LittleEndian.AppendUint32(raw, w)
	}
	var out bytes.Buffer
	out.WriteString(magic)
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(raw); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

const numbers = 1 + Contexts*int(Labels*Labels) + int(Labels)

// Unmarshal reads a model's file.
func Unmarshal(file []byte) (*Model, error) {
	rest, ok := bytes.CutPrefix(file, []byte(magic))
	if !ok {
		return nil, errors.New("not a model of names and addresses")
	}
	z, err := gzip.NewReader(bytes.NewReader(rest))
	if err != nil {
		return nil, fmt.Errorf("read model: %w", err)
	}
	raw, err := io.ReadAll(z)
	if err != nil {
		return nil, fmt.Errorf("read model: %w", err)
	}
	lexicon := len(raw) - 4*Rows - 4*numbers
	if lexicon < 0 {
		return nil, errors.New("read model: it is too short")
	}
	number := func() float32 {
		v := math.Float32frombits(binary.LittleEndian.Uint32(raw))
		raw = raw[4:]
		return v
	}
	m := &Model{Lexicon: new(feature.Lexicon), Weights: make([]uint32, Rows)}
	m.Scale = number()
	for c := range m.Moves {
		for a := range m.Moves[c] {
			for b := range m.Moves[c][a] {
				m.Moves[c][a][b] = number()
			}
		}
	}
	for i := range m.Bias {
		m.Bias[i] = number()
	}
	if err := m.Lexicon.UnmarshalBinary(raw[:lexicon]); err != nil {
		return nil, fmt.Errorf("read model: %w", err)
	}
	raw = raw[lexicon:]
	for i := range m.Weights {
		m.Weights[i] = binary.LittleEndian.Uint32(raw[4*i:])
	}
	return m, nil
}
