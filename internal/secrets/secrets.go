// Package secrets holds the two server-side secrets and what they are for: the
// pepper, under which the store knows Bricks keys, and the encryption key,
// under which it keeps provider credentials. It is not a place for the
// credentials themselves; those travel as gateway.Secret.
//
// A Bricks key is digested twice. Whoever sees a request hashes the presented
// key (HashKey) and needs no secret for it; only the side that owns the store
// applies the pepper (Keyring.KeyDigest). So a processor never holds the
// pepper, and a dump of the store without the pepper does not allow a
// dictionary attack on weak keys.
package secrets

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// Size is the length in bytes of the pepper and of the encryption key.
const Size = 32

// Digest is a SHA-256 or HMAC-SHA-256 value.
type Digest = [sha256.Size]byte

// HashKey digests a Bricks key as its holder presented it.
func HashKey(presented string) Digest { return sha256.Sum256([]byte(presented)) }

// Keyring is the pepper and the encryption key. It is immutable and safe for
// concurrent use.
type Keyring struct {
	pepper      []byte
	aead        cipher.AEAD
	keyID       [keyIDSize]byte
	fingerprint string
}

// A sealed value is: version (1 byte), id of the encryption key, nonce,
// AES-256-GCM ciphertext and tag. The bytes before the ciphertext are
// authenticated together with the caller's additional data.
const (
	sealVersion = 1
	keyIDSize   = 8
	headerSize  = 1 + keyIDSize
)

// New makes a Keyring of a pepper and an AES-256 key, Size bytes each.
func New(pepper, encryptionKey []byte) (*Keyring, error) {
	if len(pepper) != Size {
		return nil, fmt.Errorf("pepper has %d bytes, want %d", len(pepper), Size)
	}
	if len(encryptionKey) != Size {
		return nil, fmt.Errorf("encryption key has %d bytes, want %d", len(encryptionKey), Size)
	}
	if subtle.ConstantTimeCompare(pepper, encryptionKey) == 1 {
		return nil, errors.New("pepper and encryption key are the same; use two independent values")
	}
	block, err := aes.NewCipher(encryptionKey)
	if err != nil {
		return nil, fmt.Errorf("make cipher: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("make cipher: %w", err)
	}
	k := &Keyring{pepper: append([]byte(nil), pepper...), aead: aead}
	id := mac(encryptionKey, "bricks encryption key id")
	copy(k.keyID[:], id[:])
	p, e := mac(pepper, "bricks pepper fingerprint"), mac(encryptionKey, "bricks encryption key fingerprint")
	k.fingerprint = "v1." + hex.EncodeToString(p[:16]) + "." + hex.EncodeToString(e[:16])
	return k, nil
}

func mac(key []byte, message string) Digest {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(message))
	return Digest(h.Sum(nil))
}

// KeyDigest is the name under which the store knows a Bricks key: the keyed
// hash (HMAC-SHA-256 under the pepper) of its HashKey.
func (k *Keyring) KeyDigest(sha256 Digest) Digest { return mac(k.pepper, string(sha256[:])) }

// AdminKeyDigest is the name under which the store knows an admin key. No Bricks
// key has the same one, whatever its text.
func (k *Keyring) AdminKeyDigest(sha256 Digest) Digest {
	return mac(k.pepper, "bricks admin key: "+string(sha256[:]))
}

// Derive is a key for one purpose, made of the pepper. It gives nothing of the
// pepper away, and every process with the same pepper makes the same one.
func (k *Keyring) Derive(purpose string) Digest { return mac(k.pepper, "bricks derived key: "+purpose) }

// Seal encrypts plain. The same aad (additional authenticated data, such as the
// id of the row the value is kept in) must be given to Open, so that a value
// moved to another row does not open there. Nonces are random: one encryption
// key is good for 2^32 calls (NIST SP 800-38D, 8.3).
func (k *Keyring) Seal(plain []byte, aad string) ([]byte, error) {
	nonce := make([]byte, k.aead.NonceSize())
	if _, err := rand.Read(nonce); err != nil {
		return nil, fmt.Errorf("read random nonce: %w", err)
	}
	sealed := make([]byte, 0, headerSize+len(nonce)+len(plain)+k.aead.Overhead())
	sealed = append(sealed, sealVersion)
	sealed = append(sealed, k.keyID[:]...)
	data := append(append([]byte(nil), sealed...), aad...)
	sealed = append(sealed, nonce...)
	return k.aead.Seal(sealed, nonce, plain, data), nil
}

// Open decrypts what Seal made with the same encryption key and the same aad.
// Its error says which of the known ways to fail it was, and nothing of the
// value.
func (k *Keyring) Open(sealed []byte, aad string) ([]byte, error) {
	if len(sealed) < headerSize+k.aead.NonceSize()+k.aead.Overhead() {
		return nil, errors.New("sealed value is too short")
	}
	if sealed[0] != sealVersion {
		return nil, fmt.Errorf("sealed value has unknown version %d", sealed[0])
	}
	if id := sealed[1:headerSize]; string(id) != string(k.keyID[:]) {
		return nil, fmt.Errorf("sealed with encryption key %x, this is %x", id, k.keyID)
	}
	data := append(append([]byte(nil), sealed[:headerSize]...), aad...)
	rest := sealed[headerSize:]
	nonce, ciphertext := rest[:k.aead.NonceSize()], rest[k.aead.NonceSize():]
	plain, err := k.aead.Open(nil, nonce, ciphertext, data)
	if err != nil {
		return nil, errors.New("sealed value was changed or belongs elsewhere")
	}
	return plain, nil
}

// Fingerprint identifies the pepper and the encryption key without giving
// either away. It is the same for the same pair on every machine.
func (k *Keyring) Fingerprint() string { return k.fingerprint }

// CheckFingerprint compares with a fingerprint kept earlier; the error says
// which of the two secrets differs.
func (k *Keyring) CheckFingerprint(kept string) error {
	if kept == k.fingerprint {
		return nil
	}
	want, got := strings.Split(kept, "."), strings.Split(k.fingerprint, ".")
	if len(want) != len(got) || want[0] != got[0] {
		return fmt.Errorf("fingerprint %q is of an unknown form", kept)
	}
	switch {
	case want[1] == got[1]:
		return errors.New("the encryption key is not the one that this data was made with")
	case want[2] == got[2]:
		return errors.New("the pepper is not the one that this data was made with")
	default:
		return errors.New("neither the pepper nor the encryption key is the one that this data was made with")
	}
}

// String keeps the secrets out of logs.
func (k *Keyring) String() string { return "keyring " + k.fingerprint }

// GoString keeps the secrets out of %#v.
func (k *Keyring) GoString() string { return k.String() }
