package processor

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/policy"
	"github.com/bricks-gateway/bricks/internal/provider"
)

// look is a policy at work on one request and its answer.
type look struct {
	policy   *policy.Policy
	exchange *policy.Exchange
	edited   bool // the body is not the client's any more
	answer   answerLook
}

// changed reports whether the request's body is not the client's any more.
func (l *look) changed() bool { return l != nil && l.edited }

const codePolicy = "content_policy_violation"

// findPolicy finds the key's policy, and refuses what it could not look at.
func (x *exchange) findPolicy() *refusal {
	if x.key.PolicyID == "" {
		return nil
	}
	p, err := x.s.o.Config.Policy(x.key.PolicyID)
	if err != nil {
		return unavailable("the gateway cannot check the key's policy right now")
	}
	var secret []byte
	if p.Restores() {
		shared := x.s.o.Config.TicketKey()
		if len(shared) == 0 {
			return unavailable("the gateway cannot apply the key's policy right now")
		}
		secret = placeholderSecret(shared, x.key.ID)
	}
	e := x.match.Endpoint
	switch {
	case !p.Guards():
	case e.Body == provider.StreamedBody:
		return x.unseen("uploads")
	case e.RawAnswer && p.ReadsAnswers():
		return x.unseen("the answers of this path")
	}
	x.look = &look{policy: p, exchange: x.s.o.Policies.Begin(p, secret)}
	return nil
}

// placeholderSecret is a key's own, and the same on every processor.
func placeholderSecret(shared []byte, keyID string) []byte {
	sum := hmac.New(sha256.New, shared)
	sum.Write([]byte("placeholders of key " + keyID))
	return sum.Sum(nil)
}

// unseen refuses what nobody can look at. What a policy guards does not go by
// unseen.
func (x *exchange) unseen(what string) *refusal {
	x.event.Action = gateway.ActionBlocked
	return &refusal{http.StatusForbidden, codePolicy, "this key has a policy, and " + what + " cannot be looked at", "", 0, nil}
}

// lookAt applies the policy to the request's body, and returns what may be sent
// in its place.
func (x *exchange) lookAt(body []byte) ([]byte, *refusal) {
	if x.look == nil || len(body) == 0 {
		return body, nil
	}
	if x.look.policy.External() {
		if err := x.moreTime(detectorTime); err != nil {
			return nil, unavailable("the gateway cannot check the key's policy right now")
		}
	}
	seen, err := x.lookInto(body)
	x.noteFindings()
	if err != nil {
		return nil, x.policyRefusal(err, "the request")
	}
	if x.look.exchange.Redacted() {
		x.look.edited = true
		if r := x.reread(seen); r != nil {
			return nil, r
		}
	}
	return seen, nil
}

// detectorTime bounds what services may take, with their retries. Envoy is asked
// for as much: it gives time once for each message, so that a wait for an equal
// request's answer must find room in it.
const detectorTime = time.Minute

// moreTime asks Envoy to wait longer for the answer to its message.
func (x *exchange) moreTime(d time.Duration) error {
	if x.cached != nil {
		d += x.firstByteTimeout() / 2
	}
	return x.send(&extprocv3.ProcessingResponse{OverrideMessageTimeout: durationpb.New(d)})
}

func (x *exchange) lookInto(body []byte) ([]byte, error) {
	if boundary := x.in.boundary(); boundary != "" && x.match.Endpoint.Body.Multipart() {
		parts, ok := textParts(body, boundary)
		if !ok && x.look.policy.Guards() {
			return nil, &policy.Unseen{What: "the body"}
		}
		return x.look.exchange.Parts(x.ctx, body, parts)
	}
	var shape policy.Shape
	if x.custom != nil {
		model, _ := at(body, x.custom.route.ModelLocation)
		shape = policy.Shape{Custom: true, Leave: model.Index}
	}
	return x.look.exchange.JSON(x.ctx, body, shape)
}

// reread reads the body again: what stands where has changed.
func (x *exchange) reread(body []byte) (r *refusal) {
	switch {
	case x.route != nil:
		x.call, r = readCall(withModel(body, x.steps[0].Model), x.match.Endpoint)
		x.at(x.steps[0])
	default:
		x.call, r = x.readBody(body)
	}
	return r
}

// noteFindings tells the event what was found so far.
func (x *exchange) noteFindings() {
	ex := x.look.exchange
	x.event.Findings = ex.Findings()
	switch {
	case x.event.Action != gateway.ActionAllowed && x.event.Action != gateway.ActionWarned:
	case ex.Redacted():
		x.event.Action = gateway.ActionRedacted
	case ex.Warned():
		x.event.Action = gateway.ActionWarned
	}
}

// policyRefusal says why a request, or an answer, goes no further.
func (x *exchange) policyRefusal(err error, what string) *refusal {
	if blocked, ok := errors.AsType[*policy.Blocked](err); ok {
		x.event.Action = gateway.ActionBlocked
		return &refusal{http.StatusForbidden, codePolicy, what + " holds what the key's policy blocks: " + strings.Join(blocked.Findings, ", "), "", 0, nil}
	}
	if unseen, ok := errors.AsType[*policy.Unseen](err); ok {
		return x.unseen(unseen.What)
	}
	if errors.Is(err, policy.ErrTooSlow) {
		x.event.Action = gateway.ActionBlocked
		return &refusal{http.StatusForbidden, codePolicy, err.Error(), "", 0, nil}
	}
	x.s.metrics.policyErrors.Inc()
	x.s.o.Logger.Warn("a policy could not be applied", slog.String("event_id", x.event.ID), slog.Any("error", err))
	return unavailable("the gateway cannot look for personal data right now")
}
