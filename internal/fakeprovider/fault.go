package fakeprovider

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// fault is what a request asked to go wrong, or to be counted. Each has a
// header; some have a model name too, for clients that cannot set headers.
type fault struct {
	status       int           // x-fake-status: 500; model fake-500
	delay        time.Duration // x-fake-delay: 300ms, before the first byte; model fake-slow: 2s
	hold         string        // x-fake-hold: NAME, until Provider.Release(NAME)
	pace         time.Duration // x-fake-pace: 5ms, between stream events
	split        []int         // x-fake-split: 1,7,2 cuts the body into pieces of these sizes, over and over
	cut          int           // x-fake-cut: 120 breaks the connection after so many bytes; model fake-cut: half way
	usage        string        // x-fake-usage: none, every (in each stream chunk); model fake-no-usage
	gzip         bool          // x-fake-encoding: gzip; model fake-gzip
	echo         bool          // x-fake-echo: credential repeats it in body and header; model fake-echo-credential
	newline      string        // x-fake-newline: lf, crlf, cr ends the lines of a stream
	comments     bool          // x-fake-comments: yes puts comment lines between the first events
	errorAfter   int           // x-fake-error-after: 3 sends an error event after so many events
	words        int           // x-fake-words: 100 makes the answer so long
	cached       int64         // x-fake-cached-tokens: input read from the cache
	cacheWrite   int64         // x-fake-cache-write-tokens: input written to it, Anthropic only
	cacheWrite1h int64         // x-fake-cache-write-1h-tokens: the part kept for an hour
	reasoning    int64         // x-fake-reasoning-tokens: added to the output
	looks        int           // x-fake-looks: 3 says so often that work goes on before it is done
	say          string        // x-fake-say: TEXT is what the answer, or the tool's argument, is about
	letters      bool          // x-fake-letters: yes streams one character an event
	unbounded    bool          // x-fake-maximum: ignored writes on behind the output's maximum
}

const cutHalfWay = -1

func headerFault(h http.Header) (f fault, err error) {
	for name, values := range h {
		given, ok := strings.CutPrefix(strings.ToLower(name), "x-fake-")
		if ok && !f.set(given, values[0]) {
			return f, badRequest("", "the fake cannot do %s: %s", name, values[0])
		}
	}
	return f, nil
}

// set reports whether value is one that name takes.
func (f *fault) set(name, value string) bool {
	var err error
	number := func(to *int64) { *to, err = strconv.ParseInt(value, 10, 32) }
	whole := func(to *int) { *to, err = strconv.Atoi(value) }
	switch name {
	case "status":
		whole(&f.status)
	case "delay":
		f.delay, err = time.ParseDuration(value)
	case "hold":
		f.hold = value
	case "pace":
		f.pace, err = time.ParseDuration(value)
	case "split":
		f.split, err = splitSizes(value)
	case "cut":
		whole(&f.cut)
	case "usage":
		f.usage = value
		return value == "none" || value == "every"
	case "encoding":
		f.gzip = value == "gzip"
		return f.gzip
	case "echo":
		f.echo = value == "credential"
		return f.echo
	case "newline":
		f.newline = map[string]string{"lf": "\n", "crlf": "\r\n", "cr": "\r"}[value]
		return f.newline != ""
	case "comments":
		f.comments = true
	case "error-after":
		whole(&f.errorAfter)
	case "words":
		whole(&f.words)
	case "say":
		f.say = value
	case "letters":
		f.letters = true
	case "looks":
		whole(&f.looks)
	case "cached-tokens":
		number(&f.cached)
	case "cache-write-tokens":
		number(&f.cacheWrite)
	case "cache-write-1h-tokens":
		number(&f.cacheWrite1h)
	case "maximum":
		f.unbounded = value == "ignored"
		return f.unbounded
	case "reasoning-tokens":
		number(&f.reasoning)
	default:
		return false
	}
	return err == nil
}

func splitSizes(value string) ([]int, error) {
	var sizes []int
	for part := range strings.SplitSeq(value, ",") {
		n, err := strconv.Atoi(part)
		if err != nil || n < 1 {
			return nil, strconv.ErrSyntax
		}
		sizes = append(sizes, n)
	}
	return sizes, nil
}

// model adds the fault that a model's name stands for.
func (f *fault) model(name string) {
	given, ok := strings.CutPrefix(name, "fake-")
	if !ok {
		return
	}
	if n, err := strconv.Atoi(given); err == nil && n >= 400 && n < 600 {
		f.status = n
		return
	}
	switch given {
	case "slow":
		f.delay = 2 * time.Second
	case "cut":
		f.cut = cutHalfWay
	case "no-usage":
		f.usage = "none"
	case "gzip":
		f.gzip = true
	case "echo-credential":
		f.echo = true
	}
}

// failure is the error that a wanted status stands for.
func (f *fault) failure() error {
	if f.status == 0 {
		return nil
	}
	e := &apiError{status: f.status, kind: "server_error", message: "The fake was asked to fail with " + strconv.Itoa(f.status) + "."}
	switch {
	case f.status == http.StatusTooManyRequests:
		e.kind, e.code = "requests", "rate_limit_exceeded"
	case f.status == http.StatusUnauthorized:
		e.kind, e.code = "invalid_request_error", "invalid_api_key"
	case f.status < 500:
		e.kind = "invalid_request_error"
	}
	return e
}
