package processor

import (
	"errors"
	"net/http"
	"strings"
	"time"

	filterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"github.com/google/uuid"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/limit"
)

// What Envoy is told to send us. The override stands in the header answer, the
// only place where Envoy honours it, and replaces the filter's mode as a whole.
var (
	modeWithBody = &filterv3.ProcessingMode{
		RequestHeaderMode: filterv3.ProcessingMode_SEND, RequestBodyMode: filterv3.ProcessingMode_BUFFERED,
		ResponseHeaderMode: filterv3.ProcessingMode_SEND, ResponseBodyMode: filterv3.ProcessingMode_STREAMED,
	}
	modeWithoutBody = &filterv3.ProcessingMode{
		RequestHeaderMode: filterv3.ProcessingMode_SEND, RequestBodyMode: filterv3.ProcessingMode_NONE,
		ResponseHeaderMode: filterv3.ProcessingMode_SEND, ResponseBodyMode: filterv3.ProcessingMode_STREAMED,
	}
	modeHeadersOnly = &filterv3.ProcessingMode{
		RequestHeaderMode: filterv3.ProcessingMode_SEND, RequestBodyMode: filterv3.ProcessingMode_NONE,
		ResponseHeaderMode: filterv3.ProcessingMode_SEND, ResponseBodyMode: filterv3.ProcessingMode_NONE,
	}
)

// requestHeaders runs every check that needs no body, so that a refused upload
// is not waited for.
func (x *exchange) requestHeaders(h *extprocv3.HttpHeaders) *extprocv3.ProcessingResponse {
	x.in.read(h.Headers)
	x.span = x.s.o.Tracer.Receive(x.in.parent(), x.start)
	x.event.ID = x.in.requestID
	if x.event.ID == "" {
		x.event.ID = uuid.NewString()
	}
	if r := x.admit(h); r != nil {
		return x.refuse(r)
	}
	x.phase, x.answerPhases = phaseAdmitted, true
	x.expectCached(h.Headers)
	if !x.readsBody(h.EndOfStream) {
		x.call.factor = 1
		resp := x.forward(nil)
		resp.ModeOverride = modeWithoutBody
		if x.answerUnread() {
			resp.ModeOverride = modeHeadersOnly
		}
		return resp
	}
	return &extprocv3.ProcessingResponse{
		Response:     &extprocv3.ProcessingResponse_RequestHeaders{RequestHeaders: &extprocv3.HeadersResponse{}},
		ModeOverride: modeWithBody,
	}
}

func (x *exchange) admit(h *extprocv3.HttpHeaders) *refusal {
	if x.genAI != nil {
		return x.admitGenAI(h)
	}
	match, pathFound := x.find()
	x.match = match
	if r := x.authenticate(); r != nil {
		return r
	}
	pathFound, unknown := x.findCustom(pathFound)
	m := x.match
	x.newEvent()
	if r := x.checkKey(); r != nil {
		return r
	}
	if r := x.checkRoute(); r != nil {
		return r
	}
	switch {
	case unknown != nil:
		return unknown
	case !pathFound:
		return &refusal{http.StatusNotFound, "not_found", "no such path: " + clip(x.in.path), "", 0, nil}
	case m.Endpoint == nil:
		return &refusal{http.StatusMethodNotAllowed, "method_not_allowed", "this path does not take " + clip(x.in.method), "", 0, nil}
	case !pathAllowed(x.key.AllowedPaths, x.in.method, x.in.path):
		return &refusal{http.StatusForbidden, "path_not_allowed", "this key may not call " + x.in.method + " " + x.in.path, "", 0, nil}
	}
	if r := x.in.checkOwn(); r != nil {
		return r
	}
	if r := x.findPolicy(); r != nil {
		return r
	}
	if r := x.matchUsers(); r != nil { // of the header: before any upload
		return r
	}
	x.settings = x.fitting()
	if len(x.settings) == 0 {
		return &refusal{http.StatusForbidden, "provider_not_allowed", "this key has no provider setting for " + m.Provider.Name, "", 0, nil}
	}
	if err := x.s.o.Limiter.Exhausted(x.ctx, x.accounts, x.needsMoney()); err != nil {
		return limitRefusal(err)
	}
	if r := x.checkContent(h.EndOfStream); r != nil || x.readsBody(h.EndOfStream) {
		return r
	}
	if r := x.checkDiscard(); r != nil {
		return r
	}
	return x.checkUser() // no body will name one
}

