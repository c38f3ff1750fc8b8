package imports

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// Record is one record of a source. Its fields are taken one by one, so that
// what nobody took is known in the end.
type Record struct {
	fields map[string]json.RawMessage
	wrong  []Lost
}

// NewRecord reads a JSON object.
func NewRecord(text []byte) (*Record, error) {
	r := &Record{}
	if err := json.Unmarshal(text, &r.fields); err != nil {
		return nil, fmt.Errorf("a record is no JSON object: %w", err)
	}
	return r, nil
}

// Take reads a field. One that is absent or null leaves into as it is; one of
// another type is a loss of the object.
func (r *Record) Take(name string, into any) {
	raw, ok := r.fields[name]
	delete(r.fields, name)
	if !ok || string(raw) == "null" {
		return
	}
	if err := json.Unmarshal(raw, into); err != nil {
		r.wrong = append(r.wrong, Lost{Field: name, Why: "is of a form that this import does not know", Final: true})
	}
}

// Drop takes fields that mean nothing here.
func (r *Record) Drop(names ...string) {
	for _, name := range names {
		delete(r.fields, name)
	}
}

// Rest are the losses of what could not be read, and of fields that nobody took
// and that say something: whoever does not know what they restrict must not
// leave them out.
func (r *Record) Rest() []Lost {
	lost := slices.Clone(r.wrong)
	for _, name := range slices.Sorted(maps.Keys(r.fields)) {
		if !Empty(r.fields[name]) {
			lost = append(lost, Lost{Field: name, Why: "is not known to this import, and may be a restriction"})
		}
	}
	return lost
}

// Empty reports whether a JSON value says nothing. A zero does: of a limit it is
// the strictest.
func Empty(raw json.RawMessage) bool {
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return false
	}
	switch v := v.(type) {
	case nil:
		return true
	case bool:
		return !v
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}
