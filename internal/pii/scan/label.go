package scan

import (
	_ "embed"
	"fmt"
	"strings"
	"sync"

	"github.com/bricks-gateway/bricks/internal/pii"
)

// kind is what a label announces: a type of personal data, by its number, or
// one of those below.
type kind uint8

const (
	anyNumber kind = kind(pii.Types) + iota // the number of something else: an order, a ticket, an amount
	anything                                // something else of any form
	taxNumber                               // a tax number of a country that the value tells
	sortCode                                // the number of a bank or branch outside the United States
	vehicle                                 // talk of a car, beside which a plate may stand
	anonymous                               // value, answer: goes with the label before it
	month                                   // the name of a month
	weekday                                 // of a day of the week
	yearsOld                                // what stands behind an age
)

var kindNames = map[string]kind{
	"other-number": anyNumber, "other": anything, "tax-number": taxNumber, "sort-code": sortCode, "vehicle": vehicle,
	"value": anonymous, "month": month, "weekday": weekday, "years-old": yearsOld,
}

// label is a phrase of the text that says what stands beside it.
type label struct {
	start, end  int
	first, last int // its tokens
	kind        kind
	weak        bool // it means other things as well
	governed    bool // it says more of the label before it: the PIN of my card
}

//go:embed labels.txt
var labelText string

// labelRow is one paragraph of labels.txt.
type labelRow struct {
	kind    kind
	weak    bool
	phrases []string
}

// parseLabels reads labels.txt, whose head says how.
func parseLabels(text string) ([]labelRow, error) {
	var rows []labelRow
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		switch {
		case line == "", line[0] == '#':
		case line[0] == ' ' && len(rows) > 0:
			row := &rows[len(rows)-1]
			for phrase := range strings.SplitSeq(line, "|") {
				row.phrases = append(row.phrases, strings.TrimSpace(phrase))
			}
		default:
			name, weak := strings.CutSuffix(strings.TrimSuffix(line, ":"), " weak")
			k, ok := kindNames[name]
			if t, isType := pii.Parse(name); isType {
				k, ok = kind(t), true
			}
			if !ok {
				return nil, fmt.Errorf("labels: no kind %q", name)
			}
			rows = append(rows, labelRow{kind: k, weak: weak})
		}
	}
	return rows, nil
}

// labels compiles them, when the first text comes.
var labels = sync.OnceValue(func() *trie {
	rows, err := parseLabels(labelText)
	if err != nil {
		panic(err) // the file is embedded, and a test reads it
	}
	return buildTrie(rows)
})
