package processor

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/jsonscan"
	"github.com/bricks-gateway/bricks/internal/pricing"
	"github.com/bricks-gateway/bricks/internal/provider"
	"github.com/bricks-gateway/bricks/processor/configcache"
)

// A request of a failover route is checked, paid for and metered by its own
// stream, like any other. It carries no credential: its attempts do (attempt.go).

// routeStep is a step that this request may take.
type routeStep struct {
	gateway.RouteStep
	position int // in the route
	match    provider.Match
	custom   *customCall // nil: the provider is one of the gateway's own
	settings []*configcache.Setting
	setting  *configcache.Setting
	price    *pricing.Price // nil: nobody knows it
	quote    quote
	lowered  int64
}

// find looks the path up: of a provider, else of a route.
func (x *exchange) find() (m provider.Match, found bool) {
	path, ok := strings.CutPrefix(x.in.path, gateway.RoutePrefixAlias+"/")
	if !ok {
		path, ok = strings.CutPrefix(x.in.path, gateway.RoutePrefix+"/")
	}
	if !ok {
		return provider.Find(x.in.method, x.in.path)
	}
	x.route, x.routeErr = x.s.o.Config.Route("/" + path)
	if x.routeErr != nil {
		return provider.Match{}, false
	}
	x.stepsFor(x.route.Operation)
	if len(x.steps) == 0 {
		return provider.Match{}, false // of providers that are not known or have changed
	}
	m = x.steps[0].match
	if x.in.method != http.MethodPost {
		m.Endpoint = nil
	}
	return m, true
}

// stepsFor fills in the steps whose providers do the operation. As long as that
// is not known, one stands for both: what is asked of it before the body is
// read is the same.
func (x *exchange) stepsFor(operation string) {
	x.steps = nil
	for i, s := range x.route.Steps {
		t, err := x.s.stepTarget(s.Provider, operation, s.Params)
		if operation == "" {
			if t, err = x.s.stepTarget(s.Provider, gateway.OperationChat, s.Params); err != nil {
				t, err = x.s.stepTarget(s.Provider, gateway.OperationEmbeddings, s.Params)
			}
		}
		switch {
		case err == nil:
			x.steps = append(x.steps, &routeStep{RouteStep: s, position: i, match: t.match, custom: t.custom})
		case gateway.KindOf(err) == gateway.Unavailable:
			x.routeErr = err // a step that is not known yet is not passed over
		}
	}
}

// checkRoute refuses who may not call the route, in the words of a route that
// does not exist.
func (x *exchange) checkRoute() *refusal {
	switch {
	case x.routeErr != nil && gateway.KindOf(x.routeErr) != gateway.NotFound:
		return unavailable("the gateway cannot look routes up right now")
	case x.route == nil:
		return nil
	case !slices.Contains(x.route.KeyIDs, x.key.ID):
		x.match = provider.Match{}
		return &refusal{http.StatusNotFound, "not_found", "no such path: " + clip(x.in.path), "", 0, nil}
	case len(x.s.o.Config.TicketKey()) == 0:
		return unavailable("the gateway cannot serve routes right now")
	case len(x.steps) == 0:
		return unavailable("no step of the route can be called: its providers have changed")
	}
	x.event.RouteID = x.route.ID
	return x.findSettings()
}

// findSettings keeps the steps for which the key has a setting.
func (x *exchange) findSettings() *refusal {
	return x.keepSteps(func(s *routeStep) *refusal {
		if s.settings = x.fitting(); s.custom != nil {
			s.settings = s.custom.leadAll(s.settings)
		}
		if len(s.settings) == 0 {
			return &refusal{http.StatusForbidden, "provider_not_allowed", "this key has no provider setting for any step of the route", "", 0, nil}
		}
		return nil
	})
}

