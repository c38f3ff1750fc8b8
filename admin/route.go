package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"reflect"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/bricks-gateway/bricks/internal/audit"
	"github.com/bricks-gateway/bricks/internal/telemetry"
)

// maxBody is the longest request body that is read.
const maxBody = 1 << 20

// access says who may call a route.
type access int

const (
	reading access = iota // every role
	writing               // admins
	// The whole routes show or change what carries no tags, so that keys with a
	// tag scope are refused.
	readingWhole
	writingWhole
	// readingAdmin is for what only admins without a scope may even see.
	readingAdmin
)

// route is one row of the API: how it is called, what its document says and
// what does it. body, query and answer are types; nil means none. The handler
// decodes them, so that it has them typed.
type route struct {
	method, path string
	id           string // operationId
	summary      string
	group        string // tag of the document
	access       access
	body         reflect.Type
	bodyOptional bool
	query        reflect.Type
	answer       reflect.Type
	produces     []string // media types of the answer; none: JSON
	conditional  bool     // honours If-Match
	tagged       bool     // the answer has an ETag
	statuses     []int    // of failures, beyond those that every route has
	creates      []string // paths below which what it creates is found
	handle       func(ctx context.Context, c *call) (any, error)
}

// call is one request on its way through a route. It is not safe for concurrent use.
type call struct {
	api     *api
	request *http.Request
	who     principal
	body    []byte
	header  http.Header // of the answer
}

// serve runs a route: role, content type, size, handler, answer.
func (a *api) serve(rt route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c := &call{api: a, request: r, header: w.Header()}
		c.who, _ = r.Context().Value(principalKey{}).(principal)
		answer, err := c.run(rt, w)
		if err != nil {
			a.fail(w, r, err)
			return
		}
		if write, ok := answer.(stream); ok {
			a.stream(w, r, write)
			return
		}
		body, ok := answer.([]byte)
		if !ok {
			if body, err = json.Marshal(answer); err != nil {
				a.fail(w, r, fmt.Errorf("spell the answer: %w", err))
				return
			}
			body = append(body, '\n')
		}
		if c.header.Get("Content-Type") == "" {
			c.header.Set("Content-Type", "application/json")
		}
		w.WriteHeader(http.StatusOK)
		_, _ = w.Write(body)
	}
}

// stream is an answer that is written bit by bit, and that the handler has set
// the content type of.
type stream func(w io.Writer) error

// stream sends an answer. When it breaks off the connection is cut, because the
// status is already out and an answer that just ends would look whole.
func (a *api) stream(w http.ResponseWriter, r *http.Request, write stream) {
	w.WriteHeader(http.StatusOK)
	if err := write(w); err != nil {
		if r.Context().Err() == nil {
			a.Logger.ErrorContext(r.Context(), "admin answer broke off", "method", r.Method, "route", r.Pattern, "error", err)
		}
		panic(http.ErrAbortHandler)
	}
}

func (c *call) run(rt route, w http.ResponseWriter) (any, error) {
	if err := c.authorize(rt.access); err != nil {
		return nil, err
	}
	if rt.query == reflect.TypeFor[noQuery]() {
		if _, err := decodeQuery[noQuery](c); err != nil {
			return nil, err
		}
	}
	if rt.body != nil {
		if err := c.read(rt, w); err != nil {
			return nil, err
		}
	}
	ctx := c.request.Context()
	if rt.writes() { // only there: the store refuses what a reading route would change
		ctx = audit.By(ctx, c.author(rt))
	}
	return rt.handle(ctx, c)
}

// author is who the audit log says did it.
func (c *call) author(rt route) audit.Author {
	return audit.Author{ID: c.who.id, Name: c.who.name, Role: string(c.who.role), Address: clientAddress(c.request), Operation: rt.id, View: View}
}

// clientAddress is where the request comes from. Headers of proxies are not
// believed: anyone can send them.
func clientAddress(r *http.Request) string {
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		return host
	}
	return r.RemoteAddr
}

func (c *call) authorize(need access) error {
	if c.who.role != RoleAdmin {
		switch need {
		case writing, writingWhole:
			return forbidden.with("this caller may read only")
		case readingAdmin:
			return forbidden.with("only admins may see this")
		}
	}
	if need >= readingWhole && len(c.who.scope) > 0 {
		return forbidden.with("this caller is limited to tags, and what this route shows carries none")
	}
	return nil
}

func (c *call) read(rt route, w http.ResponseWriter) error {
	r := c.request
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, tooLong := errors.AsType[*http.MaxBytesError](err); tooLong {
		return bodyTooLarge.with("the body has more than " + strconv.Itoa(maxBody) + " bytes")
	}
	if err != nil {
		return badBodyRead.with("the body ended before its announced length or could not be read")
	}
	c.body = body
	// Without admin keys the content type is what makes a browser ask before it
	// posts across sites, so there it is due even when the body is empty.
	if len(body) == 0 && rt.bodyOptional && !c.api.open() && len(r.Header.Values("Content-Type")) == 0 {
		return nil
	}
	return checkContentType(r)
}

