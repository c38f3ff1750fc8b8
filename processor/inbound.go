package processor

import (
	"crypto/sha256"
	"strings"
	"time"
	"unicode/utf8"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"

	"github.com/bricks-gateway/bricks/internal/jsonscan"
	"github.com/bricks-gateway/bricks/processor/configcache"
)

// inbound is what the gateway reads of a request's headers.
type inbound struct {
	method, path, query string
	requestID           string // made by Envoy: the event's id
	authorization       string
	xAPIKey, apiKey     string
	contentType         string
	contentEncoding     string
	contentLength       string
	upgrade             bool
	customID            string
	metadata            string
	userID              string
	correlationID       string
	traceparent         string
	tracestate          string
	requestTimeout      string
	anthropicVersion    string
	timeout             time.Duration // from requestTimeout; 0: not asked
}

// maxField bounds what a client may have stored with an event, in bytes.
const (
	maxField    = 256
	maxMetadata = 4096
)

func headerValue(h *corev3.HeaderValue) string {
	if len(h.RawValue) > 0 {
		return string(h.RawValue)
	}
	return h.Value
}

func (in *inbound) read(m *corev3.HeaderMap) {
	for _, h := range m.GetHeaders() {
		switch h.Key {
		case ":method":
			in.method = headerValue(h)
		case ":path":
			in.path, in.query, _ = strings.Cut(headerValue(h), "?")
		case "x-request-id":
			in.requestID = headerValue(h)
		case "authorization":
			in.authorization = headerValue(h)
		case "x-api-key":
			in.xAPIKey = headerValue(h)
		case "api-key":
			in.apiKey = headerValue(h)
		case "content-type":
			in.contentType = headerValue(h)
		case "content-encoding":
			in.contentEncoding = headerValue(h)
		case "content-length":
			in.contentLength = headerValue(h)
		case "upgrade":
			in.upgrade = true
		case "x-custom-event-id":
			in.customID = headerValue(h)
		case "x-metadata":
			in.metadata = headerValue(h)
		case "x-user-id":
			in.userID = headerValue(h)
		case "x-request-timeout":
			in.requestTimeout = headerValue(h)
		case "anthropic-version":
			in.anthropicVersion = headerValue(h)
		case "traceparent":
			in.traceparent = headerValue(h)
		case "tracestate":
			in.tracestate = headerValue(h)
		case "x-correlation-id":
			in.correlationID = headerValue(h)
		}
	}
}

// digest is the SHA-256 of the presented key. ok is false when there is none,
// or when headers name different ones. Two headers of one name arrive joined by
// a comma, which is no key's digest, so they are refused as unknown.
func (in *inbound) digest() (d configcache.Digest, ok bool) {
	presented := ""
	for _, v := range [...]string{bearerToken(in.authorization), in.xAPIKey, in.apiKey} {
		if v == "" {
			continue
		}
		if presented != "" && presented != v {
			return d, false
		}
		presented = v
	}
	if presented == "" || (in.authorization != "" && bearerToken(in.authorization) == "") {
		return d, false
	}
	return sha256.Sum256([]byte(presented)), true
}

func bearerToken(authorization string) string {
	const scheme = "bearer "
	if len(authorization) <= len(scheme) || !strings.EqualFold(authorization[:len(scheme)], scheme) {
		return ""
	}
	return strings.TrimSpace(authorization[len(scheme):])
}

// checkOwn validates the headers that are meant for the gateway.
func (in *inbound) checkOwn() *refusal {
	for _, f := range [...]struct{ name, value string }{
		{"x-custom-event-id", in.customID}, {"x-user-id", in.userID}, {"x-correlation-id", in.correlationID},
	} {
		if len(f.value) > maxField || !printable(f.value) {
			return invalid("header "+f.name+" must be printable text of at most 256 bytes", f.name)
		}
	}
	if in.metadata != "" {
		b := []byte(in.metadata)
		if len(b) > maxMetadata || b[0] != '{' || jsonscan.Check(b) != nil {
			return invalid("header x-metadata must hold one JSON object of at most 4096 bytes", "x-metadata")
		}
	}
	if in.requestTimeout != "" {
		d, err := time.ParseDuration(in.requestTimeout)
		if err != nil || d <= 0 {
			return invalid("header x-request-timeout must be a positive duration such as 30s", "x-request-timeout")
		}
		in.timeout = d
	}
	return nil
}

func printable(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r == 0x7f })
}
