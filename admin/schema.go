package admin

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

// optional is a member of a request body that may be absent (Set is false),
// null (Set, and Value is the zero value) or present. PATCH needs all three.
type optional[T any] struct {
	Set   bool
	Value T
}

// UnmarshalJSON implements json.Unmarshaler; it is not called for an absent member.
func (o *optional[T]) UnmarshalJSON(raw []byte) error {
	o.Set = true
	return json.Unmarshal(raw, &o.Value) // null leaves the zero value
}

// Schema implements huma.SchemaProvider: T's schema, and null.
func (optional[T]) Schema(r huma.Registry) *huma.Schema {
	s := *r.Schema(reflect.TypeFor[T](), true, "")
	s.Nullable = true
	return &s
}

// into stores the member in field unless it is absent.
func (o optional[T]) into(field *T) {
	if o.Set {
		*field = o.Value
	}
}

// optionalObject is optional for an object. Its schema is spelled out where it is
// used, because a reference cannot say that null is fine too.
type optionalObject[T any] struct{ optional[T] }

// Schema implements huma.SchemaProvider: T's schema, and null.
func (optionalObject[T]) Schema(r huma.Registry) *huma.Schema {
	s := *resolved(r, reflect.TypeFor[T]())
	s.Nullable = true
	return &s
}

// The formats that the validator gives a meaning of its own.
const (
	formatUSD   = "usd"   // a number of dollars, at least and at most as fine as a nano-dollar
	formatLimit = "limit" // an integer that limits something
)

const noLimitHint = "(omit it or send null for no limit, set `revoked` to stop it)"

// usd is money on the wire: a JSON number of dollars, exact.
type usd gateway.NanoUSD

// MarshalJSON implements json.Marshaler.
func (u usd) MarshalJSON() ([]byte, error) { return gateway.NanoUSD(u).MarshalJSON() }

// UnmarshalJSON implements json.Unmarshaler.
func (u *usd) UnmarshalJSON(raw []byte) error {
	if string(raw) == "null" {
		return nil
	}
	n, err := gateway.ParseUSD(string(raw))
	*u = usd(n)
	return err
}

// Schema implements huma.SchemaProvider.
func (usd) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeNumber, Format: formatUSD}
}

// validator checks a tree of parseTree against a schema and collects every
// fault. It understands what this package's types produce; a test fails when a
// schema uses a keyword that it does not know.
type validator struct {
	registry huma.Registry
	faults   []fault
}

func (v *validator) fail(pointer, format string, args ...any) {
	v.faults = append(v.faults, fault{Pointer: pointer, Detail: fmt.Sprintf(format, args...)})
}

// check returns the value with integers in plain spelling (2.0 becomes 2).
func (v *validator) check(s *huma.Schema, value any, pointer string) any {
	if s.Ref != "" {
		s = v.registry.SchemaFromRef(s.Ref)
	}
	if s.ReadOnly || s.Type == "" {
		return value
	}
	if value == nil {
		if !s.Nullable {
			v.fail(pointer, "must not be null")
		}
		return nil
	}
	switch s.Type {
	case huma.TypeObject:
		if o, ok := value.(map[string]any); ok {
			return v.object(s, o, pointer)
		}
		v.fail(pointer, "must be an object")
	case huma.TypeArray:
		if list, ok := value.([]any); ok {
			return v.array(s, list, pointer)
		}
		v.fail(pointer, "must be an array")
	case huma.TypeString:
		if text, ok := value.(string); ok {
			v.text(s, text, pointer)
		} else {
			v.fail(pointer, "must be a string")
		}
	case huma.TypeBoolean:
		if _, ok := value.(bool); !ok {
			v.fail(pointer, "must be true or false")
		}
	case huma.TypeInteger, huma.TypeNumber:
		n, ok := value.(json.Number)
		if !ok {
			v.fail(pointer, "must be a number")
			return value
		}
		if s.Format == formatUSD {
			v.money(s, n.String(), pointer)
			return value
		}
		if s.Format == formatPrice {
			return value
		}
		return v.integer(s, n.String(), pointer)
	}
	return value
}

func (v *validator) object(s *huma.Schema, o map[string]any, pointer string) any {
	for _, name := range slices.Sorted(maps.Keys(o)) {
		at := pointer + "/" + escapePointer(name)
		property, known := s.Properties[name]
		switch {
		case known:
			o[name] = v.check(property, o[name], at)
		case s.AdditionalProperties == false:
			v.fail(at, "unknown field")
		default:
			if each, ok := s.AdditionalProperties.(*huma.Schema); ok {
				o[name] = v.check(each, o[name], at)
			}
		}
	}
	for _, name := range s.Required {
		if _, given := o[name]; !given {
			v.fail(pointer+"/"+name, "is required")
		}
	}
	return o
}