// keepSteps drops the steps for which check has a refusal, and returns the first
// one when none is left. check finds the exchange at the step.
func (x *exchange) keepSteps(check func(*routeStep) *refusal) *refusal {
	var first *refusal
	steps := x.steps
	x.steps = nil
	for _, s := range steps {
		x.at(s)
		r := check(s)
		if r == nil {
			x.steps = append(x.steps, s)
		} else if first == nil {
			first = r
		}
	}
	if len(x.steps) == 0 {
		return first
	}
	x.at(x.steps[0])
	return nil
}

// at makes s the step that decisions are about.
func (x *exchange) at(s *routeStep) {
	x.step = s
	x.match, x.settings, x.setting, x.quote, x.lowered = s.match, s.settings, s.setting, s.quote, s.lowered
	x.call.model = s.Model
	x.event.Provider, x.event.RequestModel, x.event.Operation = s.match.Provider.Name, s.Model, s.match.Endpoint.Operation
	if s.setting != nil {
		x.event.SettingID = s.setting.ID
		x.event.RequestModel = provider.ModelOf(&s.setting.ProviderSetting, s.Model)
	}
}

// readRoute reads the call that body makes.
func (x *exchange) readRoute(body []byte) (call, *refusal) {
	operation := x.route.Operation
	if operation == "" {
		_, messages := jsonscan.Get(body, "messages")
		_, input := jsonscan.Get(body, "input")
		switch {
		case messages == input && jsonscan.Check(body) == nil:
			return call{}, invalid("a route takes a body with either messages (chat) or input (embeddings)", "")
		case input:
			operation = gateway.OperationEmbeddings
		default:
			operation = gateway.OperationChat
		}
	}
	x.stepsFor(operation)
	if len(x.steps) == 0 {
		return call{}, invalid("this route has no step for "+operation, "")
	}
	if r := x.findSettings(); r != nil {
		return call{}, r
	}
	c, r := readCall(withModel(body, x.steps[0].Model), x.match.Endpoint)
	if r == nil && c.stream {
		r = x.streamingSteps()
	}
	return c, r
}

// withModel returns body with the model of a step. A model that is no string is
// left to be refused.
func withModel(body []byte, model string) []byte {
	value := quoteJSON(model)
	m, found := jsonscan.Get(body, "model")
	if !found {
		if err := jsonscan.Object(body, func(jsonscan.Member) bool { return false }); err != nil {
			return body // no object: to be refused
		}
		return jsonscan.InsertFirst(body, `"model"`, value)
	}
	if _, text := m.String(); !text && !m.IsNull() {
		return body
	}
	return jsonscan.Replace(body, m, []byte(value))
}

// choose narrows what may be called to what allows the model.
func (x *exchange) choose() *refusal {
	if x.route == nil {
		return x.chooseModel()
	}
	return x.keepSteps(func(s *routeStep) *refusal {
		x.settings = slices.Clone(s.settings)
		r := x.chooseModel()
		s.settings = x.settings
		return r
	})
}

// pick settles on a setting, and with a route on the steps to take.
func (x *exchange) pick() {
	if x.route == nil {
		x.setting = x.s.rotations.pick(x.key, x.settings)
		x.event.SettingID = x.setting.ID
		x.useModel()
		return
	}
	var usable []*routeStep
	for _, s := range x.steps {
		s.setting = x.s.rotations.pick(x.key, s.settings)
		if x.s.health.usable(x.stepID(s)) {
			usable = append(usable, s)
		} else {
			x.s.metrics.skipped.WithLabelValues(providerLabel(s.Provider)).Inc()
		}
	}
	if len(usable) > 0 { // else all are down, and trying is better than giving up
		x.steps = usable
	}
	x.at(x.steps[0])
}

func (x *exchange) stepID(s *routeStep) stepID {
	return stepID{x.route.ID, x.route.Revision, s.position, s.setting.ID}
}

