package scan

import (
	"strings"

	"github.com/bricks-gateway/bricks/internal/pii"
)

// date reads a date of numbers at a place, with the time behind it.
func (sc *scanner) date(at int) (pii.Span, bool) {
	s := sc.s
	if b := sc.at(at - 1); sc.wordAt(at-1) || (b == '-' || b == '.' || b == '/') && sc.wordAt(at-2) {
		return pii.Span{}, false
	}
	var v, size [3]int
	var sep byte
	i := at
	for part := 0; part < 3; part++ {
		start := i
		for i < len(s) && class[s[i]] == digits && i-start < 5 {
			v[part] = v[part]*10 + int(s[i]-'0')
			i++
		}
		if size[part] = i - start; size[part] == 0 {
			return pii.Span{}, false
		}
		if part == 2 {
			break
		}
		b := sc.at(i)
		if b != '-' && b != '/' && b != '.' || part == 1 && b != sep {
			return pii.Span{}, false
		}
		sep = b
		i++
		if sep == '.' && sc.at(i) == ' ' { // 3. 5. 2019
			i++
		}
	}
	if class[sc.at(i)] != 0 && sc.at(i)|0x20 != 't' || (sc.at(i) == '-' || sc.at(i) == '/' || sc.at(i) == '.') && class[sc.at(i+1)] == digits {
		return pii.Span{}, false
	}
	ok, score := calendar(v, size, sep)
	if !ok {
		return pii.Span{}, false
	}
	end := sc.clock(i)
	if sc.wordAt(end) {
		return pii.Span{}, false
	}
	return pii.Span{Start: at, End: end, Type: pii.DateTime, Score: score}, true
}

// calendar reports whether three numbers are a day, a month and a year in an
// order that is used.
func calendar(v, size [3]int, sep byte) (bool, float32) {
	day := func(n int) bool { return n >= 1 && n <= 31 }
	month := func(n int) bool { return n >= 1 && n <= 12 }
	year := func(n int) bool { return n >= 1850 && n <= 2150 }
	switch {
	case size[0] == 4 && size[1] <= 2 && size[2] <= 2:
		return year(v[0]) && (month(v[1]) && day(v[2]) || sep == '/' && day(v[1]) && month(v[2])), sure
	case size[2] == 4 && size[0] <= 2 && size[1] <= 2:
		return year(v[2]) && (day(v[0]) && month(v[1]) || sep != '.' && month(v[0]) && day(v[1])), sure
	case size[2] == 2 && size[0] <= 2 && size[1] <= 2 && (sep == '/' || size[0] == 2 && size[1] == 2):
		return day(v[0]) && month(v[1]) || sep != '.' && month(v[0]) && day(v[1]), possible + 0.05
	}
	return false, 0
}

// clock gives the end of a time of day that follows a date that ends at i, or i.
func (sc *scanner) clock(i int) int {
	s, start := sc.s, i
	if b := sc.at(i) | 0x20; b == 't' && class[sc.at(i+1)] == digits || b == ':' && sc.at(i-5) == '/' { // 10/Oct/2024:13:55:36
		i++
	} else {
		for i < len(s) && i-start < 3 && (s[i] == ' ' || s[i] == ',') {
			i++
		}
		for _, word := range []string{"at ", "um ", "à ", "a las ", "alle ", "om "} {
			if strings.HasPrefix(s[i:], word) {
				i += len(word)
				break
			}
		}
	}
	if end := sc.timeOfDay(i); end > i {
		return sc.zone(end)
	}
	return start
}

// zone gives the end of "+0000" behind a time and a blank at i, or i.
func (sc *scanner) zone(i int) int {
	if b := sc.at(i + 1); sc.at(i) != ' ' || b != '+' && b != '-' || sc.wordStop(i+2) != i+6 || class[sc.at(i+2)]&class[sc.at(i+5)] != digits {
		return i
	}
	return i + 6
}

