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
	mode        uint8 // casing of the line: mixed, lower, upper
	Space       Space
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
	t.Start, t.End, t.Space = pos, pos, Broken
	breaks := 0
	for pos < len(text) {
		switch c := text[pos]; {
		case c == '\n':
			breaks++
			pos++
			t.End = pos
		case c == '\\' && pos+1 < len(text) && text[pos+1] == 'n':
			breaks++
			pos += 2
			t.End = pos
		case c == '\\' && pos+1 < len(text) && text[pos+1] == 'r':
			pos += 2
			t.End = pos
		case c < 128 && (ascii[c] == newline || ascii[c] == space):
			pos++
			t.End = pos
		default:
			if r, n := utf8.DecodeRuneInString(text[pos:]); c >= 128 && classOf(r) == newline {
				breaks++
				pos += n
				t.End = pos
				continue
			}
			t.hash, t.Shape = HashWord("\n"), Newline
			if breaks > 1 {
				t.hash, t.Shape = HashWord("\n\n"), Blank
			}
			return t, pos, true
		}
	}
	t.hash, t.Shape = HashWord("\n"), Newline
	if breaks > 1 {
		t.hash, t.Shape = HashWord("\n\n"), Blank
	}
	return t, pos, true
}

// word reads letters, marks, digits, underscores and the apostrophes between letters.
func word(text string, t *Token) {
	var uppers, lowers, letters, digits, runes int
	var firstUpper, underscore, upperAfterLower, digitFirst bool
	var tail [4]rune
	h, pos := uint32(hashSeed), t.Start
	for pos < len(text) {
		r, n := rune(text[pos]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRuneInString(text[pos:])
		}
		c := classOf(r)
		switch c {
		case upper:
			uppers++
			firstUpper = firstUpper || runes == 0
			upperAfterLower = upperAfterLower || lowers > 0
			if r < 128 {
				r += 'a' - 'A'
			} else {
				r = unicode.ToLower(r)
			}
		case lower:
			lowers++
		case letter:
			letters++
		case digit:
			digits++
			digitFirst = digitFirst || runes == 0
		case under:
			underscore = true
		default:
			if !isApostrophe(r) || runes == 0 || !joins(text, pos+n) {
				goto done
			}
			r = '\''
		}
		runes++
		h = add(h, r)
		if runes == 2 {
			t.pre2 = h
		} else if runes == 3 {
			t.pre3 = h
		}
		tail[runes&3] = r
		pos += n
	}
done:
	t.End = pos
	t.hash = finish(h)
	if runes > 2 {
		s := add(add(hashSeed, tail[runes&3]), tail[(runes-1)&3])
		t.suf2 = s
		s = add(s, tail[(runes-2)&3])
		t.suf3 = s
		if runes > 3 {
			t.suf4 = add(s, tail[(runes-3)&3])
		}
	}
	all := uppers + lowers
	switch {
	case underscore:
		t.Shape = Identifier
	case digits == runes:
		t.Shape = Digits1 + Shape(min(runes, 7)-1)
	case digits > 0 && digitFirst:
		t.Shape = DigitFirst
	case digits > 0:
		t.Shape = LetterFirst
	case all == 0:
		t.Shape = Caseless
	case uppers == 0:
		t.Shape = Lower
	case !firstUpper:
		t.Shape = Camel
	case uppers == all && uppers == 1:
		t.Shape = UpperOne
	case uppers == all && uppers < 4:
		t.Shape = UpperShort
	case uppers == all:
		t.Shape = Upper
	case upperAfterLower:
		t.Shape = CapMixed
	default:
		t.Shape = Capital
	}
}

// joins reports whether the apostrophe before pos belongs to the word: a letter
// follows, and what follows is not the "s" of a possessive.
func joins(text string, pos int) bool {
	if pos >= len(text) {
		return false
	}
	r, n := utf8.DecodeRuneInString(text[pos:])
	if c := classOf(r); c != lower && c != upper {
		return false
	}
	if r != 's' && r != 'S' {
		return true
	}
	after, _ := utf8.DecodeRuneInString(text[pos+n:])
	c := classOf(after)
	return pos+n < len(text) && (c == lower || c == upper || c == letter)
}

func mix(a, b uint32) uint32 {
	hi, lo := bits.Mul64(uint64(a)*0x9e3779b97f4a7c15+uint64(b), 0xd6e8feb86659fd93)
	return uint32(hi ^ lo)
}
