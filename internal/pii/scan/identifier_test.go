package scan_test

import (
	"testing"

	"github.com/bricks-gateway/bricks/internal/pii"
	"github.com/bricks-gateway/bricks/internal/pii/scan"
)

func TestProgramsHaveNoNames(t *testing.T) {
	for _, text := range []string{
		"\t\tvid := queue.Dequeue()\n\t\tpa := a.LogProb(x)\n",
		"\t\t\treturn v, nil, nil, err\n\t\t}\n",
		"\tt.Errorf(\"case %d: got %v, want %v\", cas, got, want)\n",
		"func (b bitz) set(n int) { b[n>>5] = 1 }",
		"goto hypdon\nhypdiv:\n",
		"rnd *rand.Rand, side blas.Side",
		"0x7d, 0x44, 0x48, 0x40,\n\t\t0x9d, 0xc0,\n",
	} {
		if got := scan.Append(nil, text, pii.Of(pii.Name, pii.Address)); len(got) > 0 {
			t.Errorf("%q has %v %q", text, got[0].Type, text[got[0].Start:got[0].End])
		}
	}
	for text, name := range map[string]string{
		"my boss karen wilkins keeps emailing me":               "karen wilkins",
		"please return karen wilkins' call before noon":         "karen wilkins",
		`{"author": "Daniel Fischer", "rating": 5}`:             "Daniel Fischer",
		"// written by Rebecca Payne, see the log\nx := f(1)\n": "Rebecca Payne",
	} {
		got := scan.Append(nil, text, pii.Of(pii.Name))
		if len(got) != 1 || text[got[0].Start:got[0].End] != name {
			t.Errorf("%q has %v, want %q", text, got, name)
		}
	}
}
