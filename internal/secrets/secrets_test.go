package secrets_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/bricks-gateway/bricks/internal/secrets"
)

func keyring(t *testing.T, pepper, key byte) *secrets.Keyring {
	t.Helper()
	k, err := secrets.New(bytes.Repeat([]byte{pepper}, secrets.Size), bytes.Repeat([]byte{key}, secrets.Size))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestDigests(t *testing.T) {
	// From sha256sum: the digest is part of the protocol between processor and control plane.
	const want = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	hash := secrets.HashKey("abc")
	if got := hex.EncodeToString(hash[:]); got != want {
		t.Errorf("HashKey(abc) = %s, want %s", got, want)
	}
	h := hmac.New(sha256.New, bytes.Repeat([]byte{1}, secrets.Size))
	h.Write(hash[:])
	if got := keyring(t, 1, 2).KeyDigest(hash); !bytes.Equal(got[:], h.Sum(nil)) {
		t.Errorf("KeyDigest is not HMAC-SHA-256 of the hash under the pepper: %x", got)
	}
	if keyring(t, 1, 2).KeyDigest(hash) == keyring(t, 3, 2).KeyDigest(hash) {
		t.Error("the pepper changes nothing")
	}
}

func TestSealedOpensOnlyAsItWasSealed(t *testing.T) {
	k := keyring(t, 1, 2)
	for _, plain := range []string{"", "sk-secret"} {
		sealed, err := k.Seal([]byte(plain), "row 1")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := k.Open(sealed, "row 1"); err != nil || string(got) != plain {
			t.Errorf("opened %q (%v), want %q", got, err, plain)
		}
		again, _ := k.Seal([]byte(plain), "row 1")
		if bytes.Equal(sealed, again) {
			t.Error("sealing twice gives the same bytes")
		}
		if _, err := k.Open(sealed, "row 2"); err == nil {
			t.Error("opens in another row")
		}
		if _, err := keyring(t, 1, 3).Open(sealed, "row 1"); err == nil || !strings.Contains(err.Error(), "encryption key") {
			t.Errorf("opens with another key, or the error %v does not name it", err)
		}
		for i := range sealed {
			if _, err := k.Open(sealed[:i], "row 1"); err == nil {
				t.Errorf("opens when cut to %d bytes", i)
			}
			changed := bytes.Clone(sealed)
			changed[i] ^= 1
			if _, err := k.Open(changed, "row 1"); err == nil {
				t.Errorf("opens with byte %d changed", i)
			}
		}
	}
}

func TestFingerprint(t *testing.T) {
	k := keyring(t, 1, 2)
	if err := k.CheckFingerprint(keyring(t, 1, 2).Fingerprint()); err != nil {
		t.Errorf("same secrets: %v", err)
	}
	for _, c := range []struct {
		kept string
		want string
	}{
		{keyring(t, 1, 3).Fingerprint(), "the encryption key is not"},
		{keyring(t, 3, 2).Fingerprint(), "the pepper is not"},
		{keyring(t, 3, 4).Fingerprint(), "neither"},
		{"", "unknown form"},
		{"v2.a.b", "unknown form"},
	} {
		if err := k.CheckFingerprint(c.kept); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("kept %q: got %v, want %q", c.kept, err, c.want)
		}
	}
}

func TestNewRefusesBadLengths(t *testing.T) {
	good, bad := bytes.Repeat([]byte{1}, secrets.Size), make([]byte, 16)
	for _, c := range [][2][]byte{{bad, good}, {good, bad}, {good, good}, {nil, nil}} {
		if _, err := secrets.New(c[0], c[1]); err == nil {
			t.Errorf("took lengths %d and %d, equal %v", len(c[0]), len(c[1]), bytes.Equal(c[0], c[1]))
		}
	}
}

func TestKeyringDoesNotPrintSecrets(t *testing.T) {
	k := keyring(t, 'P', 'E')
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		got := fmt.Sprintf(verb, k)
		if strings.Contains(got, "PPPP") || strings.Contains(got, "5050") || strings.Contains(got, "80, 80") || strings.Contains(got, "80 80") {
			t.Errorf("%s prints the pepper: %s", verb, got)
		}
	}
}
