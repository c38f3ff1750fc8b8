package admin

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// example is one call of an operation, as the document shows it. The files hold
// the calls of one small world; a test makes them all and compares the answers.
type example struct {
	Operation string            `json:"operation"`
	Path      map[string]string `json:"path,omitempty"`
	Query     map[string]any    `json:"query,omitempty"`
	Request   json.RawMessage   `json:"request,omitempty"`
	Media     string            `json:"media,omitempty"` // of the answer; empty: JSON
	Answer    json.RawMessage   `json:"answer"`
}

//go:embed examples/*.json
var exampleFiles embed.FS

// exampleGroups are the files in the order in which they build on one another.
var exampleGroups = []string{"provider-settings", "custom-providers", "policies", "keys", "routes", "users",
	"events", "reporting", "pricing", "admin-keys", "audit-log", "system"}

// readExamples returns the examples by operation; an operation may have several.
func readExamples() (map[string][]example, error) {
	all := map[string][]example{}
	for _, group := range exampleGroups {
		list, err := readExampleGroup(group)
		if err != nil {
			return nil, err
		}
		for _, e := range list {
			all[e.Operation] = append(all[e.Operation], e)
		}
	}
	return all, nil
}

func readExampleGroup(group string) (list []example, err error) {
	text, err := exampleFiles.ReadFile("examples/" + group + ".json")
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, fmt.Errorf("examples of %s: %w", group, err)
	}
	return list, nil
}

// exampleOf is the operation's first example; that of no operation is empty.
func (a *api) exampleOf(rt route) example {
	if list := a.examples[rt.id]; len(list) > 0 {
		return list[0]
	}
	return example{}
}

// exampleAnswer is an answer of this media type; nil when there is none.
func (a *api) exampleAnswer(rt route, media string) any {
	for _, e := range a.examples[rt.id] {
		if e.Media == media || e.Media == "" && media == "application/json" {
			return e.Answer
		}
	}
	return nil
}

// path is the path of the call, for which rt is the route.
func (e example) path(rt route) string {
	path := rt.path
	for name, value := range e.Path {
		path = strings.NewReplacer("{"+name+"}", value, "{"+name+"...}", value).Replace(path)
	}
	return path
}

// exampleProblems are the problems of one status by their short names.
func (a *api) exampleProblems(rt route, status int) map[string]*huma.Example {
	all := map[string]*huma.Example{}
	for _, p := range a.problems(rt, status) {
		p.Instance = a.exampleOf(rt).path(rt)
		all[strings.TrimPrefix(p.Type, "/errors/")] = &huma.Example{Summary: p.Title, Value: p}
	}
	return all
}

// problems are what a route may answer with this status. A test provokes those
// that say something in particular.
func (a *api) problems(rt route, status int) []*problem {
	switch status {
	case http.StatusBadRequest:
		return rt.badRequests()
	case http.StatusUnauthorized:
		p, _ := errors.AsType[*problem](a.wrongKey())
		return []*problem{p}
	case http.StatusForbidden:
		return []*problem{forbidden.with(rt.whyForbidden())}
	case http.StatusNotFound:
		return []*problem{notFound.with("nothing has this id")}
	case http.StatusConflict:
		return []*problem{conflict.with("something else has this name, or depends on it")}
	case http.StatusPreconditionFailed:
		return []*problem{preconditionFail.with(`the object is at "12"; read it again`)}
	case http.StatusRequestEntityTooLarge:
		return []*problem{bodyTooLarge.with("the body has more than 1048576 bytes")}
	case http.StatusUnsupportedMediaType:
		return []*problem{unsupportedMedia.with("the content type must be application/json")}
	case http.StatusInternalServerError:
		return []*problem{internalError.with("internal error")}
	case http.StatusServiceUnavailable:
		return []*problem{unavailable.with("the store did not answer; try again")}
	}
	return nil
}

func (rt route) badRequests() []*problem {
	query, _ := errors.AsType[*problem](badQuery.faulty([]fault{{Parameter: "color", Detail: "unknown parameter"}}))
	if rt.body == nil {
		return []*problem{query}
	}
	body, _ := errors.AsType[*problem](badInput.faulty([]fault{{Pointer: "/color", Detail: "unknown field"}}))
	return []*problem{query, body, badJSON.with("unexpected end of JSON input"),
		badBodyRead.with("the body ended before its announced length or could not be read")}
}

func (rt route) whyForbidden() string {
	switch rt.access {
	case writing, writingWhole:
		return "this caller may read only"
	case readingWhole:
		return "this caller is limited to tags, and what this route shows carries none"
	case readingAdmin:
		return "only admins may see this"
	default:
		return "without an admin key the API does not answer to other origins"
	}
}
