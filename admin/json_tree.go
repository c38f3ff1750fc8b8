package admin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxDepth bounds nesting: no body of this API is deeper than 3.
const maxDepth = 32

// parseTree reads one JSON value strictly. It returns objects as
// map[string]any, numbers as json.Number (money must not pass through a
// float64), and as faults what encoding/json lets pass: names given twice and
// control characters. The error says why raw is not JSON.
func parseTree(raw []byte) (any, []fault, error) {
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil, nil, badJSON.with("the body is empty")
	}
	if !utf8.Valid(raw) {
		return nil, nil, badJSON.with("the body is not UTF-8")
	}
	// Decoder.Token alone is more lenient than the grammar.
	var whole json.RawMessage
	if err := json.Unmarshal(raw, &whole); err != nil {
		return nil, nil, badJSON.with(err.Error())
	}
	t := treeReader{dec: json.NewDecoder(bytes.NewReader(raw))}
	t.dec.UseNumber()
	v, err := t.value("", 0)
	if err != nil {
		return nil, nil, badJSON.with(err.Error())
	}
	return v, t.faults, nil
}

type treeReader struct {
	dec    *json.Decoder
	faults []fault
}

func (t *treeReader) value(pointer string, depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("nested deeper than %d levels", maxDepth)
	}
	token, err := t.dec.Token()
	if err != nil {
		return nil, err
	}
	switch v := token.(type) {
	case string:
		if hasControl(v) {
			t.faults = append(t.faults, fault{Pointer: pointer, Detail: controlDetail})
		}
		return v, nil
	case json.Delim:
		if v == '{' {
			return t.object(pointer, depth)
		}
		return t.array(pointer, depth)
	}
	return token, nil
}

func (t *treeReader) object(pointer string, depth int) (any, error) {
	o := map[string]any{}
	for t.dec.More() {
		token, err := t.dec.Token()
		if err != nil {
			return nil, err
		}
		name, _ := token.(string) // the grammar was checked: names are strings
		at := pointer + "/" + escapePointer(name)
		v, err := t.value(at, depth+1)
		if err != nil {
			return nil, err
		}
		if _, twice := o[name]; twice {
			t.faults = append(t.faults, fault{Pointer: at, Detail: "is given twice"})
		}
		o[name] = v
	}
	_, err := t.dec.Token()
	return o, err
}

func (t *treeReader) array(pointer string, depth int) (any, error) {
	list := []any{}
	for t.dec.More() {
		v, err := t.value(pointer+"/"+strconv.Itoa(len(list)), depth+1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	_, err := t.dec.Token()
	return list, err
}

const controlDetail = "must not contain control characters"

func hasControl(s string) bool { return strings.ContainsFunc(s, unicode.IsControl) }

// escapePointer spells a name as a reference token of RFC 6901. A long name is
// cut: it is the client's text, shown only to be recognised.
func escapePointer(name string) string {
	const longest = 64
	if len(name) > longest {
		name = strings.ToValidUTF8(name[:longest], "") + "…"
	}
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}
