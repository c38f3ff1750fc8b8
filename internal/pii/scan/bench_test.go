package scan_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/bricks-gateway/bricks/internal/pii"
	"github.com/bricks-gateway/bricks/internal/pii/scan"
)

const prose = `Please summarize the following meeting notes for the team. We talked about the roadmap, the two open positions and the
budget for next year. Nobody objected to the plan, but several people asked how the migration would work in practice. `

const records = `Dear team, the customer Jane called from +1 415-555-2671 about card 4111 1111 1111 1111 (exp 12/27). Her e-mail is
jane.doe@example.com, she was born on 1984-03-12 and wants the refund on account 12345678, routing 021000021. Order 99812731 is late. `

const code = `func (s *Server) handle(w http.ResponseWriter, r *http.Request) error {
	user, err := s.users.Find(r.Context(), r.PathValue("id"))
	if err != nil { return fmt.Errorf("find user %q: %w", r.PathValue("id"), err) }
	return json.NewEncoder(w).Encode(map[string]any{"id": user.ID, "count": 17, "items": []int{1, 2, 3}})
}
`

// BenchmarkScan measures the types that patterns find, on one core: ns/op divided
// by the size in KB is the cost of a KB. Compare with go test -bench Scan
// -count 10 and benchstat.
func BenchmarkScan(b *testing.B) { benchmark(b, pii.All&^pii.Of(pii.Name, pii.Address)) }

// BenchmarkScanWithModel measures all types: the rest is the model of package ner.
func BenchmarkScanWithModel(b *testing.B) { benchmark(b, pii.All) }

func benchmark(b *testing.B, types pii.Set) {
	b.Helper()
	for _, bb := range []struct{ name, unit string }{
		{"prose", prose}, {"records", records}, {"code", code},
		{"german", "Bitte fassen Sie das folgende Gespräch für die Geschäftsführung zusammen, möglichst kürzer als die Vorlage. "},
	} {
		for _, kb := range []int{1, 8, 64} {
			b.Run(fmt.Sprintf("%s/%dKB", bb.name, kb), func(b *testing.B) {
				text := strings.Repeat(bb.unit, kb<<10/len(bb.unit)+1)[:kb<<10]
				var dst []pii.Span
				b.SetBytes(int64(len(text)))
				b.ReportAllocs()
				for b.Loop() {
					dst = scan.Append(dst[:0], text, types)
				}
			})
		}
	}
}
