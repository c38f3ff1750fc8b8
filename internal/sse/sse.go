// Package sse reads server-sent events from a stream that arrives in pieces.
//
// It is a push scanner: Feed takes the next bytes and hands out the events that
// are complete, each with its raw bytes, so that a caller can pass events on,
// drop or change them without re-encoding the others. Lines may end in LF, CRLF
// or CR and may be cut anywhere. Source: WHATWG HTML, "Server-sent events".
package sse

import "bytes"

// Event is one event, or a run of bytes that is none (comments, stray line
// ends, what follows the size limit): then Data is nil. The slices are valid
// until the next call.
type Event struct {
	Raw  []byte // every byte of the event, its closing blank line included
	Name string // of the event: line; empty for the default
	Data []byte // data: lines joined by LF; nil when there was none
}

// Scanner cuts a stream into events. The zero value is ready, with a limit of
// 1 MiB an event. Not safe for concurrent use.
type Scanner struct {
	// Limit is the most bytes that one event may have. A larger one, and all
	// that follows it, comes out raw: parsing stops, the stream does not.
	Limit int

	buf    []byte // the incomplete event
	line   int    // offset in buf of the line being read
	cr     bool   // the bytes so far end in a CR that ended a line
	opaque bool
}

const defaultLimit = 1 << 20

// Feed takes the next bytes of the stream and calls emit for each event that
// they complete.
func (s *Scanner) Feed(chunk []byte, emit func(Event)) {
	if s.opaque {
		emit(Event{Raw: chunk})
		return
	}
	if len(chunk) == 0 {
		return
	}
	if s.cr && chunk[0] == '\n' {
		// The second half of a CRLF that was cut: no line of its own.
		if len(s.buf) > 0 {
			s.buf, s.line = append(s.buf, '\n'), s.line+1
		} else {
			emit(Event{Raw: chunk[:1]})
		}
		chunk = chunk[1:]
	}
	s.cr = len(chunk) > 0 && chunk[len(chunk)-1] == '\r'
	data, owned := chunk, false
	if len(s.buf) > 0 {
		s.buf = append(s.buf, chunk...)
		data, owned = s.buf, true
	}
	start, line := 0, s.line
	for {
		end, next := lineEnd(data, line)
		if next < 0 {
			break
		}
		blank := end == line
		line = next
		if blank {
			emit(parse(data[start:line]))
			start = line
		}
	}
	s.keep(data[start:], line-start, owned, emit)
}

// Opaque reports whether an event was larger than the limit, so that nothing is
// read any more.
func (s *Scanner) Opaque() bool { return s.opaque }

// keep stores the incomplete rest for the next Feed.
func (s *Scanner) keep(rest []byte, line int, owned bool, emit func(Event)) {
	limit := s.Limit
	if limit == 0 {
		limit = defaultLimit
	}
	if len(rest) > limit {
		s.opaque = true
		emit(Event{Raw: rest})
		s.buf = nil
		return
	}
	if owned {
		s.buf = s.buf[:copy(s.buf, rest)]
	} else {
		s.buf = append(s.buf[:0], rest...)
	}
	s.line = line
}

// Pending reports whether bytes of an incomplete event are held.
func (s *Scanner) Pending() bool { return len(s.buf) > 0 }

// Close emits what is held: a last event that lacks its blank line.
func (s *Scanner) Close(emit func(Event)) {
	if len(s.buf) == 0 {
		return
	}
	emit(parse(s.buf))
	s.buf, s.line = nil, 0
}

// lineEnd finds the end of the line that starts at i: end is the offset of its
// terminator, next the offset behind it, or -1 when the line is not complete.
// A CR as the last byte ends its line at once, so that nothing is held back; Feed
// swallows an LF that follows in the next chunk.
func lineEnd(data []byte, i int) (end, next int) {
	if i >= len(data) {
		return 0, -1
	}
	j := bytes.IndexByte(data[i:], '\n')
	segment := data[i:]
	if j >= 0 {
		segment = data[i : i+j]
	}
	if k := bytes.IndexByte(segment, '\r'); k >= 0 {
		end = i + k
		if next = end + 1; next < len(data) && data[next] == '\n' {
			next++
		}
		return end, next
	}
	if j < 0 {
		return 0, -1
	}
	return i + j, i + j + 1
}

func parse(raw []byte) Event {
	e := Event{Raw: raw}
	joined := false
	rest := bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf"))
	for len(rest) > 0 {
		end, next := lineEnd(rest, 0)
		if next < 0 {
			end, next = len(rest), len(rest)
		}
		name, value, _ := bytes.Cut(rest[:end], []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(name) {
		case "event":
			e.Name = string(value)
		case "data":
			switch {
			case e.Data == nil:
				e.Data = value
			case !joined:
				// The first data slice points into raw: joining must not write there.
				e.Data = append(append(append(make([]byte, 0, len(raw)), e.Data...), '\n'), value...)
				joined = true
			default:
				e.Data = append(append(e.Data, '\n'), value...)
			}
		}
		rest = rest[next:]
	}
	return e
}