func checkContentType(r *http.Request) error {
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/json" || len(r.Header.Values("Content-Type")) != 1 {
		return unsupportedMedia.with("the content type must be application/json")
	}
	if charset := params["charset"]; charset != "" && !strings.EqualFold(charset, "utf-8") {
		return unsupportedMedia.with("the charset must be utf-8")
	}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return unsupportedMedia.with("the body must not be compressed")
	}
	return nil
}

// pathID is the id in the path in its canonical spelling. What is no UUID
// names nothing.
func (c *call) pathID(name string) (string, error) {
	id, ok := canonicalID(c.request.PathValue(name))
	if !ok {
		return "", notFound.with("nothing has this id")
	}
	return id, nil
}

func canonicalID(text string) (string, bool) {
	id, err := uuid.Parse(text)
	if err != nil || len(text) != 36 { // Parse also takes braces and urn:
		return "", false
	}
	return id.String(), true
}

// canonicalIDs drops what cannot be an id. none says that ids were asked for
// and all of them are such: then nothing matches, while an empty list would
// match everything.
func canonicalIDs(list []string) (ids []string, none bool) {
	for _, text := range list {
		if id, ok := canonicalID(text); ok {
			ids = append(ids, id)
		}
	}
	return ids, len(ids) == 0 && len(list) > 0
}

// etag names a state of one object.
func etag(revision int64) string { return `"` + strconv.FormatInt(revision, 10) + `"` }

// match holds the request's If-Match against the revision found.
func (c *call) match(revision int64) error {
	given := strings.Join(c.request.Header.Values("If-Match"), ",")
	if given == "" {
		return nil
	}
	for part := range strings.SplitSeq(given, ",") {
		if part = strings.TrimSpace(part); part == "*" || part == etag(revision) {
			return nil
		}
	}
	return preconditionFail.with("the object is at " + etag(revision) + "; read it again")
}

type principalKey struct{}

// guard stands before every route: panics, authentication, unknown paths.
func (a *api) guard(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := uuid.NewString()
		r = r.WithContext(telemetry.WithRequestID(r.Context(), id))
		defer a.recoverPanic(w, r)
		h := w.Header()
		h.Set("X-Request-Id", id) // request_id in the log
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		if r.URL.Path == docsPath {
			a.serveDocs(w, r)
			return
		}
		who, err := a.authenticate(r)
		if err != nil {
			a.fail(w, r, err)
			return
		}
		if handler, pattern := mux.Handler(r); pattern == "" || redirects(handler) {
			a.unknownRoute(w, r, handler)
			return
		}
		mux.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), principalKey{}, who)))
	})
}

// redirects reports whether the mux would send the client to a cleaned path
// (//api/x): such a path is simply not in the API.
func redirects(h http.Handler) bool {
	_, ours := h.(http.HandlerFunc)
	return !ours
}

// unknownRoute asks the mux's own answer whether the path or the method is unknown.
func (a *api) unknownRoute(w http.ResponseWriter, r *http.Request, handler http.Handler) {
	probe := discard{header: http.Header{}}
	handler.ServeHTTP(&probe, r)
	if probe.status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", probe.header.Get("Allow"))
		a.fail(w, r, methodNotAllowed.with("this path answers to "+probe.header.Get("Allow")))
		return
	}
	a.fail(w, r, notFound.with("there is no such path"))
}

// discard keeps the status and header of an answer and drops its body.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(status int)      { d.status = status }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }

func (a *api) recoverPanic(w http.ResponseWriter, r *http.Request) {
	v := recover()
	if v == nil {
		return
	}
	if v == http.ErrAbortHandler {
		panic(v)
	}
	// The value may quote input; the stack says where without quoting it.
	a.Logger.ErrorContext(r.Context(), "admin request panicked", "method", r.Method, "route", r.Pattern, "panic_type", fmt.Sprintf("%T", v), "stack", string(bytes.TrimSpace(debug.Stack())))
	internalError.with("internal error").write(w, r)
}

// fail answers with a problem, and logs what is the server's own fault and who
// was refused.
func (a *api) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := a.problemOf(r.Context(), err)
	switch {
	case p.Status == http.StatusUnauthorized || p.Status == http.StatusForbidden:
		if p.Status == http.StatusUnauthorized && a.VerifyToken != nil {
			w.Header().Add("WWW-Authenticate", "Bearer")
		}
		a.logRefusal(r, p)
	case p.Status >= http.StatusInternalServerError:
		a.Logger.ErrorContext(r.Context(), "admin request failed", "method", r.Method, "route", r.Pattern, "status", p.Status, "error", err)
	}
	p.write(w, r)
}
