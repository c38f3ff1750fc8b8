package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
)

// mostAtOnce is the largest page that the API answers with.
const mostAtOnce = 1000

// paging are the flags of a list that the API answers page by page.
type paging struct {
	Limit int64 `default:"100" placeholder:"N" help:"At most so many."`
	All   bool  `help:"All there are, however many."`
}

// place is where a page begins, and how long it may be.
type place struct {
	offset int64
	cursor string
	limit  int64
}

// page is a part of a list.
type page[T any] struct {
	items []T
	text  []byte // the items as the API spelled them, a JSON array
	next  string // the cursor of the page behind, where the API has cursors
	more  bool   // there may be a page behind
}

// list prints what one call answers.
func list[T any](e *Env, o output, columns []column[T], items *[]T, body []byte, err error) error {
	if err != nil {
		return err
	}
	if o.json() {
		return e.print(body)
	}
	return printTable(e, columns, *items)
}

// listPages asks for page after page, until there are enough or no more.
func listPages[T any](ctx context.Context, e *Env, o output, p paging, columns []column[T], ask func(context.Context, *client, place) (page[T], error)) error {
	if p.Limit < 1 {
		return Usagef("--limit: must be at least 1")
	}
	c, err := e.connect()
	if err != nil {
		return err
	}
	var items []T
	var texts [][]byte
	at := place{}
	more := true
	for more && (p.All || int64(len(items)) < p.Limit) {
		at.limit = mostAtOnce
		if left := p.Limit - int64(len(items)); !p.All {
			at.limit = min(at.limit, left)
		}
		got, err := ask(ctx, c, at)
		if err != nil {
			return err
		}
		items, texts = append(items, got.items...), append(texts, got.text)
		more = got.more
		at.offset, at.cursor = int64(len(items)), got.next
	}
	if more {
		e.notef("These are the first %d; --all has the rest, if there is one.", p.Limit)
	}
	if o.json() {
		return e.print(joinArrays(texts))
	}
	return printTable(e, columns, items)
}

// joinArrays makes one JSON array of several, whose elements stay as they are.
func joinArrays(texts [][]byte) []byte {
	var parts [][]byte
	for _, t := range texts {
		inner := bytes.TrimSpace(t)
		inner = bytes.TrimSpace(bytes.TrimSuffix(bytes.TrimPrefix(inner, []byte("[")), []byte("]")))
		if len(inner) > 0 {
			parts = append(parts, inner)
		}
	}
	return append(append([]byte("["), bytes.Join(parts, []byte(","))...), ']')
}

// memberOf returns the text of one member of an answer.
func memberOf(body []byte, name string) ([]byte, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	return members[name], nil
}
