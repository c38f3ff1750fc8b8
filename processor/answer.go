package processor

import (
	"bytes"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"

	"github.com/bricks-gateway/bricks/internal/jsonscan"
	"github.com/bricks-gateway/bricks/internal/limit"
	"github.com/bricks-gateway/bricks/internal/provider"
	"github.com/bricks-gateway/bricks/internal/sse"
)

// answer is the provider's answer as it passes.
type answer struct {
	status       int
	sse          bool
	takeOutUsage bool // the usage in the stream was asked for by us alone
	scanner      sse.Scanner
	body         []byte // of an answer that is no stream, up to maxAnswer
	size         int64  // of the whole body
	truncated    bool   // body is its end only
	withheld     bool   // answered by us in its place
	reading      provider.Reading
	events       int64   // stream events with data
	written      written // what the model wrote in a stream
	marked       bool    // the stream's own end marker passed
	failed       bool    // an error event passed; looked for on routes only
	ended        bool    // Envoy said end of stream
	firstEvent   time.Duration
	droppedAtCR  bool // the last event was taken out, up to a CR whose LF may follow
	scrub        scrubber
	scrubEscaped scrubber // of the credential's spelling in a query
	stored       []byte

	started provider.Started // by a call that is billed later
	finish  []string         // why the model stopped; read for spans only
}

// maxAnswer bounds what is kept of an answer to read its usage from. Of a longer
// one the last maxTail bytes are, where the usage stands.
const (
	maxAnswer = 16 << 20
	maxTail   = 64 << 10
)

// dropped headers never reach the client: they would speak for the gateway's
// host, or belong to the provider's own site. So do those that tell whose the
// setting's credential is.
var (
	dropped          = []string{"set-cookie", "alt-svc", "server", "x-envoy-upstream-service-time"}
	droppedOfSetting = []string{"openai-organization", "openai-project"}
)

func (x *exchange) responseHeaders(h *extprocv3.HttpHeaders) *extprocv3.ProcessingResponse {
	x.answeredBy(h.Headers)
	mutation := &extprocv3.HeaderMutation{SetHeaders: x.routeHeaders()}
	if x.event.ID != "" {
		mutation.SetHeaders = append(mutation.SetHeaders, set("x-bricks-event-id", x.event.ID))
	}
	encoding, contentType := "", ""
	for _, v := range h.Headers.GetHeaders() {
		value := headerValue(v)
		switch v.Key {
		case ":status":
			x.answer.status, _ = strconv.Atoi(value)
		case "content-type":
			contentType = value
		case "content-encoding":
			encoding = value
		}
		if strings.HasPrefix(v.Key, "x-bricks-") || x.holdsCredential(value) {
			mutation.RemoveHeaders = append(mutation.RemoveHeaders, v.Key)
		}
	}
	x.answer.ended = h.EndOfStream || x.match.Endpoint != nil && x.answerUnread()
	if x.phase == phaseForwarded {
		x.phase = phaseAnswering
		if r := x.unreadable(encoding); r != nil {
			x.event.Status = r.status
			x.answer.ended, x.answer.withheld = true, true
			x.beginKeeping(contentType)
			return x.immediate(r)
		}
		x.answer.sse = strings.HasPrefix(contentType, "text/event-stream")
		x.beginKeeping(contentType)
		if m := x.match.Endpoint.Meter; m == provider.MeterImages || m == provider.MeterResponses {
			x.answer.scanner.Limit = maxAnswer // an image, or all output, in one event
		}
		x.answer.scrub = scrubber{secret: []byte(x.credential())}
		x.answer.scrubEscaped = scrubber{secret: []byte(x.escapedCredential())}
		mutation.RemoveHeaders = append(mutation.RemoveHeaders, dropped...)
		if x.genAI == nil {
			mutation.RemoveHeaders = append(mutation.RemoveHeaders, droppedOfSetting...)
		}
		mutation.SetHeaders = append(mutation.SetHeaders, set("x-content-type-options", "nosniff"))
		for _, l := range x.limitHeaders() {
			mutation.SetHeaders = append(mutation.SetHeaders, set(l.name, l.value))
		}
	}
	resp := &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_ResponseHeaders{
		ResponseHeaders: &extprocv3.HeadersResponse{Response: &extprocv3.CommonResponse{HeaderMutation: mutation}},
	}}
	if x.phase == phaseAnswering && x.beginLook(contentType, x.answer.ended) {
		resp.ModeOverride = modeWholeAnswer
	}
	if x.streamLooked() {
		mutation.RemoveHeaders = append(mutation.RemoveHeaders, "content-length")
	}
	return resp
}

