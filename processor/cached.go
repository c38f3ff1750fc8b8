package processor

import (
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/bricks-gateway/bricks/internal/cache"
	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/jsonscan"
	"github.com/bricks-gateway/bricks/internal/limit"
)

// actionCached marks the event of a request that was answered from the cache:
// no provider was called, and nothing is billed.
const actionCached = "cached"

// longestShare bounds the wait for an equal request's answer. Envoy lets a
// message be worked on for at most an hour.
const longestShare = 10 * time.Minute

// cachedCall is what a request has whose route keeps answers.
type cachedCall struct {
	headers *corev3.HeaderMap // of the request
	scope   cache.Scope
	key     cache.Key
	named   bool // key is set

	keep   bool    // the answer is to be kept, as far as is known
	flight *flight // that it leads, or waits for; nil: neither
	leads  bool
	queued bool   // counted among those that wait
	body   []byte // of the request, while it waits
	until  time.Time

	contentType string
	answer      []byte // as the client gets it
}

// expectCached notes that the route of an admitted request keeps answers.
func (x *exchange) expectCached(h *corev3.HeaderMap) {
	if x.route != nil && x.route.Cache.Enabled && x.s.o.Cache != nil {
		x.cached = &cachedCall{headers: h, scope: cache.Scope{Route: x.route.ID, Revision: x.route.Revision}}
	}
}

// throughCache answers with what is kept, waits for an equal request, or
// forwards the request.
func (x *exchange) throughCache(body []byte) *extprocv3.ProcessingResponse {
	c := x.cached
	if c == nil {
		return x.forward(body)
	}
	wish := cacheControl(c.headers)
	c.key, c.named = x.cacheKey(c.headers, body)
	c.headers = nil
	c.named = c.named && (x.look == nil || !x.look.policy.Restores()) // else the answer is this client's alone
	c.keep = c.named && !strings.Contains(wish, "no-store")
	if !c.named || strings.Contains(wish, "no-store") || strings.Contains(wish, "no-cache") {
		x.s.metrics.cache.WithLabelValues("bypass").Inc()
		return x.forward(body)
	}
	c.body, c.until = body, x.start.Add(min(x.firstByteTimeout()/2, longestShare))
	return x.lookUp(true)
}

// cacheControl is what the client asks of caches on the way.
func cacheControl(m *corev3.HeaderMap) string {
	for _, h := range m.GetHeaders() {
		if h.Key == "cache-control" {
			return strings.ToLower(headerValue(h))
		}
	}
	return ""
}

// lookUp leads a flight, or waits for the one under way. Half of the client's
// time is left to ask a provider when that one brings nothing.
func (x *exchange) lookUp(first bool) *extprocv3.ProcessingResponse {
	c := x.cached
	if c.flight, c.leads = x.s.flights.join(c.key); !c.leads {
		if first {
			c.queued = true
			x.s.metrics.waiting.Inc()
			return &extprocv3.ProcessingResponse{OverrideMessageTimeout: durationpb.New(max(0, time.Until(c.until)) + time.Second)}
		}
		return nil // Envoy has been asked for time already, and takes that once
	}
	e, err := x.s.o.Cache.Get(x.ctx, c.scope, c.key)
	if err != nil {
		x.cacheFailed("look an answer up", err)
	}
	if e != nil {
		x.land(e, false)
		return x.replay(e)
	}
	return x.miss()
}

func (x *exchange) miss() *extprocv3.ProcessingResponse {
	x.s.metrics.cache.WithLabelValues("miss").Inc()
	body := x.cached.body
	x.cached.body = nil
	return x.forward(body)
}

// waiting reports whether the request waits for an equal one.
func (x *exchange) waiting() bool {
	return x.phase == phaseAdmitted && x.cached != nil && x.cached.flight != nil && !x.cached.leads
}

// shared is closed when the request need wait no longer; nil: it does not wait.
func (x *exchange) shared() <-chan struct{} {
	if !x.waiting() {
		return nil
	}
	return x.cached.flight.done
}

// resume goes on with a request that has waited for long enough, or for the
// answer. No response means that it waits for the next one.
func (x *exchange) resume() *extprocv3.ProcessingResponse {
	defer func() {
		if !x.waiting() {
			x.bodyDone()
			x.leaveQueue()
		}
	}()
	c := x.cached
	select {
	case <-c.flight.done:
	default: // no time is left to share
		c.flight = nil
		return x.miss()
	}
	one := c.flight
	c.flight = nil
	switch {
	case one.entry != nil:
		return x.replay(one.entry)
	case one.abandoned && time.Now().Before(c.until):
		return x.lookUp(false)
	}
	return x.miss()
}

func (x *exchange) leaveQueue() {
	if c := x.cached; c != nil && c.queued {
		c.queued = false
		x.s.metrics.waiting.Dec()
	}
}

