package scan

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// token is a run of letters and digits, or a part of one that a label ends or
// begins.
type token struct {
	start, end int
	label      int32 // 1 + the index of the label that the token is part of
	has        flags
}

// flags say what a token is made of.
type flags uint8

const (
	digits flags = 1 << iota
	lower
	upper
	foreign // a letter outside ASCII
)

// bytes by what they are in a token.
var class = func() (table [256]flags) {
	for b := range table {
		switch {
		case b >= '0' && b <= '9':
			table[b] = digits
		case b >= 'a' && b <= 'z':
			table[b] = lower
		case b >= 'A' && b <= 'Z':
			table[b] = upper
		case b >= 0x80:
			table[b] = foreign
		}
	}
	return table
}()

// inWord reports whether a character beyond ASCII continues a word. Scripts that
// write words without spaces do not: a number may stand right behind one.
func inWord(r rune) bool {
	if r < 0x100 {
		return r != utf8.RuneError && unicode.IsLetter(r)
	}
	return r < 0x2e80 && (r < 0xe00 || r >= 0x1e00) && (unicode.IsLetter(r) || unicode.IsMark(r))
}

// tokenize cuts the text into tokens and finds the labels.
func (sc *scanner) tokenize() {
	sc.tokens, sc.labels = sc.tokens[:0], sc.labels[:0]
	s := sc.s
	for i := 0; i < len(s); {
		c := class[s[i]]
		if c == 0 {
			i++
			continue
		}
		if c == foreign {
			if r, size := utf8.DecodeRuneInString(s[i:]); !inWord(r) {
				i += size
				continue
			}
		}
		if c != digits {
			if l, ok := sc.trie.match(s, i); ok {
				i = sc.addLabel(l)
				continue
			}
		}
		i = sc.addToken(i)
	}
	for i := 1; i < len(sc.labels); i++ {
		sc.labels[i].governed = sc.governs(&sc.labels[i-1], &sc.labels[i])
	}
}

// governs reports whether "for my", "of the" or the like ties b to a, so that
// what follows b is a's.
func (sc *scanner) governs(a, b *label) bool {
	if a.kind >= anyNumber || b.first-a.last > 4 || b.start-a.end > 24 {
		return false
	}
	tied := false
	for t := a.last + 1; t < b.first; t++ {
		word := sc.s[sc.tokens[t].start:sc.tokens[t].end]
		if prepositions.has(word) {
			tied = true
		} else if !fillers.has(word) {
			return false
		}
	}
	return tied && strings.Trim(sc.s[a.end:b.start], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ \u00fc") == ""
}

var prepositions = wordsOf(`for of on to from für von zu pour de du del para per di della voor van do da`)

// addToken reads one token at i and returns its end. A capital behind a small
// letter may begin a label: customerSsn.
func (sc *scanner) addToken(i int) int {
	s, start := sc.s, i
	var has flags
	for i < len(s) {
		c := class[s[i]]
		if c == 0 {
			break
		}
		if c == foreign {
			r, size := utf8.DecodeRuneInString(s[i:])
			if !inWord(r) {
				break
			}
			has |= foreign
			i += size
			continue
		}
		if c == upper && i > start && class[s[i-1]] == lower {
			if l, ok := sc.trie.match(s, i); ok && l.kind < month {
				break
			}
		}
		has |= c
		i++
	}
	sc.tokens = append(sc.tokens, token{start: start, end: i, has: has})
	return i
}

// addLabel notes a label and its tokens, and returns where to go on.
func (sc *scanner) addLabel(l label) int {
	l.first = len(sc.tokens)
	for i := l.start; i < l.end; {
		if class[sc.s[i]] == 0 {
			i++
			continue
		}
		start, has := i, flags(0)
		for i < l.end && class[sc.s[i]] != 0 {
			has |= class[sc.s[i]]
			i++
		}
		sc.tokens = append(sc.tokens, token{start: start, end: i, has: has, label: int32(len(sc.labels) + 1)})
	}
	l.last = len(sc.tokens) - 1
	sc.labels = append(sc.labels, l)
	return l.end
}

// tokenFrom is the first token that starts at or behind a place, not before
// token i.
func (sc *scanner) tokenFrom(i, place int) int {
	for i < len(sc.tokens) && sc.tokens[i].start < place {
		i++
	}
	return i
}

// at is the byte at i, 0 outside the text.
func (sc *scanner) at(i int) byte {
	if i < 0 || i >= len(sc.s) {
		return 0
	}
	return sc.s[i]
}

// wordAt reports whether a letter or digit stands at i.
func (sc *scanner) wordAt(i int) bool {
	if i < 0 || i >= len(sc.s) {
		return false
	}
	switch class[sc.s[i]] {
	case 0:
		return false
	case foreign:
		for i > 0 && !utf8.RuneStart(sc.s[i]) {
			i--
		}
		r, _ := utf8.DecodeRuneInString(sc.s[i:])
		return inWord(r)
	}
	return true
}

// text of a token in lower case, when it is short ASCII; the array is scratch.
func lowered(s string, buffer *[16]byte) []byte {
	if len(s) > len(buffer) {
		return nil
	}
	for i := range len(s) {
		b := s[i]
		if b >= 'A' && b <= 'Z' {
			b += 'a' - 'A'
		}
		buffer[i] = b
	}
	return buffer[:len(s)]
}
