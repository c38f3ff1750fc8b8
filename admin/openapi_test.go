package admin

import (
	"bytes"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

const documentURL = "https://document.test/openapi.json"

// document is what the API answers as its description, with a validator of JSON
// Schema that is not the one that requests are checked with.
type document struct {
	t        *testing.T
	root     map[string]any
	compiler *jsonschema.Compiler
}

func readDocument(f *fixture, t *testing.T) *document {
	t.Helper()
	text := f.want(f.do("GET", documentPath, ""), 200).text
	root, err := jsonschema.UnmarshalJSON(bytes.NewReader([]byte(text)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	if err := c.AddResource(documentURL, root); err != nil {
		t.Fatal(err)
	}
	return &document{t, root.(map[string]any), c}
}

// valid holds a value against the schema at a pointer.
func (d *document) valid(what string, value any, pointer ...string) {
	d.t.Helper()
	for i, p := range pointer {
		pointer[i] = url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(p))
	}
	schema, err := d.compiler.Compile(documentURL + "#/" + strings.Join(pointer, "/"))
	if err != nil {
		d.t.Fatalf("%s: %v", what, err)
	}
	if err := schema.Validate(value); err != nil {
		d.t.Errorf("%s: %v", what, err)
	}
}

// at follows members of objects; nil when there is nothing.
func at(v any, path ...string) any {
	for _, name := range path {
		o, _ := v.(map[string]any)
		v = o[name]
	}
	return v
}

// each calls do for every operation.
func (d *document) each(do func(path, method string, operation map[string]any)) {
	for path, item := range d.root["paths"].(map[string]any) {
		for method, operation := range item.(map[string]any) {
			do(path, method, operation.(map[string]any))
		}
	}
}

func TestEveryExampleIsValid(t *testing.T) {
	f := newFixture(t)
	d := readDocument(f, t)
	count := 0
	d.each(func(path, method string, operation map[string]any) {
		id := operation["operationId"].(string)
		count++
		params, _ := operation["parameters"].([]any)
		for i, p := range params {
			p := p.(map[string]any)
			example, given := p["example"]
			if required, _ := p["required"].(bool); required && !given {
				t.Errorf("%s: parameter %s has no example", id, p["name"])
			}
			if given {
				d.valid(fmt.Sprint(id, ": parameter ", p["name"]), example, "paths", path, method, "parameters", fmt.Sprint(i), "schema")
			}
		}
		if body := at(operation, "requestBody", "content", "application/json"); body != nil {
			d.valid(id+": request", at(body, "example"), "paths", path, method, "requestBody", "content", "application/json", "schema")
		}
		for status, response := range operation["responses"].(map[string]any) {
			for media, content := range at(response, "content").(map[string]any) {
				schema := []string{"paths", path, method, "responses", status, "content", media, "schema"}
				if status == "200" {
					d.valid(id+": "+media, at(content, "example"), schema...)
					continue
				}
				examples, _ := at(content, "examples").(map[string]any)
				if len(examples) == 0 {
					t.Errorf("%s: status %s shows no problem", id, status)
				}
				for name, e := range examples {
					d.valid(id+": "+name, at(e, "value"), append([]string(nil), schema...)...)
					if got := at(e, "value"); fmt.Sprint(at(got, "status")) != status || at(got, "type") != "/errors/"+name || strings.Contains(fmt.Sprint(at(got, "instance")), "{") {
						t.Errorf("%s: the problem %s is %v", id, name, got)
					}
				}
			}
		}
	})
	if count != len(f.shown.routes) {
		t.Errorf("%d operations in the document, %d routes", count, len(f.shown.routes))
	}
}

// TestLinks: what is created can be read and deleted, by parameters that exist.
func TestLinks(t *testing.T) {
	d := readDocument(newFixture(t), t)
	names := map[string][]string{} // parameters of the path, by operation
	d.each(func(path, _ string, operation map[string]any) {
		for part := range strings.SplitSeq(path, "/") {
			if name, ok := strings.CutPrefix(part, "{"); ok {
				id := operation["operationId"].(string)
				names[id] = append(names[id], strings.TrimSuffix(name, "}"))
			}
		}
	})
	linked := map[string]bool{}
	d.each(func(_, _ string, operation map[string]any) {
		links, _ := at(operation, "responses", "200", "links").(map[string]any)
		shown, _ := at(operation, "responses", "200", "content", "application/json", "example").(map[string]any)
		for name, link := range links {
			target := fmt.Sprint(at(link, "operationId"))
			params, _ := at(link, "parameters").(map[string]any)
			if len(params) != 1 || len(names[target]) != 1 {
				t.Errorf("%v links to %s with %v", operation["operationId"], name, params)
				continue
			}
			member, _ := strings.CutPrefix(fmt.Sprint(params[names[target][0]]), "$response.body#/")
			if text, _ := shown[member].(string); text == "" {
				t.Errorf("%v links to %s by %v, which its answer lacks", operation["operationId"], name, params)
			}
			linked[target] = true
		}
	})
	for id := range names {
		if (strings.HasPrefix(id, "get") || strings.HasPrefix(id, "delete") || strings.HasPrefix(id, "update")) && !linked[id] && id != "getModelPrice" {
			t.Errorf("nothing links to %s", id)
		}
	}
}

// TestProblemsAreAsShown provokes the problems that say something in particular.
func TestProblemsAreAsShown(t *testing.T) {
	f := newFixture(t)
	f.user(`"userId":"spike","tags":["org-1"]`) // updateUserByName looks for one first
	for _, rt := range f.shown.routes {
		e := f.shown.exampleOf(rt)
		path, body := e.url(rt), string(e.Request)
		odd := path + "?color=red"
		if strings.Contains(path, "?") {
			odd = path + "&color=red"
		}
		colored := strings.Replace(body, "{", `{"color":1,`, 1)
		check := func(name string, status int, got answer) {
			t.Helper()
			shown := f.shown.exampleProblems(rt, status)[name]
			if shown == nil {
				t.Errorf("%s shows no problem %s", rt.id, name)
				return
			}
			p := *shown.Value.(*problem)
			want := answer{body: map[string]any{"status": float64(p.Status), "title": p.Title, "type": p.Type, "detail": p.Detail, "instance": p.Instance}}
			if len(p.Errors) == 1 {
				fault := map[string]any{"detail": p.Errors[0].Detail}
				if p.Errors[0].Pointer != "" {
					fault["pointer"] = p.Errors[0].Pointer
				} else {
					fault["parameter"] = p.Errors[0].Parameter
				}
				want.object()["errors"] = []any{fault}
			}
			if d := cmp.Diff(want.body, got.body); d != "" {
				t.Errorf("%s: %s (-shown +answered):\n%s", rt.id, name, d)
			}
		}
		check("unauthorized", 401, f.do(rt.method, path, body, as("")))
		switch {
		case rt.writes() || rt.access == readingAdmin:
			check("forbidden", 403, f.do(rt.method, path, body, as(viewerKey)))
		case rt.access == readingWhole:
			check("forbidden", 403, f.do(rt.method, path, body, as(scopedKey)))
		}
		if rt.body == nil {
			check("bad-query", 400, f.do(rt.method, odd, ""))
			continue
		}
		check("bad-query", 400, f.do(rt.method, odd, body))
		check("validation", 400, f.do(rt.method, path, colored))
		check("json-unmarshal", 400, f.do(rt.method, path, "{"))
		check("unsupported-media-type", 415, f.do(rt.method, path, body, header("Content-Type", "text/plain")))
		check("body-too-large", 413, f.do(rt.method, path, strings.Repeat(" ", maxBody+1)))
	}
}
