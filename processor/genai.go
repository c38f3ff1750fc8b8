package processor

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/limit"
	"github.com/bricks-gateway/bricks/internal/provider"
	"github.com/bricks-gateway/bricks/internal/token"
)

// GenAI is what the GenAI entry does with requests: they bring a provider's key
// of their client's own, go to the one upstream of their listener, and are metered
// by the user that a header names. They have no key of the gateway, so no
// settings, no money and no event.
type GenAI struct {
	UserHeader string // lower case
	Authority  string // of the upstream
	// Tokens bounds each user's prompt tokens; nil: nothing does.
	Tokens limit.TokenWindow
}

// providerGenAI stands for the entry's upstream in metrics: who that is, its
// operator knows.
const providerGenAI = "genai"

// genAICall is what a request of the GenAI entry has that others have not.
type genAICall struct {
	counted int64 // prompt tokens that were taken from the user's window
}

// admitGenAI is admit for the GenAI entry.
func (x *exchange) admitGenAI(h *extprocv3.HttpHeaders) *refusal {
	entry := x.s.o.GenAI
	if entry == nil {
		return unavailable("this processor does not serve the GenAI entry")
	}
	match, found := provider.FindOpenAI(x.in.method, x.in.path)
	x.match = match
	x.newEvent()
	x.event.Provider = providerGenAI
	user, r := entry.user(h.Headers)
	if r != nil {
		return r
	}
	x.event.UserID = user
	switch {
	case !found:
		return &refusal{http.StatusNotFound, "not_found", "no such path of OpenAI's API: " + clip(x.in.path), "", 0, nil}
	case match.Endpoint == nil:
		return &refusal{http.StatusMethodNotAllowed, "method_not_allowed", "this path does not take " + clip(x.in.method), "", 0, nil}
	}
	if r := x.in.checkOwn(); r != nil {
		return r
	}
	if r := x.checkForeignKey(); r != nil {
		return r
	}
	return x.checkContent(h.EndOfStream)
}

// user is whom the header names; empty when it is not there.
func (g *GenAI) user(m *corev3.HeaderMap) (name string, r *refusal) {
	seen := false
	for _, h := range m.GetHeaders() {
		if h.Key != g.UserHeader {
			continue
		}
		name = headerValue(h)
		if seen || len(name) > maxField || !printable(name) {
			return "", invalid("header "+g.UserHeader+" must come once, with printable text of at most 256 bytes", g.UserHeader)
		}
		seen = true
	}
	return name, nil
}

// checkForeignKey refuses a key of the gateway's own in place of a provider's: it
// would be handed to the upstream. A header that came twice is one text with a
// comma, behind which a key could hide, so that it is refused whatever it holds.
func (x *exchange) checkForeignKey() *refusal {
	scheme, token, _ := strings.Cut(x.in.authorization, " ")
	token = strings.TrimSpace(token)
	for _, text := range [...]string{scheme, token, x.in.xAPIKey, x.in.apiKey} {
		if strings.ContainsAny(text, ", \t") {
			return &refusal{http.StatusUnauthorized, "invalid_api_key", "each header with a key must come once, with one key", "", 0, nil}
		}
	}
	for _, secret := range [...]string{x.in.authorization, token, x.in.xAPIKey, x.in.apiKey} {
		if secret == "" {
			continue
		}
		if strings.HasPrefix(secret, gateway.KeyPrefix) || x.s.o.Config.IsKey(x.ctx, sha256.Sum256([]byte(secret))) {
			return &refusal{
				http.StatusUnauthorized, "invalid_api_key",
				"this is a key of the gateway, for its other listener: send the provider's key here", "", 0, nil,
			}
		}
	}
	return nil
}

// takeTokens counts the prompt's tokens in the user's window, or refuses.
func (x *exchange) takeTokens() *refusal {
	window := x.s.o.GenAI.Tokens
	switch {
	case window == nil:
		return nil
	case x.unbounded():
		return &refusal{
			http.StatusForbidden, "tokens_not_countable",
			"the prompt tokens of what goes on after its answer cannot be counted, and a limit of them applies", "", 0, nil,
		}
	case x.match.Endpoint.Meter == provider.MeterNone:
		return nil
	}
	n := x.promptTokens()
	if err := window.Take(x.ctx, x.event.UserID, n); err != nil {
		return limitRefusal(err)
	}
	x.genAI.counted = n
	return nil
}

// promptTokens is our count of the text in the body: exact for models with a known
// vocabulary, else a token for every four bytes.
func (x *exchange) promptTokens() int64 {
	if x.match.Endpoint.Meter.ByUnit() {
		return x.call.textTokens(false)
	}
	bound := token.Input(x.match.Provider.Name, x.call.model, x.call.body)
	if bound.Exact {
		return bound.Tokens
	}
	return (bound.Tokens + 3) / 4
}

// kept are headers that go on to the upstream of the GenAI entry, though a
// setting's take their place elsewhere.
var kept = []string{"authorization", "x-api-key", "api-key", "openai-organization", "openai-project"}

// genAIHeaders leaves the request the client's own but for its path. Where it
// leads is its route's to say.
func (x *exchange) genAIHeaders() *extprocv3.HeaderMutation {
	path := x.match.Path
	if x.in.query != "" {
		path += "?" + x.in.query
	}
	mutation := &extprocv3.HeaderMutation{
		SetHeaders: []*corev3.HeaderValueOption{
			set(":path", path),
			set("x-envoy-upstream-rq-per-try-timeout-ms", strconv.FormatInt(max(1, x.firstByteTimeout().Milliseconds()), 10)),
		},
		RemoveHeaders: []string{x.s.o.GenAI.UserHeader},
	}
	if x.match.Method != x.in.method {
		mutation.SetHeaders = append(mutation.SetHeaders, set(":method", x.match.Method))
	}
	carryTrace(mutation, x.called)
	for _, name := range removed {
		if !slices.Contains(kept, name) {
			mutation.RemoveHeaders = append(mutation.RemoveHeaders, name)
		}
	}
	return mutation
}

// settleGenAI counts what the answer used, and takes from the user's window what
// the prompt had beyond our count: what the body did not show, such as images and
// earlier responses.
func (x *exchange) settleGenAI() {
	a, e := &x.answer, &x.event
	e.PriceStatus = gateway.Free
	if meter := x.match.Endpoint.Meter; meter != provider.MeterNone {
		x.readUsage()
		switch {
		case a.status >= 400 && !a.reading.HasCost, x.billsLater(), meter.ByUnit():
		case x.phase == phaseForwarded || a.withheld, !a.reading.HasCost || a.reading.Invalid || (a.sse && !a.marked):
			x.estimate()
		}
	}
	if more := e.Usage.InputTokens - x.genAI.counted; x.s.o.GenAI.Tokens != nil && more > 0 && a.reading.HasCost && !a.reading.Invalid {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(x.ctx), 5*time.Second)
		defer cancel()
		if err := x.s.o.GenAI.Tokens.Add(ctx, e.UserID, more); err != nil {
			x.s.o.Logger.Warn("prompt tokens not counted", slog.String("event_id", e.ID), slog.Int64("tokens", more), slog.Any("error", err))
		}
	}
	x.s.metrics.observe(e, x.traceID())
}
