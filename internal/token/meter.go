package token

import (
	"bytes"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// The budget of work of one call. A unit is what splitting a byte and looking up
// its piece costs at most, 25 ns on a slow core; merging a byte of a piece that is
// no token costs up to mergeWork units more. So a call takes about 0.1 s at most:
// 4 MiB of text made of tokens, 450 KiB of the worst.
const (
	budget    = 4 << 20
	mergeWork = 8
	// longestPiece is where a piece without an end in sight counts by its bytes.
	longestPiece = 4 << 10
)

// meter adds up tokens within a budget of work.
type meter struct {
	vocabulary *vocabulary // nil: a byte counts as a token
	work       int         // units left
	tokens     int64
	exact      bool
	hidden     bool

	merger merger
	buffer []byte
}

var meters = sync.Pool{New: func() any { return new(meter) }}

func newMeter(e Encoding) *meter {
	m := meters.Get().(*meter)
	m.vocabulary, m.work, m.tokens, m.exact, m.hidden = nil, budget, 0, false, false
	if l, ok := loaders[e]; ok {
		m.vocabulary, m.exact = l(), true
	}
	return m
}

// largestBuffer bounds what a pooled meter keeps.
const largestBuffer = 1 << 20

func (m *meter) free() {
	if cap(m.buffer) > largestBuffer {
		m.buffer = nil
	}
	meters.Put(m)
}

// atMost counts n bytes as that many tokens.
func (m *meter) atMost(n int) {
	m.tokens += int64(n)
	m.exact = m.exact && n == 0
}

// text counts t.
func (m *meter) text(t []byte) {
	v := m.vocabulary
	if v == nil {
		m.atMost(len(t))
		return
	}
	for len(t) > 0 {
		if m.work <= 0 {
			m.atMost(len(t))
			return
		}
		window := t[:min(len(t), longestPiece)]
		end, seen := v.split(v.classes, window)
		if seen >= len(window) && len(window) < len(t) {
			// What follows could belong to this piece.
			m.work -= len(window)
			m.atMost(len(window))
			t = t[len(window):]
			continue
		}
		m.work -= seen
		m.tokens += int64(m.piece(t[:end]))
		t = t[end:]
	}
}

func (m *meter) piece(p []byte) int {
	if len(p) <= 1 || m.vocabulary.rank(p) != noRank {
		return 1
	}
	m.work -= mergeWork * len(p)
	return m.merger.count(m.vocabulary, p)
}

// quoted counts a JSON string as its unescaped text.
func (m *meter) quoted(s []byte) {
	m.text(m.unquote(s))
}

// unquote returns the text of a JSON string, valid until the next call.
func (m *meter) unquote(s []byte) []byte {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return s
	}
	inner := s[1 : len(s)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return inner
	}
	m.work -= len(inner)
	out, err := jsontext.AppendUnquote(m.buffer[:0], s)
	m.buffer = out
	if err != nil {
		return inner
	}
	return out
}