// unreadable says why an answer must not pass: a refusal of our own credential
// (its body names part of it), or an encoding that was not asked for and that
// would pass unmetered.
func (x *exchange) unreadable(encoding string) *refusal {
	if s := x.answer.status; x.genAI == nil && (s == http.StatusUnauthorized || s == http.StatusForbidden) {
		return &refusal{s, "upstream_error", "the provider refused the gateway's credential: ask whoever runs this gateway to check the provider setting", "", 0, nil}
	}
	if encoding != "" && !strings.EqualFold(encoding, "identity") {
		return &refusal{http.StatusBadGateway, "upstream_error", "the provider sent an encoding that was not asked for", "", 0, nil}
	}
	return nil
}

func (x *exchange) holdsCredential(value string) bool {
	if e := x.escapedCredential(); len(e) >= minScrubbed && strings.Contains(value, e) {
		return true
	}
	return len(x.credential()) >= minScrubbed && strings.Contains(value, x.credential())
}

// credential is the setting's; empty when there is none.
func (x *exchange) credential() string {
	if x.setting == nil {
		return ""
	}
	return x.setting.APIKey.Reveal()
}

func (x *exchange) limitHeaders() []header {
	if x.reserved == nil {
		return nil
	}
	headers := stateHeaders(x.reserved.State())
	if x.lowered > 0 {
		headers = append(headers, header{"x-bricks-max-output-tokens", strconv.FormatInt(x.lowered, 10)})
	}
	return headers
}

func stateHeaders(s limit.State) []header {
	var out []header
	if s.HasRate {
		out = append(out,
			header{"x-ratelimit-limit-requests", strconv.FormatInt(s.RateLimit, 10)},
			header{"x-ratelimit-remaining-requests", strconv.FormatInt(s.RateRemaining, 10)},
			header{"x-ratelimit-reset-requests", s.RateReset.Round(time.Millisecond).String()})
	}
	if s.HasCost {
		out = append(out, header{"x-bricks-cost-remaining-usd", s.CostRemaining.String()})
	}
	return out
}

// responseBody passes a chunk on, unchanged unless something of ours or the
// credential must come out of it.
func (x *exchange) responseBody(b *extprocv3.HttpBody) (*extprocv3.ProcessingResponse, error) {
	out, changed := b.Body, false
	if x.phase == phaseAnswering {
		if x.look != nil && x.look.answer.whole {
			return x.wholeAnswer(b)
		}
		if x.answer.sse {
			out, changed = x.streamPart(b)
		} else {
			x.keepBody(b.Body)
		}
		if b.EndOfStream {
			if end := x.brokenEnd(); end != nil {
				out, changed = append(slices.Clip(out), end...), true
			}
		}
		var scrubbed bool
		out, scrubbed = x.answer.scrub.pass(out, b.EndOfStream)
		changed = changed || scrubbed
		out, scrubbed = x.answer.scrubEscaped.pass(out, b.EndOfStream)
		changed = changed || scrubbed
		x.storeResponse(out)
		x.keepAnswer(out, b.EndOfStream)
	}
	x.answer.ended = x.answer.ended || b.EndOfStream
	x.settleStarted(b.EndOfStream)
	common := &extprocv3.CommonResponse{}
	if changed {
		common.BodyMutation = &extprocv3.BodyMutation{Mutation: &extprocv3.BodyMutation_Body{Body: out}}
		if len(out) == 0 {
			common.BodyMutation.Mutation = &extprocv3.BodyMutation_ClearBody{ClearBody: true}
		}
	}
	return &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_ResponseBody{
		ResponseBody: &extprocv3.BodyResponse{Response: common},
	}}, nil
}

// streamPart is what may leave of a stream: as its policy allows, and as far as
// its money goes.
func (x *exchange) streamPart(b *extprocv3.HttpBody) (out []byte, changed bool) {
	out, changed = x.streamChunk(b.Body, b.EndOfStream)
	over := !b.EndOfStream && x.overdrawn()
	if x.streamLooked() {
		seen, err := x.lookAtChunk(out, b.EndOfStream || over)
		if err != nil {
			return append(seen, x.lookEnd(err)...), true
		}
		out, changed = seen, true
	}
	if over {
		out, changed = append(slices.Clip(out), x.cutShort()...), true
	}
	return out, changed
}

