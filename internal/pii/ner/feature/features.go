package feature

// Count is how many features a token has.
const Count = 64

// lexical are the features from this index on that know the token itself, its
// letters and its lists apart; training drops them now and then, so that the
// context learns to stand alone.
const lexicalFrom = 51

// Lexical reports whether feature i knows the token's own letters.
func Lexical(i int) bool { return i >= lexicalFrom }

// Features writes the hashes of the features of token i of the segment.
func (s *Scanner) Features(dst *[Count]uint32, i int) {
	i += s.first
	w := (*[7]Token)(s.toks[i-3 : i+4]) // three before, the token, three after
	t := &w[3]
	sh := func(k int) uint32 { return uint32(w[k].Shape) }
	lx := func(k int) uint32 { return uint32(w[k].Lex)<<5 | uint32(w[k].Shape) }
	s0 := sh(3)<<2 | uint32(t.mode)
	l0 := lx(3)<<2 | uint32(t.mode)
	l1, lb := lx(4), lx(2)
	spaces := uint32(t.Space)<<2 | uint32(w[4].Space)
	var start uint32
	if t.start {
		start = 1
	}
	var n uint32
	f := func(v uint32) {
		dst[n] = mix(v, n+1)
		n++
	}
	near := s.near(i)
	f(s0)
	f(spaces<<16 | start<<8 | s0)
	f(mix(w[2].hash, s0))
	f(mix(w[4].hash, s0))
	f(mix(w[1].hash, s0))
	f(mix(w[5].hash, s0))
	f(mix(w[0].hash, s0))
	f(mix(w[2].hash, w[1].hash) ^ s0)
	f(mix(w[4].hash, w[5].hash) ^ s0)
	f(mix(mix(w[2].hash, w[1].hash), w[0].hash) ^ s0)
	f(mix(w[2].hash, w[4].hash) ^ s0)
	f(sh(2)<<20 | sh(4)<<10 | s0)
	f(mix(sh(1)<<8|sh(2), s0))
	f(mix(sh(4)<<8|sh(5), s0))
	f(mix(mix(sh(1)<<8|sh(2), sh(4)<<8|sh(5)), s0))
	f(l0)
	f(mix(l0, lb))
	f(mix(l0, l1))
	f(mix(mix(l0, lb), l1))
	f(mix(mix(l0, lb), lx(1)))
	f(mix(mix(l0, l1), lx(5)))
	f(mix(l0, w[2].hash))
	f(mix(l0, w[4].hash))
	f(mix(l0, mix(w[2].hash, w[1].hash)))
	f(mix(l0, mix(w[4].hash, w[5].hash)))
	f(mix(l0, start<<8|spaces))
	f(mix(t.key, s0))
	f(mix(t.key, l0))
	f(mix(t.keyTwo, s0))
	f(mix(near, s0))
	f(mix(near, l0))
	f(mix(mix(w[2].hash, lx(1)), l0))
	f(mix(mix(w[4].hash, lb), l0))
	kind := func(k int) uint32 { return uint32(w[k].kind()) }
	k0 := kind(3)<<2 | uint32(t.mode)
	f(kind(2)<<16 | kind(4)<<8 | k0)
	f(mix(kind(1)<<16|kind(2)<<8|kind(4), k0))
	f(mix(kind(2)<<16|kind(4)<<8|kind(5), k0))
	f(mix(mix(w[2].hash, kind(4)), k0))
	f(mix(mix(w[4].hash, kind(2)), k0))
	f(mix(uint32(t.glue), s0))
	f(mix(uint32(t.glue), k0))
	f(mix(w[4].suf3, k0))
	f(mix(w[4].suf2, k0))
	f(mix(w[2].suf3, k0))
	f(mix(w[2].suf2, k0))
	before, after := s.wordBefore(i), s.wordAfter(i)
	f(mix(before, s0))
	f(mix(before, l0))
	f(mix(after, s0))
	f(mix(after, l0))
	f(mix(mix(before, after), s0))
	f(mix(t.first, l0))
	f(mix(mix(t.first, sh(2)<<8|sh(4)), s0))
	f(mix(t.hash, s0))
	f(mix(t.hash, start<<8|sh(4)))
	f(mix(t.hash, w[2].hash))
	f(mix(t.hash, w[4].hash))
	f(mix(t.hash, t.key))
	f(mix(t.pre2, s0))
	f(mix(t.pre3, s0))
	f(mix(t.suf2, s0))
	f(mix(t.suf3, s0))
	f(mix(t.suf4, s0))
	f(mix(t.hash, near))
	f(mix(t.hash, mix(lb, l1)))
	f(mix(t.hash, uint32(t.glue)))
}

// near says how far the next number and the next word of streets are, to the
// left and to the right: most of what makes an address.
func (s *Scanner) near(i int) uint32 {
	var out uint32
	for k := 1; k <= 4; k++ {
		a, b := &s.toks[i-k], &s.toks[min(i+k, len(s.toks)-1)]
		if out&0x7 == 0 && a.Shape.IsNumber() {
			out |= uint32(k)
		}
		if out&0x38 == 0 && b.Shape.IsNumber() {
			out |= uint32(k) << 3
		}
		if out&0x1c0 == 0 && a.Lex&Street != 0 {
			out |= uint32(k) << 6
		}
		if out&0xe00 == 0 && b.Lex&Street != 0 {
			out |= uint32(k) << 9
		}
	}
	return out
}

// wordBefore is the nearest word before token i, past punctuation and line breaks.
func (s *Scanner) wordBefore(i int) uint32 {
	for k := i - 1; k >= i-4; k-- {
		if s.toks[k].Shape > Punct {
			return s.toks[k].hash
		}
	}
	return 0
}

func (s *Scanner) wordAfter(i int) uint32 {
	for k := i + 1; k < min(i+5, len(s.toks)); k++ {
		if s.toks[k].Shape > Punct {
			return s.toks[k].hash
		}
	}
	return 0
}

// kind is how much the token's lists and shape speak for a name, coarsely.
func (t *Token) kind() uint8 {
	k := uint8(0)
	word := t.Lex&(Common|Word|Foreign) != 0
	switch {
	case t.Lex&Title != 0:
		k = 31
	case t.Lex&Frequent != 0:
		k = 1
	case t.Lex&Given != 0 && !word:
		k = 3
	case t.Lex&Family != 0:
		k = 4
	case t.Lex&Surname != 0 && !word:
		k = 6
	case t.Lex&(Place|Region) != 0 && !word:
		k = 7
	case t.Lex&(Given|Surname) != 0:
		k = 8
	case word:
		k = 9
	case t.Shape.IsWord():
		k = 10
	case t.Shape.IsNumber():
		k = 11
	default:
		return 12 + uint8(t.Shape)
	}
	if k <= 4 && word {
		k++
	}
	if t.Shape.IsCapital() {
		k |= 32
	}
	return k
}
