package policy

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/pii"
)

// Blocked is the error of a text that the policy lets nobody have.
type Blocked struct {
	Findings []string // what was found, by name, in order
}

func (b *Blocked) Error() string {
	return "it holds what the policy blocks: " + strings.Join(b.Findings, ", ")
}

// Unseen is the error of a body with something that cannot be looked at, under a
// policy that guards.
type Unseen struct {
	What string // such as "a file"
}

func (u *Unseen) Error() string { return u.What + " cannot be looked at" }

// Exchange applies a policy to one request and its answer. It keeps what it
// replaced no longer than it lives itself. Not safe for concurrent use.
type Exchange struct {
	engine *Engine
	policy *Policy
	vault  *vault // nil: nothing is put back

	findings map[string]int64
	redacted bool
	warned   bool
}

// Begin starts on a request. The secret makes placeholders: those of one value
// are equal for equal secrets, and tell nothing without it.
func (e *Engine) Begin(p *Policy, secret []byte) *Exchange {
	x := &Exchange{engine: e, policy: p, findings: map[string]int64{}}
	if p.restores {
		x.vault = newVault(secret)
	}
	return x
}

// Findings counts what was found so far, by its name; nil: nothing.
func (x *Exchange) Findings() map[string]int64 {
	if len(x.findings) == 0 {
		return nil
	}
	return maps.Clone(x.findings)
}

// Redacted reports whether something was replaced, Warned whether something was
// found that passed as it is.
func (x *Exchange) Redacted() bool { return x.redacted }

// Warned is told with Redacted.
func (x *Exchange) Warned() bool { return x.warned }

// Shape is what is known of a request's JSON body.
type Shape struct {
	Custom bool // nothing but Leave: every string is looked at
	Leave  int  // where a string begins that is no text, such as a model's name; 0: nowhere
}

// JSON returns a request's body with what the policy redacts replaced; every
// other byte is as it was. The error is a *Blocked, an *Unseen, or wraps
// ErrDetector.
func (x *Exchange) JSON(ctx context.Context, body []byte, s Shape) ([]byte, error) {
	d := &document{buf: make([]byte, 0, len(body))}
	w := walker{d: d, custom: s.Custom, leave: s.Leave}
	trimmed := bytes.TrimLeft(body, " \t\r\n")
	w.value(len(body)-len(trimmed), trimmed, where{})
	return x.apply(ctx, body, d)
}

// Part is a text in a body of another form: body[Start:End].
type Part struct {
	Name       string
	Start, End int
}

// Parts is JSON for a body whose texts are known, in order.
func (x *Exchange) Parts(ctx context.Context, body []byte, parts []Part) ([]byte, error) {
	d := &document{}
	for _, p := range parts {
		d.add("", body[p.Start:p.End], place{at: p.Start})
	}
	return x.apply(ctx, body, d)
}

func (x *Exchange) apply(ctx context.Context, body []byte, d *document) ([]byte, error) {
	if d.unseen != "" && x.policy.Guards() {
		return nil, &Unseen{d.unseen}
	}
	if len(d.fields) == 0 {
		return body, nil
	}
	found, err := x.engine.find(ctx, x.policy, d)
	if err != nil {
		return nil, err
	}
	var edits []edit
	for i, matches := range found {
		if err := x.judge(matches); err != nil {
			return nil, err
		}
		f := &d.fields[i]
		for _, r := range merge(matches) {
			text := x.replacement(r, d.fieldText(i)[r.start:r.end])
			start, end := f.place.source(r.start), f.place.source(r.end)
			if f.quotes != "" { // a number gives way as a whole
				start, end = f.place.source(0), f.place.source(f.end-f.start)
				text = f.quotes + text + f.quotes
			}
			edits = append(edits, edit{start, end, text})
		}
	}
	return replaceAll(body, edits), nil
}

// judge counts what was found in one text.
func (x *Exchange) judge(matches []match) error {
	var until [pii.Types + 1]int // by type: the end of the last value that was counted
	var blocked []string
	for _, m := range matches {
		if m.start >= until[m.kind] {
			x.findings[m.finding()]++
		}
		until[m.kind] = max(until[m.kind], m.end)
		switch m.action {
		case gateway.PolicyBlock:
			blocked = append(blocked, m.finding())
		case gateway.PolicyWarn:
			x.warned = true
		}
	}
	if blocked != nil {
		slices.Sort(blocked)
		return &Blocked{slices.Compact(blocked)}
	}
	return nil
}

// merge joins what is redacted where it overlaps: no found byte stays. The
// longest of them gives the name.
func merge(matches []match) []match {
	var out []match
	longest := 0
	for _, m := range matches {
		if m.action != gateway.PolicyRedact {
			continue
		}
		last := len(out) - 1
		if last < 0 || m.start >= out[last].end {
			out, longest = append(out, m), m.end-m.start
			continue
		}
		if m.end-m.start > longest {
			out[last].kind, longest = m.kind, m.end-m.start
		}
		out[last].end = max(out[last].end, m.end)
	}
	return out
}

// replacement is what takes a value's place.
func (x *Exchange) replacement(m match, value string) string {
	x.redacted = true
	if x.vault != nil {
		return x.vault.keep(m.label(), value)
	}
	return m.label()
}

// edit replaces body[start:end] by text.
type edit struct {
	start, end int
	text       string
}

// replaceAll makes the edits, which do not overlap.
func replaceAll(body []byte, edits []edit) []byte {
	if len(edits) == 0 {
		return body
	}
	slices.SortFunc(edits, func(a, b edit) int { return cmp.Compare(a.start, b.start) })
	out := make([]byte, 0, len(body)+16*len(edits))
	at := 0
	for _, e := range edits {
		if e.start < at { // a number that was found in twice
			continue
		}
		out = append(append(out, body[at:e.start]...), e.text...)
		at = e.end
	}
	return append(out, body[at:]...)
}
