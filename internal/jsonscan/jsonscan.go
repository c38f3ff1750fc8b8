// Package jsonscan reads and edits JSON objects in place, by offsets.
//
// The gateway decides on a few members of a body and forwards the rest byte for
// byte, so it needs to know where members stand, not to decode them. Check does
// the strict validation once (RFC 7493: well-formed, no duplicate names, valid
// UTF-8, bounded depth); Object then walks one level of what passed. Reading and
// editing with the same scanner leaves no room for two parsers to disagree.
package jsonscan

import (
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
)

// MaxDepth is the deepest nesting that Check lets pass.
const MaxDepth = 128

// Check reports why data is not exactly one strict JSON value. The error's text
// is fit for the client: it names offsets and rules, never values.
func Check(data []byte) error {
	if err := checkDepth(data); err != nil {
		return err
	}
	v := jsontext.Value(data)
	if v.IsValid() {
		return nil
	}
	// The slow path runs for refused bodies only, to say what is wrong.
	dec := jsontext.NewDecoder(newReader(data))
	if err := dec.SkipValue(); err != nil {
		if errors.Is(err, jsontext.ErrDuplicateName) {
			return fmt.Errorf("duplicate field name at offset %d", dec.InputOffset())
		}
		return fmt.Errorf("not valid JSON at offset %d", dec.InputOffset())
	}
	return fmt.Errorf("unexpected data after the JSON value at offset %d", dec.InputOffset())
}

func checkDepth(data []byte) error {
	depth, inString := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case inString:
			if c == '\\' {
				i++
			} else if c == '"' {
				inString = false
			}
		case c == '"':
			inString = true
		case c == '{' || c == '[':
			if depth++; depth > MaxDepth {
				return fmt.Errorf("nested deeper than %d levels", MaxDepth)
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return nil
}

// Member is one member of an object. Offsets count bytes in the scanned data.
// Name and Value share the memory of the data, which must not change while a
// Member is in use.
type Member struct {
	Name  string // unescaped
	Value []byte // raw, without surrounding white space
	Start int    // of the name's opening quote
	At    int    // of the value's first byte
}

// End is the offset just behind the value.
func (m Member) End() int { return m.At + len(m.Value) }

// IsNull reports whether the value is null.
func (m Member) IsNull() bool { return string(m.Value) == "null" }

// IsObject reports whether the value is an object.
func (m Member) IsObject() bool { return len(m.Value) > 0 && m.Value[0] == '{' }

// IsArray reports whether the value is an array.
func (m Member) IsArray() bool { return len(m.Value) > 0 && m.Value[0] == '[' }

// String returns the unescaped value of a string member; ok is false for any
// other type.
func (m Member) String() (s string, ok bool) {
	if len(m.Value) < 2 || m.Value[0] != '"' {
		return "", false
	}
	return unquote(m.Value)
}

// Bool returns the value of a boolean member; ok is false for any other type.
func (m Member) Bool() (value, ok bool) {
	switch string(m.Value) {
	case "true":
		return true, true
	case "false":
		return false, true
	}
	return false, false
}

// Int returns the value of a member that is a whole, non-negative number
// spelled with digits alone and at most max; ok is false for any other.
func (m Member) Int(max int64) (n int64, ok bool) {
	if len(m.Value) == 0 || len(m.Value) > 19 {
		return 0, false
	}
	for _, c := range m.Value {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
		if n < 0 || n > max {
			return 0, false
		}
	}
	return n, true
}

var errSyntax = errors.New("not a JSON object")

// Object calls yield for each member of the object in data, in order, until it
// returns false. It needs no validated input (provider answers are not), but on
// malformed input it may stop late: the error says that it noticed.
func Object(data []byte, yield func(Member) bool) error {
	i := skipSpace(data, 0)
	if i >= len(data) || data[i] != '{' {
		return errSyntax
	}
	i = skipSpace(data, i+1)
	if i < len(data) && data[i] == '}' {
		return nil
	}
	for {
		start := i
		end, ok := skipString(data, i)
		if !ok {
			return errSyntax
		}
		name, ok := nameOf(data[start:end])
		if !ok {
			return errSyntax
		}
		i = skipSpace(data, end)
		if i >= len(data) || data[i] != ':' {
			return errSyntax
		}
		at := skipSpace(data, i+1)
		end, ok = skipValue(data, at)
		if !ok {
			return errSyntax
		}
		if !yield(Member{Name: name, Value: data[at:end], Start: start, At: at}) {
			return nil
		}
		i = skipSpace(data, end)
		if i < len(data) && data[i] == '}' {
			return nil
		}
		if i >= len(data) || data[i] != ',' {
			return errSyntax
		}
		i = skipSpace(data, i+1)
	}
}

// Array calls yield for each element of the array in data until it returns false.
func Array(data []byte, yield func(value []byte) bool) error {
	return Elements(data, func(_ int, value []byte) bool { return yield(value) })
}

// Elements is Array that tells each element's offset in data, too.
func Elements(data []byte, yield func(at int, value []byte) bool) error {
	i := skipSpace(data, 0)
	if i >= len(data) || data[i] != '[' {
		return errSyntax
	}
	i = skipSpace(data, i+1)
	if i < len(data) && data[i] == ']' {
		return nil
	}
	for {
		end, ok := skipValue(data, i)
		if !ok {
			return errSyntax
		}
		if !yield(i, data[i:end]) {
			return nil
		}
		i = skipSpace(data, end)
		if i < len(data) && data[i] == ']' {
			return nil
		}
		if i >= len(data) || data[i] != ',' {
			return errSyntax
		}
		i = skipSpace(data, i+1)
	}
}

// Get returns the member called name, if the object in data has it.
func Get(data []byte, name string) (m Member, found bool) {
	_ = Object(data, func(x Member) bool {
		if x.Name == name {
			m, found = x, true
		}
		return !found
	})
	return m, found
}