func (v *validator) array(s *huma.Schema, list []any, pointer string) any {
	if s.MaxItems != nil && len(list) > *s.MaxItems {
		v.fail(pointer, "must have at most %d items", *s.MaxItems)
		return list
	}
	for i := range list {
		list[i] = v.check(s.Items, list[i], pointer+"/"+strconv.Itoa(i))
	}
	return list
}

func (v *validator) text(s *huma.Schema, text, pointer string) {
	if len(s.Enum) > 0 && !slices.Contains(s.Enum, any(text)) {
		v.fail(pointer, "must be one of %s", enumText(s.Enum))
	}
	length := utf8.RuneCountInString(text)
	switch {
	case s.MinLength != nil && length == 0 && *s.MinLength > 0:
		v.fail(pointer, "must not be empty")
	case s.MinLength != nil && length < *s.MinLength:
		v.fail(pointer, "must have at least %d characters", *s.MinLength)
	case s.MaxLength != nil && length > *s.MaxLength:
		v.fail(pointer, "must have at most %d characters", *s.MaxLength)
	}
}

func (v *validator) money(s *huma.Schema, text, pointer string) {
	n, err := gateway.ParseUSD(text)
	switch {
	case err != nil:
		v.fail(pointer, "%v %s", err, noLimitHint)
	case n <= 0:
		v.fail(pointer, "must be more than 0 %s", noLimitHint)
	case s.Maximum != nil && float64(n) > *s.Maximum*float64(gateway.USD):
		v.fail(pointer, "must be at most %s %s", plain(*s.Maximum), noLimitHint)
	}
}

func (v *validator) integer(s *huma.Schema, text, pointer string) any {
	n, ok := parseInteger(text)
	switch {
	case !ok:
		v.fail(pointer, "must be an integer")
		return json.Number(text)
	case s.Minimum != nil && float64(n) < *s.Minimum:
		hint := ""
		if s.Format == formatLimit {
			hint = " " + noLimitHint
		}
		v.fail(pointer, "must be at least %s%s", plain(*s.Minimum), hint)
	case s.Maximum != nil && float64(n) > *s.Maximum:
		v.fail(pointer, "must be at most %s", plain(*s.Maximum))
	}
	return json.Number(strconv.FormatInt(n, 10))
}

func plain(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// parseInteger reads what JSON Schema calls an integer: 2, but also 2.0 and 2e0.
func parseInteger(text string) (int64, bool) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, true
	}
	// big.Rat also reads fractions and other bases, and a huge exponent would
	// make it allocate without bound.
	if strings.Trim(text, "0123456789+-.eE") != "" {
		return 0, false
	}
	if i := strings.IndexAny(text, "eE"); len(text) > 64 || i >= 0 && len(strings.TrimLeft(text[i+1:], "+-0")) > 2 {
		return 0, false
	}
	r, ok := new(big.Rat).SetString(text)
	if !ok || !r.IsInt() || !r.Num().IsInt64() {
		return 0, false
	}
	return r.Num().Int64(), true
}

func enumText(enum []any) string {
	var words []string
	for _, e := range enum {
		if e != nil {
			words = append(words, fmt.Sprint(e))
		}
	}
	return strings.Join(words, ", ")
}

// decode reads the call's body into T: a 400 lists every fault.
func decode[T any](c *call) (T, error) {
	var in T
	tree, faults, err := parseTree(c.body)
	if err != nil {
		return in, err
	}
	return fill[T](c.api.registry, tree, faults, badInput)
}

// fill checks a tree against T's schema and stores it in a T.
func fill[T any](r huma.Registry, tree any, faults []fault, kind problemKind) (T, error) {
	var in T
	v := validator{registry: r, faults: faults}
	tree = v.check(r.Schema(reflect.TypeFor[T](), true, ""), tree, "")
	if len(v.faults) > 0 {
		return in, kind.faulty(v.faults)
	}
	text, err := json.Marshal(tree)
	if err != nil {
		return in, fmt.Errorf("spell a checked body: %w", err)
	}
	if err := json.Unmarshal(text, &in); err != nil {
		return in, fmt.Errorf("read a checked body: %w", err)
	}
	return in, nil
}