// needsMoney reports whether the call is refused when no money is left, before
// its model is known: not if that may be one that costs nothing.
func (x *exchange) needsMoney() bool {
	return x.match.Endpoint.Bills() && !x.s.o.Prices.AnyFree(x.match.Provider.Name)
}

func (x *exchange) authenticate() *refusal {
	d, ok := x.in.digest()
	if !ok {
		return anonymous()
	}
	key, err := x.s.o.Config.Key(x.ctx, d)
	if err != nil {
		if gateway.KindOf(err) == gateway.Unauthorized {
			return anonymous()
		}
		return unavailable("the gateway cannot check keys right now")
	}
	x.key = key
	x.accounts = []limit.Account{{ID: gateway.KeyAccount(key.ID), Label: "key", Limits: key.Limits()}}
	return nil
}

// checkKey refuses known keys that are no longer good. Their holders are told.
func (x *exchange) checkKey() *refusal { return keyRefusal(x.key, x.start) }

func keyRefusal(key *gateway.Key, now time.Time) *refusal {
	switch {
	case key.Revoked:
		return &refusal{http.StatusUnauthorized, "invalid_api_key", "this key is revoked", "", 0, nil}
	case !key.ExpiresAt.IsZero() && !now.Before(key.ExpiresAt):
		return &refusal{http.StatusUnauthorized, "invalid_api_key", "this key has expired", "", 0, nil}
	}
	return nil
}

// pathAllowed matches against a key's rules: exact, but for segments that a
// rule spells as :name or {name}. No rules: all paths.
func pathAllowed(rules []gateway.PathRule, method, path string) bool {
	if len(rules) == 0 {
		return true
	}
	for _, r := range rules {
		if r.Method == method && (r.Path == path || matchRule(r.Path, path)) {
			return true
		}
	}
	return false
}

func matchRule(rule, path string) bool {
	want, got := strings.Split(rule, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return false
	}
	for i, w := range want {
		if w != got[i] && !strings.HasPrefix(w, ":") && !strings.HasPrefix(w, "{") {
			return false
		}
	}
	return true
}

// unknownBody is what a body that does not tell its length is taken for, in bytes.
const unknownBody = 1 << 20

// expectBody makes room for a body of this size. Envoy holds it until it is
// whole and then sends it in one piece: without a bound on all of them, many
// large ones at once would end the process.
func (x *exchange) expectBody(size int64) *refusal {
	if !x.s.takeRoom(size) {
		return unavailable("the gateway has too many large requests in hand")
	}
	x.expected = size
	return nil
}

func (s *Server) takeRoom(size int64) bool {
	if s.bodies.Add(size) > s.o.MaxBodies {
		s.bodies.Add(-size)
		return false
	}
	return true
}

// bodyDone gives the room back.
func (x *exchange) bodyDone() {
	x.s.bodies.Add(-x.expected)
	x.expected = 0
}

func limitRefusal(err error) *refusal {
	if l, ok := errors.AsType[*limitError](err); ok {
		headers := stateHeaders(l.State)
		if l.Total {
			headers = append(headers, header{"x-should-retry", "false"})
		}
		return &refusal{http.StatusTooManyRequests, l.Code, l.Message, "", l.RetryAfter, headers}
	}
	return unavailable("the gateway cannot check limits right now")
}

func clip(s string) string {
	if len(s) > 128 {
		s = s[:128] + "…"
	}
	return strings.ToValidUTF8(s, "?")
}

// firstByteTimeout is the server's, lowered by the client's header.
func (x *exchange) firstByteTimeout() time.Duration {
	if x.in.timeout > 0 && x.in.timeout < x.s.o.Timeout {
		return x.in.timeout
	}
	return x.s.o.Timeout
}