// loopHeaders send the request to its attempts. What a client sent goes with
// it, but for what no attempt may see.
func (x *exchange) loopHeaders() *extprocv3.HeaderMutation {
	t := x.ticket()
	mutation := &extprocv3.HeaderMutation{
		SetHeaders: []*corev3.HeaderValueOption{
			set(clusterHeader, loopCluster),
			set(ticketHeader, t.sign(x.s.o.Config.TicketKey())),
			set("x-envoy-max-retries", strconv.Itoa(t.tries()-1)),
		},
		RemoveHeaders: slices.Clip(removed),
	}
	carryTrace(mutation, x.span)
	return mutation
}

func (x *exchange) ticket() *ticket {
	digest, _ := x.in.digest()
	t := &ticket{
		EventID: x.event.ID, Digest: digest[:], KeyID: x.key.ID, RouteID: x.route.ID, Revision: x.route.Revision,
		Deadline: x.start.Add(x.firstByteTimeout()).UnixMilli(),
		Path:     x.event.Path, Accounts: ticketAccounts(x.accounts), CustomID: x.event.CustomID, UserID: x.event.UserID,
		CorrelationID: x.event.CorrelationID, Metadata: x.event.Metadata,
	}
	for _, s := range x.steps {
		t.Steps = append(t.Steps, ticketStep{
			Position: s.position, Provider: s.Provider, Model: s.Model, SettingID: s.setting.ID,
			Operation: s.match.Endpoint.Operation, Params: s.Params,
			Retries: s.Retries, Timeout: max(1, s.Timeout.Milliseconds()), Maximum: s.lowered,
		})
	}
	return t
}

// answeredBy takes from an answer's headers which attempt it is of: the event is
// about its step from then on.
func (x *exchange) answeredBy(m *corev3.HeaderMap) {
	if x.route == nil || x.phase != phaseForwarded {
		return
	}
	// An answer without marks is Envoy's own, after the last attempt broke off.
	last := x.steps[len(x.steps)-1]
	position := last.position
	x.event.Attempts = 0
	for _, s := range x.steps {
		x.event.Attempts += 1 + s.Retries
	}
	for _, h := range m.GetHeaders() {
		switch h.Key {
		case attemptHeader:
			x.event.Attempts, _ = strconv.Atoi(headerValue(h))
		case stepHeader:
			position, _ = strconv.Atoi(headerValue(h))
		}
	}
	for _, s := range x.steps {
		if s.position == position {
			x.at(s)
			x.answer.takeOutUsage = x.call.stream && s.match.Endpoint.StreamUsage && !x.call.usageAsked
		}
	}
}

// routeHeaders tell the client who answered.
func (x *exchange) routeHeaders() []*corev3.HeaderValueOption {
	if x.route == nil {
		return nil
	}
	headers := []*corev3.HeaderValueOption{
		set("x-bricks-provider", x.event.Provider),
		set("x-bricks-attempts", strconv.Itoa(x.event.Attempts)),
	}
	if x.cached != nil {
		headers = append(headers, set("x-bricks-cache", "miss"))
	}
	return headers
}

// brokenEnd adds an error event to a stream that its provider ended without an
// end marker: a client must not take half an answer for a whole one.
func (x *exchange) brokenEnd() []byte {
	a := &x.answer
	if x.route == nil || !a.sse || a.marked || a.failed || x.phase != phaseAnswering || x.match.Endpoint.Meter == provider.MeterNone {
		return nil
	}
	return x.errorEvent(&refusal{http.StatusBadGateway, "upstream_error", "the provider broke off its answer", "", 0, nil})
}

// errorEvent is r as the last event of a stream.
func (x *exchange) errorEvent(r *refusal) []byte {
	body := x.errorBody(r)
	if x.match.Provider.Errors == provider.AnthropicErrors {
		return []byte("\n\nevent: error\ndata: " + string(body) + "\n\n")
	}
	return []byte("\n\ndata: " + string(body) + "\n\n")
}

// remaining is the time until the deadline of t.
func (t *ticket) remaining(now time.Time) time.Duration {
	return time.UnixMilli(t.Deadline).Sub(now)
}

func quoteJSON(text string) string {
	b, err := json.Marshal(text)
	if err != nil {
		panic(err) // a string always encodes
	}
	return string(b)
}
