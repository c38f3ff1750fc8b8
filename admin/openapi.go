package admin

import (
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

const (
	securityScheme = "adminKey"
	bearerScheme   = "bearerToken"
)

// openAPI spells the OpenAPI 3.1 document of the routes.
func (a *api) openAPI() ([]byte, error) {
	doc, err := a.describe()
	if err != nil {
		return nil, err
	}
	return json.Marshal(doc)
}

// describe makes the document. The schemas are the ones that requests are checked
// against.
func (a *api) describe() (*huma.OpenAPI, error) {
	doc := &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{Title: "Bricks admin API", Version: cmpVersion(a.Version),
			Description: "Manages provider settings, keys and users of the gateway and shows its events. " +
				"Unknown fields and parameters are refused; read-only fields are accepted and ignored, so that an answer can be sent back. " +
				"In PATCH an absent field stays as it is, and null or an empty value clears it. " +
				"Money is a decimal number of US dollars, at most as fine as a nano-dollar (0.000000001)."},
		Components: &huma.Components{
			Schemas: a.registry,
			SecuritySchemes: map[string]*huma.SecurityScheme{securityScheme: {Type: "apiKey", In: "header", Name: keyHeader,
				Description: "An admin key. Not needed when none is configured; then the API is reachable from its own machine only."}},
		},
		Security: []map[string][]string{{securityScheme: {}}},
	}
	if a.VerifyToken != nil {
		doc.Components.SecuritySchemes[bearerScheme] = &huma.SecurityScheme{Type: "http", Scheme: "bearer", BearerFormat: "JWT",
			Description: "A token of the configured OpenID provider, instead of an admin key."}
		doc.Security = append(doc.Security, map[string][]string{bearerScheme: {}})
	}
	var err error
	if a.examples, err = readExamples(); err != nil {
		return nil, err
	}
	problemSchema := a.registry.Schema(reflect.TypeFor[problem](), true, "")
	for _, rt := range a.routes {
		doc.AddOperation(a.operation(rt, problemSchema))
	}
	a.polish()
	return doc, nil
}

func cmpVersion(v string) string {
	if v == "" {
		return "development"
	}
	return v
}

func (a *api) operation(rt route, problemSchema *huma.Schema) *huma.Operation {
	op := &huma.Operation{OperationID: rt.id, Method: rt.method, Path: strings.ReplaceAll(rt.path, "...}", "}"), Summary: rt.summary, Tags: []string{rt.group},
		Responses: map[string]*huma.Response{}}
	example := a.exampleOf(rt)
	for part := range strings.SplitSeq(rt.path, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			p := &huma.Param{Name: strings.TrimSuffix(name, "}"), In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString, Format: "uuid"}}
			if whole, rest := strings.CutSuffix(p.Name, "..."); rest {
				p.Name, p.Schema.Format, p.Description = whole, "", "May hold slashes."
			}
			p.Example = example.Path[p.Name]
			op.Parameters = append(op.Parameters, p)
		}
	}
	op.Parameters = append(op.Parameters, a.queryParams(rt.query, example.Query)...)
	if rt.conditional {
		op.Parameters = append(op.Parameters, &huma.Param{Name: "If-Match", In: "header", Schema: &huma.Schema{Type: huma.TypeString},
			Description: "ETags of the states to act on; otherwise 412."})
	}
	if rt.body != nil {
		media := &huma.MediaType{Schema: a.registry.Schema(rt.body, true, ""), Example: example.Request}
		op.RequestBody = &huma.RequestBody{Required: !rt.bodyOptional, Content: map[string]*huma.MediaType{"application/json": media}}
	}
	op.Responses["200"] = a.success(rt)
	for _, status := range rt.failures() {
		op.Responses[strconv.Itoa(status)] = &huma.Response{Description: http.StatusText(status), Headers: problemHeaders(status),
			Content: map[string]*huma.MediaType{"application/problem+json": {Schema: problemSchema, Examples: a.exampleProblems(rt, status)}}}
	}
	return op
}

