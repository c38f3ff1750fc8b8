package chain

import (
	"math/rand/v2"
	"testing"

	"github.com/bricks-gateway/bricks/internal/pii"
	"github.com/bricks-gateway/bricks/internal/pii/ner/feature"
)

// random is a model with random weights.
func random(seed uint64) *Model {
	r := rand.New(rand.NewPCG(seed, 0))
	m := &Model{Lexicon: feature.NewLexicon(), Weights: make([]uint32, Rows), Scale: 0.01}
	for i := range m.Weights {
		m.Weights[i] = r.Uint32()
	}
	for c := range m.Moves {
		for a := range m.Moves[c] {
			for b := range m.Moves[c][a] {
				m.Moves[c][a][b] = float32(r.NormFloat64())
			}
		}
	}
	return m
}

// total is the score of a labelling, and false when a label may not follow another.
func total(d *Decoder, m *Model, toks []feature.Token, labels []Label) (sum float32, ok bool) {
	prev := Outside
	for i, l := range labels {
		if !Follows(prev, l) {
			return 0, false
		}
		sum += d.unary[i][l] + m.Moves[Context(&toks[i])][prev][l]
		prev = l
	}
	return sum, true
}

func TestLabelFindsTheBestOfAllLabellings(t *testing.T) {
	const text = "Anna Weber, 12 Main\nSt."
	for seed := range uint64(20) {
		m := random(seed)
		var d Decoder
		d.scan.Reset(m.Lexicon, text)
		d.scan.Next(0)
		toks := d.scan.Tokens()
		d.label(m, toks)
		got, ok := total(&d, m, toks, d.labels)
		if !ok {
			t.Fatalf("seed %d: labels %v break the rules", seed, d.labels)
		}
		best := float32(never)
		labels := make([]Label, len(toks))
		for n := 0; ; n++ {
			rest := n
			for i := range labels {
				labels[i] = Label(rest % int(Labels))
				rest /= int(Labels)
			}
			if rest > 0 {
				break
			}
			if s, ok := total(&d, m, toks, labels); ok {
				best = max(best, s)
			}
		}
		if best-got > 1e-3 {
			t.Errorf("seed %d: labelling scores %v, the best %v", seed, got, best)
		}
	}
}

func TestModelSurvivesItsFile(t *testing.T) {
	m := random(1)
	if err := m.Lexicon.Add("anna", feature.Given); err != nil {
		t.Fatal(err)
	}
	m.Bias[BeginName] = 0.5
	b, err := m.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	back, err := Unmarshal(b)
	if err != nil {
		t.Fatal(err)
	}
	if back.Scale != m.Scale || back.Moves != m.Moves || back.Bias != m.Bias {
		t.Error("numbers differ")
	}
	for i := range m.Weights {
		if m.Weights[i] != back.Weights[i] {
			t.Fatalf("row %d differs", i)
		}
	}
	for _, bad := range [][]byte{nil, []byte("model"), b[:len(b)/2], b[:len(magic)+4]} {
		if _, err := Unmarshal(bad); err == nil {
			t.Errorf("%d bytes were read as a model", len(bad))
		}
	}
}

// Even a model of noise gives spans in order, apart, and on the borders of tokens.
func TestSpansOfAnyModelAreSound(t *testing.T) {
	text := ""
	for range 200 {
		text += "Anna (Weber), 12 Main St. #4\n\n'"
	}
	for seed := range uint64(5) {
		var d Decoder
		end := 0
		for _, s := range d.Append(nil, random(seed), text) {
			if s.Start < end || s.End <= s.Start || s.Score <= 0 || s.Score > 1 || s.Type != pii.Name && s.Type != pii.Address {
				t.Fatalf("seed %d: span %+v after %d", seed, s, end)
			}
			end = s.End
		}
	}
}
