package main

import (
	"math"
	"math/rand/v2"

	"github.com/bricks-gateway/bricks/internal/pii"
	"github.com/bricks-gateway/bricks/internal/pii/ner/chain"
	"github.com/bricks-gateway/bricks/internal/pii/ner/feature"
)

const (
	labels = int(chain.Labels)
	rate   = 0.15 // of AdaGrad
	shrink = 1e-4 // L1
	hidden = 0.15 // share of common words whose own letters the model may not see
	unseen = 0.4  // the same, of words that are on no list of common ones
	forgot = 25   // per cent of a document's names that the lists do not know
	kept   = 0.5  // share of features that take part
	never  = -1e9

	// lean is added to the first token of a name. Likelihood weighs a missed name
	// and a false one the same; who hides names would rather lose a word.
	lean = 0.5
)

type row [labels - 1]float32

// trainer fits a conditional random field by stochastic gradients (AdaGrad).
type trainer struct {
	lex         *feature.Lexicon
	rng         *rand.Rand
	scan        feature.Scanner
	w, g        []row // weights and sums of squared gradients
	moves, gm   [chain.Contexts][labels][labels]float32
	feats       [][feature.Count]uint32
	width       []int // how many of the token's features count
	unary       [][labels]float64
	alpha, beta [][labels]float64
	gold        []chain.Label
}

func newTrainer(lex *feature.Lexicon, seed uint64) *trainer {
	return &trainer{lex: lex, rng: rand.New(rand.NewPCG(seed, 0)), w: make([]row, chain.Rows), g: make([]row, chain.Rows)}
}

// epoch learns every document once, in a new order, and tells the loss.
func (t *trainer) epoch(docs []document, progress float32) (loss float64, tokens int) {
	for _, i := range t.rng.Perm(len(docs)) {
		l, n := t.learn(&docs[i], rate*(1-0.9*progress))
		loss, tokens = loss+l, tokens+n
	}
	return loss, tokens
}

// gold labels the tokens by the spans; a token belongs to a span that it touches.
func goldLabels(dst []chain.Label, toks []feature.Token, spans []pii.Span) []chain.Label {
	dst = dst[:0]
	k := 0
	for i := range toks {
		for k < len(spans) && spans[k].End <= toks[i].Start {
			k++
		}
		l := chain.Outside
		if k < len(spans) && spans[k].Start < toks[i].End {
			l = chain.BeginName
			if spans[k].Type == pii.Address {
				l = chain.BeginAddress
			}
			if i > 0 && toks[i-1].End > spans[k].Start && dst[i-1] != chain.Outside {
				l++
			}
		}
		dst = append(dst, l)
	}
	return dst
}

func (t *trainer) learn(d *document, rate float32) (loss float64, n int) {
	salt := t.rng.Uint32()
	t.scan.Forget = func(word uint32) bool { return (word^salt)*0x9e3779b1>>16%100 < forgot }
	t.scan.Reset(t.lex, d.Text)
	toks := t.scan.Whole()
	n = len(toks)
	if n == 0 {
		return 0, 0
	}
	for len(t.feats) < n {
		t.feats = append(t.feats, [feature.Count]uint32{})
		t.width = append(t.width, 0)
		t.unary = append(t.unary, [labels]float64{})
		t.alpha = append(t.alpha, [labels]float64{})
		t.beta = append(t.beta, [labels]float64{})
	}
	t.gold = goldLabels(t.gold, toks, d.Spans)
	for i := range toks {
		t.scan.Features(&t.feats[i], i)
		t.width[i] = feature.Count
		hide := float32(hidden)
		if toks[i].Shape.IsWord() && toks[i].Lex&(feature.Common|feature.Word|feature.Foreign) == 0 {
			hide = unseen
		}
		if toks[i].Forgotten {
			hide = 1
		}
		if t.rng.Float32() < hide {
			for t.width[i] > 0 && feature.Lexical(t.width[i]-1) {
				t.width[i]--
			}
		}
		t.unary[i] = t.score(i)
	}
	z := t.forward(toks)
	t.backward(toks)
	t.update(toks, z, rate)
	return z - t.goldScore(toks), n
}

// score sums the weights of token i's features, a quarter of which sit out by
// chance: no single one may carry a decision, so that new wordings do not upset it.
// It leaves the rows of the others in t.feats.
func (t *trainer) score(i int) (u [labels]float64) {
	out := t.rng.Uint64()
	n := 0
	for j := range t.width[i] {
		if out>>j&1 == 1 {
			continue
		}
		h := chain.Row(t.feats[i][j])
		t.feats[i][n] = h
		n++
		for l, v := range t.w[h] {
			u[l+1] += float64(v)
		}
	}
	t.width[i] = n
	for l := range u {
		u[l] /= kept
	}
	return u
}