// land ends the flight that the request leads.
func (x *exchange) land(e *cache.Entry, abandoned bool) {
	if c := x.cached; c != nil && c.leads {
		x.s.flights.end(c.key, c.flight, e, abandoned)
		c.flight, c.leads = nil, false
	}
}

// replay answers with e. It takes its place in the rate limits, and no money.
func (x *exchange) replay(e *cache.Entry) *extprocv3.ProcessingResponse {
	reservation, err := x.s.o.Limiter.Reserve(x.ctx, limit.Request{ID: x.event.ID, Accounts: x.accounts})
	if err != nil {
		return x.refuse(limitRefusal(err))
	}
	x.reserved = reservation
	x.s.metrics.cache.WithLabelValues("hit").Inc()
	ev := &x.event
	x.s.metrics.found(ev) // before its action is another
	ev.CreatedAt = reservation.At().UTC()
	ev.Action, ev.PriceStatus, ev.Status, ev.Attempts = actionCached, gateway.Free, http.StatusOK, 0
	ev.Provider, ev.RequestModel, ev.ResponseModel, ev.SettingID = e.Provider, e.RequestModel, e.ResponseModel, ""
	ev.Latency = x.sinceStart()
	x.storeResponse(e.Body)
	ev.Response = x.answer.stored
	x.s.writeFinal(ev)
	if err := reservation.Settle(x.ctx, 0); err != nil {
		x.s.o.Logger.Error("reservation not settled", slog.String("event_id", ev.ID), slog.Any("error", err))
	}
	x.phase = phaseSettled
	headers := []*corev3.HeaderValueOption{
		set("content-type", e.ContentType), set("x-content-type-options", "nosniff"), set("x-bricks-event-id", ev.ID),
		set("x-bricks-cache", "hit"), set("age", strconv.FormatInt(int64(max(0, time.Since(e.StoredAt))/time.Second), 10)),
		set("x-bricks-provider", e.Provider), set("x-bricks-attempts", "0"),
	}
	for _, l := range x.limitHeaders() {
		headers = append(headers, set(l.name, l.value))
	}
	return &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_ImmediateResponse{
		ImmediateResponse: &extprocv3.ImmediateResponse{
			Status:  &typev3.HttpStatus{Code: typev3.StatusCode_OK},
			Headers: &extprocv3.HeaderMutation{SetHeaders: headers},
			Body:    e.Body,
			Details: "bricks_cache_hit",
		},
	}}
}

// beginKeeping looks at an answer's beginning: is it worth to be kept. One whose
// maximum was lowered for want of money is shorter than what was asked for.
func (x *exchange) beginKeeping(contentType string) {
	c := x.cached
	if c == nil {
		return
	}
	c.contentType = contentType
	if x.answer.status != http.StatusOK || x.answer.withheld || x.lowered > 0 {
		x.giveUpKeeping()
	}
}

func (x *exchange) giveUpKeeping() {
	x.cached.keep, x.cached.answer = false, nil
	x.land(nil, false)
}

// keepAnswer takes a piece of the answer as the client gets it, and stores the
// whole before its last piece goes out.
func (x *exchange) keepAnswer(out []byte, end bool) {
	c := x.cached
	if c == nil || !c.keep {
		return
	}
	c.answer = append(c.answer, out...)
	switch {
	case len(c.answer) > x.s.o.MaxCached || x.cut || x.answer.failed || end && !x.whole(end):
		x.giveUpKeeping()
	case x.whole(end) && (len(out) > 0 || c.leads):
		x.store()
	}
}

// whole reports whether the answer is complete: a stream by its end marker, which
// clients do not read beyond, and JSON by its end.
func (x *exchange) whole(end bool) bool {
	a := &x.answer
	if a.sse {
		return a.marked && len(a.scrub.held) == 0 && len(a.scrubEscaped.held) == 0
	}
	return end && len(x.cached.answer) > 0 && jsonscan.Check(x.cached.answer) == nil
}

func (x *exchange) store() {
	c, model := x.cached, x.answer.reading.Model
	if !x.answer.sse {
		model = x.match.Endpoint.Meter.ReadJSON(c.answer).Model
	}
	e := &cache.Entry{
		StoredAt: time.Now(), ContentType: c.contentType, Body: c.answer,
		Provider: x.event.Provider, RequestModel: x.event.RequestModel, ResponseModel: model,
	}
	if err := x.s.o.Cache.Put(x.ctx, c.scope, c.key, e, x.route.Cache.Lifetime()); err != nil {
		x.cacheFailed("keep an answer", err)
	}
	x.land(e, false)
}

// cacheFailed says that the cache was of no use, which costs a call and fails
// nothing.
func (x *exchange) cacheFailed(doing string, err error) {
	s := x.s
	s.metrics.cacheErrors.Inc()
	if now := time.Now().Unix(); s.cacheWarned.Swap(now) != now { // a line a second
		s.o.Logger.Warn("the cache failed", slog.String("event_id", x.event.ID), slog.String("doing", doing), slog.Any("error", err))
	}
}
