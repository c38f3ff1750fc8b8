package ner_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/bricks-gateway/bricks/internal/pii"
	"github.com/bricks-gateway/bricks/internal/pii/ner"
)

const sample = `Hi team, please review the migration plan before Thursday. The service reads events from a queue and writes
them to PostgreSQL; when the queue is full it drops nothing but slows its producers down. Ask Priya Raman about the
dashboards, and send the signed contract to 221 Harbour Road, Bristol, BS1 4QD. Thanks, Tom

func (s *Server) Close() error { return s.pool.Close() }
`

// BenchmarkAppend: go test -bench Append -count 10 ./internal/pii/ner | benchstat -
func BenchmarkAppend(b *testing.B) {
	ner.Load()
	for _, kb := range []int{1, 8, 64} {
		text := strings.Repeat(sample, kb<<10/len(sample)+1)[:kb<<10]
		b.Run(fmt.Sprintf("%dKB", kb), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			var dst []pii.Span
			for b.Loop() {
				dst = ner.Append(dst[:0], text)
			}
		})
	}
}
