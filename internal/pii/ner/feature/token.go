// Package feature turns text into tokens and tokens into hashed features, for
// the model of names and addresses. Training and detection share it, so that a
// weight means the same in both.
//
// A token is a word, a run of digits, one punctuation mark, or a break of lines.
// What a feature sees is at most three tokens to the left and right, the line's
// casing and the last key ("name:", "address =") before it: decisions depend on
// nearby text only, and text scanned in windows gives the same answers.
package feature

import (
	"math/bits"
	"unicode"
	"unicode/utf8"
)

// Shape is what a token looks like, whatever it says.
type Shape uint8

// The shapes of tokens.
const (
	Outside     Shape = iota // before the first or after the last token
	Newline                  // one line break, also the written form \n
	Blank                    // two or more line breaks
	Punct                    // one other character
	Lower                    // word
	Capital                  // Word
	UpperOne                 // W
	UpperShort               // WO, WOR
	Upper                    // WORDS
	CapMixed                 // McWord, DeLuca
	Camel                    // camelCase
	Identifier               // with an underscore
	Caseless                 // letters of a script without case
	Ideograph                // one Han, Hiragana or Katakana character
	DigitFirst               // 12b, 2nd
	LetterFirst              // SW1A
	Digits1                  // one digit
	Digits2
	Digits3
	Digits4
	Digits5
	Digits6
	DigitsMany // seven and more
)

// IsWord reports whether the token has letters.
func (s Shape) IsWord() bool { return s >= Lower && s <= LetterFirst }

// IsCapital reports whether the token begins with a capital letter.
func (s Shape) IsCapital() bool { return s >= Capital && s <= CapMixed }

// IsNumber reports whether the token begins with a digit.
func (s Shape) IsNumber() bool { return s == DigitFirst || s >= Digits1 }

// Token is text[Start:End] with what the features need of it.
type Token struct {
	Start, End  int
	hash        uint32 // of the lower-cased token
	pre2, pre3  uint32 // of its first letters
	suf2, suf3  uint32 // of its last letters
	suf4        uint32
	key, keyTwo uint32 // the last word, the last two words, before the last ":" or "=" that rules here
	first       uint32 // the line's first word
	Shape       Shape
	Lex         Lex
	glue        glue  // what else stands in its run without blanks
	mode        uint8 // casing of the line: mixed, lower, upper
	Space       Space
	Forgotten   bool // see Scanner.Forget
	start       bool // begins a line or a sentence
}

// Space is what stands between a token and the one before it.
type Space uint8

// The kinds of space.
const (
	Tight Space = iota // nothing
	Spaced
	Broken // the token is a line break, or follows one
)

const (
	hashSeed  = 2166136261
	hashPrime = 16777619
)

func add(h uint32, r rune) uint32 { return (h ^ uint32(r)) * hashPrime }

// finish spreads the hash over all bits.
func finish(h uint32) uint32 {
	h ^= h >> 15
	h *= 0x2c1b3c6d
	h ^= h >> 12
	return h
}

// HashWord is the hash of a word as a token has it; lower case is the caller's business.
func HashWord(word string) uint32 {
	h := uint32(hashSeed)
	for _, r := range word {
		h = add(h, r)
	}
	return finish(h)
}

func isIdeograph(r rune) bool {
	return r >= 0x3040 && r <= 0x30ff || r >= 0x3400 && r <= 0x9fff || r >= 0xf900 && r <= 0xfaff || r >= 0x20000 && r <= 0x3ffff
}

// class sorts runes for the tokeniser.
type class uint8

const (
	other class = iota
	space
	newline
	lower
	upper
	letter // without case, and marks that join a word
	ideograph
	digit
	under
)

var ascii = func() (t [128]class) {
	for c := range t {
		switch {
		case c == '\n' || c == '\r' || c == '\v' || c == '\f':
			t[c] = newline
		case c <= ' ' || c == 127:
			t[c] = space
		case 'a' <= c && c <= 'z':
			t[c] = lower
		case 'A' <= c && c <= 'Z':
			t[c] = upper
		case '0' <= c && c <= '9':
			t[c] = digit
		case c == '_':
			t[c] = under
		}
	}
	return t
}()

func classOf(r rune) class {
	switch {
	case r < 128:
		return ascii[r]
	case isIdeograph(r):
		return ideograph
	case r == 0x2028 || r == 0x2029 || r == 0x85:
		return newline
	case unicode.IsSpace(r) || r == 0x200b || r == 0xfeff:
		return space
	case unicode.IsUpper(r) || unicode.IsTitle(r):
		return upper
	case unicode.IsLower(r):
		return lower
	case unicode.IsLetter(r) || unicode.IsMark(r):
		return letter
	case unicode.IsDigit(r):
		return digit
	}
	return other
}

func isApostrophe(r rune) bool { return r == '\'' || r == '’' }

// next reads the token at or after pos; ok is false when none is left.
func next(text string, pos int) (t Token, end int, ok bool) {
	for pos < len(text) {
		r, n := rune(text[pos]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRuneInString(text[pos:])
		}
		switch c := classOf(r); {
		case c == space:
			t.Space = Spaced
			pos += n
		case c == newline:
			return lineBreak(text, pos, t)
		case r == '\\' && pos+1 < len(text) && (text[pos+1] == 'n' || text[pos+1] == 'r') && (pos == 0 || text[pos-1] != '\\'):
			return lineBreak(text, pos, t)
		case c == other || c == ideograph:
			t.Start, t.End = pos, pos+n
			t.hash = finish(add(hashSeed, r))
			t.Shape = Punct
			if c == ideograph {
				t.Shape = Ideograph
			}
			return t, t.End, true
		default:
			t.Start = pos
			word(text, &t)
			return t, t.End, true
		}
	}
	return t, pos, false
}

