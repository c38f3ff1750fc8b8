package processor

import (
	"errors"
	"mime"
	"strconv"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	filterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"

	"github.com/bricks-gateway/bricks/internal/policy"
	"github.com/bricks-gateway/bricks/internal/sse"
)

// answerLook is how an answer is looked at.
type answerLook struct {
	whole   bool // as one body
	json    bool
	stream  *policy.Stream
	scanner sse.Scanner
}

// modeWholeAnswer makes Envoy send the answer in one piece, before anything of
// it has left: it can still be refused as a whole.
var modeWholeAnswer = &filterv3.ProcessingMode{
	RequestHeaderMode: filterv3.ProcessingMode_SEND, RequestBodyMode: filterv3.ProcessingMode_BUFFERED,
	ResponseHeaderMode: filterv3.ProcessingMode_SEND, ResponseBodyMode: filterv3.ProcessingMode_BUFFERED,
}

// beginLook prepares for an answer of this type. whole: Envoy is to send it in
// one piece.
func (x *exchange) beginLook(contentType string, ended bool) (whole bool) {
	if x.look == nil || !x.look.policy.ReadsAnswers() || ended {
		return false
	}
	l := &x.look.answer
	kind, _, _ := mime.ParseMediaType(contentType)
	switch {
	case x.answer.sse:
		var form policy.Form
		if x.custom != nil {
			_, form.Field = cutLast(x.custom.route.StreamCompletionLocation)
			form.End = x.custom.route.StreamEndWord
		}
		l.stream = x.look.exchange.Stream(form)
		l.scanner.Limit = x.answer.scanner.Limit
		return false
	case strings.HasPrefix(kind, "audio/"), strings.HasPrefix(kind, "image/"), strings.HasPrefix(kind, "video/"):
		return false
	}
	l.whole, l.json = true, strings.HasSuffix(kind, "json") || kind == ""
	return true
}

// streamLooked reports whether the answer is a stream that is looked at.
func (x *exchange) streamLooked() bool { return x.look != nil && x.look.answer.stream != nil }

// cutLast is the name behind the last dot of a location.
func cutLast(location string) (before, last string) {
	if i := strings.LastIndexByte(location, '.'); i >= 0 {
		return location[:i], location[i+1:]
	}
	return "", location
}

// lookAtWhole returns the answer as the client may have it.
func (x *exchange) lookAtWhole(body []byte) (out []byte, err error) {
	l := x.look
	if l.policy.External() {
		if err := x.moreTime(detectorTime); err != nil {
			return nil, err
		}
	}
	if l.answer.json {
		out, err = l.exchange.JSONAnswer(x.ctx, body)
	} else {
		out, err = l.exchange.TextAnswer(x.ctx, body)
	}
	x.noteFindings()
	return out, err
}

// lookAtChunk returns what may leave of a stream. After an error nothing more may.
func (x *exchange) lookAtChunk(chunk []byte, end bool) (out []byte, err error) {
	l := x.look
	out = make([]byte, 0, len(chunk)+64)
	if l.policy.External() {
		if err := x.moreTime(detectorTime); err != nil {
			return nil, err
		}
	}
	event := func(e sse.Event) {
		switch {
		case err != nil:
		case l.answer.scanner.Opaque() && l.policy.Guards(): // it, and what follows, would leave unread
			err = &policy.Unseen{What: "so long an event"}
		default:
			out, err = l.answer.stream.Event(x.ctx, out, e)
		}
	}
	l.answer.scanner.Feed(chunk, event)
	if end {
		l.answer.scanner.Close(event)
		if err == nil {
			out, err = l.answer.stream.Close(x.ctx, out)
		}
	}
	x.noteFindings()
	return out, err
}

// wholeAnswer answers the message with the whole of an answer.
func (x *exchange) wholeAnswer(b *extprocv3.HttpBody) (*extprocv3.ProcessingResponse, error) {
	if !b.EndOfStream {
		return nil, errors.New("the answer came in pieces, though its policy wants it whole")
	}
	x.keepBody(b.Body)
	x.answer.ended = true
	x.settleStarted(true)
	out, err := x.lookAtWhole(b.Body)
	if err != nil {
		r := x.policyRefusal(err, "the answer")
		x.event.Status, x.event.RefusalCode = r.status, r.code
		x.dropKept()
		return x.immediate(r), nil
	}
	out, _ = x.answer.scrub.pass(out, true)
	out, _ = x.answer.scrubEscaped.pass(out, true)
	x.storeResponse(out)
	x.keepAnswer(out, true)
	return &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_ResponseBody{
		ResponseBody: &extprocv3.BodyResponse{Response: &extprocv3.CommonResponse{
			HeaderMutation: &extprocv3.HeaderMutation{SetHeaders: []*corev3.HeaderValueOption{set("content-length", strconv.Itoa(len(out)))}},
			BodyMutation:   &extprocv3.BodyMutation{Mutation: &extprocv3.BodyMutation_Body{Body: out}},
		}},
	}}, nil
}

func (x *exchange) dropKept() {
	if x.cached != nil {
		x.giveUpKeeping()
	}
}

// lookEnd ends a stream that must not go on with an error event, and breaks the
// connection behind it.
func (x *exchange) lookEnd(err error) []byte {
	r := x.policyRefusal(err, "the answer")
	x.cut = true
	x.event.RefusalCode = r.code
	x.dropKept()
	return x.errorEvent(r)
}
