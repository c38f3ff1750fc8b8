package admin

import (
	"fmt"
	"log/slog"
	"maps"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
)

// ClientDocument is the OpenAPI document in the form that generators of clients
// read best: version 3.0; one answer, default, for everything that fails, since
// all of it is the same problem; requests without the members that are ignored;
// words of a list as plain text, which the API judges; and nothing else that makes
// code without saying more than the types do.
func ClientDocument() ([]byte, error) {
	a := newAPI(Options{Logger: slog.New(slog.DiscardHandler)})
	doc, err := a.describe()
	if err != nil {
		return nil, err
	}
	failure := &huma.Response{Description: "Not done", Content: map[string]*huma.MediaType{
		"application/problem+json": {Schema: a.registry.Schema(reflect.TypeFor[problem](), true, "")},
	}}
	for path, item := range doc.Paths {
		for _, op := range []*huma.Operation{item.Get, item.Put, item.Post, item.Patch, item.Delete} {
			if op == nil {
				continue
			}
			done := op.Responses["200"]
			if done == nil {
				return nil, fmt.Errorf("%s %s has no answer 200", op.Method, path)
			}
			done.Headers, done.Links = nil, nil
			op.Responses = map[string]*huma.Response{"200": done, "default": failure}
			forClients(done.Content)
			if op.RequestBody != nil {
				forClients(op.RequestBody.Content)
			}
			for _, p := range op.Parameters {
				p.Example = nil
				plainWords(p.Schema)
			}
		}
	}
	for _, schema := range a.registry.Map() {
		schema.AnyOf = nil
		maps.DeleteFunc(schema.Properties, func(_ string, p *huma.Schema) bool { return p.ReadOnly })
		plainWords(schema)
	}
	return doc.Downgrade()
}

func forClients(content map[string]*huma.MediaType) {
	for _, media := range content {
		media.Example, media.Examples = nil, nil
	}
}

// plainWords takes the lists of words, and the examples, out of a schema.
func plainWords(s *huma.Schema) {
	if s == nil {
		return
	}
	s.Enum, s.Examples = nil, nil
	plainWords(s.Items)
	for _, p := range s.Properties {
		plainWords(p)
	}
	if each, ok := s.AdditionalProperties.(*huma.Schema); ok {
		plainWords(each)
	}
}
