// Package cache keeps whole answers of routes, so that an equal request of the
// same key gets the one that an earlier one got.
//
// What is equal is the caller's to say, by a Key. A Store forgets: a full one
// drops what is old, and one that cannot be asked says so with an error, which
// is no reason to fail a request.
package cache

import (
	"context"
	"crypto/sha256"
	"time"
)

// Scope is a route as of one version. Answers of other versions are not found.
type Scope struct {
	Route    string // id
	Revision int64
}

// Key names an answer within its scope.
type Key struct {
	id   [32]byte // under which it is kept
	seal [32]byte // with which it is sealed, where others could read it
}

// NewKey makes a key from a SHA-256 over all that must be equal. Only one who
// has that digest finds the answer, or reads it where it is kept.
func NewKey(digest [32]byte) Key {
	return Key{id: derive("id", digest), seal: derive("seal", digest)}
}

// Name is under which the answer is kept.
func (k Key) Name() string { return string(k.id[:]) }

func derive(purpose string, digest [32]byte) [32]byte {
	return sha256.Sum256(append([]byte("bricks cache "+purpose+"\x00"), digest[:]...))
}

// Entry is an answer with status 200. It is never changed.
type Entry struct {
	StoredAt    time.Time
	ContentType string
	Body        []byte
	// Who answered.
	Provider, RequestModel, ResponseModel string
}

// Store keeps entries. Implementations are safe for concurrent use.
type Store interface {
	// Get returns nil when there is no entry that is younger than its time to live.
	Get(ctx context.Context, s Scope, k Key) (*Entry, error)
	// Put keeps e for ttl at most. Of a scope that is over nothing is kept.
	Put(ctx context.Context, s Scope, k Key, e *Entry, ttl time.Duration) error
	// Keep tells which version each route has now. All other scopes are over: what
	// is kept of them is dropped, at once or soon after.
	Keep(live map[string]int64)
}

// overhead is what an entry takes beside its body, in bytes.
const overhead = 512

// Size is what the entry takes, in bytes.
func (e *Entry) Size() int64 { return int64(len(e.Body)) + overhead }

// Over reports whether a scope is known to be of the past. A version that is
// newer than what was told is not: the telling is under way.
func Over(live map[string]int64, s Scope) bool {
	if live == nil {
		return false
	}
	revision, ok := live[s.Route]
	return !ok || s.Revision < revision
}
