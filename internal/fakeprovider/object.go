package fakeprovider

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// object is a decoded JSON object whose values are still text.
type object map[string]json.RawMessage

// decodeObject refuses anything but one object with distinct names.
func decodeObject(b []byte) (object, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("not an object")
	}
	o := object{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		name, _ := t.(string)
		if _, ok := o[name]; ok {
			return nil, fmt.Errorf("%q stands there twice", name)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
		o[name] = value
	}
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("data after the object")
	}
	return o, nil
}

func absent(v json.RawMessage) bool { return len(v) == 0 || string(v) == "null" }

// check says what a value should have been, or "".
type check func(v json.RawMessage) string

// fields checks the members that are present and not null.
func (o object) fields(checks map[string]check) error {
	for name, c := range checks {
		if v := o[name]; !absent(v) {
			if want := c(v); want != "" {
				return badRequest(name, "Invalid type for '%s': expected %s.", name, want)
			}
		}
	}
	return nil
}

func starts(v json.RawMessage, with string) bool {
	return len(v) > 0 && strings.IndexByte(with, v[0]) >= 0
}

func isString(v json.RawMessage) string  { return expect(starts(v, `"`), "a string") }
func isBool(v json.RawMessage) string    { return expect(starts(v, "tf"), "a boolean") }
func isArray(v json.RawMessage) string   { return expect(starts(v, "["), "an array") }
func isObject(v json.RawMessage) string  { return expect(starts(v, "{"), "an object") }
func isText(v json.RawMessage) string    { return expect(starts(v, `"[`), "a string or an array") }
func isChoice(v json.RawMessage) string  { return expect(starts(v, `"{`), "a string or an object") }
func isStrings(v json.RawMessage) string { return expect(text(v) != "" || eachString(v), "strings") }

func expect(ok bool, what string) string {
	if ok {
		return ""
	}
	return what
}

func eachString(v json.RawMessage) bool {
	var list []string
	return json.Unmarshal(v, &list) == nil
}

func number(lo, hi float64) check {
	return func(v json.RawMessage) string {
		f, err := strconv.ParseFloat(string(v), 64)
		return expect(err == nil && f >= lo && f <= hi, fmt.Sprintf("a number from %g to %g", lo, hi))
	}
}

func integer(lo, hi int64) check {
	return func(v json.RawMessage) string {
		n, ok := wholeNumber(v)
		return expect(ok && n >= lo && n <= hi, fmt.Sprintf("an integer from %d to %d", lo, hi))
	}
}

func wholeNumber(v json.RawMessage) (int64, bool) {
	f, err := strconv.ParseFloat(string(v), 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return 0, false
	}
	return int64(f), true
}

func oneOf(words ...string) check {
	return func(v json.RawMessage) string {
		s := text(v)
		for _, w := range words {
			if s == w {
				return ""
			}
		}
		return "one of " + strings.Join(words, ", ")
	}
}

// text is a JSON string's value, "" for anything else.
func text(v json.RawMessage) string {
	var s string
	if !starts(v, `"`) || json.Unmarshal(v, &s) != nil {
		return ""
	}
	return s
}

func (o object) bool(name string) bool { return string(o[name]) == "true" }

func (o object) int(name string) int64 {
	n, _ := wholeNumber(o[name])
	return n
}

// objects decodes an array of objects, "" path names it in errors.
func (o object) objects(path, name string) ([]object, error) {
	if path != "" {
		name = path + "." + name
	}
	var raw []json.RawMessage
	last := name[strings.LastIndexByte(name, '.')+1:]
	if err := json.Unmarshal(o[last], &raw); err != nil {
		return nil, badRequest(name, "Invalid type for '%s': expected an array of objects.", name)
	}
	list := make([]object, len(raw))
	for i, v := range raw {
		var err error
		if list[i], err = decodeObject(v); err != nil {
			return nil, badRequest(name, "Invalid type for '%s[%d]': %v.", name, i, err)
		}
	}
	return list, nil
}

func words(s string) int64 { return int64(len(strings.Fields(s))) }
