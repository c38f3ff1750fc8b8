package processor

import (
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/provider"
	"github.com/bricks-gateway/bricks/processor/configcache"
)

// clusterHeader tells Envoy's route which cluster to use. Client copies are
// removed before this filter, ours before the provider.
const clusterHeader = "x-bricks-cluster"

// removed never reach a provider: credentials, the gateway's own headers, what
// identifies the client to others, and what the setting decides. Accept-encoding
// goes so that answers come in clear.
var removed = []string{
	"authorization", "x-api-key", "api-key", "cookie", "accept-encoding", "expect",
	"x-custom-event-id", "x-metadata", "x-request-timeout", "x-user-id",
	"openai-organization", "openai-project",
}

// requestBody decides on the body; what passes is forwarded, or answered from
// the cache.
func (x *exchange) requestBody(body []byte) *extprocv3.ProcessingResponse {
	defer func() {
		if !x.waiting() { // else the body is still held
			x.bodyDone()
		}
	}()
	if len(body) > x.maxBody() {
		return x.refuse(x.tooLarge())
	}
	c, r := x.readBody(body)
	x.call = c
	x.event.RequestModel, x.event.Streamed = c.model, c.stream
	if r == nil {
		r = x.checkCall()
	}
	if r != nil {
		return x.refuse(r)
	}
	if body == nil {
		body = []byte{} // empty, which is not none: the body's message is to be answered
	}
	seen, r := x.lookAt(body)
	if r != nil {
		return x.refuse(r)
	}
	body = seen
	x.storeRequest(body)
	return x.throughCache(body)
}

// checkCall refuses what the key, or the end user, may not do by the body.
func (x *exchange) checkCall() *refusal {
	if x.genAI != nil {
		return nil // the client's own key decides that
	}
	if r := x.checkUser(); r != nil {
		return r
	}
	return x.choose()
}

func (x *exchange) checkUser() *refusal {
	switch {
	case x.in.userID != "" && x.call.user != "" && x.in.userID != x.call.user:
		return invalid("header x-user-id and the body name different users", "user")
	case x.call.user != "":
		if !printable(x.call.user) {
			return invalid("user must be printable text", "user")
		}
		x.event.UserID = x.call.user
	}
	if x.key.RequireUser && x.event.UserID == "" {
		return invalid("this key requires a user: send the body's user field (metadata.user_id on Anthropic) or header x-user-id", "user")
	}
	return x.matchUsers()
}

// fitting are the key's settings for the called provider.
func (x *exchange) fitting() []*configcache.Setting {
	var out []*configcache.Setting
	for _, id := range x.key.SettingIDs {
		if s, ok := x.s.o.Config.Setting(id); ok && s.Provider == x.match.Provider.Name {
			out = append(out, s)
		}
	}
	return x.lead(out)
}

// chooseModel narrows the settings to those that allow the model.
func (x *exchange) chooseModel() *refusal {
	if x.call.model == "" && !x.match.Endpoint.Bills() {
		return nil
	}
	x.settings = slices.DeleteFunc(x.settings, func(s *configcache.Setting) bool {
		model := provider.ModelOf(&s.ProviderSetting, x.call.model)
		return !listed(x.key.AllowedModels, model) || !listed(s.AllowedModels, model)
	})
	if len(x.settings) > 0 {
		return x.checkUserModel()
	}
	if x.call.model == "" {
		return &refusal{http.StatusForbidden, "model_not_allowed", "this key may use some models only: the body must name one", "model", 0, nil}
	}
	return &refusal{http.StatusForbidden, "model_not_allowed", "this key may not use model " + clip(x.call.model), "model", 0, nil}
}

// listed reports whether a list of models has model; an empty one has all.
func listed(models []string, model string) bool {
	return len(models) == 0 || slices.Contains(models, model)
}

// rotations spread a key's requests over its settings, round robin.
type rotations struct{ next sync.Map } // key id → *atomic.Uint64

func (r *rotations) pick(key *gateway.Key, settings []*configcache.Setting) *configcache.Setting {
	if !key.RotationEnabled || len(settings) == 1 {
		return settings[0]
	}
	v, ok := r.next.Load(key.ID)
	if !ok {
		v, _ = r.next.LoadOrStore(key.ID, new(atomic.Uint64))
	}
	return settings[(v.(*atomic.Uint64).Add(1)-1)%uint64(len(settings))]
}