// lineBreak reads a run of line breaks, real or written as \n, with the blanks between.
func lineBreak(text string, pos int, t Token) (Token, int, bool) {
	t.Start, t.Space = pos, Broken
	breaks := 0
	for pos < len(text) {
		n, breaking := blank(text[pos:])
		if n == 0 {
			break
		}
		if breaking {
			breaks++
		}
		pos += n
	}
	t.End, t.hash, t.Shape = pos, lineHash, Newline
	if breaks > 1 {
		t.hash, t.Shape = blankHash, Blank
	}
	return t, pos, true
}

var lineHash, blankHash = HashWord("\n"), HashWord("\n\n")

// blank is the length of the blank or line break that text begins with, and
// whether it is a break; a carriage return is counted with the line feed after it.
func blank(text string) (n int, breaking bool) {
	switch c := text[0]; {
	case c == '\n':
		return 1, true
	case c == '\\' && len(text) > 1 && text[1] == 'n':
		return 2, true
	case c == '\\' && len(text) > 1 && text[1] == 'r':
		return 2, false
	case c < utf8.RuneSelf && (ascii[c] == newline || ascii[c] == space):
		return 1, false
	case c >= utf8.RuneSelf:
		if r, n := utf8.DecodeRuneInString(text); classOf(r) == newline {
			return n, true
		}
	}
	return 0, false
}

// letters counts what a word is made of.
type letters struct {
	runes, upper, lower, digits                  int
	firstUpper, firstDigit, underscore, backward bool // backward: a capital after a small letter
}

// count adds a rune, in lower case when it has one.
func (l *letters) count(c class, r rune) rune {
	switch c {
	case upper:
		l.upper++
		l.firstUpper = l.firstUpper || l.runes == 0
		l.backward = l.backward || l.lower > 0
		if r < 128 {
			r += 'a' - 'A'
		} else {
			r = unicode.ToLower(r)
		}
	case lower:
		l.lower++
	case digit:
		l.digits++
		l.firstDigit = l.firstDigit || l.runes == 0
	case under:
		l.underscore = true
	}
	l.runes++
	return r
}

func (l *letters) shape() Shape {
	switch all := l.upper + l.lower; {
	case l.underscore:
		return Identifier
	case l.digits == l.runes:
		return Digits1 + Shape(min(l.runes, 7)-1)
	case l.firstDigit:
		return DigitFirst
	case l.digits > 0:
		return LetterFirst
	case all == 0:
		return Caseless
	case l.upper == 0:
		return Lower
	case !l.firstUpper:
		return Camel
	case l.upper == all && l.upper == 1:
		return UpperOne
	case l.upper == all && l.upper < 4:
		return UpperShort
	case l.upper == all:
		return Upper
	case l.backward:
		return CapMixed
	}
	return Capital
}

// word reads letters, marks, digits, underscores and the apostrophes between letters.
func word(text string, t *Token) {
	var l letters
	var tail [4]rune // the last runes, by their number modulo 4
	h, pos := uint32(hashSeed), t.Start
	for pos < len(text) {
		r, n := rune(text[pos]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRuneInString(text[pos:])
		}
		c := classOf(r)
		if c < lower || c == ideograph {
			if !isApostrophe(r) || l.runes == 0 || !joins(text, pos+n) {
				break
			}
			r = '\''
		}
		r = l.count(c, r)
		h = add(h, r)
		switch l.runes {
		case 2:
			t.pre2 = h
		case 3:
			t.pre3 = h
		}
		tail[l.runes&3] = r
		pos += n
	}
	t.End, t.hash, t.Shape = pos, finish(h), l.shape()
	if l.runes > 2 {
		t.suf2 = add(add(hashSeed, tail[l.runes&3]), tail[(l.runes-1)&3])
		t.suf3 = add(t.suf2, tail[(l.runes-2)&3])
	}
	if l.runes > 3 {
		t.suf4 = add(t.suf3, tail[(l.runes-3)&3])
	}
}

// joins reports whether the apostrophe before pos belongs to the word: letters
// follow that are no ending of their own, as in "Anna's" and "I'll".
func joins(text string, pos int) bool {
	end, short := pos, true
	for end < len(text) && end < pos+4 {
		r, n := utf8.DecodeRuneInString(text[end:])
		if c := classOf(r); c != lower && c != upper && c != letter {
			break
		}
		short = short && n == 1
		end += n
	}
	if end == pos {
		return false
	}
	if !short {
		return true
	}
	switch text[pos:end] {
	case "s", "S", "t", "T", "m", "M", "d", "D", "ll", "LL", "re", "RE", "ve", "VE":
		return false
	}
	return true
}

func mix(a, b uint32) uint32 {
	hi, lo := bits.Mul64(uint64(a)*0x9e3779b97f4a7c15+uint64(b), 0xd6e8feb86659fd93)
	return uint32(hi ^ lo)
}
