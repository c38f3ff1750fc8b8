package gateway_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

func TestParseUSD(t *testing.T) {
	good := map[string]struct {
		nano gateway.NanoUSD
		text string
	}{
		"5.5":         {5_500_000_000, "5.5"},
		"0":           {0, "0"},
		"2.5e-6":      {2_500, "0.0000025"},
		"0.000000001": {1, "0.000000001"},
		"-1.25":       {-1_250_000_000, "-1.25"},
		"1E2":         {100_000_000_000, "100"},
	}
	for in, want := range good {
		got, err := gateway.ParseUSD(in)
		if err != nil || got != want.nano || got.String() != want.text {
			t.Errorf("ParseUSD(%s) = %d (%s), %v; want %d (%s)", in, got, got, err, want.nano, want.text)
		}
	}
	for _, in := range []string{"", "x", "1/3", "0x10", "1e999999999", "0.0000000001", "1e10", "NaN", "1_000", strings.Repeat("1", 65)} {
		if got, err := gateway.ParseUSD(in); err == nil {
			t.Errorf("ParseUSD(%q) = %d, want an error", in, got)
		}
	}
}

func TestSecretIsNeverFormatted(t *testing.T) {
	s := gateway.NewSecret("canary-value")
	var b strings.Builder
	slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "secret", s, "nested", struct{ S gateway.Secret }{s})
	b.WriteString(fmt.Sprintf("%v %+v %s %q %#v", s, s, s, s, struct{ S gateway.Secret }{s}))
	if strings.Contains(b.String(), "canary") {
		t.Errorf("the secret was formatted: %s", b.String())
	}
	if got, want := gateway.NewSecret("sk-0123456789abcdef").Mask(), "****cdef"; got != want {
		t.Errorf("Mask = %s, want %s", got, want)
	}
	if got, want := gateway.NewSecret("short").Mask(), "****"; got != want {
		t.Errorf("Mask of a short secret = %s, want %s", got, want)
	}
}
