package admin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

// problem is the answer to a request that was not done: RFC 9457 with the five
// fields of the public contract and, for bad input, the list of every fault.
type problem struct {
	Status   int     `json:"status" doc:"The HTTP status."`
	Title    string  `json:"title" doc:"What this kind of problem is called."`
	Type     string  `json:"type" doc:"The stable name of this kind of problem."`
	Detail   string  `json:"detail" doc:"What went wrong this time."`
	Instance string  `json:"instance" doc:"The path that was asked for."`
	Errors   []fault `json:"errors,omitempty" doc:"Every fault of the input."`
}

// fault is one thing wrong with the input. Exactly one of Pointer and Parameter
// says where, but for a body that is no object at all: there both are absent.
type fault struct {
	Pointer   string `json:"pointer,omitempty" doc:"RFC 6901 JSON pointer into the body."`
	Parameter string `json:"parameter,omitempty" doc:"Name of the query parameter."`
	Detail    string `json:"detail" doc:"What is wrong there."`
}

// Error implements error, so that a handler can return a problem.
func (p *problem) Error() string { return p.Title + ": " + p.Detail }

// problemKind is a row of the table below.
type problemKind struct {
	name   string
	status int
	title  string
}

// The kinds of problem. Clients compare the names: they never change.
var (
	badJSON          = problemKind{"/errors/json-unmarshal", http.StatusBadRequest, "request body is not valid JSON"}
	badBodyRead      = problemKind{"/errors/request-body-read", http.StatusBadRequest, "request body reader error"}
	badInput         = problemKind{"/errors/validation", http.StatusBadRequest, "request is not valid"}
	badQuery         = problemKind{"/errors/bad-query", http.StatusBadRequest, "query parameters are not valid"}
	unauthorized     = problemKind{"/errors/unauthorized", http.StatusUnauthorized, "admin key is missing or wrong"}
	forbidden        = problemKind{"/errors/forbidden", http.StatusForbidden, "not allowed"}
	notFound         = problemKind{"/errors/not-found", http.StatusNotFound, "not found"}
	methodNotAllowed = problemKind{"/errors/method-not-allowed", http.StatusMethodNotAllowed, "method not allowed"}
	conflict         = problemKind{"/errors/conflict", http.StatusConflict, "conflict"}
	preconditionFail = problemKind{"/errors/precondition-failed", http.StatusPreconditionFailed, "the object has changed"}
	bodyTooLarge     = problemKind{"/errors/body-too-large", http.StatusRequestEntityTooLarge, "request body is too large"}
	unsupportedMedia = problemKind{"/errors/unsupported-media-type", http.StatusUnsupportedMediaType, "unsupported media type"}
	internalError    = problemKind{"/errors/internal", http.StatusInternalServerError, "internal error"}
	unavailable      = problemKind{"/errors/unavailable", http.StatusServiceUnavailable, "service unavailable"}
)

// with makes a problem of this kind.
func (k problemKind) with(detail string) *problem {
	return &problem{Status: k.status, Title: k.title, Type: k.name, Detail: detail}
}

// faulty makes a problem of this kind that lists faults; nil when there are
// none. The detail repeats the first few, for clients that show nothing else.
func (k problemKind) faulty(faults []fault) error {
	if len(faults) == 0 {
		return nil
	}
	const shown = 5
	parts := make([]string, 0, shown)
	for _, f := range faults[:min(len(faults), shown)] {
		where := strings.TrimPrefix(f.Pointer, "/") + f.Parameter
		if where == "" {
			where = "body"
		}
		parts = append(parts, where+": "+f.Detail)
	}
	if len(faults) > shown {
		parts = append(parts, "…")
	}
	p := k.with(strings.Join(parts, "; "))
	p.Errors = faults
	return p
}

// kindProblems maps the domain's error kinds to this edge's problems.
var kindProblems = map[gateway.Kind]problemKind{
	gateway.NotFound:     notFound,
	gateway.Invalid:      badInput,
	gateway.Unauthorized: unauthorized,
	gateway.Forbidden:    forbidden,
	gateway.Conflict:     conflict,
	gateway.Unavailable:  unavailable,
}

// problemOf turns any error into what the client may see. An error that is
// neither a problem nor a domain error is shown without its text.
func (a *api) problemOf(ctx context.Context, err error) *problem {
	if p, ok := errors.AsType[*problem](err); ok {
		copied := *p
		return &copied
	}
	if e, ok := errors.AsType[*gateway.Error](err); ok {
		if k, known := kindProblems[e.Kind]; known {
			return k.with(e.Message)
		}
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || a.storeDown(ctx) {
		return unavailable.with("the store did not answer; try again")
	}
	return internalError.with("internal error")
}

// write sends the problem.
func (p *problem) write(w http.ResponseWriter, r *http.Request) {
	p.Instance = r.URL.EscapedPath()
	body, err := json.Marshal(p)
	if err != nil { // every field is a string or a number: cannot happen
		body = []byte(`{}`)
	}
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	switch p.Status {
	case http.StatusUnauthorized:
		h.Add("WWW-Authenticate", `ApiKey header="X-API-KEY"`)
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", "1")
	}
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(body, '\n'))
}
