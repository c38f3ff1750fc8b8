package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"github.com/bricks-gateway/bricks/internal/pii"
	"github.com/bricks-gateway/bricks/internal/pii/ner/chain"
)

// tally counts as the overlap score does: a labelled span is found when half of
// it is covered, a found span is right when it touches a labelled one and is not
// over four times its length and ten bytes.
type tally struct{ gold, found, predicted, right int }

func (t tally) String() string {
	p, r := float64(t.right)/float64(max(1, t.predicted)), float64(t.found)/float64(max(1, t.gold))
	f := 0.0
	if p+r > 0 {
		f = 2 * p * r / (p + r)
	}
	return fmt.Sprintf("P %.3f R %.3f F1 %.3f (%d labelled, %d found)", p, r, f, t.gold, t.predicted)
}

func overlap(a, b pii.Span) int { return max(0, min(a.End, b.End)-max(a.Start, b.Start)) }

func (t *tally) count(gold, predicted []pii.Span, typ pii.Type) (errors int) {
	for _, g := range gold {
		if g.Type != typ {
			continue
		}
		covered := 0
		for _, p := range predicted {
			if p.Type == typ {
				covered += overlap(g, p)
			}
		}
		t.gold++
		if covered*2 >= g.End-g.Start {
			t.found++
		} else {
			errors++
		}
	}
	for _, p := range predicted {
		if p.Type != typ {
			continue
		}
		t.predicted++
		if slices.ContainsFunc(gold, func(g pii.Span) bool {
			return g.Type == typ && overlap(g, p) > 0 && p.End-p.Start <= 4*(g.End-g.Start)+10
		}) {
			t.right++
		} else {
			errors++
		}
	}
	return errors
}

// report prints the scores by source, and some documents that the model gets wrong.
func report(out io.Writer, m *chain.Model, docs []document, misses int) {
	type key struct {
		source string
		typ    pii.Type
	}
	tallies := map[key]*tally{}
	var dec chain.Decoder
	for i := range docs {
		d := &docs[i]
		predicted := dec.Append(nil, m, d.Text)
		errors := 0
		for _, typ := range []pii.Type{pii.Name, pii.Address} {
			for _, source := range []string{d.Source, ""} {
				k := key{source, typ}
				if tallies[k] == nil {
					tallies[k] = new(tally)
				}
				errors += tallies[k].count(d.Spans, predicted, typ)
				if d.Source == "" {
					break
				}
			}
		}
		if errors > 0 && misses > 0 {
			misses--
			show(out, d, predicted)
		}
	}
	keys := slices.SortedFunc(maps.Keys(tallies), func(a, b key) int {
		return cmp.Or(cmp.Compare(a.source, b.source), cmp.Compare(b.typ, a.typ))
	})
	for _, k := range keys {
		fmt.Fprintf(out, "%-12s %-8s %v\n", cmp.Or(k.source, "all"), k.typ, tallies[k])
	}
}

func show(out io.Writer, d *document, predicted []pii.Span) {
	fmt.Fprintf(out, "%s %q\n", d.ID, d.Text)
	for name, spans := range map[string][]pii.Span{"labelled": d.Spans, "found": predicted} {
		fmt.Fprintf(out, "   %-8s", name)
		for _, s := range spans {
			fmt.Fprintf(out, " %s:%q", s.Type, d.Text[s.Start:s.End])
			if s.Score > 0 {
				fmt.Fprintf(out, "(%.2f)", s.Score)
			}
		}
		fmt.Fprintln(out)
	}
}

// writePredictions writes {"id", "spans": [{"start", "end", "type"}]}, one a line, in bytes.
func writePredictions(path string, m *chain.Model, docs []document) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, f.Close()) }()
	w := bufio.NewWriter(f)
	type span struct {
		Start int    `json:"start"`
		End   int    `json:"end"`
		Type  string `json:"type"`
	}
	enc := json.NewEncoder(w)
	var dec chain.Decoder
	for i := range docs {
		out := []span{}
		for _, s := range dec.Append(nil, m, docs[i].Text) {
			out = append(out, span{s.Start, s.End, s.Type.String()})
		}
		if err := enc.Encode(map[string]any{"id": docs[i].ID, "spans": out}); err != nil {
			return err
		}
	}
	return w.Flush()
}
