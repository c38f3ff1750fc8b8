package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"os"
	"strings"

	"github.com/bricks-gateway/bricks/internal/pii"
	"github.com/bricks-gateway/bricks/internal/pii/ner/feature"
)

// document is a labelled text. The generator writes spans as [start, end, type]
// in bytes; sets for scoring as objects in code points.
type document struct {
	ID, Source, Text string
	Spans            []pii.Span
}

func (d *document) UnmarshalJSON(b []byte) error {
	var raw struct {
		ID     string            `json:"id"`
		Source string            `json:"source"`
		Text   string            `json:"text"`
		Scope  []string          `json:"scope"`
		Spans  []json.RawMessage `json:"spans"`
	}
	if err := json.Unmarshal(b, &raw); err != nil {
		return err
	}
	*d = document{ID: raw.ID, Source: raw.Source, Text: raw.Text}
	var offsets []int // byte offset of each code point
	for _, span := range raw.Spans {
		var s pii.Span
		var kind string
		if span[0] == '[' {
			if err := json.Unmarshal(span, &[3]any{&s.Start, &s.End, &kind}); err != nil {
				return err
			}
		} else {
			if offsets == nil {
				for i := range raw.Text {
					offsets = append(offsets, i)
				}
				offsets = append(offsets, len(raw.Text))
			}
			var o struct {
				Start, End int
				Type       string
			}
			if err := json.Unmarshal(span, &o); err != nil {
				return err
			}
			s.Start, s.End, kind = offsets[o.Start], offsets[o.End], o.Type
		}
		var ok bool
		if s.Type, ok = pii.Parse(kind); !ok {
			return fmt.Errorf("unknown type %q", kind)
		}
		if s.Type == pii.Name || s.Type == pii.Address {
			d.Spans = append(d.Spans, s)
		}
	}
	return nil
}

// readDocuments reads a file of JSON documents, one a line.
func readDocuments(path string) ([]document, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var out []document
	for d := json.NewDecoder(bufio.NewReaderSize(f, 1<<20)); d.More(); {
		var doc document
		if err := d.Decode(&doc); err != nil {
			return nil, fmt.Errorf("%s, document %d: %w", path, len(out)+1, err)
		}
		out = append(out, doc)
	}
	return out, nil
}

type listed struct {
	word string
	lex  feature.Lex
}

// readWords reads the word lists: kind, tab, word.
func readWords(path string) ([]listed, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var out []listed
	for line := range strings.Lines(string(b)) {
		kind, word, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		lex, ok := feature.LexNames[kind]
		if !ok {
			return nil, fmt.Errorf("%s: unknown list %q", path, kind)
		}
		out = append(out, listed{word, lex})
	}
	return out, nil
}

// lexicon holds the words. When names are hidden, four in ten names and towns
// stay out, so that training meets names which no list knows: a tenth of them
// is what the generator keeps for the held-out documents.
func lexicon(words []listed, hide bool) (*feature.Lexicon, error) {
	l := feature.NewLexicon()
	for _, w := range words {
		if hide && w.lex&(feature.Given|feature.Surname|feature.Place) != 0 && crc32.ChecksumIEEE([]byte(w.word))%10 < 4 {
			continue
		}
		if err := l.Add(w.word, w.lex); err != nil {
			return nil, err
		}
	}
	return l, nil
}