// forward takes what the request costs, and only then builds the answer that
// carries the provider's credential. body is nil for calls without one.
func (x *exchange) forward(body []byte) *extprocv3.ProcessingResponse {
	if !x.answerPhases {
		return x.refuse(unavailable("the gateway cannot meter this request"))
	}
	if r := x.claim(); r != nil {
		return x.refuse(r)
	}
	x.phase = phaseForwarded
	if x.route == nil {
		x.called = x.span.Call(time.Now())
	}
	defer x.call.forget()
	common := &extprocv3.CommonResponse{HeaderMutation: x.upstreamHeaders(), ClearRouteCache: true}
	named := leave(requestNamespace, map[string]*structpb.Value{"event_id": structpb.NewStringValue(x.event.ID)})
	if body == nil {
		return &extprocv3.ProcessingResponse{DynamicMetadata: named, Response: &extprocv3.ProcessingResponse_RequestHeaders{
			RequestHeaders: &extprocv3.HeadersResponse{Response: common},
		}}
	}
	if changed, edited := x.edit(body); edited || x.look.changed() {
		common.BodyMutation = &extprocv3.BodyMutation{Mutation: &extprocv3.BodyMutation_Body{Body: changed}}
		common.HeaderMutation.SetHeaders = append(common.HeaderMutation.SetHeaders, set("content-length", strconv.Itoa(len(changed))))
	}
	return &extprocv3.ProcessingResponse{DynamicMetadata: named, Response: &extprocv3.ProcessingResponse_RequestBody{
		RequestBody: &extprocv3.BodyResponse{Response: common},
	}}
}

// claim takes the money and writes the intent. Without a key there is neither.
func (x *exchange) claim() *refusal {
	if x.genAI != nil {
		return x.takeTokens()
	}
	x.pick()
	if r := x.reserve(); r != nil {
		return r
	}
	x.lowerSteps()
	x.event.CreatedAt = x.reserved.At().UTC() // the ledger and the counters agree on the window
	if err := x.s.o.Spool.Intent(&x.event); err != nil {
		x.s.metrics.spoolErrors.Inc()
		_ = x.reserved.Settle(x.ctx, 0)
		x.reserved = nil
		x.event.Cost = 0
		return unavailable("the gateway cannot record this request")
	}
	return nil
}

// edit changes what must change of the body: the output's maximum, when the
// money allows less than was asked for, and the wish for usage in a stream.
func (x *exchange) edit(body []byte) (changed []byte, edited bool) {
	changed = body
	if x.route != nil {
		return body, false // each attempt's own
	}
	if x.lowered > 0 {
		changed, edited = x.call.withMaximum(changed, x.match.Endpoint.OutputLimits[0], x.lowered), true
	}
	if x.asksUsage() {
		changed, edited = x.call.withUsage(changed), true
		x.answer.takeOutUsage = true
	}
	return changed, edited
}

// upstreamHeaders rewrites the request for the provider.
func (x *exchange) upstreamHeaders() *extprocv3.HeaderMutation {
	switch {
	case x.route != nil:
		return x.loopHeaders()
	case x.genAI != nil:
		return x.genAIHeaders()
	}
	mutation := &extprocv3.HeaderMutation{SetHeaders: []*corev3.HeaderValueOption{
		set(":path", x.upstreamPath()),
		set(":authority", x.setting.Authority),
		set(clusterHeader, x.setting.Cluster),
		set("x-envoy-upstream-rq-per-try-timeout-ms", strconv.FormatInt(max(1, x.firstByteTimeout().Milliseconds()), 10)),
	}}
	if x.match.Method != x.in.method {
		mutation.SetHeaders = append(mutation.SetHeaders, set(":method", x.match.Method))
	}
	credential := x.match.Provider.Credential(provider.Credential{
		APIKey: x.setting.APIKey, Params: x.setting.Params, ClientVersion: x.in.anthropicVersion,
	})
	for _, h := range credential {
		mutation.SetHeaders = append(mutation.SetHeaders, set(h.Name, h.Value.Reveal()))
	}
	carryTrace(mutation, x.called)
	for _, name := range removed {
		if !slices.ContainsFunc(credential, func(h provider.Header) bool { return h.Name == name }) {
			mutation.RemoveHeaders = append(mutation.RemoveHeaders, name)
		}
	}
	return mutation
}

// maxStoredBody bounds a body kept with an event.
const maxStoredBody = 1 << 20

func (x *exchange) storeRequest(body []byte) {
	if x.key != nil && x.key.ShouldLogRequest && !x.s.o.Strict {
		x.event.Request = slices.Clone(body[:min(len(body), maxStoredBody)])
	}
}

// sinceStart is the request's age now.
func (x *exchange) sinceStart() time.Duration { return time.Since(x.start) }