// timeOfDay gives the end of a time at i, or i: 10:30, 10:30:15.123Z, 5 pm.
func (sc *scanner) timeOfDay(i int) int {
	s, start := sc.s, i
	if sc.wordAt(i-1) && sc.at(i-1)|0x20 != 't' || class[sc.at(i)] != digits {
		return start
	}
	hour := 0
	for i < len(s) && class[s[i]] == digits && i-start < 3 {
		hour = hour*10 + int(s[i]-'0')
		i++
	}
	if i-start > 2 || hour > 24 {
		return start
	}
	two := func(at int) bool {
		return class[sc.at(at)] == digits && class[sc.at(at+1)] == digits && s[at] < '6' && class[sc.at(at+2)]&digits == 0
	}
	minutes := (sc.at(i) == ':' || sc.at(i)|0x20 == 'h') && two(i+1)
	if !minutes && sc.at(i) == '.' && two(i+1) && hour <= 12 { // 6.20 am, but no number
		if end := sc.meridiem(i + 3); end > 0 {
			return end
		}
	}
	if minutes {
		i += 3
		if sc.at(i) == ':' && two(i+1) {
			i += 3
			if (sc.at(i) == '.' || sc.at(i) == ',') && class[sc.at(i+1)] == digits {
				for i++; i < len(s) && class[s[i]] == digits; i++ {
				}
			}
		}
	}
	end := i
	if noon := sc.meridiem(i); noon > 0 && hour <= 12 {
		return noon
	}
	if !minutes {
		return start
	}
	if sc.at(end)|0x20 == 'z' && !sc.wordAt(end+1) {
		return end + 1
	}
	if b := sc.at(end); (b == '+' || b == '-') && two(end+1) {
		end += 3
		if sc.at(end) == ':' && two(end+1) {
			end += 3
		}
		return end
	} else if (b == '+' || b == '-') && class[sc.at(end+1)] == digits && class[sc.at(end+4)] == digits && !sc.wordAt(end+5) {
		return end + 5
	}
	if sc.wordAt(end) || sc.at(end) == ':' {
		return start
	}
	return end
}

// meridiem gives the end of am, pm, a.m. or p.m. at i, or 0.
func (sc *scanner) meridiem(i int) int {
	if sc.at(i) == ' ' {
		i++
	}
	if a := sc.at(i) | 0x20; a != 'a' && a != 'p' {
		return 0
	}
	i++
	if sc.at(i) == '.' {
		i++
	}
	if sc.at(i)|0x20 != 'm' || sc.wordAt(i+1) {
		return 0
	}
	i++
	if sc.at(i) == '.' && sc.at(i-2) == '.' {
		i++
	}
	return i
}

// tellsTime reports whether a time of day is one: 5 pm, 10:15:00, at 10:15.
func (sc *scanner) tellsTime(t, end int) bool {
	text := sc.s[sc.tokens[t].start:end]
	return strings.Count(text, ":") > 1 || strings.ContainsAny(text, "mM") ||
		t > 0 && sc.s[sc.tokens[t-1].end:sc.tokens[t].start] == " " && timeWords.has(sc.wordOf(t-1))
}

var timeWords = wordsOf(`at around by until till from um gegen bis ab à vers alle las om tegen às`)

// between are the words between the parts of a date.
var between = wordsOf(`of de del di do da the le il el`)

// byMonth looks for a date around the name of a month.
func (sc *scanner) byMonth(l *label) {
	start, day := sc.dayBefore(l)
	end, day, year := sc.restOfDate(l, day)
	name := sc.s[l.start:l.end]
	switch {
	case !day && !year:
		return
	case class[name[0]] != upper && ambiguousMonths.has(name) && !(day && (year || start < l.start)): // may 5 people
		return
	}
	sc.add(start, sc.clock(end), pii.DateTime, sure)
}

// dayBefore gives where a date begins whose month is l: at its day, "3rd of
// May", or at the month.
func (sc *scanner) dayBefore(l *label) (start int, day bool) {
	t := l.first - 1
	for t >= 0 && l.first-t <= 2 && between.has(sc.wordOf(t)) {
		t--
	}
	if t < 0 || l.start-sc.tokens[t].end > 8 {
		return l.start, false
	}
	tok := sc.tokens[t]
	n, ok := ordinal(sc.s[tok.start:tok.end])
	if !ok || n > 31 || sc.wordAt(tok.start-1) || !blank(sc.s[tok.end:sc.tokens[t+1].start], " .-/,ºª'") {
		return l.start, false
	}
	return tok.start, true
}

