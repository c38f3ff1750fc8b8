package fold

import (
	"unicode"
	"unicode/utf8"
)

// lookalikes are the Cyrillic and Greek letters that a reader takes for Latin.
var lookalikes = map[rune]byte{
	'а': 'a', 'с': 'c', 'ԁ': 'd', 'е': 'e', 'ғ': 'f', 'һ': 'h', 'і': 'i', 'ї': 'i', 'ј': 'j', 'к': 'k', 'ӏ': 'l', 'м': 'm',
	'о': 'o', 'р': 'p', 'ԛ': 'q', 'ѕ': 's', 'т': 't', 'ѵ': 'v', 'ѡ': 'w', 'ԝ': 'w', 'х': 'x', 'у': 'y', 'ү': 'y',
	'А': 'A', 'В': 'B', 'С': 'C', 'Е': 'E', 'Ё': 'E', 'Ғ': 'F', 'Ԍ': 'G', 'Н': 'H', 'І': 'I', 'Ї': 'I', 'Ј': 'J', 'К': 'K', 'Ӏ': 'I', 'М': 'M',
	'О': 'O', 'Р': 'P', 'Ԛ': 'Q', 'Ѕ': 'S', 'Т': 'T', 'Ѵ': 'V', 'Ԝ': 'W', 'Х': 'X', 'У': 'Y', 'Ү': 'Y',
	'α': 'a', 'ϲ': 'c', 'ε': 'e', 'ι': 'i', 'κ': 'k', 'ν': 'v', 'ο': 'o', 'ρ': 'p', 'σ': 'o', 'τ': 't', 'υ': 'u', 'χ': 'x', 'γ': 'y', 'ϳ': 'j', 'ω': 'w',
	'Α': 'A', 'Β': 'B', 'Ϲ': 'C', 'Ε': 'E', 'Η': 'H', 'Ι': 'I', 'Κ': 'K', 'Μ': 'M', 'Ν': 'N', 'Ο': 'O', 'Ρ': 'P', 'Τ': 'T', 'Υ': 'Y', 'Χ': 'X', 'Ζ': 'Z',
	'ᴀ': 'a', 'ᴄ': 'c', 'ᴅ': 'd', 'ᴇ': 'e', 'ᴊ': 'j', 'ᴋ': 'k', 'ᴍ': 'm', 'ᴏ': 'o', 'ᴘ': 'p', 'ᴛ': 't', 'ᴜ': 'u', 'ᴠ': 'v', 'ᴡ': 'w', 'ᴢ': 'z',
	'օ': 'o', 'ս': 'u', 'հ': 'h', 'ո': 'n',
}

// common is lookalikes for the blocks of Greek, Cyrillic and Armenian.
var common = func() (table [0x590 - 0x370]byte) {
	for r, b := range lookalikes {
		if r >= 0x370 && r < 0x590 {
			table[r-0x370] = b
		}
	}
	return table
}()

// lookalike is the Latin letter that r looks like, 0 when there is none.
func lookalike(r rune) byte {
	switch {
	case r < 0x370:
		return 0
	case r < 0x590:
		return common[r-0x370]
	case r >= 0x1d00 && r < 0x1d80:
		return lookalikes[r]
	}
	return 0
}

// word is a run of letters and digits.
type word struct {
	start, end int
	latin      bool // has an ASCII letter or digit
	foreign    bool // has a letter of another script
	alike      bool // all of those are lookalikes
}

// mayMislead reports whether s has a byte that begins a lookalike.
func mayMislead(s string) bool {
	for i := range len(s) {
		if b := s[i]; b >= 0xcd && b <= 0xd6 || b == 0xe1 {
			return true
		}
	}
	return false
}

// latinize puts Latin letters in the place of lookalikes, in words that have
// Latin letters or digits already, and in those tied to one by @ . _ or -. A word
// with a letter that looks like none stays: it is of its own script.
func (t *Text) latinize(c *changes) {
	words := t.words[:0]
	flush := func() {
		latin := false
		for _, w := range words {
			latin = latin || w.latin
		}
		for _, w := range words {
			if latin && w.foreign && w.alike {
				t.rewrite(c, w)
			}
		}
		words = words[:0]
	}
	for i := 0; i < len(c.in); {
		w := readWord(c.in, i)
		if w.end > i {
			words = append(words, w)
			i = w.end
			continue
		}
		if b := c.in[i]; len(words) > 0 && words[len(words)-1].end == i && (b == '@' || b == '.' || b == '_' || b == '-') {
			i++
			continue
		}
		flush()
		_, size := utf8.DecodeRuneInString(c.in[i:])
		i += size
	}
	flush()
	t.words = words
}

func readWord(s string, start int) word {
	w := word{start: start, end: start, alike: true}
	for w.end < len(s) {
		if b := s[w.end]; b < 0x80 {
			if !letter(b) && (b < '0' || b > '9') {
				break
			}
			w.latin = true
			w.end++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[w.end:])
		switch {
		case lookalike(r) != 0:
			w.foreign = true
		case unicode.IsMark(r), unicode.Is(unicode.Latin, r):
		case unicode.IsLetter(r):
			w.foreign, w.alike = true, false
		default:
			return w
		}
		w.end += size
	}
	return w
}

func (t *Text) rewrite(c *changes, w word) {
	for i := w.start; i < w.end; {
		r, size := utf8.DecodeRuneInString(c.in[i:])
		if l := lookalike(r); l != 0 {
			t.char = append(t.char[:0], l)
			c.change(i, i+size, t.char)
		}
		i += size
	}
}
