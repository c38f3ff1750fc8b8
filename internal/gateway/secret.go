package gateway

import "log/slog"

// Secret is text that must never reach a log, an error or an answer by
// accident: every formatting path prints "***". Reveal is the one way out, so
// that a search for it lists every place that handles a secret in clear.
type Secret struct{ text string }

// NewSecret wraps text.
func NewSecret(text string) Secret { return Secret{text} }

// Reveal returns the secret in clear.
func (s Secret) Reveal() string { return s.text }

// Empty reports whether there is no secret.
func (s Secret) Empty() bool { return s.text == "" }

// Mask is what an administrator may see: the last four characters of a secret
// of at least 16, else nothing but stars.
func (s Secret) Mask() string {
	if s.text == "" {
		return ""
	}
	if len(s.text) < 16 {
		return "****"
	}
	return "****" + s.text[len(s.text)-4:]
}

func (s Secret) String() string               { return "***" }
func (s Secret) GoString() string             { return "***" }
func (s Secret) LogValue() slog.Value         { return slog.StringValue("***") }
func (s Secret) MarshalText() ([]byte, error) { return []byte("***"), nil }
