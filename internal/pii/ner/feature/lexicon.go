package feature

import (
	"encoding/binary"
	"errors"
)

// Lex is the set of word lists that a word stands in.
type Lex uint16

// The word lists.
const (
	Given    Lex = 1 << iota // given names
	Surname                  // family names
	Place                    // words of towns' names
	Region                   // words of countries' and states' names
	Street                   // words such as "street" and "rue"
	Common                   // the commonest English words
	Word                     // other English words
	Frequent                 // the commonest given names
	Family                   // the commonest family names
	Foreign                  // common words of other languages
	Title                    // titles before names
)

// Names are the lists of names and places.
const Names = Given | Surname | Place | Frequent | Family

// LexNames are the lists' names in the training data.
var LexNames = map[string]Lex{"given": Given, "surname": Surname, "place": Place, "region": Region, "street": Street, "common": Common, "word": Word, "frequent": Frequent, "family": Family, "foreign": Foreign, "title": Title}

const (
	lexSlots = 1 << 18
	lexShift = 14 // a slot's number is the top 18 bits of the 32-bit hash
	lists    = 1<<12 - 1
)

// Lexicon tells which lists a word stands in. It keeps 20 bits of a second hash
// of each word, so that about one unknown word in a million is taken for a
// known one. The zero value is not usable; it is read-only after the last Add.
type Lexicon struct {
	slots []uint32 // second hash << 12 | lists; 0 is empty
	used  int
}

// NewLexicon is a lexicon without words.
func NewLexicon() *Lexicon { return &Lexicon{slots: make([]uint32, lexSlots)} }

func lexTag(pre, suf, hash uint32) uint32 { return mix(hash, pre^suf*31) &^ lists }

// Add puts a word, in lower case, on the lists.
func (l *Lexicon) Add(word string, lex Lex) error {
	t, _, ok := next(word, 0)
	if !ok || t.End != len(word) {
		return errors.New("not one token: " + word)
	}
	if l.used > lexSlots*9/10 {
		return errors.New("the lexicon is full")
	}
	tag := lexTag(t.pre3, t.suf3, t.hash)
	for i := t.hash >> lexShift; ; i = (i + 1) % lexSlots {
		switch s := l.slots[i]; {
		case s == 0:
			l.slots[i] = tag | uint32(lex)
			l.used++
			return nil
		case s&^lists == tag:
			l.slots[i] = s | uint32(lex)
			return nil
		}
	}
}

func (l *Lexicon) find(t *Token) Lex {
	tag := lexTag(t.pre3, t.suf3, t.hash)
	for i := t.hash >> lexShift; ; i = (i + 1) % lexSlots {
		s := l.slots[i]
		if s == 0 {
			return 0
		}
		if s&^lists == tag {
			return Lex(s & lists)
		}
	}
}

// AppendBinary appends the lexicon's bytes.
func (l *Lexicon) AppendBinary(b []byte) ([]byte, error) {
	for _, s := range l.slots {
		b = binary.LittleEndian.AppendUint32(b, s)
	}
	return b, nil
}

// UnmarshalBinary reads what AppendBinary wrote.
func (l *Lexicon) UnmarshalBinary(b []byte) error {
	if len(b) != 4*lexSlots {
		return errors.New("the lexicon has the wrong size")
	}
	l.slots = make([]uint32, lexSlots)
	for i := range l.slots {
		l.slots[i] = binary.LittleEndian.Uint32(b[4*i:])
	}
	return nil
}
