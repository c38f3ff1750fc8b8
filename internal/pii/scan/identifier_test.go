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
		"gp = buildReg(\"R3 R4 R5 R6 R7 R8 R9 R10 R11 R12 R14 R15 R16\")",
		"0000080 d0 43 b6 f8 71 df 96 3c e7 a4 69 ce bf cf e9 79\n0000090 ce ef 79 3f bf f1 31 db b6 bb 31 76 92 e7 f3 07\n",
		"type Rusage struct {\n\tUtime    Timeval\n\tStime    Timeval\n\tMaxrss   int64\n}\n",
		"import (\n\t\"os\"\n\t\"os/user\"\n\t\"path/filepath\"\n\t\"strconv\"\n\t\"syscall\"\n)\n",
		"\tpassNone,\n\tpassInt8,\n\tpassComplex128,\n\tpassStruct2,\n",
		"\tREG_R1\n\tREG_R14\n\tREG_V4\n\t\"REG\",\n\t\"DCON32_20\",\n\t\"NSOREG_8\",\n",
		"raise self.scan_tag_handle('directive', mark); self.check_directive()",
		"\tpseudoMajor: pseudoMajor,\n// v2 is a pseudo-version; arshal_any.go to handle it",
		"\"/cpu/classes/user:cpu-seconds\"",
		"user_site=options.use_user_site,",
		"//go:cgo_import_dynamic libc_chown chown \"libc.so\"\n",
	} {
		if got := scan.Append(nil, text, pii.All); len(got) > 0 {
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
