package admin

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
)

// coverage is docs/api-coverage.md: what is tested of the API, and by which test.
type coverage struct {
	t      *testing.T
	api    *api
	routes map[string]route // by method and path
	text   strings.Builder
}

// TestEveryOperationIsCovered compares docs/api-coverage.md with the rows of
// TestReference and the examples. An operation without a row fails it, and so
// does a field of the reference that the document lacks.
func TestEveryOperationIsCovered(t *testing.T) {
	const file = "../docs/api-coverage.md"
	f := newFixture(t)
	c := &coverage{t: t, api: f.shown, routes: map[string]route{}}
	for _, rt := range f.shown.routes {
		c.routes[rt.method+" "+strings.ReplaceAll(rt.path, "...}", "}")] = rt
	}
	c.text.WriteString("# What is tested of the admin API\n\n" +
		"Every operation of `/api/openapi.json`, its fields and the test that calls it over HTTP. This page is written by\n" +
		"`go test ./admin -run TestEveryOperationIsCovered -update`; the same test fails when it is stale or an operation has no row. `a.b` is a\n" +
		"member of an object, `a[].b` one of each object of a list. [Schemathesis](../cmd/bricks/testdata/schemathesis) calls all of them besides.\n\n")
	rest := c.reference()
	c.ours(rest)
	if *update {
		if err := os.WriteFile(file, []byte(c.text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != c.text.String() {
		t.Error("docs/api-coverage.md is stale: run this test with -update")
	}
}

// reference writes the rows of the public reference and returns the operations
// that it does not have.
func (c *coverage) reference() map[string]route {
	c.t.Helper()
	rest := map[string]route{}
	for name, rt := range c.routes {
		rest[name] = rt
	}
	c.text.WriteString("## The public reference\n\n| Operation | There | Query | Body | Beyond it | Test |\n|---|---|---|---|---|---|\n")
	for _, row := range referenceRows() {
		name := row.method + " " + row.path
		rt, known := c.routes[name]
		if !known {
			c.t.Errorf("the API has no %s", name)
			continue
		}
		delete(rest, name)
		query, body := c.query(rt), c.body(rt)
		for _, field := range row.query {
			if !slices.Contains(query, field) {
				c.t.Errorf("%s has no query parameter %s", name, field)
			}
		}
		for _, field := range row.body {
			if !slices.Contains(body, field) {
				c.t.Errorf("%s has no field %s", name, field)
			}
		}
		given := code(row.query)
		for _, field := range row.refused {
			given += ", `" + field + "` (refused: it would mean nothing)"
		}
		fmt.Fprintf(&c.text, "| `%s` | %s | %s | %s | %s | `TestReference/%s` |\n", name, row.title, given, code(row.body),
			code(slices.Concat(without(query, row.query), without(body, row.body))), strings.ReplaceAll(name, " ", "_"))
	}
	return rest
}

// ours writes the operations that the reference does not have.
func (c *coverage) ours(rest map[string]route) {
	c.t.Helper()
	c.text.WriteString("\n## Beyond the reference\n\n| Operation | What | Query | Body | Test |\n|---|---|---|---|---|\n")
	for _, rt := range c.api.routes { // in the order of the API
		name := rt.method + " " + strings.ReplaceAll(rt.path, "...}", "}")
		if _, ours := rest[name]; !ours {
			continue
		}
		if len(c.api.examples[rt.id]) == 0 {
			c.t.Errorf("no test calls %s", name)
		}
		fmt.Fprintf(&c.text, "| `%s` | %s | %s | %s | `TestExamples/%s` |\n", name, rt.summary, code(c.query(rt)), code(c.body(rt)), rt.id)
	}
}

func (c *coverage) query(rt route) (names []string) {
	for _, p := range c.api.queryParams(rt.query, nil) {
		names = append(names, p.Name)
	}
	return names
}

func (c *coverage) body(rt route) []string {
	if rt.body == nil {
		return nil
	}
	names := c.members("", c.api.registry.Schema(rt.body, true, ""))
	slices.Sort(names)
	return names
}

// members names what a schema may hold; what is read only is not sent.
func (c *coverage) members(prefix string, s *huma.Schema) (names []string) {
	if s.Ref != "" {
		s = c.api.registry.SchemaFromRef(s.Ref)
	}
	for name, p := range s.Properties {
		if p.ReadOnly {
			continue
		}
		at := strings.TrimPrefix(prefix+"."+name, ".")
		names = append(names, at)
		names = append(names, c.members(at, p)...)
	}
	if s.Items != nil {
		names = append(names, c.members(prefix+"[]", s.Items)...)
	}
	return names
}

func without(list, some []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(name string) bool { return slices.Contains(some, name) })
}

func code(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return "`" + strings.Join(names, "`, `") + "`"
}
