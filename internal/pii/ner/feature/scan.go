package feature

const (
	margin     = 4 // tokens of context on either side
	softBreak  = 96
	lineBreaks = 256
	hardBreak  = 512
)

// Scanner cuts text into segments of at most 512 tokens, with their context.
// It is not safe for concurrent use; Reset makes it usable again.
type Scanner struct {
	// Forget, when set, tells by its hash whether a word is to be on no list of
	// names and places: so training meets names that it does not know.
	Forget func(word uint32) bool

	lex   *Lexicon
	text  string
	pos   int
	toks  []Token
	first int // the segment is toks[first:last], context around it
	last  int

	key, keyTwo uint32 // state of the line, at the end of toks
	recent      [2]uint32
	keyAge      int
	broken      bool
	firstWord   uint32
}

// Reset makes s read text.
func (s *Scanner) Reset(lex *Lexicon, text string) {
	*s = Scanner{Forget: s.Forget, lex: lex, text: text, toks: s.toks[:0], broken: true}
	for range margin {
		s.toks = append(s.toks, Token{})
	}
	s.first, s.last = margin, margin
}

// Next makes the next segment, and reports false when there is none. The segment
// before it is read up to its token done; the rest of it comes again.
func (s *Scanner) Next(done int) bool {
	if from := s.first + done - margin; from > 0 {
		s.toks = append(s.toks[:0], s.toks[from:]...)
	}
	s.first = margin
	for len(s.toks) < margin+hardBreak+margin && s.pos <= len(s.text) {
		if n := len(s.toks) - margin - margin; n >= softBreak {
			if sh := s.toks[len(s.toks)-margin-1].Shape; sh == Blank || n >= lineBreaks && sh == Newline {
				break
			}
		}
		s.read()
	}
	s.last = len(s.toks) - margin
	if s.last <= s.first {
		return false
	}
	s.casing()
	s.runs()
	return true
}

// Whole makes one segment of all of the text, as training wants it.
func (s *Scanner) Whole() []Token {
	for s.pos <= len(s.text) {
		s.read()
	}
	s.first, s.last = margin, len(s.toks)-margin
	s.casing()
	s.runs()
	return s.Tokens()
}

// Tokens are the segment's tokens; valid until the next call of Next or Reset.
func (s *Scanner) Tokens() []Token { return s.toks[s.first:s.last] }

// AtEnd reports whether the segment is the text's last.
func (s *Scanner) AtEnd() bool { return s.pos > len(s.text) }

// read appends a token, or at the end of the text the context after it.
func (s *Scanner) read() {
	t, end, ok := next(s.text, s.pos)
	if !ok {
		for range margin {
			s.toks = append(s.toks, Token{})
		}
		s.pos = len(s.text) + 1
		return
	}
	s.pos = end
	if t.Shape.IsWord() && t.Shape != Identifier {
		t.Lex = s.lex.find(&t)
		if s.Forget != nil && t.Lex&Names != 0 && s.Forget(t.hash) {
			t.Lex &^= Names
			t.Forgotten = true
		}
	}
	if s.broken && t.Shape != Newline && t.Shape != Blank {
		t.start = true
	}
	t.key, t.keyTwo, t.first = s.key, s.keyTwo, s.firstWord
	s.follow(&t)
	s.toks = append(s.toks, t)
}

// follow keeps the key that rules the tokens after t. A key rules its line, and
// the next lines when nothing else stood on its own.
func (s *Scanner) follow(t *Token) {
	s.broken = false
	switch {
	case t.Shape == Newline || t.Shape == Blank:
		s.broken = true
		if s.keyAge > 0 {
			s.key, s.keyTwo = 0, 0
		}
		s.recent = [2]uint32{}
		s.firstWord = 0
	case t.Shape == Punct:
		switch c := s.text[t.Start]; c {
		case ':', '=':
			if s.recent[1] != 0 {
				s.key, s.keyTwo, s.keyAge = s.recent[1], mix(s.recent[0], s.recent[1]), 0
				s.recent = [2]uint32{}
			}
		case '.', '!', '?', '"', '(', '{', '[', '>', '-', '*', '|':
			s.broken = true
		}
	default:
		s.keyAge++
		if s.firstWord == 0 {
			s.firstWord = t.hash
		}
		s.recent[0], s.recent[1] = s.recent[1], t.hash
		if s.keyAge > 24 {
			s.key, s.keyTwo = 0, 0
		}
	}
}

const (
	mixedCase = iota
	lowerCase
	upperCase
)

// casing sets the mode of each line, or of each 64 tokens of a long one: text all
// in one case says nothing by its case.
func (s *Scanner) casing() {
	for i := s.first; i < len(s.toks); {
		j, lowers, uppers, capitals := i, 0, 0, 0
		for ; j < len(s.toks) && j < i+64; j++ {
			switch sh := s.toks[j].Shape; {
			case sh == Lower || sh == Camel:
				lowers++
			case sh == Upper || sh == UpperShort || sh == UpperOne:
				uppers++
			case sh == Capital || sh == CapMixed:
				capitals++
			}
			if sh := s.toks[j].Shape; sh == Newline || sh == Blank {
				j++
				break
			}
		}
		mode := uint8(mixedCase)
		if uppers+capitals == 0 && lowers > 0 {
			mode = lowerCase
		} else if lowers+capitals == 0 && uppers > 1 {
			mode = upperCase
		}
		for ; i < j; i++ {
			s.toks[i].mode = mode
		}
	}
}

// glue is the set of signs in a run of tokens without blanks: an "@" or a slash
// tells an e-mail address or a path, brackets and points tell code.
type glue uint16

const (
	atSign glue = 1 << iota
	slash
	point // between two words
	bracket
	call // a parenthesis behind a word
	equals
	colon // between two words
	number
	quote
	angle
	underscore
	plus
	dash
)

var signs = [128]glue{'@': atSign, '/': slash, '\\': slash, '[': bracket, ']': bracket, '{': bracket, '}': bracket, '=': equals, '"': quote, '\'': quote, '<': angle, '>': angle, '+': plus, '%': plus, '&': plus, '#': plus, '-': dash, '|': plus, '$': plus, '`': quote, '*': plus}

// runs sets the glue of each run's tokens; a long run is cut at 32 of them.
func (s *Scanner) runs() {
	for i := s.first; i < len(s.toks); {
		j, set := i, glue(0)
		for ; j < len(s.toks) && j < i+32 && (j == i || s.toks[j].Space == Tight); j++ {
			switch t := &s.toks[j]; {
			case t.Shape == Identifier:
				set |= underscore
			case t.Shape.IsNumber():
				set |= number
			case t.Shape == Punct:
				if c := s.text[t.Start]; c < 128 {
					set |= signs[c] | s.between(i, j, c)
				}
			}
		}
		for ; i < j; i++ {
			s.toks[i].glue = set
		}
	}
}

// between is the sign that c is at token j of the run from i on, when words stand beside it.
func (s *Scanner) between(i, j int, c byte) glue {
	if j == i || !s.toks[j-1].Shape.IsWord() {
		return 0
	}
	switch c {
	case '(':
		return call
	case '.', ':':
		if j+1 < len(s.toks) && s.toks[j+1].Space == Tight && s.toks[j+1].Shape.IsWord() {
			if c == ':' {
				return colon
			}
			return point
		}
	}
	return 0
}
