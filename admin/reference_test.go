package admin

import (
	"encoding/json"
	"maps"
	"math"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// referenceRow is an endpoint of the public reference that this API keeps, with
// the fields that are listed there. a.b is a member of an object, a[].b one of
// each object of a list.
type referenceRow struct {
	title, method, path string
	query, body         []string
	refused             []string // of the query: listed there, and refused here with a reason
	answer              []string // each a name and a type
	test                func(r *reference)
}

// reference runs one row: it notes what was sent and what was answered.
type reference struct {
	*fixture
	row  referenceRow
	sent map[string]bool
	seen map[string]bool
}

func words(text string) []string { return strings.Fields(text) }

// fields splits "name string, createdAt int".
func fields(text string) []string { return strings.Split(text, ", ") }

func referenceRows() []referenceRow {
	return slices.Concat(referenceKeys(), referenceSettings(), referenceEvents(), referencePolicies(), referenceCustomProviders(), referenceRoutes(), referenceUsers())
}

// TestReference has a subtest for every row, named after it. Each sends every
// field of the row through HTTP and finds every field of the answer, in the type
// that the reference gives; the values are written by hand, the reference's own
// where it has an example.
func TestReference(t *testing.T) {
	for _, row := range referenceRows() {
		t.Run(row.method+" "+row.path, func(t *testing.T) {
			r := &reference{fixture: newFixture(t), row: row, sent: map[string]bool{}, seen: map[string]bool{}}
			row.test(r)
			for _, name := range row.query {
				if !r.sent["?"+name] {
					t.Errorf("the query parameter %s was not sent", name)
				}
			}
			for _, name := range row.body {
				if !r.sent[name] {
					t.Errorf("the field %s was not sent", name)
				}
			}
			for _, f := range row.answer {
				if !r.seen[f] {
					t.Errorf("no answer shows %q", f)
				}
			}
			r.fails(t)
		})
	}
}

// fails holds a failure against the reference's five fields.
func (r *reference) fails(t *testing.T) {
	t.Helper()
	path := r.path("98daa3ae-961d-4253-bf6a-322a32fdca3d")
	body := ""
	if len(r.row.body) > 0 {
		body = "{}"
	}
	got := r.want(r.do(r.row.method, path+"?no-such-parameter=1", body), 400)
	status, _ := got.at("status").(float64)
	if status != 400 || got.str("title") == "" || got.str("type") != "/errors/bad-query" || !strings.Contains(got.str("detail"), "no-such-parameter") || got.str("instance") != path {
		t.Errorf("a failure is %s", got.text)
	}
}

func (r *reference) path(id string) string {
	return strings.NewReplacer("{id}", id, "{keyId}", id).Replace(r.row.path)
}

// call makes the row's request, which must succeed. query begins with "?".
func (r *reference) call(id, query, body string) answer {
	r.t.Helper()
	values, err := url.ParseQuery(strings.TrimPrefix(query, "?"))
	if err != nil {
		r.t.Fatal(err)
	}
	for name := range values {
		r.sent["?"+name] = true
	}
	if body != "" {
		var v any
		if err := json.Unmarshal([]byte(body), &v); err != nil {
			r.t.Fatalf("%s: %v", body, err)
		}
		for name := range flat("", v) {
			r.sent[name] = true
		}
	}
	return r.want(r.do(r.row.method, r.path(id)+query, body), 200)
}

// flat names every member of v and of what it holds, with its values.
func flat(prefix string, v any) map[string][]any {
	all := map[string][]any{}
	add := func(inner map[string][]any) {
		for name, values := range inner {
			all[name] = append(all[name], values...)
		}
	}
	switch v := v.(type) {
	case map[string]any:
		for name, value := range v {
			at := strings.TrimPrefix(prefix+"."+name, ".")
			all[at] = append(all[at], value)
			add(flat(at, value))
		}
	case []any:
		for _, each := range v {
			add(flat(prefix+"[]", each))
		}
	}
	return all
}

// shows finds the row's fields in an object, and compares the members that are
// listed in want, as JSON.
func (r *reference) shows(object any, want string) {
	r.t.Helper()
	found := flat("", object)
	for _, f := range r.row.answer {
		name, kind, _ := strings.Cut(f, " ")
		values, there := found[name]
		if !there {
			continue
		}
		r.seen[f] = true
		for _, v := range values {
			if !isKind(v, kind) {
				r.t.Errorf("%s is %v, want a value of the type %s", name, v, kind)
			}
		}
	}
	var members map[string]any
	if err := json.Unmarshal([]byte(want), &members); err != nil {
		r.t.Fatalf("%s: %v", want, err)
	}
	o, _ := object.(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if d := cmp.Diff(members[name], o[name]); d != "" {
			r.t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

// isKind says whether v has a type of the reference.
func isKind(v any, kind string) bool {
	if each, list := strings.CutPrefix(kind, "[]"); list {
		items, ok := v.([]any)
		return ok && !slices.ContainsFunc(items, func(item any) bool { return !isKind(item, each) })
	}
	switch kind {
	case "string", "bytes": // base64
		_, ok := v.(string)
		return ok
	case "int":
		n, ok := v.(float64)
		return ok && n == math.Trunc(n)
	case "float":
		_, ok := v.(float64)
		return ok
	case "bool":
		_, ok := v.(bool)
		return ok
	case "object":
		_, ok := v.(map[string]any)
		return ok
	}
	return false
}

// ids lists one member of each object of a list.
func ids(list any, name string) (all []string) {
	items, _ := list.([]any)
	for _, item := range items {
		text, _ := at(item, name).(string)
		all = append(all, text)
	}
	return all
}

func (r *reference) same(what string, got, want any) {
	r.t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		r.t.Errorf("%s (-want +got):\n%s", what, d)
	}
}