func (t *trainer) move(toks []feature.Token, i, a, b int) float64 {
	if !chain.Follows(chain.Label(a), chain.Label(b)) {
		return never
	}
	return float64(t.moves[chain.Context(&toks[i])][a][b])
}

func logSum(v *[labels]float64) float64 {
	m := v[0]
	for _, x := range v {
		m = max(m, x)
	}
	var s float64
	for _, x := range v {
		if x > m-40 {
			s += math.Exp(x - m)
		}
	}
	return m + math.Log(s)
}

func (t *trainer) forward(toks []feature.Token) float64 {
	for i := range toks {
		for b := range labels {
			if i == 0 {
				t.alpha[0][b] = t.move(toks, 0, 0, b) + t.unary[0][b]
				continue
			}
			var v [labels]float64
			for a := range labels {
				v[a] = t.alpha[i-1][a] + t.move(toks, i, a, b)
			}
			t.alpha[i][b] = logSum(&v) + t.unary[i][b]
		}
	}
	return logSum(&t.alpha[len(toks)-1])
}

func (t *trainer) backward(toks []feature.Token) {
	n := len(toks)
	t.beta[n-1] = [labels]float64{}
	for i := n - 2; i >= 0; i-- {
		for a := range labels {
			var v [labels]float64
			for b := range labels {
				v[b] = t.move(toks, i+1, a, b) + t.unary[i+1][b] + t.beta[i+1][b]
			}
			t.beta[i][a] = logSum(&v)
		}
	}
}

func (t *trainer) goldScore(toks []feature.Token) (s float64) {
	prev := 0
	for i := range toks {
		l := int(t.gold[i])
		s += t.unary[i][l] + t.move(toks, i, prev, l)
		prev = l
	}
	return s
}

// update steps against the gradient: what the model expects less what is so.
func (t *trainer) update(toks []feature.Token, z float64, rate float32) {
	prev := 0
	for i := range toks {
		c, gold := chain.Context(&toks[i]), int(t.gold[i])
		for a := range labels {
			if i == 0 && a > 0 {
				break
			}
			for b := range labels {
				if !chain.Follows(chain.Label(a), chain.Label(b)) {
					continue
				}
				var before float64
				if i > 0 {
					before = t.alpha[i-1][a]
				}
				g := float32(math.Exp(before + t.move(toks, i, a, b) + t.unary[i][b] + t.beta[i][b] - z))
				if a == prev && b == gold {
					g--
				}
				step(&t.moves[c][a][b], &t.gm[c][a][b], g, rate)
			}
		}
		prev = gold
		var g row
		large := false
		for l := 1; l < labels; l++ {
			p := float32(math.Exp(t.alpha[i][l] + t.beta[i][l] - z))
			if l == gold {
				p--
			}
			g[l-1] = p
			large = large || p > 1e-4 || p < -1e-4
		}
		if !large {
			continue
		}
		for _, h := range t.feats[i][:t.width[i]] {
			w, s := &t.w[h], &t.g[h]
			for l := range g {
				step(&w[l], &s[l], g[l], rate)
			}
		}
	}
}

// step is AdaGrad with L1, whose share shrinks with the step.
func step(w, sum *float32, g, rate float32) {
	*sum += g * g
	r := rate / (float32(math.Sqrt(float64(*sum))) + 1e-3)
	v, l1 := *w-r*g, r*shrink
	switch {
	case v > l1:
		v -= l1
	case v < -l1:
		v += l1
	default:
		v = 0
	}
	*w = v
}

// model rounds the weights to bytes.
func (t *trainer) model() *chain.Model {
	var largest float32
	for _, r := range t.w {
		for _, v := range r {
			largest = max(largest, v, -v)
		}
	}
	m := &chain.Model{Lexicon: t.lex, Weights: make([]uint32, chain.Rows), Scale: min(largest, 3) / 127}
	for i, r := range t.w {
		for l, v := range r {
			q := int8(math.Round(float64(max(-127, min(127, v/m.Scale)))))
			m.Weights[i] |= uint32(uint8(q)) << (8 * l)
		}
	}
	for c := range m.Moves {
		for a := range labels {
			for b := range labels {
				m.Moves[c][a][b] = t.moves[c][a][b]
			}
		}
	}
	m.Bias[chain.BeginName] = lean
	return m
}
