package processor

import (
	"bytes"
	"strings"
)

// minScrubbed is the shortest credential that is searched for: a shorter one
// would be found in innocent text.
const minScrubbed = 8

// scrubber takes a provider's credential out of an answer that repeats it. It
// holds back only a chunk's end that could be the credential's beginning.
type scrubber struct {
	secret []byte
	held   []byte
}

var mask = []byte("***")

func (s *scrubber) pass(chunk []byte, end bool) (out []byte, changed bool) {
	if len(s.secret) < minScrubbed {
		return chunk, false
	}
	if len(s.held) > 0 {
		chunk, changed = append(s.held, chunk...), true
		s.held = nil
	}
	if bytes.Contains(chunk, s.secret) {
		chunk, changed = bytes.ReplaceAll(chunk, s.secret, mask), true
	}
	if end {
		return chunk, changed
	}
	if n := s.overlap(chunk); n > 0 {
		s.held = bytes.Clone(chunk[len(chunk)-n:])
		return chunk[:len(chunk)-n], true
	}
	return chunk, changed
}

// holds reports whether a header's value repeats the credential.
func (s *scrubber) holds(value string) bool {
	return len(s.secret) >= minScrubbed && strings.Contains(value, string(s.secret))
}

// overlap is the length of the longest end of chunk that begins the secret.
func (s *scrubber) overlap(chunk []byte) int {
	tail := chunk[max(0, len(chunk)-len(s.secret)+1):]
	for len(tail) > 0 {
		i := bytes.IndexByte(tail, s.secret[0])
		if i < 0 {
			return 0
		}
		if tail = tail[i:]; bytes.HasPrefix(s.secret, tail) {
			return len(tail)
		}
		tail = tail[1:]
	}
	return 0
}
