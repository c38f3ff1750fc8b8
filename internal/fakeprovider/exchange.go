package fakeprovider

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// exchange is one request being answered, by one goroutine.
type exchange struct {
	p         *Provider
	w         http.ResponseWriter
	r         *http.Request
	body      []byte
	record    *Request
	path      string // without the prefix, as OpenAI or Anthropic have it
	anthropic bool   // which API is spoken
	azure     bool
	params    map[string]string // of the path
	model     string            // that Azure's path names by its deployment
	fault     fault
	pending   Usage // billed as soon as the answer starts
}

// apiError is a refusal in the words of the API. A violation is one that the
// gateway, not its client, has caused.
type apiError struct {
	status    int
	kind      string // error.type
	message   string
	param     string
	code      string
	violation bool
}

func (e *apiError) Error() string { return e.message }

func badRequest(param, format string, args ...any) *apiError {
	return &apiError{status: http.StatusBadRequest, kind: "invalid_request_error", message: fmt.Sprintf(format, args...), param: param}
}

func violation(format string, args ...any) *apiError {
	e := badRequest("", format, args...)
	e.violation = true
	return e
}

func (x *exchange) serve() error {
	if err := x.checkHeaders(); err != nil {
		return err
	}
	if err := x.checkCredential(); err != nil {
		return err
	}
	var err error
	if x.fault, err = headerFault(x.r.Header); err != nil {
		return err
	}
	if err := x.locate(); err != nil {
		return err
	}
	h, err := x.handler()
	if err != nil {
		return err
	}
	return h(x)
}

// asJSON is the handler of a call with a JSON object.
func asJSON(handle func(*exchange, object) error) handler {
	return func(x *exchange) error {
		if t, _, _ := strings.Cut(x.r.Header.Get("Content-Type"), ";"); t != "" && t != "application/json" {
			return badRequest("", "Unsupported content type: %s", t)
		}
		o, err := decodeObject(x.body)
		if err != nil {
			return violation("We could not parse the JSON body of your request: %v", err)
		}
		return handle(x, o)
	}
}

// ownHeaders are the gateway's, or tell about its client: no provider may see
// them.
var ownHeaders = []string{
	"Cookie", "Forwarded", "X-Real-Ip", "X-Custom-Event-Id", "X-Metadata", "X-Request-Timeout", "X-User-Id",
}

func (x *exchange) checkHeaders() error {
	for name, values := range x.r.Header {
		lower := strings.ToLower(name)
		if slices.Contains(ownHeaders, name) || strings.HasPrefix(lower, "x-bricks-") ||
			strings.HasPrefix(lower, "x-envoy-") || strings.HasPrefix(lower, "x-forwarded-") {
			return violation("forbidden header %s: %q", lower, values)
		}
	}
	x.p.mu.Lock()
	forbidden := slices.Clone(x.p.forbidden)
	x.p.mu.Unlock()
	for _, text := range forbidden {
		for name, values := range x.r.Header {
			if strings.Contains(strings.Join(values, "\n"), text) {
				return violation("a forbidden text stands in header %s", name)
			}
		}
		if strings.Contains(x.r.RequestURI, text) || bytes.Contains(x.body, []byte(text)) {
			return violation("a forbidden text stands in the target or the body")
		}
	}
	return nil
}

// checkCredential wants exactly one credential. Anthropic takes it in x-api-key
// (clients before October 2026) or as a bearer token (those since).
func (x *exchange) checkCredential() error {
	authorization, apiKey := x.r.Header.Values("Authorization"), x.r.Header.Values("X-Api-Key")
	azureKey := x.r.Header.Values("Api-Key")
	if len(authorization)+len(apiKey)+len(azureKey) > 1 {
		return violation("%d Authorization, %d x-api-key and %d api-key headers", len(authorization), len(apiKey), len(azureKey))
	}
	if len(azureKey) > 0 && !x.azure {
		return violation("api-key was sent to another than Azure")
	}
	presented, accepted := "", x.p.o.OpenAIKeys
	if len(authorization) == 1 {
		presented = strings.TrimPrefix(authorization[0], "Bearer ")
	}
	if x.anthropic {
		accepted = x.p.o.AnthropicKeys
		if len(apiKey) == 1 {
			presented = apiKey[0]
		}
		if x.r.Header.Get("Anthropic-Version") == "" {
			return violation("anthropic-version: header is required")
		}
	} else if len(apiKey) > 0 {
		return violation("x-api-key was sent to OpenAI")
	}
	if x.azure {
		accepted = []string{AzureKey}
		if len(azureKey) == 1 {
			presented = azureKey[0]
		}
	}
	if !slices.Contains(accepted, presented) {
		return &apiError{
			status: http.StatusUnauthorized, kind: "authentication_error", code: "invalid_api_key",
			message: "Incorrect API key provided: " + presented + ".",
		}
	}
	return nil
}

// refuse writes err in the shape of the API.
func (x *exchange) refuse(err error) {
	e, ok := errors.AsType[*apiError](err)
	if !ok {
		e = &apiError{status: http.StatusInternalServerError, kind: "server_error", message: err.Error()}
	}
	x.p.change(func() {
		x.record.Refused = e.message
		if e.violation {
			x.p.violations = append(x.p.violations, x.record.Method+" "+x.record.Target+": "+e.message)
		}
	})
	if e.status == http.StatusTooManyRequests {
		x.w.Header().Set("Retry-After", "7")
	}
	x.sendJSON(e.status, x.errorBody(e))
}

func (x *exchange) errorBody(e *apiError) any {
	if x.anthropic {
		kind := e.kind
		switch e.status {
		case http.StatusNotFound:
			kind = "not_found_error"
		case http.StatusTooManyRequests:
			kind = "rate_limit_error"
		case http.StatusInternalServerError:
			kind = "api_error"
		}
		return ordered{{"type", "error"}, {"error", ordered{{"type", kind}, {"message", e.message}}}, {"request_id", "req_fake"}}
	}
	nullable := func(s string) any {
		if s == "" {
			return nil
		}
		return s
	}
	return ordered{{"error", ordered{
		{"message", e.message}, {"type", e.kind}, {"param", nullable(e.param)}, {"code", nullable(e.code)},
	}}}
}

// ordered is a JSON object that keeps the order of its members.
type ordered []member

type member struct {
	name  string
	value any
}

// MarshalJSON writes the members in order, without escaping HTML.
func (o ordered) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, m := range o {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(b, encode(m.name)...), ':')
		b = append(b, encode(m.value)...)
	}
	return append(b, '}'), nil
}

// encode panics on what cannot be encoded: the fake's own values all can.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
