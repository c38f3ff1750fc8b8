package processor

import (
	"bytes"
	"strings"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"github.com/tidwall/gjson"

	"github.com/bricks-gateway/bricks/internal/provider"
	"github.com/bricks-gateway/bricks/internal/telemetry"
)

// A request has a span, and every call of a provider that is made for it has one
// below. What goes out names the span that it is sent for: to a provider the
// call's, to the attempts of a route the request's, below which each makes its own.

// parent is what the request's headers say about its trace.
func (in *inbound) parent() telemetry.Parent {
	return telemetry.Parent{Traceparent: in.traceparent, Tracestate: in.tracestate}
}

// carryTrace makes what is sent name span as its parent. State of a trace that
// is not gone on with goes no further.
func carryTrace(m *extprocv3.HeaderMutation, span *telemetry.Span) {
	p, ok := span.Header()
	if !ok {
		return
	}
	m.SetHeaders = append(m.SetHeaders, set("traceparent", p.Traceparent))
	if p.Tracestate == "" {
		m.RemoveHeaders = append(m.RemoveHeaders, "tracestate")
	}
}

// traceID is the trace that the request is of: the one that is kept, else the
// caller's.
func (x *exchange) traceID() string {
	if id := x.span.TraceID(); id != "" {
		return id
	}
	return telemetry.TraceID(x.in.traceparent)
}

// endTrace ends the request's spans, with what its event says in the end.
func (x *exchange) endTrace() {
	if x.span == nil {
		return
	}
	e, told := &x.event, x.span
	if x.called != nil { // else each attempt has a span of its own, or nobody was called
		told = x.called
	}
	told.Tell(telemetry.Content{Request: e.Request, Response: e.Response}, x.answer.finish)
	if x.called != nil {
		x.called.EndCall(x.describeCall())
	}
	r := telemetry.Request{Method: x.in.method, Route: x.template(), Event: e, Problem: e.RefusalCode}
	if x.broken() {
		r.Problem = upstreamError
	}
	if x.reserved != nil {
		r.Limits = x.reserved.State()
	}
	switch {
	case e.Action == actionCached:
		r.Cache = "hit"
	case x.cached != nil:
		r.Cache = "miss"
	}
	x.span.EndRequest(r)
}

func (x *exchange) describeCall() *telemetry.ProviderCall {
	e, a := &x.event, &x.answer
	c := &telemetry.ProviderCall{
		Operation: e.Operation, Provider: e.Provider, RequestModel: e.RequestModel, ResponseModel: e.ResponseModel,
		Usage: e.Usage, FinishReasons: a.finish, Streamed: a.sse,
		Authority: x.authority(), SettingID: e.SettingID, Status: a.status, Incomplete: e.Incomplete,
	}
	if a.sse {
		c.FirstChunk = a.firstEvent
	}
	switch {
	case e.Status == statusClientGone:
		c.Problem = "client_gone"
	case x.broken():
		c.Problem = upstreamError
	}
	return c
}

// authority is whom the call went to.
func (x *exchange) authority() string {
	if x.genAI != nil {
		return x.s.o.GenAI.Authority
	}
	return x.setting.Authority
}

// upstreamError is the code of what a provider did wrong behind a status that
// says nothing of it.
const upstreamError = "upstream_error"

// broken reports whether the provider left its answer unfinished.
func (x *exchange) broken() bool {
	e := &x.event
	return e.Incomplete && !x.cut && e.Status < 400
}

// template is the called path without what differs from call to call. What a
// client made up is in no span: it may have put a secret there.
func (x *exchange) template() string {
	switch {
	case x.genAI != nil && x.match.Endpoint != nil:
		return x.match.Endpoint.Path
	case x.route != nil, x.custom != nil:
		return x.in.path // as an administrator has spelled it
	case x.match.Provider != nil && x.match.Endpoint != nil:
		return provider.PathPrefix + x.match.Provider.Name + x.match.Endpoint.Path
	}
	return ""
}

// maxReasons bounds the finish reasons that a span tells, by their number.
const maxReasons = 16

// appendFinish adds why the model stopped, where a whole answer or one event of a
// stream says so.
func appendFinish(all []string, data []byte) []string {
	if !bytes.Contains(data, []byte(`"finish_reason"`)) && !bytes.Contains(data, []byte(`"stop_reason"`)) {
		return all
	}
	add := func(reason gjson.Result) bool {
		if reason.Type == gjson.String && len(all) < maxReasons {
			all = append(all, strings.ToValidUTF8(clip(reason.Str), "?"))
		}
		return true
	}
	gjson.GetBytes(data, "choices.#.finish_reason").ForEach(func(_, r gjson.Result) bool { return add(r) })
	add(gjson.GetBytes(data, "stop_reason"))
	add(gjson.GetBytes(data, "delta.stop_reason"))
	return all
}
