package policy

import (
	"context"
	"strings"
	"unicode/utf8"
)

// flow is one text of an answer, as it arrives. It is looked at piece by piece:
// a piece ends where no value is likely to be cut, with what was before it and
// a few words behind it in view. Where pieces end depends on the text alone, so
// that a text that comes in many parts reads like the same one in one part.
type flow struct {
	x    *Exchange
	json bool // a tool's arguments: JSON text, which may not break

	before string // the end of what has left, as it came
	held   []byte // what has not
	lexer  lexer  // at the start of held
}

// Bounds of a piece and its surroundings, in bytes.
const (
	viewBefore = 144
	leastPiece = 48
	mostPiece  = 256
	viewBehind = 64
	// mostHeld bounds what is held back when a text is looked at as a whole.
	mostHeld = 4 << 20
)

// push takes the next part of the text and returns what may leave.
func (f *flow) push(ctx context.Context, part string) (string, error) {
	f.held = append(f.held, part...)
	p := f.x.policy
	switch {
	case !p.answers:
		return f.release(unfinished(view(f.held)), nil)
	case p.External():
		if len(f.held) > mostHeld {
			return "", &Unseen{"so long an answer"}
		}
		return "", nil // services see the whole
	}
	var out strings.Builder
	for {
		cut, matches, err := f.cut(ctx)
		if err != nil || cut == 0 {
			return out.String(), err
		}
		piece, err := f.release(cut, matches)
		if err != nil {
			return "", err
		}
		out.WriteString(piece)
	}
}

// end returns the rest. The text may go on afterwards.
func (f *flow) end(ctx context.Context) (string, error) {
	if len(f.held) == 0 || !f.x.policy.answers {
		return f.release(len(f.held), nil)
	}
	matches, _, err := f.look(ctx, len(f.held))
	if err != nil {
		return "", err
	}
	return f.release(len(f.held), matches)
}

// cut finds where the next piece ends, and what is in it; 0: nowhere yet.
func (f *flow) cut(ctx context.Context) (at int, matches []match, err error) {
	text := view(f.held[:min(len(f.held), mostPiece+viewBehind)])
	for from := leastPiece; ; from = at + 1 {
		var seen int
		if at, seen = gap(text, from); at == 0 {
			break
		}
		matches, whole, err := f.look(ctx, seen)
		if err != nil {
			return 0, nil, err
		}
		if !cutsOne(whole, at) {
			return at, matches, nil
		}
	}
	if len(text) < mostPiece+viewBehind {
		return 0, nil, nil
	}
	matches, whole, err := f.look(ctx, len(text))
	if err != nil {
		return 0, nil, err
	}
	return forced(text, whole), matches, nil
}

// look finds what is in held[:seen]. whole has also what must not be cut, though
// it is not redacted.
func (f *flow) look(ctx context.Context, seen int) (matches, whole []match, err error) {
	text := f.before + string(f.held[:seen])
	d := &document{buf: []byte(text), fields: []field{{end: len(text)}}}
	found, err := f.x.engine.find(ctx, f.x.policy, d)
	if err != nil {
		return nil, nil, err
	}
	matches, whole = f.sift(text, found[0])
	return matches, whole, nil
}

// sift takes from what was found in text, which ends with what is held, what is
// to be replaced, and all that must not be cut.
func (f *flow) sift(text string, found []match) (matches, whole []match) {
	own := f.placeholders(text)
	whole = append(whole, own...)
	for _, m := range found {
		m.start, m.end = m.start-len(f.before), m.end-len(f.before)
		for _, m := range outside(own, m) {
			if m.end > 0 {
				m.start = max(m.start, 0)
				matches, whole = append(matches, m), append(whole, m)
			}
		}
	}
	return matches, whole
}

// outside gives what of a match is no placeholder: the name of a value is no value.
func outside(own []match, m match) (rest []match) {
	for _, o := range own { // in order
		if m.start >= o.end || o.start >= m.end {
			continue
		}
		if before := m; m.start < o.start {
			before.end = o.start
			rest = append(rest, before)
		}
		m.start = o.end
	}
	if m.start < m.end {
		rest = append(rest, m)
	}
	return rest
}

// placeholders are those in text, relative to the start of what is held.
func (f *flow) placeholders(text string) (out []match) {
	if f.x.vault == nil {
		return nil
	}
	for at := 0; ; {
		start, end, _, found := f.x.vault.find(text[at:])
		if !found {
			return out
		}
		out = append(out, match{start: at + start - len(f.before), end: at + end - len(f.before)})
		at += end
	}
}

// cutsOne reports whether a cut at an offset would go through one of them.
func cutsOne(list []match, at int) bool {
	for _, m := range list {
		if m.start < at && at < m.end {
			return true
		}
	}
	return false
}

// release lets held[:cut] go, with what was found in it replaced.
func (f *flow) release(cut int, matches []match) (string, error) {
	if cut == 0 {
		return "", nil
	}
	piece := string(f.held[:cut])
	var in []match
	for _, m := range matches {
		if m.start < cut {
			m.end = min(m.end, cut)
			in = append(in, m)
		}
	}
	if err := f.x.judge(in); err != nil {
		return "", err
	}
	out := f.rewrite(piece, in)
	f.before = lastBytes(f.before+piece, viewBefore)
	f.held = f.held[cut:]
	return out, nil
}

// lastBytes is the end of s, of n bytes or a little less.
func lastBytes(s string, n int) string {
	if len(s) <= n {
		return s
	}
	s = s[len(s)-n:]
	for len(s) > 0 && !utf8.RuneStart(s[0]) {
		s = s[1:]
	}
	return strings.Clone(s)
}

// rewrite redacts what was found in piece, and puts values back.
func (f *flow) rewrite(piece string, matches []match) string {
	var out strings.Builder
	at := 0
	pass := func(until int) {
		f.restore(&out, piece[at:until])
		at = until
	}
	for _, m := range merge(matches) {
		pass(m.start)
		value := piece[m.start:m.end]
		f.x.redacted = true
		f.redact(&out, value, m.label())
		at = m.end
	}
	pass(len(piece))
	return out.String()
}

// redact writes label in the place of value. Of JSON text nothing but the inside
// of strings, and whole numbers, give way.
func (f *flow) redact(out *strings.Builder, value, label string) {
	if !f.json {
		out.WriteString(label)
		return
	}
	for len(value) > 0 {
		inside := f.lexer.inString
		n := f.lexer.run(value)
		switch part := value[:n]; {
		case inside && part != `"`:
			out.WriteString(label)
		case !inside && isNumber(part):
			out.WriteString(`"` + label + `"`)
		default:
			out.WriteString(part)
		}
		value = value[n:]
	}
}

// restore writes text with its placeholders' values in their place.
func (f *flow) restore(out *strings.Builder, text string) {
	if f.x.vault == nil {
		f.lexer.skip(f.json, text)
		out.WriteString(text)
		return
	}
	for {
		start, end, value, found := f.x.vault.find(text)
		if !found {
			f.lexer.skip(f.json, text)
			out.WriteString(text)
			return
		}
		f.lexer.skip(f.json, text[:start])
		out.WriteString(text[:start])
		switch {
		case !f.json:
			out.WriteString(value)
		case f.lexer.inString:
			quoted := quote(value)
			out.Write(quoted[1 : len(quoted)-1])
		default:
			out.Write(quote(value))
		}
		text = text[end:]
	}
}
