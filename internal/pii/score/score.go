// Package score measures a detector on labelled texts: precision, recall and
// their harmonic mean for each type, and false alarms for each source of texts.
//
// A labelled value counts as found when half of its characters are covered by
// spans of its type (age and date: any). A span counts as right when it touches
// a labelled value of its type and is at most four times and ten characters as
// long. Lengths count Unicode code points.
package score

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bricks-gateway/bricks/internal/pii"
)

// Document is a labelled text, one line of a file.
type Document struct {
	ID     string `json:"id"`
	Source string `json:"source"`
	Text   string `json:"text"`
	Spans  []Span `json:"spans"`

	// Scope has the types that are labelled completely; none means all. Spans of
	// other types are not counted.
	Scope []string `json:"scope"`

	// Ignore has places where a span of a type, or of any for "*", is neither
	// right nor wrong.
	Ignore []Span `json:"ignore"`
}

// Span is a labelled value, in code points.
type Span struct {
	Start int    `json:"start"`
	End   int    `json:"end"`
	Type  string `json:"type"`
}

func (s Span) touches(o Span) bool { return s.Start < o.End && o.Start < s.End }

// Read reads JSON lines.
func Read(r io.Reader) ([]Document, error) {
	var docs []Document
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var d Document
		if err := json.Unmarshal(lines.Bytes(), &d); err != nil {
			return nil, fmt.Errorf("line %d: %w", len(docs)+1, err)
		}
		docs = append(docs, d)
	}
	return docs, lines.Err()
}

// Count is what was seen of one type.
type Count struct {
	Gold, Found  int // labelled values, and those of them that were found
	Spans, Right int // spans, and those of them that are right
}

// Precision, Recall and F1 are between 0 and 1. What was not asked is 0.
func (c Count) Precision() float64 { return ratio(c.Right, c.Spans) }
func (c Count) Recall() float64    { return ratio(c.Found, c.Gold) }
func (c Count) F1() float64 {
	p, r := c.Precision(), c.Recall()
	if p+r == 0 {
		return 0
	}
	return 2 * p * r / (p + r)
}

func ratio(n, of int) float64 {
	if of == 0 {
		return 0
	}
	return float64(n) / float64(of)
}

// Source is what was seen of the texts of one source. Alarms are spans that touch
// no labelled value of any type.
type Source struct {
	Documents, Touched int // all, and those with an alarm
	Characters, Alarms int
	Count
}

// Per100kB is the number of alarms in 100,000 characters.
func (s Source) Per100kB() float64 { return 1e5 * ratio(s.Alarms, s.Characters) }

// Result is the outcome for all texts.
type Result struct {
	Types   [pii.Types]Count
	Sources map[string]*Source
}

// Macro is the mean F1 of the given types that are labelled at all.
func (r *Result) Macro(types pii.Set) float64 {
	sum, n := 0.0, 0
	for t := range types.Types() {
		if c := r.Types[t]; c.Gold > 0 {
			sum += c.F1()
			n++
		}
	}
	if n == 0 {
		return 0
	}
	return sum / float64(n)
}

// Run asks detect for every text and counts the given types.
func Run(docs []Document, types pii.Set, detect func(text string) []pii.Span) (*Result, error) {
	r := &Result{Sources: map[string]*Source{}}
	for _, d := range docs {
		s := r.Sources[d.Source]
		if s == nil {
			s = &Source{}
			r.Sources[d.Source] = s
		}
		if err := r.add(s, d, types, detect(d.Text)); err != nil {
			return nil, fmt.Errorf("document %s: %w", d.ID, err)
		}
	}
	return r, nil
}

func (r *Result) add(s *Source, d Document, types pii.Set, found []pii.Span) error {
	counted := func(t pii.Type) bool {
		return types.Has(t) && (d.Scope == nil || slices.Contains(d.Scope, t.String()))
	}
	var spans []Span
	for _, f := range found {
		if counted(f.Type) {
			start := utf8.RuneCountInString(d.Text[:f.Start])
			spans = append(spans, Span{start, start + utf8.RuneCountInString(d.Text[f.Start:f.End]), f.Type.String()})
		}
	}
	s.Documents++
	s.Characters += utf8.RuneCountInString(d.Text)
	var gold []Span
	for _, g := range d.Spans {
		t, ok := pii.Parse(g.Type)
		if !ok {
			return fmt.Errorf("there is no type %q", g.Type)
		}
		if !counted(t) {
			continue
		}
		gold = append(gold, g)
		add(&r.Types[t], &s.Count, Count{Gold: 1, Found: one(hit(g, spans, lenient(t)))})
	}
	touched := false
	for _, p := range spans {
		t, _ := pii.Parse(p.Type)
		right, own := judge(p, gold, lenient(t))
		if !own && slices.ContainsFunc(d.Ignore, func(i Span) bool { return i.touches(p) && (i.Type == "*" || i.Type == p.Type) }) {
			continue
		}
		add(&r.Types[t], &s.Count, Count{Spans: 1, Right: one(right)})
		if !slices.ContainsFunc(gold, p.touches) && !slices.ContainsFunc(d.Ignore, p.touches) {
			s.Alarms++
			touched = true
		}
	}
	s.Touched += one(touched)
	return nil
}

// lenient types have values of which a touch is enough.
func lenient(t pii.Type) bool { return t == pii.Age || t == pii.DateTime }

// hit reports whether a labelled value was found.
func hit(g Span, spans []Span, lenient bool) bool {
	covered := 0
	for _, p := range spans { // they do not overlap
		if p.Type == g.Type && p.touches(g) {
			covered += min(p.End, g.End) - max(p.Start, g.Start)
		}
	}
	return covered > 0 && (lenient || 2*covered >= g.End-g.Start)
}

// judge reports whether a span is right, and whether it touches a value of its
// type at all.
func judge(p Span, gold []Span, lenient bool) (right, own bool) {
	for _, g := range gold {
		if g.Type == p.Type && g.touches(p) {
			own = true
			right = right || lenient || p.End-p.Start <= 4*(g.End-g.Start)+10
		}
	}
	return right, own
}

func add(a, b *Count, c Count) {
	for _, to := range []*Count{a, b} {
		to.Gold += c.Gold
		to.Found += c.Found
		to.Spans += c.Spans
		to.Right += c.Right
	}
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Table writes the result for people.
func (r *Result) Table(types pii.Set) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-40s %5s %5s %9s %6s %6s\n", "type", "gold", "spans", "precision", "recall", "F1")
	for t := range types.Types() {
		if c := r.Types[t]; c.Gold+c.Spans > 0 {
			fmt.Fprintf(&b, "%-40s %5d %5d %9.3f %6.3f %6.3f\n", t, c.Gold, c.Spans, c.Precision(), c.Recall(), c.F1())
		}
	}
	fmt.Fprintf(&b, "%-40s %28s %6.3f\n\n", "mean", "", r.Macro(types))
	fmt.Fprintf(&b, "%-20s %5s %7s %6s %6s %6s %12s %8s\n", "source", "texts", "kB", "gold", "spans", "F1", "alarms/100kB", "touched")
	names := make([]string, 0, len(r.Sources))
	for name := range r.Sources {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		s := r.Sources[name]
		fmt.Fprintf(&b, "%-20s %5d %7.1f %6d %6d %6.3f %12.1f %8d\n", name, s.Documents, float64(s.Characters)/1e3, s.Gold, s.Spans, s.F1(), s.Per100kB(), s.Touched)
	}
	return b.String()
}
