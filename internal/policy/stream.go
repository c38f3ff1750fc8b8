package policy

import (
	"bytes"
	"context"

	"github.com/bricks-gateway/bricks/internal/sse"
)

// Stream passes the events of a streaming answer on. The last event with text of
// each choice and field waits for the next one, since its text may go on: it
// takes the words with it that can leave by then. Not safe for concurrent use.
type Stream struct {
	x    *Exchange
	form Form

	flows map[string]*channel
	order []*channel
	queue []*queued // in order; the first one is not ready
	held  int       // bytes in the queue
}

// channel is one text of a stream.
type channel struct {
	flow
	name    string
	choice  string
	waiting *slot // of the last event with text of it
}

// slot is a place for text in an event.
type slot struct {
	event      *queued
	start, end int    // of the literal in the event's data
	plain      bool   // it is no literal, but text
	was        []byte // the text that came
	text       []byte // that leaves
}

// queued is an event on its way to the client.
type queued struct {
	raw, data []byte
	edits     []edit
	slots     []*slot
	open      int // slots whose text is not known
}

// maxQueue bounds what waits in bytes: one choice may wait for another's words.
const maxQueue = 8 << 20

// Form is what is known of a custom provider's stream. The zero value is for the
// known shapes.
type Form struct {
	Field string // the name of the member that carries the text
	End   string // the data of the last event; empty: [DONE]
}

// Stream starts on a streaming answer.
func (x *Exchange) Stream(f Form) *Stream {
	return &Stream{x: x, form: f, flows: map[string]*channel{}}
}

// Event takes the next event and appends to dst what may leave.
func (s *Stream) Event(ctx context.Context, dst []byte, e sse.Event) ([]byte, error) {
	q := &queued{raw: bytes.Clone(e.Raw), data: bytes.Clone(e.Data)}
	if e.Data == nil {
		return s.add(dst, q)
	}
	if data := string(bytes.TrimSpace(e.Data)); data == "[DONE]" || data != "" && data == s.form.End {
		if err := s.flush(ctx, nil); err != nil {
			return dst, err
		}
		return s.add(dst, q)
	}
	if err := s.read(ctx, q); err != nil {
		return dst, err
	}
	return s.add(dst, q)
}

// Close appends what still waits.
func (s *Stream) Close(ctx context.Context, dst []byte) ([]byte, error) {
	if err := s.flush(ctx, nil); err != nil {
		return dst, err
	}
	return s.leave(dst), nil
}

func (s *Stream) add(dst []byte, q *queued) ([]byte, error) {
	s.queue = append(s.queue, q)
	if s.held += len(q.raw); s.held > maxQueue {
		return dst, &Unseen{"so long an answer"}
	}
	return s.leave(dst), nil
}

// leave appends the events at the front that are ready.
func (s *Stream) leave(dst []byte) []byte {
	n := 0
	for n < len(s.queue) && s.queue[n].open == 0 {
		s.held -= len(s.queue[n].raw)
		dst = s.queue[n].append(dst)
		n++
	}
	s.queue = s.queue[n:]
	return dst
}

// append appends the event, with its texts in place. One that did not change
// leaves as it came.
func (q *queued) append(dst []byte) []byte {
	edits := q.edits
	for _, s := range q.slots {
		switch {
		case bytes.Equal(s.was, s.text):
		case s.plain:
			edits = append(edits, edit{s.start, s.end, string(s.text)})
		default:
			edits = append(edits, edit{s.start, s.end, string(quote(string(s.text)))})
		}
	}
	if len(edits) == 0 {
		return append(dst, q.raw...)
	}
	changed := replaceAll(q.data, edits)
	if at := bytes.Index(q.raw, q.data); at >= 0 {
		return append(append(append(dst, q.raw[:at]...), changed...), q.raw[at+len(q.data):]...)
	}
	return appendEvent(dst, q.raw, changed)
}

// appendEvent writes an event whose data came in several lines.
func appendEvent(dst, raw, data []byte) []byte {
	for line := range bytes.Lines(raw) {
		if name, _, _ := bytes.Cut(line, []byte(":")); string(name) != "data" && len(bytes.TrimSpace(line)) > 0 {
			dst = append(dst, line...)
		}
	}
	for line := range bytes.SplitSeq(data, []byte("\n")) {
		dst = append(append(append(dst, "data: "...), line...), '\n')
	}
	return append(dst, '\n')
}

// read finds the event's texts, and hands each to its flow.
func (s *Stream) read(ctx context.Context, q *queued) error {
	shape := readShape(q.data, s.form.Field)
	for _, t := range shape.texts {
		if err := s.flushOthers(ctx, t.choice, t.channel); err != nil {
			return err
		}
		if err := s.push(ctx, q, t); err != nil {
			return err
		}
	}
	if !shape.opaque { // what else is in it has no next part
		edits, err := s.x.strings(ctx, q.data, shape.has)
		if err != nil {
			return err
		}
		q.edits = edits
	}
	for _, choice := range shape.ended {
		if err := s.flush(ctx, func(c *channel) bool { return c.choice == choice }); err != nil {
			return err
		}
	}
	if shape.over {
		return s.flush(ctx, nil)
	}
	return nil
}

// push hands one text of an event on. What leaves goes with the event before it
// of the same text.
func (s *Stream) push(ctx context.Context, q *queued, t shapeText) error {
	c := s.flows[t.channel]
	if c == nil {
		c = &channel{flow: flow{x: s.x, json: t.json}, name: t.channel, choice: t.choice}
		s.flows[t.channel] = c
		s.order = append(s.order, c)
	}
	part := q.data[t.start:t.end]
	if !t.plain {
		part, _ = appendDecoded(nil, part)
	}
	out, err := c.push(ctx, string(part))
	if err != nil {
		return err
	}
	next := &slot{event: q, start: t.start, end: t.end, plain: t.plain, was: part}
	q.slots = append(q.slots, next)
	q.open++
	if c.waiting == nil {
		next.text = append(next.text, out...)
	} else {
		c.waiting.fill(out)
	}
	if c.waiting = next; len(c.held) == 0 {
		next.fill("")
		c.waiting = nil
	}
	return nil
}

func (s *slot) fill(text string) {
	s.text = append(s.text, text...)
	s.event.open--
}

// flushOthers ends the other texts of a choice: it has gone on to the next one.
func (s *Stream) flushOthers(ctx context.Context, choice, but string) error {
	return s.flush(ctx, func(c *channel) bool { return c.choice == choice && c.name != but })
}

// flush lets go what waits of the channels that which has; nil: of all.
func (s *Stream) flush(ctx context.Context, which func(*channel) bool) error {
	for _, c := range s.order {
		if c.waiting == nil || which != nil && !which(c) {
			continue
		}
		rest, err := c.end(ctx)
		if err != nil {
			return err
		}
		c.waiting.fill(rest)
		c.waiting = nil
	}
	return nil
}
