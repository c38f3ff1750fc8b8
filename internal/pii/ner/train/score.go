package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/bricks-gateway/bricks/internal/pii"
	"github.com/bricks-gateway/bricks/internal/pii/ner/chain"
	"github.com/bricks-gateway/bricks/internal/pii/score"
)

// measured are the model's types.
var measured = pii.Of(pii.Name, pii.Address)

// measure scores the model on the documents.
func measure(m *chain.Model, docs []score.Document) (*score.Result, error) {
	var dec chain.Decoder
	return score.Run(docs, measured, func(text string) []pii.Span { return dec.Append(nil, m, text) })
}

// report writes the scores, and the first documents of which one is wrong.
func report(out io.Writer, m *chain.Model, docs []score.Document, misses int) error {
	for i := 0; i < len(docs) && misses > 0; i++ {
		r, err := measure(m, docs[i:i+1])
		if err != nil {
			return err
		}
		all := r.Sources[docs[i].Source].Count
		if all.Found < all.Gold || all.Right < all.Spans {
			misses--
			if err := show(out, m, docs[i]); err != nil {
				return err
			}
		}
	}
	r, err := measure(m, docs)
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(out, r.Table(measured))
	return err
}

func show(out io.Writer, m *chain.Model, labelled score.Document) error {
	d, err := inBytes(labelled)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s %q\n", labelled.ID, d.Text)
	write := func(what string, spans []pii.Span) {
		fmt.Fprintf(out, "   %-8s", what)
		for _, s := range spans {
			fmt.Fprintf(out, " %s:%q", s.Type, d.Text[s.Start:s.End])
			if s.Score > 0 {
				fmt.Fprintf(out, "(%.2f)", s.Score)
			}
		}
		fmt.Fprintln(out)
	}
	write("labelled", d.Spans)
	write("found", new(chain.Decoder).Append(nil, m, d.Text))
	return nil
}

// writePredictions writes {"id", "spans": [{"start", "end", "type", "score"}]}, one a line, in bytes.
func writePredictions(path string, m *chain.Model, docs []score.Document) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, f.Close()) }()
	type span struct {
		Start int     `json:"start"`
		End   int     `json:"end"`
		Type  string  `json:"type"`
		Score float32 `json:"score"`
	}
	w := bufio.NewWriter(f)
	enc := json.NewEncoder(w)
	var dec chain.Decoder
	for i := range docs {
		out := []span{}
		for _, s := range dec.Append(nil, m, docs[i].Text) {
			out = append(out, span{s.Start, s.End, s.Type.String(), s.Score})
		}
		if err := enc.Encode(map[string]any{"id": docs[i].ID, "spans": out}); err != nil {
			return err
		}
	}
	return w.Flush()
}
