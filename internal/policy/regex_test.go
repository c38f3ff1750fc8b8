package policy_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/policy"
)

// The worst that a definition can do to a text of 1 MiB is to be given up on in
// time, which lets nothing pass.
func TestExpressionsHaveABudget(t *testing.T) {
	if testing.Short() {
		t.Skip("under the race detector one look at a window takes most of a second")
	}
	for _, definition := range []string{`(x+x+)+y`, `(x|xx)+$`, `(.*x){12}y`, `(x?){100}x{100}y`, `[^y]{900}y`, `(?i)(x*y?)+z`, `x.*y|x`} {
		p := &gateway.Policy{Regex: []gateway.RegexRule{{Definition: definition, Action: "allow_but_redact"}}}
		if len(policy.Check(p)) > 0 {
			continue // refused when it is saved
		}
		x := begin(t, p, nil)
		body := []byte(`{"input":"` + strings.Repeat("x", 1<<20) + `"}`)
		start := time.Now()
		got, err := x.JSON(t.Context(), body, policy.Shape{})
		if took := time.Since(start); took > 3*time.Second {
			t.Errorf("%s took %v", definition, took)
		}
		if err != nil && (!errors.Is(err, policy.ErrTooSlow) || got != nil) {
			t.Errorf("%s: %v", definition, err)
		}
	}
}

func TestMatchesAcrossWindows(t *testing.T) {
	p := &gateway.Policy{Regex: []gateway.RegexRule{{Definition: `\bcode-\d+\b`, Action: "allow_but_redact"}}}
	for _, fill := range []int{16<<10 - 4, 16<<10 - 1, 16 << 10, 16<<10 + 1, 20 << 10, 40 << 10} {
		text := strings.Repeat("a ", fill/2)[:fill-1] + " code-1234 code-5"
		got, err := begin(t, p, nil).JSON(t.Context(), []byte(`{"input":"`+text+`"}`), policy.Shape{})
		if err != nil {
			t.Fatal(err)
		}
		if want := `{"input":"` + text[:fill] + `[REDACTED] [REDACTED]"}`; string(got) != want {
			t.Errorf("behind %d bytes: %s", fill, got[max(0, len(got)-60):])
		}
	}
}

func TestMatchesOfNothingEnd(t *testing.T) {
	p := &gateway.Policy{Regex: []gateway.RegexRule{{Definition: `\b|x`, Action: "allow_but_redact"}}}
	got, err := begin(t, p, nil).JSON(t.Context(), []byte(`{"input":"`+strings.Repeat("a ", 5000)+`x"}`), policy.Shape{})
	if want := strings.Repeat("a ", 5000) + `"}`; err != nil || !strings.Contains(string(got), strings.Repeat("a ", 4999)) {
		t.Errorf("got %.80s, %v, want %.80s", got, err, want)
	}
}
