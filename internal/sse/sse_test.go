package sse_test

import (
	"strings"
	"testing"

	"github.com/bricks-gateway/bricks/internal/sse"
)

type seen struct{ name, data string }

// collect feeds the stream cut at the given offsets and returns the events with
// data and all raw bytes.
func collect(stream string, cuts ...int) (events []seen, raw string) {
	var s sse.Scanner
	var b strings.Builder
	emit := func(e sse.Event) {
		b.Write(e.Raw)
		if e.Data != nil {
			events = append(events, seen{e.Name, string(e.Data)})
		}
	}
	last := 0
	for _, c := range append(cuts, len(stream)) {
		s.Feed([]byte(stream[last:c]), emit)
		last = c
	}
	s.Close(emit)
	return events, b.String()
}

func TestEventsForEveryCut(t *testing.T) {
	stream := "\xef\xbb\xbf: comment\r\n\r\ndata: a\n\nevent: x\rdata: 1\rdata:2\r\rdata: [DONE]\r\n\r\nid: 7\n\ndata: last"
	want := []seen{{"", "a"}, {"x", "1\n2"}, {"", "[DONE]"}, {"", "last"}}
	for i := 0; i <= len(stream); i++ {
		for j := i; j <= len(stream); j++ {
			got, raw := collect(stream, i, j)
			if raw != stream {
				t.Fatalf("cut at %d, %d: raw bytes differ: %q", i, j, raw)
			}
			if len(got) != len(want) {
				t.Fatalf("cut at %d, %d: events = %q, want %q", i, j, got, want)
			}
			for k := range want {
				if got[k] != want[k] {
					t.Fatalf("cut at %d, %d: event %d = %q, want %q", i, j, k, got[k], want[k])
				}
			}
		}
	}
}

func TestAnEventOverTheLimitPassesRaw(t *testing.T) {
	s := sse.Scanner{Limit: 10}
	var raw strings.Builder
	events := 0
	emit := func(e sse.Event) {
		raw.Write(e.Raw)
		if e.Data != nil {
			events++
		}
	}
	for _, chunk := range []string{"data: 1\n\n", "data: 0123456789", "\n\ndata: 2\n\n"} {
		s.Feed([]byte(chunk), emit)
	}
	s.Close(emit)
	if want := "data: 1\n\ndata: 0123456789\n\ndata: 2\n\n"; raw.String() != want || events != 1 {
		t.Errorf("raw = %q, events = %d; want all bytes and 1 event", raw.String(), events)
	}
}

// FuzzCut: where the stream is cut changes neither the bytes nor the data.
func FuzzCut(f *testing.F) {
	f.Add("data: a\n\nevent: b\r\ndata: c\r\n\r\n", uint(3))
	f.Add("event:00\r\ndata:", uint(9)) // a CRLF cut in two
	f.Fuzz(func(t *testing.T, stream string, cut uint) {
		whole, raw := collect(stream)
		if raw != stream {
			t.Fatalf("raw = %q, want %q", raw, stream)
		}
		c := int(cut % uint(len(stream)+1))
		parts, raw := collect(stream, c)
		if raw != stream {
			t.Fatalf("cut at %d: raw = %q, want %q", c, raw, stream)
		}
		if len(parts) != len(whole) {
			t.Fatalf("cut at %d: events %q, whole %q", c, parts, whole)
		}
		for i := range whole {
			if parts[i] != whole[i] {
				t.Fatalf("cut at %d: events %q, whole %q", c, parts, whole)
			}
		}
	})
}

func BenchmarkFeed(b *testing.B) {
	chunk := []byte("data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hello\"}}]}\n\n")
	var s sse.Scanner
	b.ReportAllocs()
	b.SetBytes(int64(len(chunk)))
	for b.Loop() {
		s.Feed(chunk, func(sse.Event) {})
	}
}
