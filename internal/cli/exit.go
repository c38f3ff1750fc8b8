package cli

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/bricks-gateway/bricks/internal/adminclient"
)

// The exit codes of the program, which docs/cli.md lists.
const (
	ExitOK          = 0
	ExitOther       = 1 // also a check whose answer is no
	ExitUsage       = 2 // the command line, a variable or a file
	ExitRefused     = 3 // the API does not take it: invalid, in conflict, changed meanwhile
	ExitNotFound    = 4
	ExitForbidden   = 5 // no admin key, a wrong one, or one that may not
	ExitUnavailable = 6 // nobody answers, or the gateway cannot at the moment: try again
)

// Usage is the error of a command that was not understood.
type Usage struct{ Err error }

// Error implements error.
func (u *Usage) Error() string { return u.Err.Error() }

// Unwrap returns what was not understood.
func (u *Usage) Unwrap() error { return u.Err }

// Usagef returns a *Usage.
func Usagef(format string, args ...any) error { return &Usage{fmt.Errorf(format, args...)} }

// ExitCode is the exit code of a program that ends with err.
func ExitCode(err error) int {
	if err == nil {
		return ExitOK
	}
	if _, ok := errors.AsType[*Usage](err); ok {
		return ExitUsage
	}
	if _, ok := errors.AsType[*adminclient.Unreachable](err); ok {
		return ExitUnavailable
	}
	refused, ok := errors.AsType[*adminclient.Error](err)
	if !ok {
		return ExitOther
	}
	switch refused.Code {
	case http.StatusBadRequest, http.StatusConflict, http.StatusPreconditionFailed, http.StatusRequestEntityTooLarge:
		return ExitRefused
	case http.StatusNotFound:
		return ExitNotFound
	case http.StatusUnauthorized, http.StatusForbidden:
		return ExitForbidden
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout, http.StatusTooManyRequests:
		return ExitUnavailable
	}
	return ExitOther
}
