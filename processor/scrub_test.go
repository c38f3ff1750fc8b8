package processor

import (
	"strings"
	"testing"
)

func TestScrubberForEveryCut(t *testing.T) {
	const secret = "sk-upstream-secret"
	in := `{"error":"bad key sk-upstream-secret, sk-up is fine"}`
	want := `{"error":"bad key ***, sk-up is fine"}`
	for i := 0; i <= len(in); i++ {
		for j := i; j <= len(in); j++ {
			s := scrubber{secret: []byte(secret)}
			var out strings.Builder
			for k, part := range []string{in[:i], in[i:j], in[j:]} {
				b, _ := s.pass([]byte(part), k == 2)
				out.Write(b)
			}
			if out.String() != want {
				t.Fatalf("cut at %d, %d: %q, want %q", i, j, out.String(), want)
			}
		}
	}
}

func TestScrubberLeavesOthersAlone(t *testing.T) {
	s := scrubber{secret: []byte("sk-upstream-secret")}
	chunk := []byte("data: {\"x\":1}\n\n")
	out, changed := s.pass(chunk, false)
	if changed || &out[0] != &chunk[0] {
		t.Error("a chunk without the secret was copied or changed")
	}
}
