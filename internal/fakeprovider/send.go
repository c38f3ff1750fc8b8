package fakeprovider

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strings"
	"time"
)

// wait does what the request asked for before the first byte. It reports
// whether the client is still there.
func (x *exchange) wait() bool {
	if x.fault.hold != "" {
		select {
		case <-x.p.hold(x.fault.hold):
		case <-x.r.Context().Done():
			return false
		}
	}
	return x.pause(x.fault.delay)
}

func (x *exchange) pause(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-x.r.Context().Done():
		return false
	}
}

// header sets what the real APIs send with every answer, and a header that
// pretends to be the gateway's.
func (x *exchange) header(contentType string) {
	h := x.w.Header()
	h.Set("Content-Type", contentType)
	h.Set("X-Request-Id", "req_fake")
	h.Set("Server", "cloudflare")
	h.Set("Alt-Svc", `h3=":443"; ma=86400`)
	h.Set("Set-Cookie", "__cf_bm=fake; path=/; HttpOnly")
	h.Set("X-Bricks-Spoofed", "by the provider")
	h.Set("Openai-Processing-Ms", "12")
	h.Set("X-Ratelimit-Remaining-Tokens", "149984")
	if x.fault.echo {
		h.Set("X-Echoed", x.credential())
	}
}

func (x *exchange) credential() string {
	return strings.TrimPrefix(x.r.Header.Get("Authorization"), "Bearer ") + x.r.Header.Get("X-Api-Key") + x.r.Header.Get("Api-Key")
}

// sendJSON answers with v.
func (x *exchange) sendJSON(status int, v any) {
	x.sendBytes(status, "application/json", [][]byte{encode(v)})
}

// sendBytes answers with parts, one written and flushed after the other.
func (x *exchange) sendBytes(status int, contentType string, parts [][]byte) {
	x.header(contentType)
	if x.fault.gzip {
		x.w.Header().Set("Content-Encoding", "gzip")
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, _ = w.Write(bytes.Join(parts, nil))
		_ = w.Close()
		parts = [][]byte{b.Bytes()}
	}
	whole := bytes.Join(parts, nil)
	cut := x.fault.cut
	if cut == cutHalfWay {
		cut = len(whole) / 2
	}
	if len(x.fault.split) > 0 {
		parts = splitBytes(whole, x.fault.split)
	}
	if !x.p.o.Unrecorded {
		x.p.change(func() { x.record.Status, x.record.Usage = status, x.pending })
	}
	x.w.WriteHeader(status)
	rc := http.NewResponseController(x.w)
	sent := 0
	for i, part := range parts {
		if i > 0 && !x.pause(x.fault.pace) {
			return
		}
		if cut > 0 && sent+len(part) >= cut {
			part = part[:cut-sent]
			x.write(part)
			_ = rc.Flush()
			panic(http.ErrAbortHandler)
		}
		x.write(part)
		sent += len(part)
		if len(parts) > 1 {
			if err := rc.Flush(); err != nil {
				return
			}
		}
	}
}

func (x *exchange) write(part []byte) {
	n, err := x.w.Write(part)
	if err == nil && !x.p.o.Unrecorded {
		x.p.change(func() { x.record.Answer = append(x.record.Answer, part[:n]...) })
	}
}

// splitBytes cuts b into pieces of the sizes, taken over and over.
func splitBytes(b []byte, sizes []int) [][]byte {
	var parts [][]byte
	for i := 0; len(b) > 0; i++ {
		n := min(sizes[i%len(sizes)], len(b))
		parts = append(parts, b[:n])
		b = b[n:]
	}
	return parts
}

// stream collects the events of a server-sent answer.
type stream struct {
	x      *exchange
	events [][]byte
}

// add appends an event; a name of "" sends none.
func (s *stream) add(name string, data []byte) {
	if n := s.x.fault.errorAfter; n > 0 && len(s.events) == n {
		name, data = s.x.errorEvent()
	} else if n > 0 && len(s.events) > n {
		return
	}
	nl := s.x.fault.newline
	if nl == "" {
		nl = "\n"
	}
	var b bytes.Buffer
	if s.x.fault.comments && len(s.events) < 3 {
		b.WriteString(": keep-alive" + nl + nl)
	}
	if name != "" {
		b.WriteString("event: " + name + nl)
	}
	b.WriteString("data: ")
	b.Write(data)
	b.WriteString(nl + nl)
	s.events = append(s.events, b.Bytes())
}

func (s *stream) send() {
	s.x.sendBytes(http.StatusOK, "text/event-stream; charset=utf-8", s.events)
}

func (x *exchange) errorEvent() (name string, data []byte) {
	e := &apiError{status: http.StatusInternalServerError, kind: "server_error", message: "The server had an error while processing your request."}
	if x.anthropic {
		return "error", encode(x.errorBody(&apiError{status: 529, kind: "overloaded_error", message: "Overloaded"}))
	}
	return "", encode(x.errorBody(e))
}
