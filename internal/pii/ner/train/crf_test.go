package main

import (
	"math"
	"slices"
	"testing"

	"github.com/bricks-gateway/bricks/internal/pii"
	"github.com/bricks-gateway/bricks/internal/pii/ner/chain"
	"github.com/bricks-gateway/bricks/internal/pii/ner/feature"
)

func TestGoldLabels(t *testing.T) {
	const text = "Ask Anna Weber, Bob or 1 Main St."
	var s feature.Scanner
	s.Reset(feature.NewLexicon(), text)
	got := goldLabels(nil, s.Whole(), []pii.Span{{Start: 4, End: 14, Type: pii.Name}, {Start: 16, End: 19, Type: pii.Name}, {Start: 23, End: 32, Type: pii.Address}})
	want := []chain.Label{0, chain.BeginName, chain.InName, 0, chain.BeginName, 0, chain.BeginAddress, chain.InAddress, chain.InAddress, 0}
	if !slices.Equal(got, want) {
		t.Errorf("labels %v, want %v", got, want)
	}
}

func TestSpansThatTouchBeginAnew(t *testing.T) {
	var s feature.Scanner
	s.Reset(feature.NewLexicon(), "Anna Bob")
	got := goldLabels(nil, s.Whole(), []pii.Span{{Start: 0, End: 4, Type: pii.Name}, {Start: 5, End: 8, Type: pii.Name}})
	if want := []chain.Label{chain.BeginName, chain.BeginName}; !slices.Equal(got, want) {
		t.Errorf("labels %v, want %v", got, want)
	}
}

// The sum over all labellings, counted one by one, is what the forward pass says,
// and what the backward pass says.
func TestForwardAndBackwardAgreeWithCounting(t *testing.T) {
	tr := newTrainer(feature.NewLexicon(), 1)
	for c := range tr.moves {
		for a := range labels {
			for b := range labels {
				tr.moves[c][a][b] = float32(tr.rng.NormFloat64())
			}
		}
	}
	tr.scan.Reset(tr.lex, "Anna, 12 Main\nSt")
	toks := tr.scan.Whole()
	n := len(toks)
	tr.unary, tr.alpha, tr.beta = make([][labels]float64, n), make([][labels]float64, n), make([][labels]float64, n)
	for i := range n {
		for l := 1; l < labels; l++ {
			tr.unary[i][l] = tr.rng.NormFloat64()
		}
	}
	sum := 0.0
	tr.gold = make([]chain.Label, n)
	for k := 0; ; k++ {
		rest, ok, prev := k, true, chain.Outside
		for i := range tr.gold {
			tr.gold[i] = chain.Label(rest % labels)
			rest /= labels
			ok = ok && chain.Follows(prev, tr.gold[i])
			prev = tr.gold[i]
		}
		if rest > 0 {
			break
		}
		if ok {
			sum += math.Exp(tr.goldScore(toks))
		}
	}
	z := tr.forward(toks)
	if math.Abs(z-math.Log(sum)) > 1e-6 {
		t.Errorf("forward says %v, counting %v", z, math.Log(sum))
	}
	tr.backward(toks)
	for i := range n {
		p := 0.0
		for l := range labels {
			p += math.Exp(tr.alpha[i][l] + tr.beta[i][l] - z)
		}
		if math.Abs(p-1) > 1e-6 {
			t.Errorf("token %d: the labels' probabilities sum to %v", i, p)
		}
	}
}

func TestTrainingLearnsWhatItSees(t *testing.T) {
	docs := []document{
		{Text: "my name is Anna", Spans: []pii.Span{{Start: 11, End: 15, Type: pii.Name}}},
		{Text: "my street is 12 Main St", Spans: []pii.Span{{Start: 13, End: 23, Type: pii.Address}}},
		{Text: "my dog is Rex and barks"},
	}
	model := func(seed uint64) *chain.Model {
		tr := newTrainer(feature.NewLexicon(), seed)
		first, _ := tr.epoch(docs, 0)
		last := first
		for range 40 {
			last, _ = tr.epoch(docs, 0)
		}
		if last > first/2 {
			t.Errorf("the loss went from %v to %v", first, last)
		}
		return tr.model()
	}
	m := model(1)
	var dec chain.Decoder
	for _, d := range docs {
		got := dec.Append(nil, m, d.Text)
		for i := range got {
			got[i].Score = 0
		}
		if !slices.Equal(got, d.Spans) {
			t.Errorf("found %v in %q, want %v", got, d.Text, d.Spans)
		}
	}
	if again := model(1); !slices.Equal(m.Weights, again.Weights) {
		t.Error("the same seed gave another model")
	}
}
