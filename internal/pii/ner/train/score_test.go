package main

import (
	"os"
	"slices"
	"testing"

	"github.com/bricks-gateway/bricks/internal/pii"
	"github.com/bricks-gateway/bricks/internal/pii/ner/chain"
	"github.com/bricks-gateway/bricks/internal/pii/score"
)

// The floors are some points below the scores in DATASHEET.md. Documents with
// nothing to find are made to mislead: they hold brands, towns and titles that
// are named after persons.
func TestTheModelKeepsItsScores(t *testing.T) {
	b, err := os.ReadFile("../model.bin")
	if err != nil {
		t.Fatal(err)
	}
	if len(b) > 5<<20 {
		t.Errorf("the model has %d bytes, more than 5 MiB", len(b))
	}
	m, err := chain.Unmarshal(b)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, path    string
		sources       []string
		names, places float64 // least F1
	}{
		{"held-out frames and names", "../testdata/heldout.jsonl", []string{""}, .90, .93},
		{"development set", "../../scan/testdata/dev.jsonl", []string{"single", "multi", "hard", "presidio"}, .92, .93},
	} {
		t.Run(c.name, func(t *testing.T) {
			docs, err := readLabelled(c.path)
			if err != nil {
				t.Fatal(err)
			}
			docs = slices.DeleteFunc(docs, func(d score.Document) bool { return !slices.Contains(c.sources, d.Source) })
			r, err := measure(m, docs)
			if err != nil {
				t.Fatal(err)
			}
			names, places := r.Types[pii.Name], r.Types[pii.Address]
			if names.Gold == 0 || places.Gold == 0 {
				t.Fatal("nothing was scored")
			}
			t.Logf("\n%s", r.Table(measured))
			if names.F1() < c.names || places.F1() < c.places {
				t.Errorf("names F1 %.3f, want %.2f; addresses F1 %.3f, want %.2f", names.F1(), c.names, places.F1(), c.places)
			}
		})
	}
}

func TestSpansAreReadInCodePoints(t *testing.T) {
	got, err := inBytes(score.Document{Text: "né Zoë Ö.", Spans: []score.Span{{Start: 3, End: 6, Type: "name"}, {Start: 0, End: 2, Type: "email"}}})
	if err != nil || len(got.Spans) != 1 || got.Text[got.Spans[0].Start:got.Spans[0].End] != "Zoë" {
		t.Errorf("spans %+v, %v; want one of Zoë", got.Spans, err)
	}
	for _, bad := range []score.Span{{Start: 0, End: 10, Type: "name"}, {Start: 2, End: 2, Type: "name"}, {Start: 0, End: 1, Type: "person"}} {
		if _, err := inBytes(score.Document{Text: "né Zoë Ö.", Spans: []score.Span{bad}}); err == nil {
			t.Errorf("span %+v was taken", bad)
		}
	}
}
