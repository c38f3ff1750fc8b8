package processor

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/bricks-gateway/bricks/internal/cache"
)

// unrelated headers reach a provider, but say nothing about the answer: who
// asks, by what software, and how the call is traced. Any other header is part of
// what must be equal, since a provider may heed it.
var unrelated = []string{
	"accept", "accept-language", "baggage", "cache-control", "connection", "content-length", "content-type", "date", "dnt", "forwarded",
	"host", "idempotency-key", "origin", "pragma", "priority", "referer", "te", "traceparent", "tracestate", "transfer-encoding",
	"user-agent", "via", "x-amzn-trace-id", "x-client-request-id", "x-cloud-trace-context", "x-correlation-id", "x-real-ip", "x-request-id",
}

var unrelatedPrefixes = []string{":", "sec-", "x-b3-", "x-bricks-", "x-datadog-", "x-envoy-", "x-forwarded-", "x-stainless-"}

func related(name string) bool {
	if slices.Contains(unrelated, name) || slices.Contains(removed, name) {
		return false
	}
	return !slices.ContainsFunc(unrelatedPrefixes, func(p string) bool { return strings.HasPrefix(name, p) })
}

// cacheKey is made of all that an answer may depend on, and of the caller's
// secret. ok is false for a body that has no canonical form. It needs the steps
// that the request may take, before any is passed over for its health.
func (x *exchange) cacheKey(headers *corev3.HeaderMap, body []byte) (k cache.Key, ok bool) {
	canonical := jsontext.Value(bytes.Clone(body))
	// Numbers stay as they are spelled: two large ones must not become one.
	if err := canonical.Canonicalize(jsontext.CanonicalizeRawInts(false), jsontext.CanonicalizeRawFloats(false)); err != nil {
		return k, false
	}
	d := digester{sum: sha256.New()}
	secret, _ := x.in.digest()
	d.add(string(secret[:]), x.key.ID, x.key.PolicyID, x.in.query)
	d.number(int64(len(x.steps)))
	for _, s := range x.steps {
		d.add(s.Provider, s.Model, s.match.Endpoint.Operation)
		d.number(int64(s.position), int64(len(s.settings)))
		if s.custom != nil {
			d.number(s.custom.provider.Revision)
		}
		for _, setting := range s.settings {
			d.add(setting.ID)
			d.number(setting.Revision)
		}
	}
	if x.look != nil {
		d.number(x.look.policy.Revision)
	}
	var lines []string
	for _, h := range headers.GetHeaders() {
		if related(h.Key) {
			lines = append(lines, h.Key+"\x00"+headerValue(h))
		}
	}
	slices.Sort(lines)
	d.number(int64(len(lines)))
	d.add(lines...)
	d.add(string(canonical))
	return cache.NewKey([32]byte(d.sum.Sum(nil))), true
}

// digester hashes texts, each behind its length, so that no two lists of them
// look alike.
type digester struct {
	sum interface {
		Write([]byte) (int, error)
		Sum([]byte) []byte
	}
}

func (d digester) add(texts ...string) {
	for _, t := range texts {
		d.number(int64(len(t)))
		_, _ = d.sum.Write([]byte(t))
	}
}

func (d digester) number(numbers ...int64) {
	for _, n := range numbers {
		_, _ = d.sum.Write(binary.BigEndian.AppendUint64(nil, uint64(n))) //nolint:gosec // any bits do
	}
}
