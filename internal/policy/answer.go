package policy

import (
	"bytes"
	"context"

	"github.com/bricks-gateway/bricks/internal/jsonscan"
)

// JSONAnswer returns an answer's body as the client may have it. The errors are
// JSON's.
func (x *Exchange) JSONAnswer(ctx context.Context, body []byte) ([]byte, error) {
	trimmed := bytes.TrimSpace(body)
	if len(trimmed) == 0 {
		return body, nil
	}
	if jsonscan.Check(trimmed) != nil {
		return x.TextAnswer(ctx, body)
	}
	edits, err := x.strings(ctx, body, nil)
	if err != nil {
		return nil, err
	}
	return replaceAll(body, edits), nil
}

// TextAnswer is JSONAnswer for plain text.
func (x *Exchange) TextAnswer(ctx context.Context, body []byte) ([]byte, error) {
	f := flow{x: x}
	text, err := f.whole(ctx, string(body))
	return []byte(text), err
}

// literal is a string of an answer.
type literal struct {
	start, end int
	text       string
	json       bool // a tool's arguments
}

// strings looks at each string of a JSON body on its own, but for those that
// keep has, and returns what must change.
func (x *Exchange) strings(ctx context.Context, body []byte, keep func(at int) bool) ([]edit, error) {
	var found []literal
	w := walker{d: &document{}}
	w.answer = func(at int, raw []byte, here where) {
		if keep != nil && keep(at) || isBase64(raw) {
			return
		}
		text, _ := appendDecoded(nil, raw)
		found = append(found, literal{at, at + len(raw), string(text), here.parent == "arguments"})
	}
	trimmed := bytes.TrimLeft(body, " \t\r\n")
	w.value(len(body)-len(trimmed), trimmed, where{})
	texts, err := x.all(ctx, found)
	if err != nil {
		return nil, err
	}
	for i, l := range found {
		if texts[i] != l.text {
			w.edits = append(w.edits, edit{l.start, l.end, string(quote(texts[i]))})
		}
	}
	return w.edits, nil
}

// all returns what takes the place of each text. Services get them together.
func (x *Exchange) all(ctx context.Context, list []literal) (out []string, err error) {
	var found [][]match
	if x.policy.answers && x.policy.External() && len(list) > 0 {
		d := &document{}
		for _, l := range list {
			d.add("", []byte(l.text), place{})
		}
		if found, err = x.engine.find(ctx, x.policy, d); err != nil {
			return nil, err
		}
	}
	out = make([]string, len(list))
	for i, l := range list {
		f := flow{x: x, json: l.json}
		if found != nil {
			f.held = []byte(l.text)
			matches, _ := f.sift(l.text, found[i])
			out[i], err = f.release(len(l.text), matches)
		} else {
			out[i], err = f.whole(ctx, l.text)
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// whole passes a text that is all there through a flow.
func (f *flow) whole(ctx context.Context, text string) (string, error) {
	out, err := f.push(ctx, text)
	if err != nil {
		return "", err
	}
	rest, err := f.end(ctx)
	return out + rest, err
}
