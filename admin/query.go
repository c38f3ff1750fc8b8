package admin

import (
	"encoding/json"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// noQuery is the query of routes that take no parameters.
type noQuery struct{}

// decodeQuery reads the call's query parameters into T, whose fields are those
// of the body with the same meaning. Lists may be repeated, separated by
// commas, or both; a scalar given twice is refused, because clients disagree on
// which one counts. An empty value is an absent one.
func decodeQuery[T any](c *call) (T, error) {
	var none T
	values, err := url.ParseQuery(c.request.URL.RawQuery)
	if err != nil {
		return none, badQuery.with("the query is not well formed")
	}
	schema := resolved(c.api.queries, reflect.TypeFor[T]())
	tree := map[string]any{}
	var faults []fault
	for _, name := range slices.Sorted(maps.Keys(values)) {
		property, known := schema.Properties[name]
		if !known {
			faults = append(faults, fault{Pointer: "/" + escapePointer(name), Detail: "unknown parameter"})
			continue
		}
		value, detail := queryValue(property, values[name])
		if detail != "" {
			faults = append(faults, fault{Pointer: "/" + name, Detail: detail})
		} else if value != nil {
			tree[name] = value
		}
	}
	in, err := fill[T](c.api.queries, tree, faults, badQuery)
	return in, asParameters(err)
}

// queryValue spells the texts of one parameter as JSON would, or says what is
// wrong with them. Range checks are the validator's.
func queryValue(s *huma.Schema, texts []string) (value any, detail string) {
	if slices.ContainsFunc(texts, hasControl) {
		return nil, controlDetail
	}
	if s.Type == huma.TypeArray {
		list := []any{}
		for part := range strings.SplitSeq(strings.Join(texts, ","), ",") {
			if part != "" {
				list = append(list, part)
			}
		}
		return list, ""
	}
	if len(texts) > 1 {
		return nil, "is given more than once"
	}
	text := texts[0]
	if text == "" {
		return nil, ""
	}
	switch s.Type {
	case huma.TypeInteger:
		if _, ok := parseInteger(text); !ok {
			return nil, "must be an integer"
		}
		return json.Number(text), ""
	case huma.TypeBoolean:
		if text != "true" && text != "false" {
			return nil, "must be true or false"
		}
		return text == "true", ""
	}
	return text, ""
}

// asParameters renames the pointers of faults to parameter names: in a query
// there is no document to point into.
func asParameters(err error) error {
	p, ok := err.(*problem)
	if !ok {
		return err
	}
	for i, f := range p.Errors {
		name, _, _ := strings.Cut(strings.TrimPrefix(f.Pointer, "/"), "/")
		p.Errors[i] = fault{Parameter: strings.NewReplacer("~1", "/", "~0", "~").Replace(name), Detail: f.Detail}
	}
	return badQuery.faulty(p.Errors)
}

// resolved is the schema of t itself, never a reference to it.
func resolved(r huma.Registry, t reflect.Type) *huma.Schema { return r.Schema(t, false, "") }
