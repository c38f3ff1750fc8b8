package scan

import (
	"strings"

	"github.com/bricks-gateway/bricks/internal/pii"
)

// cell is a part of a line, without the blanks and quotes around it.
type cell struct {
	start, end int
	label      int // 1 + index of the label that names the column
}

// mostCells bounds the columns of a table.
const mostCells = 64

// tables looks for lines of labels over lines of values, apart by commas,
// semicolons, tabs or bars, and for INSERT statements of SQL.
func (sc *scanner) tables() {
	done := 0 // labels before it are in a line that was looked at
	for i := range sc.labels {
		at := sc.labels[i].start
		if at < done {
			continue
		}
		start := done + strings.LastIndexByte(sc.s[done:at], '\n') + 1
		done = lineEnd(sc.s, max(at, sc.table(start, i))) // rows are no headers
	}
	sc.inserts()
}

// table reads the table whose header may be the line at start, which has label i.
// It returns where its last row begins, or 0.
func (sc *scanner) table(start, first int) int {
	s := sc.s
	end := lineEnd(s, start)
	named, next := end, end+1
	if next >= len(s) || end-start > 1024 {
		return 0
	}
	separator := byte(0)
	for _, b := range []byte("\t|;,") {
		if b == '\t' && s[start] == '\t' {
			continue // a line of code that is set in
		}
		if n := strings.Count(s[start:end], string(b)); n > 0 && n < mostCells && (b != ',' || strings.Count(s[next:lineEnd(s, next)], ",") >= n) {
			separator = b
			break
		}
	}
	if separator == 0 {
		return 0
	}
	header := sc.split(sc.cells[0][:0], start, end, separator)
	sc.cells[0] = header
	if !sc.name(header, first) {
		return 0
	}
	last := 0
	for next < len(s) {
		end := lineEnd(s, next)
		if strings.Trim(s[next:end], "|-:+= \t\r") == "" && end > next {
			next = end + 1
			continue
		}
		row := sc.split(sc.cells[1][:0], next, end, separator)
		sc.cells[1] = row
		if len(row) < len(header) || len(row) > len(header)+2 || len(row) > len(header) && separator != ',' {
			return last
		}
		sc.row(header, row)
		if last == 0 {
			sc.heads = append(sc.heads, [2]int{start, named})
		}
		last = next
		next = end + 1
	}
	return last
}

// inHeader reports whether a place is in the header of a table. Places are asked
// for in order.
func (sc *scanner) inHeader(i int) bool {
	for sc.head < len(sc.heads) && sc.heads[sc.head][1] <= i {
		sc.head++
	}
	return sc.head < len(sc.heads) && sc.heads[sc.head][0] <= i
}

func lineEnd(s string, start int) int {
	if n := strings.IndexByte(s[start:], '\n'); n >= 0 {
		return start + n
	}
	return len(s)
}

// split cuts a line into cells. A separator in double quotes is none.
func (sc *scanner) split(cells []cell, start, end int, separator byte) []cell {
	quoted := byte(0)
	from := start
	for i := start; i <= end && len(cells) <= mostCells; i++ {
		if i < end {
			b := sc.s[i]
			if quoted != 0 {
				if b == quoted {
					quoted = 0
				}
				continue
			}
			if (b == '"' || b == '\'') && strings.Trim(sc.s[from:i], " ") == "" {
				quoted = b
				continue
			}
			if b != separator {
				continue
			}
		}
		c := cell{start: from, end: i}
		for c.start < c.end && strings.IndexByte(" \"'\r`*", sc.s[c.start]) >= 0 {
			c.start++
		}
		for c.end > c.start && strings.IndexByte(" \"'\r`*", sc.s[c.end-1]) >= 0 {
			c.end--
		}
		cells = append(cells, c)
		from = i + 1
	}
	return cells
}

