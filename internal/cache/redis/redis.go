// Package redis keeps answers in a Redis that several processors share.
package redis

import (
	"context"
	_ "embed"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/bricks-gateway/bricks/internal/cache"
)

//go:embed put.lua
var putLua string

var putScript = goredis.NewScript(putLua)

// pause is how long a Redis that failed is not asked again.
const pause = time.Second

var errPaused = errors.New("cache: Redis failed just now and is not asked again yet")

// Store is a cache.Store. What it keeps is sealed with AES-256-GCM under each
// entry's own key, which Redis does not have. Of a full scope what ends first
// goes first.
type Store struct {
	o      Options
	paused atomic.Int64 // until, Unix nanoseconds

	mu      sync.Mutex
	live    map[string]int64
	forgets sync.WaitGroup
}

var _ cache.Store = (*Store)(nil)

// Options configures a Store. All are required.
type Options struct {
	Client  goredis.UniversalClient // closed by Close
	Timeout time.Duration           // of one call
	Limit   int64                   // bytes of one scope
	Logger  *slog.Logger
}

// New returns a store that asks o.Client.
func New(o Options) *Store { return &Store{o: o} }

// Close waits for what is being forgotten.
func (r *Store) Close() error {
	r.forgets.Wait()
	return r.o.Client.Close()
}

// names of a scope's keys. The braces put them into one slot of a Cluster.
func names(s cache.Scope) (entries, ends string) {
	base := "bricks:cache:{" + s.Route + "/" + strconv.FormatInt(s.Revision, 10) + "}"
	return base, base + ":ends"
}

// record stands before the body in what is sealed, behind its own length.
type record struct {
	StoredAt      int64  `json:"s"` // Unix milliseconds
	Expires       int64  `json:"e"` // Unix milliseconds
	ContentType   string `json:"t"`
	Provider      string `json:"p"`
	RequestModel  string `json:"q"`
	ResponseModel string `json:"r"`
}

const lengthBytes = 4 // of a record's length

func pack(e *cache.Entry, expires time.Time) ([]byte, error) {
	head, err := json.Marshal(record{
		StoredAt: e.StoredAt.UnixMilli(), Expires: expires.UnixMilli(), ContentType: e.ContentType,
		Provider: e.Provider, RequestModel: e.RequestModel, ResponseModel: e.ResponseModel,
	})
	if err != nil {
		return nil, fmt.Errorf("cache: write entry: %w", err)
	}
	plain := make([]byte, lengthBytes, lengthBytes+len(head)+len(e.Body))
	binary.BigEndian.PutUint32(plain, uint32(len(head))) //nolint:gosec // a few hundred bytes
	return append(append(plain, head...), e.Body...), nil
}

func unpack(plain []byte) (e *cache.Entry, expires time.Time, err error) {
	if len(plain) < lengthBytes || uint64(len(plain)-lengthBytes) < uint64(binary.BigEndian.Uint32(plain)) {
		return nil, time.Time{}, errors.New("cache: an entry is too short")
	}
	end := lengthBytes + int(binary.BigEndian.Uint32(plain))
	var head record
	if err := json.Unmarshal(plain[lengthBytes:end], &head); err != nil {
		return nil, time.Time{}, fmt.Errorf("cache: read entry: %w", err)
	}
	return &cache.Entry{
		StoredAt: time.UnixMilli(head.StoredAt), ContentType: head.ContentType, Body: plain[end:],
		Provider: head.Provider, RequestModel: head.RequestModel, ResponseModel: head.ResponseModel,
	}, time.UnixMilli(head.Expires), nil
}

// Get returns an error for what cannot be opened: somebody else wrote it.
func (r *Store) Get(ctx context.Context, s cache.Scope, k cache.Key) (*cache.Entry, error) {
	var sealed []byte
	err := r.call(ctx, func(ctx context.Context) (err error) {
		entries, _ := names(s)
		sealed, err = r.o.Client.HGet(ctx, entries, k.Name()).Bytes()
		if errors.Is(err, goredis.Nil) {
			return nil
		}
		return err
	})
	if err != nil || sealed == nil {
		return nil, err
	}
	plain, err := k.Open(sealed)
	if err != nil {
		return nil, err
	}
	e, expires, err := unpack(plain)
	if err != nil || !time.Now().Before(expires) {
		return nil, err
	}
	return e, nil
}

// Put keeps e sealed. The clock that ends it is Redis's for its room, and this
// machine's for its readers.
func (r *Store) Put(ctx context.Context, s cache.Scope, k cache.Key, e *cache.Entry, ttl time.Duration) error {
	r.mu.Lock()
	gone := cache.Over(r.live, s)
	r.mu.Unlock()
	if gone || e.Size() > r.o.Limit {
		return nil
	}
	plain, err := pack(e, time.Now().Add(ttl))
	if err != nil {
		return err
	}
	sealed := k.Seal(plain)
	return r.call(ctx, func(ctx context.Context) error {
		entries, ends := names(s)
		return putScript.Run(ctx, r.o.Client, []string{entries, ends}, k.Name(), sealed, max(1, ttl.Milliseconds()), r.o.Limit).Err()
	})
}

// Keep forgets in the background; what this process does not know to be over
// ends by its time to live.
func (r *Store) Keep(live map[string]int64) {
	r.mu.Lock()
	before := r.live
	r.live = live
	r.mu.Unlock()
	var gone []cache.Scope
	for route, revision := range before {
		if s := (cache.Scope{Route: route, Revision: revision}); cache.Over(live, s) {
			gone = append(gone, s)
		}
	}
	if len(gone) > 0 {
		r.forgets.Go(func() { r.forget(gone) })
	}
}

// forgetTimeout is for each scope: its size does not matter, Redis frees memory
// by itself.
const forgetTimeout = 2 * time.Second

func (r *Store) forget(scopes []cache.Scope) {
	for _, s := range scopes {
		ctx, cancel := context.WithTimeout(context.Background(), forgetTimeout)
		entries, ends := names(s)
		if err := r.o.Client.Unlink(ctx, entries, ends).Err(); err != nil {
			r.o.Logger.Warn("answers of a route's earlier version stay in Redis until their time is over", slog.String("route_id", s.Route), slog.Any("error", err))
		}
		cancel()
	}
}

// call bounds f, and leaves a Redis alone that failed.
func (r *Store) call(ctx context.Context, f func(context.Context) error) error {
	if time.Now().UnixNano() < r.paused.Load() {
		return errPaused
	}
	bounded, cancel := context.WithTimeout(ctx, r.o.Timeout)
	defer cancel()
	err := f(bounded)
	if err != nil && ctx.Err() == nil {
		r.paused.Store(time.Now().Add(pause).UnixNano())
		return fmt.Errorf("cache: ask Redis: %w", err)
	}
	return err
}
