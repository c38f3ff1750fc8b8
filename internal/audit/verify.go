package audit

import (
	"crypto/hmac"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/bricks-gateway/bricks/internal/secrets"
)

// Anchor is an entry that someone noted outside of the database. A log that no
// longer has it was taken back to an older state, or begun anew.
type Anchor struct {
	Number int64
	Hash   secrets.Digest
}

// ParseAnchor reads what String wrote.
func ParseAnchor(text string) (Anchor, error) {
	number, hash, _ := strings.Cut(text, ":")
	n, err := strconv.ParseInt(number, 10, 64)
	b, errHash := hex.DecodeString(hash)
	if err != nil || errHash != nil || n < 1 || len(b) != len(secrets.Digest{}) {
		return Anchor{}, fmt.Errorf("%q is no number and hash of an entry, such as 12:5f2c… with 64 hex digits", text)
	}
	return Anchor{Number: n, Hash: secrets.Digest(b)}, nil
}

func (a Anchor) String() string {
	return strconv.FormatInt(a.Number, 10) + ":" + hex.EncodeToString(a.Hash[:])
}

// Fault is the first thing that is wrong with a log.
type Fault struct {
	Number int64 // the entry at which the chain breaks
	Reason string
}

func (f *Fault) Error() string { return fmt.Sprintf("entry %d: %s", f.Number, f.Reason) }

// Verification walks over a log from its first entry. It is not safe for
// concurrent use.
type Verification struct {
	chain  *Chain
	anchor Anchor // Number 0: none
	last   Anchor
}

// Verify begins a walk. The anchor is to be among the entries; the zero one is
// not asked for. begin is the hash that the first entry was chained to.
func (c *Chain) Verify(begin secrets.Digest, anchor Anchor) *Verification {
	return &Verification{chain: c, anchor: anchor, last: Anchor{Hash: begin}}
}

// Last is the last entry that was found right; Number 0: none yet.
func (v *Verification) Last() Anchor { return v.last }

// Add checks the entry that comes next. Its error is a *Fault.
func (v *Verification) Add(e *Entry) error {
	want := v.last.Number + 1
	if e.Number != want {
		return &Fault{want, fmt.Sprintf("it is missing; the next one there is %d", e.Number)}
	}
	if hash := v.chain.hash(v.last.Hash, e); !hmac.Equal(hash[:], e.Hash[:]) {
		return &Fault{want, "it is not as it was written, or the one before it is not the one that was before it"}
	}
	v.last = Anchor{e.Number, e.Hash}
	if v.last.Number == v.anchor.Number && v.last != v.anchor {
		return &Fault{want, "it is not the one that was noted: the log was begun anew, or taken back and gone on with"}
	}
	return nil
}

// End checks that the walk ended where the head says. Its error is a *Fault.
func (v *Verification) End(h Head) error {
	next := v.last.Number + 1
	if err := v.chain.Check(h); err != nil {
		return &Fault{next, err.Error()}
	}
	switch {
	case h.Number > v.last.Number:
		return &Fault{next, fmt.Sprintf("it is missing, and all up to %d, which was the last one", h.Number)}
	case h.Number < v.last.Number || h.Hash != v.last.Hash:
		return &Fault{h.Number + 1, "it is behind the end of the log"}
	case v.anchor.Number > v.last.Number:
		return &Fault{next, fmt.Sprintf("it is missing, and all up to %d, which was noted: the log was taken back to an older state", v.anchor.Number)}
	}
	return nil
}
