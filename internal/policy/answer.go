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
	text, err := x.whole(ctx, string(body), false)
	return []byte(text), err
}

// strings looks at each string of a JSON body on its own, but for those that
// keep has, and returns what must change.
func (x *Exchange) strings(ctx context.Context, body []byte, keep func(at int) bool) ([]edit, error) {
	var failed error
	w := walker{d: &document{}}
	w.answer = func(at int, literal []byte, here where) {
		if failed != nil || keep != nil && keep(at) || isDataURL(literal) {
			return
		}
		decoded, _ := appendDecoded(nil, literal)
		text, err := x.whole(ctx, string(decoded), here.parent == "arguments")
		if failed = err; err == nil && text != string(decoded) {
			w.edits = append(w.edits, edit{at, at + len(literal), string(quote(text))})
		}
	}
	trimmed := bytes.TrimLeft(body, " \t\r\n")
	w.value(len(body)-len(trimmed), trimmed, where{})
	return w.edits, failed
}

// whole passes a text that is all there through a flow.
func (x *Exchange) whole(ctx context.Context, text string, json bool) (string, error) {
	f := flow{x: x, json: json}
	out, err := f.push(ctx, text)
	if err != nil {
		return "", err
	}
	rest, err := f.end(ctx)
	return out + rest, err
}
