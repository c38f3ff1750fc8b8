package main

import (
	"fmt"
	"hash/crc32"
	"os"
	"strings"

	"github.com/bricks-gateway/bricks/internal/pii"
	"github.com/bricks-gateway/bricks/internal/pii/ner/feature"
	"github.com/bricks-gateway/bricks/internal/pii/score"
)

// document is a labelled text to learn from, with its spans in bytes and in order.
type document struct {
	Text  string
	Spans []pii.Span
}

// readLabelled reads a file of labelled texts.
func readLabelled(path string) ([]score.Document, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	docs, err := score.Read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return docs, nil
}

// readDocuments reads a file of labelled texts to learn from.
func readDocuments(path string) ([]document, error) {
	labelled, err := readLabelled(path)
	if err != nil {
		return nil, err
	}
	docs := make([]document, 0, len(labelled))
	for i, l := range labelled {
		d, err := inBytes(l)
		if err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", path, i+1, err)
		}
		docs = append(docs, d)
	}
	return docs, nil
}

// inBytes gives the document's names and addresses with byte offsets.
func inBytes(l score.Document) (document, error) {
	d := document{Text: l.Text}
	if len(l.Spans) == 0 {
		return d, nil
	}
	offsets := make([]int, 0, len(l.Text)+1) // of each code point
	for i := range l.Text {
		offsets = append(offsets, i)
	}
	offsets = append(offsets, len(l.Text))
	for _, s := range l.Spans {
		typ, ok := pii.Parse(s.Type)
		if !ok || s.Start < 0 || s.End >= len(offsets) || s.Start >= s.End {
			return d, fmt.Errorf("no such span: %+v", s)
		}
		if typ == pii.Name || typ == pii.Address {
			d.Spans = append(d.Spans, pii.Span{Start: offsets[s.Start], End: offsets[s.End], Type: typ})
		}
	}
	return d, nil
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

// lexicon holds the words. When names are hidden, the tenth of names and towns
// stays out that the generator keeps for the held-out documents.
func lexicon(words []listed, hide bool) (*feature.Lexicon, error) {
	l := feature.NewLexicon()
	for _, w := range words {
		if hide && w.lex&feature.Names != 0 && crc32.ChecksumIEEE([]byte(w.word))%10 == 0 {
			continue
		}
		if err := l.Add(w.word, w.lex); err != nil {
			return nil, err
		}
	}
	return l, nil
}
