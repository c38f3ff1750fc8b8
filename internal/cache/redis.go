package cache

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
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
)

//go:embed put.lua
var putLua string

var putScript = goredis.NewScript(putLua)

// pause is how long a Redis that failed is not asked again.
const pause = time.Second

var errPaused = errors.New("cache: Redis failed just now and is not asked again yet")

// Redis is a Store that several processors share. What it keeps is sealed with
// AES-256-GCM under each entry's own key, which Redis does not have. Of a full
// scope what ends first goes first.
type Redis struct {
	o      RedisOptions
	paused atomic.Int64 // until, Unix nanoseconds

	mu      sync.Mutex
	live    map[string]int64
	forgets sync.WaitGroup
}

var _ Store = (*Redis)(nil)

// RedisOptions configures a Redis. All are required.
type RedisOptions struct {
	Client  goredis.UniversalClient // closed by Close
	Timeout time.Duration           // of one call
	Limit   int64                   // bytes of one scope
	Logger  *slog.Logger
}

// NewRedis returns a store that asks o.Client.
func NewRedis(o RedisOptions) *Redis { return &Redis{o: o} }

// Close waits for what is being forgotten.
func (r *Redis) Close() error {
	r.forgets.Wait()
	return r.o.Client.Close()
}

// names of a scope's keys. The braces put them into one slot of a Cluster.
func (s Scope) names() (entries, ends string) {
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

func pack(e *Entry, expires time.Time) ([]byte, error) {
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

func unpack(plain []byte) (e *Entry, expires time.Time, err error) {
	if len(plain) < lengthBytes || uint64(len(plain)-lengthBytes) < uint64(binary.BigEndian.Uint32(plain)) {
		return nil, time.Time{}, errors.New("cache: an entry is too short")
	}
	end := lengthBytes + int(binary.BigEndian.Uint32(plain))
	var head record
	if err := json.Unmarshal(plain[lengthBytes:end], &head); err != nil {
		return nil, time.Time{}, fmt.Errorf("cache: read entry: %w", err)
	}
	return &Entry{
		StoredAt: time.UnixMilli(head.StoredAt), ContentType: head.ContentType, Body: plain[end:],
		Provider: head.Provider, RequestModel: head.RequestModel, ResponseModel: head.ResponseModel,
	}, time.UnixMilli(head.Expires), nil
}

// Get returns an error for what cannot be opened: somebody else wrote it.
func (r *Redis) Get(ctx context.Context, s Scope, k Key) (*Entry, error) {
	var sealed []byte
	err := r.call(ctx, func(ctx context.Context) (err error) {
		entries, _ := s.names()
		sealed, err = r.o.Client.HGet(ctx, entries, string(k.id[:])).Bytes()
		if errors.Is(err, goredis.Nil) {
			return nil
		}
		return err
	})
	if err != nil || sealed == nil {
		return nil, err
	}
	plain, err := k.open(sealed)
	if err != nil {
		return nil, err
	}
	e, expires, err := unpack(plain)
	if err != nil || !time.Now().Before(expires) {
		return nil, err
	}
	return e, nil
}

func (r *Redis) Put(ctx context.Context, s Scope, k Key, e *Entry, ttl time.Duration) error {
	r.mu.Lock()
	gone := over(r.live, s)
	r.mu.Unlock()
	if gone || e.size() > r.o.Limit {
		return nil
	}
	plain, err := pack(e, time.Now().Add(ttl))
	if err != nil {
		return err
	}
	sealed := k.sealed(plain)
	return r.call(ctx, func(ctx context.Context) error {
		entries, ends := s.names()
		return putScript.Run(ctx, r.o.Client, []string{entries, ends}, k.id[:], sealed, max(1, ttl.Milliseconds()), r.o.Limit).Err()
	})
}

// Keep forgets in the background; what this process does not know to be over
// ends by its time to live.
func (r *Redis) Keep(live map[string]int64) {
	r.mu.Lock()
	before := r.live
	r.live = live
	r.mu.Unlock()
	var gone []Scope
	for route, revision := range before {
		if s := (Scope{route, revision}); over(live, s) {
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

func (r *Redis) forget(scopes []Scope) {
	for _, s := range scopes {
		ctx, cancel := context.WithTimeout(context.Background(), forgetTimeout)
		entries, ends := s.names()
		if err := r.o.Client.Unlink(ctx, entries, ends).Err(); err != nil {
			r.o.Logger.Warn("answers of a route's earlier version stay in Redis until their time is over", slog.String("route_id", s.Route), slog.Any("error", err))
		}
		cancel()
	}
}

// call bounds f, and leaves a Redis alone that failed.
func (r *Redis) call(ctx context.Context, f func(context.Context) error) error {
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

func (k Key) aead() cipher.AEAD {
	block, err := aes.NewCipher(k.seal[:])
	if err != nil {
		panic(err) // 32 bytes are a key
	}
	a, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // AES has the block size that it needs
	}
	return a
}

func (k Key) sealed(plain []byte) []byte {
	a := k.aead()
	nonce := make([]byte, a.NonceSize(), a.NonceSize()+len(plain)+a.Overhead())
	_, _ = rand.Read(nonce) // never fails
	return a.Seal(nonce, nonce, plain, k.id[:])
}

func (k Key) open(sealed []byte) ([]byte, error) {
	a := k.aead()
	if len(sealed) < a.NonceSize() {
		return nil, errors.New("cache: an entry is too short")
	}
	plain, err := a.Open(nil, sealed[:a.NonceSize()], sealed[a.NonceSize():], k.id[:])
	if err != nil {
		return nil, errors.New("cache: an entry is not what was stored")
	}
	return plain, nil
}
