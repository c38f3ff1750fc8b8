package processor

import (
	"bytes"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/bricks-gateway/bricks/internal/jsonscan"
	"github.com/bricks-gateway/bricks/internal/provider"
	"github.com/bricks-gateway/bricks/internal/sse"
)

const (
	// maxHeld bounds what is held back of an answer, in bytes.
	maxHeld = 64 << 10
	// errorPatience is how long the body of a failed answer is waited for: it may
	// tell what the failure was billed.
	errorPatience = time.Second
)

// attemptAnswer is a provider's answer while it is decided on. Nothing of it
// reaches the client before: a failure among it can still be retried.
type attemptAnswer struct {
	holding  bool
	until    time.Time // when holding ends at the latest
	status   int
	sse      bool
	headers  []*corev3.HeaderValue
	held     []*extprocv3.HttpBody
	size     int
	reading  provider.Reading
	scanner  sse.Scanner
	content  bool // something that the client asked for came
	failure  bool // an error event, or an end before any content
	wait     time.Duration
	waitSet  bool
	scrub    scrubber
	escaped  scrubber // of the credential's spelling in a query
	released bool

	// For the attempt's span.
	ended    bool
	first    time.Duration // to the first content of a stream
	finish   []string
	followed []byte // of an answer that passes and is no stream
	lost     bool   // it is too long
}

// patience is how long the next message may take until the held answer is
// decided on; 0: nothing is held.
func (a *attempt) patience() time.Duration {
	if !a.answer.holding {
		return 0
	}
	return max(time.Until(a.answer.until), time.Millisecond)
}

// retriable reports whether an answer's status is a failure of this step that
// the next one may not have.
func retriable(status int) bool {
	return status == http.StatusRequestTimeout || status == http.StatusTooManyRequests || status >= 500
}

func (a *attempt) responseHeaders(h *extprocv3.HttpHeaders) []*extprocv3.ProcessingResponse {
	w := &a.answer
	w.headers, w.ended = h.Headers.GetHeaders(), h.EndOfStream
	contentType := ""
	for _, v := range w.headers {
		switch v.Key {
		case ":status":
			w.status, _ = strconv.Atoi(headerValue(v))
		case "content-type":
			contentType = headerValue(v)
		case "retry-after", "retry-after-ms":
			w.readRetryAfter(v.Key, headerValue(v), time.Now())
		}
	}
	if a.setting == nil || !a.sent { // our own refusal, or Envoy's
		return one(a.headersAnswer(false))
	}
	w.scrub = scrubber{secret: []byte(a.setting.APIKey.Reveal())}
	w.escaped = scrubber{secret: []byte(a.custom.escaped(a.setting))}
	w.sse = w.status < 300 && strings.HasPrefix(contentType, "text/event-stream")
	failed := retriable(w.status)
	switch {
	case h.EndOfStream && failed:
		return one(a.decide(true))
	case failed:
		return a.hold(errorPatience)
	case w.sse && !h.EndOfStream:
		return a.hold(time.Duration(a.step.Timeout)*time.Millisecond - time.Since(a.start))
	}
	return one(a.decide(false))
}

// hold keeps the answer back for d at most. Envoy waits for an answer to each
// message only so long, but can be asked for more time.
func (a *attempt) hold(d time.Duration) []*extprocv3.ProcessingResponse {
	w := &a.answer
	if d <= 0 {
		return one(a.decide(retriable(w.status)))
	}
	w.holding, w.until = true, time.Now().Add(d)
	return one(a.moreTime())
}

func (a *attempt) moreTime() *extprocv3.ProcessingResponse {
	return &extprocv3.ProcessingResponse{OverrideMessageTimeout: durationpb.New(time.Until(a.answer.until) + time.Second)}
}

func (a *attempt) responseBody(b *extprocv3.HttpBody) []*extprocv3.ProcessingResponse {
	w := &a.answer
	if !w.holding {
		a.follow(b)
		return one(a.bodyAnswer(b))
	}
	w.ended = b.EndOfStream
	w.held = append(w.held, b)
	w.size += len(b.Body)
	if w.sse {
		w.scanner.Feed(b.Body, a.look)
		if b.EndOfStream {
			w.scanner.Close(a.look)
			w.failure = w.failure || !w.content // it ended without an answer
		}
	}
	if !w.failure && !w.content && !b.EndOfStream && w.size < maxHeld {
		return one(a.moreTime())
	}
	return a.release()
}

// look reads one event of a held stream.
func (a *attempt) look(e sse.Event) {
	w := &a.answer
	if w.content {
		a.readOn(e)
		return
	}
	if e.Data == nil || w.failure {
		return
	}
	meter := a.match.Endpoint.Meter
	if isErrorEvent(e) {
		w.failure = true
		return
	}
	meter.ReadEvent(&w.reading, e.Data)
	w.content = meter.Ended(e.Name, e.Data) || len(provider.AppendText(nil, e.Data)) > 0 || finished(e.Data)
	if w.content && a.span.Recording() {
		w.first, w.finish = time.Since(a.start), appendFinish(w.finish, e.Data)
	}
}

// isErrorEvent reports whether a stream event is a provider's error.
func isErrorEvent(e sse.Event) bool {
	if e.Name == "error" {
		return true
	}
	if !bytes.Contains(e.Data, []byte(`"error"`)) {
		return false
	}
	m, found := jsonscan.Get(e.Data, "error")
	return found && !m.IsNull()
}