// problemHeaders are the headers that go with a problem of this status.
func problemHeaders(status int) map[string]*huma.Param {
	switch status {
	case http.StatusUnauthorized:
		return map[string]*huma.Param{"WWW-Authenticate": {Schema: &huma.Schema{Type: huma.TypeString}, Description: "How to say who asks."}}
	case http.StatusServiceUnavailable:
		return map[string]*huma.Param{"Retry-After": {Schema: &huma.Schema{Type: huma.TypeInteger}, Description: "Seconds to wait before trying again."}}
	}
	return nil
}

func (a *api) success(rt route) *huma.Response {
	text := &huma.Schema{Type: huma.TypeString}
	headers := map[string]*huma.Param{}
	if rt.tagged {
		headers["ETag"] = &huma.Param{Schema: text, Description: "The object's state, for If-Match."}
	}
	if rt.writes() {
		headers[unacknowledgedHeader] = &huma.Param{Schema: text, Description: "Who had not put the change in force when this was answered."}
	}
	content := map[string]*huma.MediaType{}
	for _, media := range rt.media() {
		content[media] = &huma.MediaType{Schema: answerSchema(a.registry, rt.answer), Example: a.exampleAnswer(rt, media)}
	}
	return &huma.Response{Description: "Done", Headers: headers, Content: content, Links: a.links(rt)}
}

// answerSchema is the schema of an answer: a list is [] when it is empty, never null.
func answerSchema(r huma.Registry, t reflect.Type) *huma.Schema {
	s := r.Schema(t, true, "")
	if s.Ref == "" { // not shared
		s.Nullable = false
	}
	return s
}

// links lead from an object that was created to what can be done with it: the
// member of the answer and the parameter of the path have the same name.
func (a *api) links(rt route) map[string]*huma.Link {
	links := map[string]*huma.Link{}
	for _, above := range rt.creates {
		for _, other := range a.routes {
			rest, below := strings.CutPrefix(other.path, above+"/{")
			if name, _, ok := strings.Cut(rest, "}"); below && ok {
				links[other.id] = &huma.Link{OperationID: other.id, Parameters: map[string]any{name: "$response.body#/" + name}}
			}
		}
	}
	return links
}

// media are the content types of the answer.
func (rt route) media() []string {
	if len(rt.produces) > 0 {
		return rt.produces
	}
	return []string{"application/json"}
}

func (rt route) writes() bool { return rt.access == writing || rt.access == writingWhole }

// failures are the statuses that the route can fail with. 400 is on every
// route because unknown query parameters are refused everywhere.
func (rt route) failures() []int {
	list := append([]int{400, 401, 403, 500, 503}, rt.statuses...)
	if rt.body != nil {
		list = append(list, 413, 415)
	}
	if rt.conditional {
		list = append(list, 412)
	}
	slices.Sort(list)
	return list
}

// queryParams spells the fields of t as parameters. A parameter cannot be null.
func (a *api) queryParams(t reflect.Type, examples map[string]any) []*huma.Param {
	schema := resolved(a.queries, t)
	var params []*huma.Param
	for _, field := range reflect.VisibleFields(t) {
		if field.Anonymous {
			continue
		}
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		property := *schema.Properties[name]
		property.Nullable = false
		plainText(&property)
		description := property.Description
		explode := true
		p := &huma.Param{Name: name, In: "query", Required: slices.Contains(schema.Required, name), Schema: &property, Description: description, Example: examples[name]}
		p.AllowEmptyValue = !p.Required && property.Type != huma.TypeArray // an empty value is an absent one
		if property.Type == huma.TypeArray {
			p.Style, p.Explode = "form", &explode
			p.Description += " Repeated, separated by commas, or both."
		}
		params = append(params, p)
	}
	return params
}
