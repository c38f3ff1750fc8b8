package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/store"
)

// patience is how long a test waits for what should come at once.
const patience = 20 * time.Second

// revisions has a reader follow the changes while writers race: it must see each
// revision, in order, although some commits take longer than others.
func revisions(t *testing.T, s *store.Store) {
	const writers, writes = 4, 6
	var group errgroup.Group
	for w := range writers {
		group.Go(func() error {
			last := int64(0)
			for i := range writes {
				k := gateway.Key{Name: fmt.Sprintf("key %d of %d", i, w)}
				if err := s.CreateKey(t.Context(), &k, secretOf(k.Name)); err != nil {
					return err
				}
				if k.Revision <= last {
					return fmt.Errorf("revision %d after %d", k.Revision, last)
				}
				last = k.Revision
			}
			return nil
		})
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	seen := int64(0)
	for seen < writers*writes {
		changes, err := s.ChangesSince(ctx, seen)
		must(t, err)
		for _, c := range changes {
			if c.Revision != seen+1 {
				t.Fatalf("revision %d follows %d", c.Revision, seen)
			}
			seen = c.Revision
		}
	}
	must(t, group.Wait())
	if last, err := s.Revision(t.Context()); err != nil || last != seen {
		t.Errorf("revision is %d (%v), want %d", last, err, seen)
	}
}

func concurrentUpdates(t *testing.T, s *store.Store) {
	k := addKey(t, s, gateway.Key{Name: "k"})
	var group errgroup.Group
	const writers, writes = 4, 5
	for range writers {
		group.Go(func() error {
			for range writes {
				if _, err := s.UpdateKey(t.Context(), k.ID, func(k *gateway.Key) error { k.MaxParallelRequests++; return nil }); err != nil {
					return err
				}
			}
			return nil
		})
	}
	must(t, group.Wait())
	got, err := s.Key(t.Context(), k.ID)
	must(t, err)
	if got.MaxParallelRequests != writers*writes {
		t.Errorf("%d of %d updates are there", got.MaxParallelRequests, writers*writes)
	}
}

func failedWrite(t *testing.T, s *store.Store) {
	k := addKey(t, s, gateway.Key{Name: "k"})
	if err := s.CreateKey(t.Context(), &gateway.Key{Name: "k"}, secretOf("k")); err == nil {
		t.Fatal("a secret was taken twice")
	}
	if _, err := s.UpdateKey(t.Context(), k.ID, func(*gateway.Key) error { return errors.New("no") }); err == nil {
		t.Fatal("the error of change was lost")
	}
	next := addKey(t, s, gateway.Key{Name: "next"})
	if next.Revision != k.Revision+1 {
		t.Errorf("revision %d after %d and two failed writes", next.Revision, k.Revision)
	}
	changes, err := s.ChangesSince(t.Context(), 0)
	must(t, err)
	if len(changes) != 2 {
		t.Errorf("%d changes, want 2", len(changes))
	}
}

func wantWake(t *testing.T, wake <-chan struct{}) {
	t.Helper()
	select {
	case _, open := <-wake:
		if !open {
			t.Fatal("the watcher was closed")
		}
	case <-time.After(patience):
		t.Fatal("nobody woke the watcher")
	}
}

func watch(t *testing.T, s *store.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	one, two := s.Watch(ctx), s.Watch(t.Context())
	for _, name := range []string{"a", "b"} {
		addKey(t, s, gateway.Key{Name: name})
		wantWake(t, one)
		wantWake(t, two)
	}
	cancel()
	for range one { // a last value may be there; then it is closed
	}
	addKey(t, s, gateway.Key{Name: "c"})
	wantWake(t, two)
}

func singleProcessor(t *testing.T, s *store.Store) {
	release, err := s.LockSingleProcessor(t.Context())
	must(t, err)
	_, err = s.LockSingleProcessor(t.Context())
	wantKind(t, err, gateway.Conflict)
	release()
	release, err = s.LockSingleProcessor(t.Context())
	must(t, err)
	release()
}

func canceled(t *testing.T, s *store.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Key(ctx, "k")
	if !errors.Is(err, context.Canceled) || gateway.KindOf(err) != "" {
		t.Errorf("read: got %v of kind %q, want canceled and no kind", err, gateway.KindOf(err))
	}
	err = s.WriteEvents(ctx, []*gateway.Event{fullEvent("e")})
	if !errors.Is(err, context.Canceled) || gateway.KindOf(err) != "" {
		t.Errorf("write: got %v of kind %q, want canceled and no kind", err, gateway.KindOf(err))
	}
	must(t, s.Ping(t.Context()))
}