// finished reports whether an event ends an answer, though it has no text.
func finished(data []byte) bool {
	return bytes.Contains(data, []byte(`"finish_reason":"`)) || bytes.Contains(data, []byte(`"stop_reason":"`))
}

// waitedEnough decides on what is held as far as it came.
func (a *attempt) waitedEnough() []*extprocv3.ProcessingResponse {
	if !a.answer.holding {
		return nil
	}
	return a.release()
}

// release answers everything that is held.
func (a *attempt) release() []*extprocv3.ProcessingResponse {
	w := &a.answer
	failed := w.failure || retriable(w.status)
	if !w.sse {
		var body []byte
		for _, b := range w.held {
			body = append(body, b.Body...)
		}
		w.reading = a.match.Endpoint.Meter.ReadJSON(body)
	}
	answers := one(a.decide(failed))
	for _, b := range w.held {
		answers = append(answers, a.bodyAnswer(b))
	}
	w.held = nil
	return answers
}

// decide ends the holding: the answer goes to the client, or is dropped for the
// next attempt.
func (a *attempt) decide(failed bool) *extprocv3.ProcessingResponse {
	w := &a.answer
	w.holding, w.released = false, true
	id := a.stepID()
	if !failed {
		a.s.health.succeeded(id)
		a.s.metrics.attempts.WithLabelValues(providerLabel(a.step.Provider), "answered").Inc()
		return a.headersAnswer(false)
	}
	a.s.metrics.attempts.WithLabelValues(providerLabel(a.step.Provider), "failed").Inc()
	if a.place.retry == a.step.Retries {
		a.s.health.failed(id) // the request found no answer here
	}
	return a.headersAnswer(a.mayRetry(id) && a.payFailure())
}

// mayRetry reports whether another attempt is of use: there is one, in time, and
// it is not at a step that asked for a longer pause than it has time for.
func (a *attempt) mayRetry(id stepID) bool {
	if a.place.last || a.ticket.remaining(time.Now()) <= 0 {
		return false
	}
	w := &a.answer
	if a.place.retry == a.step.Retries || !w.waitSet || w.wait <= a.longestWait() {
		return true
	}
	w.waitSet = false
	if a.place.step == len(a.ticket.Steps)-1 {
		return false // only tries of this step are left
	}
	a.s.health.leaveAlone(id, w.wait)
	return true
}

func (a *attempt) longestWait() time.Duration {
	// Envoy waits up to half as long again, so that clients do not come back all
	// at once.
	return min(time.Duration(a.step.Timeout)*time.Millisecond, a.ticket.remaining(time.Now())*2/3)
}

func (w *attemptAnswer) readRetryAfter(name, value string, now time.Time) {
	if name == "retry-after-ms" {
		if n, err := strconv.ParseInt(value, 10, 32); err == nil && n >= 0 {
			w.wait, w.waitSet = time.Duration(n)*time.Millisecond, true
		}
		return
	}
	if w.waitSet {
		return // the finer one counts
	}
	if n, err := strconv.ParseInt(value, 10, 32); err == nil && n >= 0 {
		w.wait, w.waitSet = time.Duration(n)*time.Second, true
	} else if at, err := http.ParseTime(value); err == nil {
		w.wait, w.waitSet = max(0, at.Sub(now)), true
	}
}

// headersAnswer lets an answer's headers pass, without those that only the
// gateway may set or that hold the credential.
func (a *attempt) headersAnswer(retry bool) *extprocv3.ProcessingResponse {
	w := &a.answer
	mutation := &extprocv3.HeaderMutation{}
	for _, v := range w.headers {
		if a.sent && strings.HasPrefix(v.Key, "x-bricks-") || w.scrub.holds(headerValue(v)) || w.escaped.holds(headerValue(v)) {
			mutation.RemoveHeaders = append(mutation.RemoveHeaders, v.Key)
		}
	}
	mutation.SetHeaders = a.marks()
	if retry {
		mutation.SetHeaders = append(mutation.SetHeaders, set(retryHeader, "1"))
		if seconds := int64((w.wait + time.Second - 1) / time.Second); w.waitSet && a.place.retry < a.step.Retries && seconds > 0 {
			mutation.SetHeaders = append(mutation.SetHeaders, set(backoffHeader, strconv.FormatInt(seconds, 10)))
		}
	}
	return &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_ResponseHeaders{
		ResponseHeaders: &extprocv3.HeadersResponse{Response: &extprocv3.CommonResponse{HeaderMutation: mutation}},
	}}
}

// bodyAnswer passes a chunk on, without the credential.
func (a *attempt) bodyAnswer(b *extprocv3.HttpBody) *extprocv3.ProcessingResponse {
	common := &extprocv3.CommonResponse{}
	out, changed := a.answer.scrub.pass(b.Body, b.EndOfStream)
	out, again := a.answer.escaped.pass(out, b.EndOfStream)
	if changed || again {
		common.BodyMutation = &extprocv3.BodyMutation{Mutation: &extprocv3.BodyMutation_Body{Body: slices.Clip(out)}}
		if len(out) == 0 {
			common.BodyMutation.Mutation = &extprocv3.BodyMutation_ClearBody{ClearBody: true}
		}
	}
	return &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_ResponseBody{
		ResponseBody: &extprocv3.BodyResponse{Response: common},
	}}
}
