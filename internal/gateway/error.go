package gateway

import "errors"

// Kind says what an error means to the one who asked. Each edge maps kinds to
// its own status codes in one table.
type Kind string

// The kinds. Anything that is not an *Error is internal: logged, and shown to
// nobody.
const (
	NotFound     Kind = "not_found"
	Invalid      Kind = "invalid"
	Unauthorized Kind = "unauthorized"
	Forbidden    Kind = "forbidden"
	Conflict     Kind = "conflict"
	RateLimited  Kind = "rate_limited"
	SpendLimited Kind = "spend_limited"
	Unavailable  Kind = "unavailable"
)

// Error carries a kind and a message fit for the client.
type Error struct {
	Kind    Kind
	Message string
	Err     error // the cause, for logs only; may be nil
}

func (e *Error) Error() string {
	if e.Err != nil {
		return e.Message + ": " + e.Err.Error()
	}
	return e.Message
}

func (e *Error) Unwrap() error { return e.Err }

// KindOf returns the kind of the first *Error in err's chain, or "".
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return ""
}
