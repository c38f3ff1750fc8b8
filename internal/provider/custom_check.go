package provider

import (
	"errors"
	"slices"
	"strings"
)

const (
	maxLocation   = 256 // bytes
	maxComponents = 16
)

// CheckCustomName says why a custom provider may not be called name.
func CheckCustomName(name string) error {
	ok := name != "" && len(name) <= 64 && name[0] != '.' && name[0] != '-' && name[0] != '_'
	for _, c := range []byte(name) {
		ok = ok && ('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.')
	}
	switch {
	case !ok:
		return errors.New("must have 1 to 64 letters, digits, dashes, underscores and dots, and begin with a letter or digit")
	case Reserved(name):
		return errors.New("is the name of a provider of the gateway's own")
	}
	return nil
}

// CheckCustomPath says why a route may not have this path.
func CheckCustomPath(path string) error {
	if len(path) < 2 || len(path) > 256 || path[0] != '/' || !plain(path) || strings.HasSuffix(path, "/") {
		return errors.New("must start with / and have at most 256 letters, digits, slashes, dashes, underscores, dots and colons, no empty segment and none that starts with a dot")
	}
	return nil
}

// CheckLocation says why the gateway does not take a gjson path. It takes names
// (a backslash escapes a character), array indexes and # for every element of an
// array, joined by dots: those cost one pass each over the body and give no more
// than it holds. Modifiers can run code or grow their input, queries and
// wildcards compare at every step, and pipes, literals and multipaths build new
// JSON: all of them are refused.
func CheckLocation(path string) error {
	if len(path) > maxLocation {
		return errors.New("must have at most 256 bytes")
	}
	components, start := 1, true
	for i := 0; i < len(path); i++ {
		c := path[i]
		switch {
		case c < ' ' || c == 0x7f:
			return errors.New("must have no control character")
		case c == '\\':
			if i++; i == len(path) || path[i] < ' ' {
				return errors.New("must not end in a backslash")
			}
			start = false
			continue
		case c == '.':
			if start {
				return errors.New("must have no empty part")
			}
			components++
			start = true
			continue
		case strings.IndexByte("@!{[(|*?", c) >= 0:
			return errors.New("may hold names, indexes, # and dots only: no modifier, query, wildcard, pipe, literal or multipath (escape the character if it belongs to a name)")
		case c == '#' && (!start || i+1 < len(path) && path[i+1] != '.'):
			return errors.New("may have # as a whole part only")
		}
		start = false
	}
	switch {
	case start && path != "":
		return errors.New("must have no empty part")
	case components > maxComponents:
		return errors.New("must have at most 16 parts")
	case path == "#" || strings.HasSuffix(path, ".#"):
		return errors.New("must not end in #, which is a count")
	}
	return nil
}

// ownHeaders decide about the message or its way, or are the gateway's.
var ownHeaders = []string{
	"host", "content-length", "content-type", "content-encoding", "transfer-encoding", "connection", "keep-alive", "upgrade", "te", "trailer",
	"proxy-connection", "expect", "accept", "accept-encoding", "cookie", "forwarded", "via", "x-real-ip", "x-request-id",
	"x-custom-event-id", "x-metadata", "x-request-timeout", "x-user-id",
}

// CheckCredentialHeader says why a credential may not be sent in this header.
func CheckCredentialHeader(name string) error {
	lower := strings.ToLower(name)
	ok := name != "" && len(name) <= 64
	for _, c := range []byte(lower) {
		// Envoy is told to refuse underscores.
		ok = ok && ('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-')
	}
	switch {
	case !ok:
		return errors.New("must have 1 to 64 letters, digits and dashes")
	case slices.Contains(ownHeaders, lower):
		return errors.New("is a header that the gateway or the protocol needs")
	}
	for _, prefix := range []string{"x-bricks-", "x-envoy-", "x-forwarded-"} {
		if strings.HasPrefix(lower, prefix) {
			return errors.New("is a header that the gateway or the protocol needs")
		}
	}
	return nil
}

// CheckCredentialQuery says why a credential may not be sent in this query
// parameter.
func CheckCredentialQuery(name string) error {
	ok := name != "" && len(name) <= 64
	for _, c := range []byte(name) {
		ok = ok && ('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.')
	}
	if !ok {
		return errors.New("must have 1 to 64 letters, digits, dashes, underscores and dots")
	}
	return nil
}
