// Package cachetest is the suite that every cache.Store passes.
package cachetest

import (
	"context"
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bricks-gateway/bricks/internal/cache"
)

// Limit is the room of a store under test, in bytes.
const Limit = 8 << 10

// Key is a key made of text.
func Key(text string) cache.Key { return cache.NewKey(sha256.Sum256([]byte(text))) }

// Entry is one with this body, and all else that an entry has.
func Entry(body string) *cache.Entry {
	return &cache.Entry{
		StoredAt: time.UnixMilli(1_700_000_000_123), ContentType: "text/event-stream; charset=utf-8", Body: []byte(body),
		Provider: "openai", RequestModel: "mo\"del", ResponseModel: "model-1",
	}
}

// Run holds what open returns, an empty store with room for Limit bytes, to the
// promises of cache.Store.
func Run(t *testing.T, open func(*testing.T) cache.Store) {
	for name, test := range map[string]func(*testing.T, *fixture){
		"what was put is found, under its key and scope alone": testFound,
		"an entry ends by its time":                            testEnds,
		"a full store drops the old":                           testFull,
		"a scope that is over keeps nothing":                   testOver,
		"an entry that is too large is not kept":               testTooLarge,
		"a second put replaces the first":                      testReplaced,
	} {
		t.Run(name, func(t *testing.T) { test(t, &fixture{t: t, Store: open(t)}) })
	}
}

type fixture struct {
	cache.Store
	t *testing.T
}

var scope = cache.Scope{Route: "r", Revision: 7}

func (f *fixture) put(s cache.Scope, k cache.Key, e *cache.Entry, ttl time.Duration) {
	f.t.Helper()
	if err := f.Put(context.Background(), s, k, e, ttl); err != nil {
		f.t.Fatal(err)
	}
}

// body is the entry's, or "none".
func (f *fixture) body(s cache.Scope, k cache.Key) string {
	f.t.Helper()
	e, err := f.Get(context.Background(), s, k)
	if err != nil {
		f.t.Fatal(err)
	}
	if e == nil {
		return "none"
	}
	return string(e.Body)
}

// waitFor polls until the entry's body is want.
func (f *fixture) waitFor(s cache.Scope, k cache.Key, want string) {
	f.t.Helper()
	end := time.Now().Add(5 * time.Second)
	for f.body(s, k) != want {
		if time.Now().After(end) {
			f.t.Fatalf("still %.20q, want %q", f.body(s, k), want)
		}
	}
}

func testFound(t *testing.T, f *fixture) {
	f.put(scope, Key("a"), Entry("body"), time.Minute)
	got, err := f.Get(context.Background(), scope, Key("a"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Entry("body"), got); diff != "" {
		t.Errorf("entry differs (-want +got):\n%s", diff)
	}
	for _, other := range []struct {
		s cache.Scope
		k cache.Key
	}{{scope, Key("b")}, {cache.Scope{Route: "r", Revision: 8}, Key("a")}, {cache.Scope{Route: "r2", Revision: 7}, Key("a")}} {
		if got := f.body(other.s, other.k); got != "none" {
			t.Errorf("%+v: %q", other.s, got)
		}
	}
}

func testEnds(t *testing.T, f *fixture) {
	f.put(scope, Key("short"), Entry("short"), 30*time.Millisecond)
	f.put(scope, Key("long"), Entry("long"), time.Minute)
	f.waitFor(scope, Key("short"), "none")
	if got := f.body(scope, Key("long")); got != "long" {
		t.Errorf("got %q", got)
	}
}

func testFull(t *testing.T, f *fixture) {
	for i := range 20 {
		f.put(scope, Key(string(rune('a'+i))), Entry(strings.Repeat("x", 1000)), time.Minute+time.Duration(i)*time.Second)
	}
	kept := 0
	for i := range 20 {
		if f.body(scope, Key(string(rune('a'+i)))) != "none" {
			kept++
		}
	}
	// 8 KiB hold five or six of at least 1,000 bytes and some more.
	if kept < 4 || kept > 8 || f.body(scope, Key("t")) == "none" || f.body(scope, Key("a")) != "none" {
		t.Errorf("%d entries of 1000 bytes in 8 KiB; the last: %.5q, the first: %.5q", kept, f.body(scope, Key("t")), f.body(scope, Key("a")))
	}
}

func testOver(t *testing.T, f *fixture) {
	other, next := cache.Scope{Route: "other", Revision: 1}, cache.Scope{Route: "r", Revision: 8}
	f.Keep(map[string]int64{"r": 7, "other": 1})
	f.put(scope, Key("a"), Entry("a"), time.Minute)
	f.put(other, Key("a"), Entry("of another route"), time.Minute)
	f.Keep(map[string]int64{"r": 8, "other": 1})
	f.waitFor(scope, Key("a"), "none")
	f.put(scope, Key("late"), Entry("late"), time.Minute)
	f.put(next, Key("a"), Entry("new"), time.Minute)
	f.put(cache.Scope{Route: "r", Revision: 9}, Key("a"), Entry("newer than was told"), time.Minute)
	for _, c := range []struct {
		s    cache.Scope
		k    cache.Key
		want string
	}{{scope, Key("late"), "none"}, {next, Key("a"), "new"}, {other, Key("a"), "of another route"}, {cache.Scope{Route: "r", Revision: 9}, Key("a"), "newer than was told"}} {
		if got := f.body(c.s, c.k); got != c.want {
			t.Errorf("%+v: %q, want %q", c.s, got, c.want)
		}
	}
	f.Keep(map[string]int64{"r": 8})
	f.waitFor(other, Key("a"), "none")
}

func testTooLarge(t *testing.T, f *fixture) {
	f.put(scope, Key("small"), Entry("small"), time.Minute)
	f.put(scope, Key("large"), Entry(strings.Repeat("x", Limit)), time.Minute)
	if small, large := f.body(scope, Key("small")), f.body(scope, Key("large")); small != "small" || large != "none" {
		t.Errorf("got %q and %.5q", small, large)
	}
}

func testReplaced(t *testing.T, f *fixture) {
	for range 100 { // they would not all fit
		f.put(scope, Key("a"), Entry(strings.Repeat("x", 1000)), time.Minute)
	}
	f.put(scope, Key("b"), Entry("b"), time.Minute)
	f.put(scope, Key("a"), Entry("second"), time.Minute)
	if a, b := f.body(scope, Key("a")), f.body(scope, Key("b")); a != "second" || b != "b" {
		t.Errorf("got %.10q and %q", a, b)
	}
}
