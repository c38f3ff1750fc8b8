package admin

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/secrets"
	"github.com/bricks-gateway/bricks/internal/store"
)

const (
	minKeyLength    = 8
	strongKeyLength = 20
	strongKeyRunes  = 10 // different characters
)

// issued is a key's secret on its way to the store.
type issued struct {
	store.NewSecret
	shown    string // what the answer shows: only a secret that the server made
	warnings []string
}

// issue takes the client's secret, or makes one when it is empty.
func (a *api) issue(chosen string) (issued, error) {
	if chosen == "" {
		made := newSecretText()
		return issued{NewSecret: a.newSecret(made), shown: made}, nil
	}
	switch {
	case !visibleASCII(chosen):
		return issued{}, errors.New("must be printable ASCII without blanks, because it is sent in a header")
	case len(chosen) < minKeyLength:
		return issued{}, errors.New("must have at least 8 characters; leave it out to get a strong one")
	}
	s := issued{NewSecret: a.newSecret(chosen)}
	if weak(chosen) {
		s.warnings = append(s.warnings, "the key is weak: it is short or repeats few characters, so others may guess it; leave `key` out to get a strong one")
	}
	return s, nil
}

func (a *api) newSecret(text string) store.NewSecret {
	return store.NewSecret{Digest: a.digest(text), Secret: gateway.NewSecret(text)}
}

func (a *api) digest(text string) secrets.Digest {
	return a.Keyring.KeyDigest(secrets.HashKey(text))
}

// newSecretText makes a secret of 256 random bits.
func newSecretText() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails: it ends the program instead
	return gateway.KeyPrefix + base64.RawURLEncoding.EncodeToString(b[:])
}

// weak is a hint, not a proof of strength.
func weak(text string) bool {
	seen := map[rune]bool{}
	for _, r := range text {
		seen[r] = true
	}
	return len(text) < strongKeyLength || len(seen) < strongKeyRunes
}

// isSecretOf reports whether text is the present secret of the key with this id.
func (a *api) isSecretOf(ctx context.Context, text, id string) (bool, error) {
	k, until, err := a.Store.KeyByDigest(ctx, a.digest(text))
	if gateway.KindOf(err) == gateway.NotFound {
		return false, nil
	}
	return err == nil && k.ID == id && until.IsZero(), err
}
