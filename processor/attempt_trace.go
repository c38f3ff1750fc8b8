package processor

import (
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"

	"github.com/bricks-gateway/bricks/internal/provider"
	"github.com/bricks-gateway/bricks/internal/sse"
	"github.com/bricks-gateway/bricks/internal/telemetry"
)

// maxFollowed bounds what is kept of an attempt's answer to tell its usage.
const maxFollowed = 1 << 20

// follow reads an answer that has been let pass, for the attempt's span alone: its
// request reads it too, but only an attempt knows its own span.
func (a *attempt) follow(b *extprocv3.HttpBody) {
	w := &a.answer
	w.ended = w.ended || b.EndOfStream
	if !a.span.Recording() || a.match.Endpoint == nil {
		return
	}
	if w.sse {
		w.scanner.Feed(b.Body, a.readOn)
		if b.EndOfStream {
			w.scanner.Close(a.readOn)
		}
		return
	}
	if len(w.followed)+len(b.Body) > maxFollowed {
		w.followed, w.lost = nil, true
	}
	if w.lost {
		return
	}
	w.followed = append(w.followed, b.Body...)
	if b.EndOfStream {
		w.reading = a.match.Endpoint.Meter.ReadJSON(w.followed)
		w.finish = appendFinish(w.finish, w.followed)
	}
}

// readOn reads an event of a stream for the attempt's span.
func (a *attempt) readOn(e sse.Event) {
	if e.Data == nil || !a.span.Recording() {
		return
	}
	a.match.Endpoint.Meter.ReadEvent(&a.answer.reading, e.Data)
	a.answer.finish = appendFinish(a.answer.finish, e.Data)
}

// endTrace ends the span of an attempt that was made.
func (a *attempt) endTrace() {
	if a.span == nil {
		return
	}
	w := &a.answer
	c := a.describeCall()
	c.ResponseModel, c.Usage, c.FinishReasons = w.reading.Model, w.reading.Usage, w.finish
	c.Streamed, c.FirstChunk, c.Status = w.sse, w.first, w.status
	c.Incomplete = !w.ended && !w.failure && w.status < 400
	if w.failure {
		c.Problem = upstreamError
	}
	a.span.EndCall(c)
}

// traceSkipped makes the span of an attempt that is refused before it is made.
func (a *attempt) traceSkipped(r *refusal) {
	span := a.s.o.Tracer.Skip(a.in.parent(), a.start)
	if span == nil {
		return
	}
	c := a.describeCall()
	c.Status, c.Problem = r.status, r.code
	span.EndCall(c)
}

func (a *attempt) describeCall() *telemetry.ProviderCall {
	s := a.step
	c := &telemetry.ProviderCall{
		Operation: s.Operation, Provider: s.Provider, RequestModel: s.Model, SettingID: s.SettingID, Attempt: a.number, Step: s.Position,
	}
	if a.setting != nil {
		c.Authority, c.RequestModel = a.setting.Authority, provider.ModelOf(&a.setting.ProviderSetting, s.Model)
	}
	return c
}
