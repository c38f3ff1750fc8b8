package audit

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/bricks-gateway/bricks/internal/secrets"
)

// Chain links entries: the hash of each is HMAC-SHA-256 over the hash before it
// and the entry's own fields, under a key made of the pepper. Whoever can write
// to the database but has no pepper cannot make a hash that fits. The head, which
// says how many entries there are, is sealed under another such key, so that
// the last ones cannot be taken away either. A Chain is immutable and safe for
// concurrent use.
type Chain struct{ entries, head secrets.Digest }

// NewChain makes the chain of whoever has this keyring.
func NewChain(k *secrets.Keyring) *Chain {
	return &Chain{entries: k.Derive("audit entries"), head: k.Derive("audit head")}
}

// Head says where the chain ends.
type Head struct {
	Number int64          // of the last entry; 0: there is none yet
	Hash   secrets.Digest // of the last entry; of none: random
	Seal   secrets.Digest
}

// Begin is the head of an empty chain. Its hash is random, so that no chain can
// be taken for the beginning of another one.
func (c *Chain) Begin() Head {
	var h Head
	_, _ = rand.Read(h.Hash[:]) // never fails: it ends the program instead
	h.Seal = c.seal(h)
	return h
}

// Next gives e its number and its hash, and returns the head after it. A head
// that was not sealed by this chain is refused: going on from it would hide
// that someone changed it.
func (c *Chain) Next(h Head, e *Entry) (Head, error) {
	if err := c.Check(h); err != nil {
		return Head{}, err
	}
	e.Number = h.Number + 1
	e.Hash = c.hash(h.Hash, e)
	next := Head{Number: e.Number, Hash: e.Hash}
	next.Seal = c.seal(next)
	return next, nil
}

// Check reports whether this chain sealed the head.
func (c *Chain) Check(h Head) error {
	if seal := c.seal(h); !hmac.Equal(seal[:], h.Seal[:]) {
		return fmt.Errorf("the head of the audit log, at entry %d, is not as it was written", h.Number)
	}
	return nil
}

func (c *Chain) seal(h Head) secrets.Digest {
	m := hmac.New(sha256.New, c.head[:])
	m.Write(binary.BigEndian.AppendUint64(nil, uint64(h.Number))) //nolint:gosec // the bits are what counts
	m.Write(h.Hash[:])
	return secrets.Digest(m.Sum(nil))
}

// hash covers every field, each text behind its length, so that no two entries
// have the same bytes.
func (c *Chain) hash(previous secrets.Digest, e *Entry) secrets.Digest {
	b := append([]byte(nil), previous[:]...)
	for _, n := range []int64{e.Number, e.At.UnixMicro(), e.Revision} {
		b = binary.BigEndian.AppendUint64(b, uint64(n)) //nolint:gosec // the bits are what counts
	}
	for _, s := range []string{e.AuthorID, e.AuthorName, e.Role, e.Address, e.Operation, e.Kind, e.ObjectID, e.Before, e.After} {
		b = binary.BigEndian.AppendUint64(b, uint64(len(s)))
		b = append(b, s...)
	}
	m := hmac.New(sha256.New, c.entries[:])
	m.Write(b)
	return secrets.Digest(m.Sum(nil))
}
