package policy

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// gap is the first place in text, from an offset on, where a piece may end: at
// the start of a word, with two ordinary words on either side of it. seen is the
// end of what was needed to know. 0: there is none yet.
func gap(text string, from int) (at, seen int) {
	ordinary := 0 // words in a row, so far
	var starts [3]int
	for start := 0; ; {
		start += len(text[start:]) - len(strings.TrimLeft(text[start:], blanks))
		size := strings.IndexAny(text[start:], blanks)
		if size < 0 {
			return 0, 0 // it may go on
		}
		if isOrdinary(text[start : start+size]) {
			ordinary++
		} else {
			ordinary = 0
		}
		starts[0], starts[1], starts[2] = starts[1], starts[2], start
		// The cut is in front of the word before this one.
		if ordinary >= 4 && starts[1] >= from {
			return starts[1], start + size
		}
		start += size
	}
}

const blanks = " \t\r\n"

// isOrdinary reports whether a word is written small, and unlikely to be a part
// of a value: of a name, an address, a date.
func isOrdinary(word string) bool {
	word = strings.Trim(word, `.,;:!?()"'*_`)
	if word == "" || len(word) > 24 || joining[word] {
		return false
	}
	for _, r := range word {
		if !unicode.IsLower(r) && r != '\'' && r != '’' && r != '-' {
			return false
		}
	}
	return true
}

// joining words stand within values: between the parts of a name, in front of a
// street's, among a number's or a date's.
var joining = func() map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(`
		de del della di da do dos das du des la le las los el al bin ibn ben von vom van der den zu zur ter ten y e i
		rue via calle avenida avenue boulevard plaza piazza place chemin allee rua strasse straße weg platz box po apt suite unit floor
		january february march april may june july august september october november december
		januar februar märz mai juni juli oktober dezember enero febrero marzo abril mayo junio julio agosto septiembre octubre
		noviembre diciembre janvier février mars avril juin juillet août septembre octobre novembre décembre
		zero one two three four five six seven eight nine ten dot at dash plus`) {
		m[w] = true
	}
	return m
}()

// forced is where a piece ends that has no gap: at a blank, or at any character,
// but not within a value if that can be.
func forced(view string, whole []match) int {
	at := mostPiece
	if i := strings.LastIndexAny(view[:at], blanks); i >= leastPiece {
		at = i + 1
	}
	for !utf8.RuneStart(view[at]) {
		at--
	}
	for moved := true; moved; {
		moved = false
		for _, m := range whole {
			if m.start < at && at < m.end && m.start > 0 {
				at, moved = m.start, true
			}
		}
	}
	for _, m := range whole { // one that has been open from the start
		if m.start <= 0 && at < m.end {
			at = max(at, m.end)
		}
	}
	return at
}