// restOfDate gives where a date ends whose month is l, and whether it has a day
// and a year: "May 3, 2019", "May 2019", "mayo de 2019".
func (sc *scanner) restOfDate(l *label, day bool) (end int, hasDay, hasYear bool) {
	end = l.end
	for t := l.last + 1; t < len(sc.tokens); t++ {
		from := end
		if between.has(sc.wordOf(t)) && t+1 < len(sc.tokens) && sc.s[end:sc.tokens[t].start] == " " && sc.s[sc.tokens[t].end:sc.tokens[t+1].start] == " " {
			from = sc.tokens[t].end // and end stays, in case nothing follows
			t++
		}
		tok := sc.tokens[t]
		gap := sc.s[from:tok.start]
		n, ok := ordinal(sc.s[tok.start:tok.end])
		size := tok.end - tok.start
		if !ok || len(gap) > 3 || !blank(gap, " .-/,'") {
			break
		}
		switch {
		case size == 4 && n >= 1850 && n <= 2150:
			return tok.end, day, true
		case size == 2 && day && strings.ContainsAny(gap, "'-"):
			return tok.end, day, true
		case n <= 31 && !day && !sc.counted(tok.end):
			end, day = tok.end, true
		default:
			return end, day, false
		}
	}
	return end, day, false
}

// counted reports whether a number that ends at i is a time, a fraction or a
// share: 5:30, 5.2, 5 %.
func (sc *scanner) counted(i int) bool {
	b := sc.at(i)
	return b == ':' || b == '%' || b == '.' && class[sc.at(i+1)] == digits
}

var ambiguousMonths = wordsOf(`may march mar mars set out dec mai mei sept jan ago abr fev dez juli juni mag gen giu lug ott dic`)

// ordinal reads 3, 3rd, 1er, 2nd.
func ordinal(s string) (n int, ok bool) {
	i := 0
	for i < len(s) && class[s[i]] == digits && i < 4 {
		n = n*10 + int(s[i]-'0')
		i++
	}
	if i == 0 || n == 0 {
		return 0, false
	}
	switch rest := s[i:]; strings.ToLower(rest) {
	case "", "st", "nd", "rd", "th", "er", "o", "a", "e":
		return n, true
	}
	return 0, false
}

// blank reports whether s is made of the given characters only.
func blank(s, of string) bool { return strings.Trim(s, of) == "" }

// byWeekday takes the name of a day of the week for a date.
func (sc *scanner) byWeekday(l *label) {
	if name := sc.s[l.start:l.end]; class[name[0]] == upper && len(name) > 3 || len(name) > 5 {
		sc.add(l.start, sc.clock(l.end), pii.DateTime, possible)
	}
}

// sinceYears are the words before a year that stands alone.
var sinceYears = wordsOf(`in since year until till from before after during seit im jahr en depuis desde dal nel nell sinds em ab bis early late mid class born`)

// yearAlone looks at four digits for a year: "since 1987".
func (sc *scanner) yearAlone(t int) {
	tok := &sc.tokens[t]
	if tok.end-tok.start != 4 || t == 0 || tok.has != digits {
		return
	}
	if n := number([]byte(sc.s[tok.start:tok.end])); n < 1900 || n > 2099 {
		return
	}
	before := &sc.tokens[t-1]
	if sc.s[before.end:tok.start] != " " || !sinceYears.has(sc.s[before.start:before.end]) {
		return
	}
	if b := sc.at(tok.end); b == '.' && class[sc.at(tok.end+1)] == digits || b == '-' || b == '/' || b == ',' && class[sc.at(tok.end+1)] == digits {
		return
	}
	sc.add(tok.start, tok.end, pii.DateTime, possible-0.05)
}
