package adminclient

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Unreachable is the error of a call that nobody answered.
type Unreachable struct {
	Server string // scheme and host
	Err    error
}

// Error implements error.
func (e *Unreachable) Error() string {
	return fmt.Sprintf("the admin API at %s does not answer (is the gateway running? --admin-url names another): %v", e.Server, e.Err)
}

// Unwrap returns what the connection failed with.
func (e *Unreachable) Unwrap() error { return e.Err }

// Error is what the API answered instead of doing what it was asked for.
type Error struct {
	Code    int      // the HTTP status
	Problem *Problem // nil: whoever answered is not the admin API
}

// Error implements error with the API's own words. Every fault of the input is
// there, behind its place, on a second line.
func (e *Error) Error() string {
	status := fmt.Sprintf("%d %s", e.Code, http.StatusText(e.Code))
	if e.Problem == nil || e.Problem.Title == "" {
		return "--admin-url: what answers there with " + status + " is not the admin API"
	}
	if len(e.Problem.Errors) == 0 {
		return fmt.Sprintf("%s: %s (%s)", e.Problem.Title, e.Problem.Detail, status)
	}
	faults := make([]string, len(e.Problem.Errors))
	for i, f := range e.Problem.Errors {
		where := "body"
		switch {
		case f.Pointer != nil && *f.Pointer != "":
			where = *f.Pointer
		case f.Parameter != nil:
			where = *f.Parameter
		}
		faults[i] = where + ": " + f.Detail
	}
	return fmt.Sprintf("%s (%s)\n  %s", e.Problem.Title, status, strings.Join(faults, "; "))
}

// done is what every generated answer with a body of JSON can tell.
type done[T any] interface {
	GetJSON200() *T
	GetApplicationproblemJSONDefault() *Problem
	GetBody() []byte
	StatusCode() int
}

// Answer takes what an operation returned apart: the answer with its exact text,
// or an error, which is an *Error for what was refused.
func Answer[T any](r done[T], err error) (*T, []byte, error) {
	if err != nil {
		return nil, nil, callError(err)
	}
	if r.StatusCode() != http.StatusOK {
		return nil, nil, &Error{r.StatusCode(), r.GetApplicationproblemJSONDefault()}
	}
	if r.GetJSON200() == nil {
		return nil, nil, &Error{Code: http.StatusOK}
	}
	return r.GetJSON200(), r.GetBody(), nil
}

// callError tells an answer that is no JSON, which the generated code says in the
// words of its decoder, from everything else.
func callError(err error) error {
	_, broken := errors.AsType[*json.SyntaxError](err)
	_, other := errors.AsType[*json.UnmarshalTypeError](err)
	if broken || other {
		return &Error{Code: http.StatusOK}
	}
	if _, long := errors.AsType[*http.MaxBytesError](err); long {
		return fmt.Errorf("the answer has more than %d MiB", maxAnswer>>20)
	}
	return err
}

// refusal reads the problem of an answer that was not read yet.
func refusal(resp *http.Response) error {
	e := &Error{Code: resp.StatusCode}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if p := new(Problem); json.Unmarshal(text, p) == nil {
		e.Problem = p
	}
	return e
}