// name gives the cells of a header their labels, and reports whether it is one:
// some cell is a label and not much else, and none is a value.
func (sc *scanner) name(header []cell, label int) bool {
	named := false
	if last := header[len(header)-1]; last.start == last.end && sc.at(last.end) == '\n' && sc.at(header[0].start-1) != '|' && sc.at(last.start-1) == ',' {
		return false // a list over several lines
	}
	for i := range header {
		c := &header[i]
		if sc.at(c.end) == ',' && strings.Count(sc.s[c.start:c.end], " ") > 2 || sc.at(c.start-1) == ',' && strings.Count(sc.s[c.start:c.end], " ") > 2 {
			return false // prose
		}
		if c.end-c.start > 48 || strings.ContainsAny(sc.s[c.start:c.end], "=<>{}[]:;") ||
			strings.Count(sc.s[c.start:c.end], "(") != strings.Count(sc.s[c.start:c.end], ")") {
			return false
		}
		numerals := 0
		for k := c.start; k < c.end; k++ {
			if class[sc.s[k]] == digits {
				numerals++
			}
		}
		if numerals > 2 {
			return false
		}
		best := 0
		for ; label < len(sc.labels) && sc.labels[label].start < c.end; label++ {
			l := &sc.labels[label]
			if size := l.end - l.start; l.start >= c.start && size > best && l.kind != anonymous && l.kind < anything {
				best, c.label = size, label+1
			}
		}
		if best*2 < c.end-c.start {
			c.label = 0
		}
		named = named || c.label != 0
	}
	return named
}

// row takes the values of the columns that have labels.
func (sc *scanner) row(header, row []cell) {
	for i := range header {
		c := row[len(row)-len(header)+i] // commas of a name come before what we know
		if header[i].label == 0 || c.end == c.start {
			continue
		}
		l := &sc.labels[header[i].label-1]
		text := sc.s[c.start:c.end]
		switch l.kind {
		case kind(pii.Password):
			if len(text) >= 3 && len(text) <= 64 && !placeholder(text) {
				sc.add(c.start, c.end, pii.Password, sure+0.02)
			}
		case kind(pii.Username):
			if len(text) >= 2 && !placeholder(text) && userLike(text) {
				sc.add(c.start, c.end, pii.Username, sure+0.02)
			}
		case kind(pii.Name):
			sc.nameCell(l, c)
		case kind(pii.AWSSecretKey):
			if len(text) == secretKeySize && strings.IndexByte(text, ' ') < 0 {
				sc.add(c.start, c.end, pii.AWSSecretKey, certain)
			}
		default:
			at := c.start
			for at < c.end && (sc.s[at] == '+' || sc.s[at] == '(') {
				at++
			}
			if f, ok := sc.value(l.kind, at, place{copula: true, cell: true}); ok && f.End <= c.end && (f.End-f.Start)*10 >= (c.end-c.start)*8 {
				f.Score += 0.02
				sc.found = append(sc.found, f)
			}
		}
	}
}

// inserts looks for "(a, b) VALUES (1, 2), (3, 4)".
func (sc *scanner) inserts() {
	for _, word := range []string{"VALUES", "values", "Values"} {
		label := 0
		for at := strings.Index(sc.s, word); at >= 0; {
			for label < len(sc.labels) && sc.labels[label].start < at-insertColumns {
				label++
			}
			end := max(at+len(word), sc.insert(at, label))
			next := strings.Index(sc.s[end:], word)
			if next < 0 {
				break
			}
			at = end + next
		}
	}
}

// insertColumns is how long the list of columns may be.
const insertColumns = 600

// insert reads the rows behind VALUES at a place, when the columns stand before
// it, and returns where they end. Labels before label stand before the columns.
func (sc *scanner) insert(at, label int) int {
	from := max(0, at-insertColumns)
	before := strings.TrimRight(sc.s[from:at], " \n\r\t")
	open := strings.LastIndexByte(before, '(')
	if !strings.HasSuffix(before, ")") || open < 0 {
		return 0
	}
	start := from + open + 1
	header := sc.split(sc.cells[0][:0], start, from+len(before)-1, ',')
	sc.cells[0] = header
	for label < len(sc.labels) && sc.labels[label].start < start {
		label++
	}
	if !sc.name(header, label) {
		return 0
	}
	return sc.tuples(header, at+len("VALUES"))
}

// tuples reads the rows of an INSERT at i and returns where they end.
func (sc *scanner) tuples(header []cell, i int) int {
	s := sc.s
	for {
		for i < len(s) && strings.IndexByte(" \n\r\t,", s[i]) >= 0 {
			i++
		}
		if i >= len(s) || s[i] != '(' {
			return i
		}
		end, quoted := i+1, false
		for end < len(s) && end-i < 4096 && (quoted || s[end] != ')') {
			if s[end] == '\'' {
				quoted = !quoted
			}
			end++
		}
		row := sc.split(sc.cells[1][:0], i+1, end, ',')
		sc.cells[1] = row
		if len(row) == len(header) {
			sc.row(header, row)
		}
		i = end + 1
		if i > len(s) {
			return len(s)
		}
	}
}