func (x *exchange) keepBody(chunk []byte) {
	x.answer.size += int64(len(chunk))
	if m := x.match.Endpoint.Meter; m == provider.MeterNone && !x.unbounded() || m == provider.MeterSpeech {
		return
	}
	x.answer.body = append(x.answer.body, chunk...)
	if n := len(x.answer.body); n > maxAnswer || x.answer.truncated && n > 2*maxTail {
		x.answer.truncated = true
		x.answer.body = bytes.Clone(x.answer.body[n-maxTail:])
	}
}

// streamChunk reads the events that chunk completes. The chunk itself passes at
// once, but whole events do where something may have to come out of the stream
// or the stream may have to end.
func (x *exchange) streamChunk(chunk []byte, end bool) (out []byte, changed bool) {
	a := &x.answer
	read := x.readEvent
	if a.takeOutUsage || x.moneyLimited() {
		out = make([]byte, 0, len(chunk)+64)
		read = func(e sse.Event) {
			x.readEvent(e)
			if a.takeOutUsage {
				e.Raw = x.withoutUsage(e)
			}
			out = append(out, e.Raw...)
		}
	}
	a.scanner.Feed(chunk, read)
	if end {
		a.scanner.Close(read)
	}
	if out == nil {
		return chunk, false
	}
	return out, !bytes.Equal(out, chunk)
}

func (x *exchange) readEvent(e sse.Event) {
	if x.custom != nil {
		x.readCustomEvent(e)
		return
	}
	if e.Data == nil {
		return
	}
	a := &x.answer
	if a.events++; a.events == 1 {
		a.firstEvent = x.sinceStart()
	}
	meter := x.match.Endpoint.Meter
	if meter.Ended(e.Name, e.Data) {
		a.marked = true
		a.events--
	}
	meter.ReadEvent(&a.reading, e.Data)
	if x.unbounded() && a.started.ID == "" {
		a.started = provider.ReadStartedEvent(e.Data)
	}
	a.failed = a.failed || x.route != nil && isErrorEvent(e)
	if x.called.Recording() {
		a.finish = appendFinish(a.finish, e.Data)
	}
	a.written.read(e.Data)
}

// withoutUsage returns the event's bytes as the client would have got them had
// nobody asked for usage: the usage chunk is gone, and so is "usage":null.
func (x *exchange) withoutUsage(e sse.Event) []byte {
	afterDropped := x.answer.droppedAtCR
	x.answer.droppedAtCR = false
	if afterDropped && string(e.Raw) == "\n" {
		return nil // the rest of the dropped event's last line end
	}
	if e.Data == nil || !bytes.Contains(e.Data, []byte(`"usage"`)) {
		return e.Raw
	}
	usage, found := jsonscan.Get(e.Data, "usage")
	if !found {
		return e.Raw
	}
	choices, _ := jsonscan.Get(e.Data, "choices")
	if usage.IsObject() {
		if emptyArray(choices) {
			x.answer.events--
			x.answer.droppedAtCR = e.Raw[len(e.Raw)-1] == '\r'
			return nil
		}
		return e.Raw // sent unasked together with content: the provider's way
	}
	// The data stands in one piece in the raw bytes unless it had several lines.
	at := bytes.Index(e.Raw, e.Data)
	if !usage.IsNull() || at < 0 {
		return e.Raw
	}
	edited := jsonscan.Remove(e.Data, usage)
	out := make([]byte, 0, len(e.Raw))
	out = append(out, e.Raw[:at]...)
	out = append(out, edited...)
	return append(out, e.Raw[at+len(e.Data):]...)
}

func emptyArray(m jsonscan.Member) bool {
	empty := m.IsArray()
	if empty {
		_ = jsonscan.Array(m.Value, func([]byte) bool { empty = false; return false })
	}
	return empty
}

// storeResponse keeps what leaves of the answer for the event. With values put
// back into it, it is for its client alone.
func (x *exchange) storeResponse(out []byte) {
	if x.look != nil && x.look.policy.Restores() {
		return
	}
	if x.storesAnswer() && len(x.answer.stored) < maxStoredBody {
		room := maxStoredBody - len(x.answer.stored)
		x.answer.stored = append(x.answer.stored, out[:min(len(out), room)]...)
	}
}
