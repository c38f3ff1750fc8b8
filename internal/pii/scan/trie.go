package scan

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// trie is a deterministic automaton of the labels. A word's end is an edge that
// any of " _-./" takes, and each label is in it with those edges and without:
// "account number", "account_number", "accountNumber" are one.
type trie struct {
	nodes    []node
	children []int32
	phrases  []phrase
}

// node has a child for each class from low to low+len-1.
type node struct {
	child  int32 // where its children begin
	low, n uint8
	meant  int16 // index+1 in phrases; 0: no label ends here
}

type phrase struct {
	kind kind
	weak bool
}

// letterClass folds case, also that of Latin letters beyond ASCII, in the way of
// their UTF-8.
var letterClass = func() (table [256]uint8) {
	for b := range table {
		switch {
		case b >= 'a' && b <= 'z':
			table[b] = uint8(b-'a') + 2
		case b >= 'A' && b <= 'Z':
			table[b] = uint8(b-'A') + 2
		case b >= '0' && b <= '9':
			table[b] = uint8(b-'0') + 28
		case b >= 0x80 && b < 0xa0: // À and à differ by 0x20 in their second byte
			table[b] = uint8(b) + 0x20
		case b >= 0xa0:
			table[b] = uint8(b)
		}
	}
	for _, b := range " _-./" {
		table[b] = 1
	}
	return table
}()

// buildTrie compiles the table of labels.
func buildTrie(table []labelRow) *trie {
	type building struct {
		child map[uint8]*building
		meant int16
	}
	root := &building{child: map[uint8]*building{}}
	var all []phrase
	insert := func(text string, meant int16) {
		at := root
		for _, b := range []byte(text) {
			c := letterClass[b]
			if c == 0 {
				panic("scan: a label with " + string(rune(b)) + ": " + text)
			}
			if at.child[c] == nil {
				at.child[c] = &building{child: map[uint8]*building{}}
			}
			at = at.child[c]
		}
		if at.meant == 0 {
			at.meant = meant
		}
	}
	for _, row := range table {
		all = append(all, phrase{row.kind, row.weak})
		for _, text := range row.phrases {
			text = strings.ReplaceAll(text, "'", "") // as match does
			insert(text, int16(len(all)))
			insert(strings.ReplaceAll(text, " ", ""), int16(len(all)))
			if plain := unaccented(text); plain != text {
				insert(plain, int16(len(all)))
				insert(strings.ReplaceAll(plain, " ", ""), int16(len(all)))
			}
		}
	}
	t := &trie{phrases: all}
	t.nodes = append(t.nodes, node{})
	var compile func(b *building, at int)
	compile = func(b *building, at int) {
		n := node{meant: b.meant}
		if len(b.child) > 0 {
			classes := make([]uint8, 0, len(b.child))
			for c := range b.child {
				classes = append(classes, c)
			}
			slices.Sort(classes)
			n.low, n.n = classes[0], classes[len(classes)-1]-classes[0]+1
			n.child = int32(len(t.children))
			t.children = append(t.children, make([]int32, n.n)...)
			for _, c := range classes {
				t.children[int(n.child)+int(c-n.low)] = int32(len(t.nodes))
				t.nodes = append(t.nodes, node{})
				compile(b.child[c], len(t.nodes)-1)
			}
		}
		t.nodes[at] = n
	}
	compile(root, 0)
	return t
}

// unaccented leaves out the accents of the letters that our labels have.
func unaccented(s string) string {
	return strings.NewReplacer("ä", "ae", "ö", "oe", "ü", "ue", "ß", "ss", "é", "e", "è", "e", "ê", "e", "à", "a", "á", "a", "â", "a", "ã", "a",
		"ç", "c", "í", "i", "ñ", "n", "ó", "o", "õ", "o", "ô", "o", "ú", "u", "ù", "u").Replace(s)
}

// match finds the longest label that begins at i, where a word begins.
func (t *trie) match(s string, i int) (label, bool) {
	var (
		at    int32
		found label
		ok    bool
	)
	start := i
	for i < len(s) {
		c := letterClass[s[i]]
		if c == 0 {
			if s[i] == '\'' && i > start { // driver's
				i++
				continue
			}
			break
		}
		n := &t.nodes[at]
		if c < n.low || c >= n.low+n.n {
			break
		}
		at = t.children[int(n.child)+int(c-n.low)]
		if at == 0 {
			break
		}
		i++
		if c == 1 && i < len(s) && letterClass[s[i]] == 1 { // "acct. no", "acct - no"
			i++
			if i < len(s) && s[i] == ' ' {
				i++
			}
		}
		if meant := t.nodes[at].meant; meant != 0 {
			if end, ends := wordEnd(s, start, i); ends {
				p := t.phrases[meant-1]
				found, ok = label{start: start, end: end, kind: p.kind, weak: p.weak}, true
			}
		}
	}
	return found, ok
}

// wordEnd reports whether a word ends at i, and where it ends with its plural s.
func wordEnd(s string, start, i int) (end int, ends bool) {
	if i >= len(s) {
		return i, true
	}
	switch class[s[i]] {
	case lower:
		if s[i] == 's' && (i+1 == len(s) || class[s[i+1]]&(lower|foreign|digits) == 0) {
			return i + 1, true
		}
		return 0, false
	case upper:
		if class[s[i-1]] == lower {
			return i, true
		}
		if s[i] == 'S' && (i+1 == len(s) || class[s[i+1]] == 0) {
			return i + 1, true
		}
		return i, class[s[start]] == upper && i+1 < len(s) && class[s[i+1]] == lower // SSNValue
	case foreign:
		r, _ := utf8.DecodeRuneInString(s[i:])
		return i, !inWord(r) || unicode.IsMark(r)
	}
	return i, class[s[i]] == 0 || class[s[i-1]] == lower && digitsOnly(s, i, 3) || digitsOnly(s, i, 9)
}

// digitsOnly reports whether the word goes on at i with nothing but digits, at
// least so many:
// ssn123456789, but not PH841164C or cc48.
func digitsOnly(s string, i, least int) bool {
	start := i
	for i < len(s) && class[s[i]] == digits {
		i++
	}
	return i-start >= least && (i == len(s) || class[s[i]] == 0)
}
