package presidio_test

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/pii"
	"github.com/bricks-gateway/bricks/internal/pii/presidio"
)

// startAnalyzer runs Presidio's own analyzer, in BRICKS_TEST_PYTHON_PRESIDIO, and
// gives its URL.
func startAnalyzer(t *testing.T) string {
	t.Helper()
	python := os.Getenv("BRICKS_TEST_PYTHON_PRESIDIO")
	if python == "" {
		t.Skip("presidio-analyzer is not installed: scripts/test installs it, or set BRICKS_TEST_PYTHON_PRESIDIO")
	}
	c := exec.CommandContext(t.Context(), python, "testdata/server.py")
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait() // it was killed
	})
	port := bufio.NewScanner(out)
	if !port.Scan() {
		t.Fatalf("the analyzer has not started: %v", port.Err())
	}
	return "http://127.0.0.1:" + port.Text()
}

func TestTheRealAnalyzer(t *testing.T) {
	url := startAnalyzer(t)
	span := func(start, end int, t pii.Type, score float32) pii.Span {
		return pii.Span{Start: start, End: end, Type: t, Score: score}
	}
	for name, tc := range map[string]struct {
		threshold float64
		texts     []string
		want      [][]pii.Span
	}{
		"emoji of several code points": {
			0.5, []string{"👩‍👩‍👧 jane@example.com 😀 4111 1111 1111 1111"},
			[][]pii.Span{{span(19, 35, pii.Email, 1), span(41, 60, pii.CardNumber, 1)}},
		},
		"Chinese and Japanese characters": {
			0.5, []string{"我叫 李小龙。卡号 4111111111111111", "東京都"},
			[][]pii.Span{{span(7, 16, pii.Name, 0.9), span(26, 42, pii.CardNumber, 1)}, {span(0, 9, pii.Address, 0.8)}},
		},
		"combining marks and composed letters": {
			0.5, []string{"I am Zoe\u0308 Kravitz at 8.8.8.8", "Zo\u00eb Kravitz, Rue de l'E\u0301te\u0301!"},
			[][]pii.Span{
				{span(5, 18, pii.Name, 0.9), span(22, 29, pii.IPAddress, 0.6)},
				{span(0, 12, pii.Name, 0.9), span(14, 30, pii.Address, 0.8)},
			},
		},
		"flags, and blank texts between others": {
			0.5, []string{"", "🇩🇪 DE89370400440532013000", " ", "nothing", "x@example.org"},
			[][]pii.Span{nil, {span(9, 31, pii.IBAN, 1)}, nil, nil, {span(0, 13, pii.Email, 1)}},
		},
		"what is less sure, with a lower threshold": {
			0.4, []string{"é +1 212 555 0123"}, [][]pii.Span{{span(3, 18, pii.Phone, 0.4)}},
		},
		"and with the usual one not": {0.5, []string{"é +1 212 555 0123"}, [][]pii.Span{nil}},
		"a text of more than one passage": {
			0.5, []string{strings.Repeat("слово ", 9089) + "4111 1111 1111 1111" + strings.Repeat(" y", 20_000) + " jane@example.com"},
			[][]pii.Span{{span(99_979, 99_998, pii.CardNumber, 1), span(139_999, 140_015, pii.Email, 1)}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := presidio.New(presidio.Options{URL: gateway.NewSecret(url), Language: "en", ScoreThreshold: tc.threshold})
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			got, err := d.Detect(t.Context(), tc.texts, pii.All)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("spans (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheRealAnalyzersErrorIsNotRepeated(t *testing.T) {
	d, err := presidio.New(presidio.Options{URL: gateway.NewSecret(startAnalyzer(t)), Language: "tlh", ScoreThreshold: 0.5})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := d.Detect(t.Context(), []string{"jane@example.com"}, pii.All); err == nil || err.Error() != "ask presidio: status 500" {
		t.Errorf("a language that it does not know: %v", err)
	}
}
