package configserver

import (
	"context"
	"sync"

	"github.com/bricks-gateway/bricks/internal/secrets"
	"github.com/bricks-gateway/bricks/internal/store"
	configv1 "github.com/bricks-gateway/bricks/proto/config/v1"
)

// stream is one processor's subscription.
type stream struct {
	s    *Server
	node string
	wake chan struct{} // the sender has work

	mu            sync.Mutex
	followed      map[secrets.Digest]secrets.Digest // digest in the store → digest as presented
	usedSettings  map[string]bool                   // sent on this stream
	asked         map[secrets.Digest]secrets.Digest // subscribed and not answered yet
	dirtyKeys     map[secrets.Digest]secrets.Digest // changed since the last answer
	dirtySettings map[string]bool
	dirtyRoutes   map[string]bool
	allRoutes     bool              // all of them have to be told
	marked        uint64            // counts marks
	sentMarks     map[uint64]uint64 // by nonce: the mark that an update covers
	acked         uint64            // the last mark in force
	changed       chan struct{}     // closed and renewed when acked grows or the stream ends
	ended         bool
}

func newStream(s *Server, node string) *stream {
	return &stream{
		s: s, node: node, wake: make(chan struct{}, 1),
		followed: map[secrets.Digest]secrets.Digest{}, usedSettings: map[string]bool{},
		asked: map[secrets.Digest]secrets.Digest{}, dirtyKeys: map[secrets.Digest]secrets.Digest{}, dirtySettings: map[string]bool{},
		dirtyRoutes: map[string]bool{}, allRoutes: true,
		sentMarks: map[uint64]uint64{}, changed: make(chan struct{}),
	}
}

// receive handles the processor's requests until the stream ends.
func (x *stream) receive(r *configv1.ConfigRequest, g configv1.ConfigDiscovery_StreamServer) (err error) {
	for ; err == nil; r, err = g.Recv() {
		x.request(r)
	}
	return err
}

func (x *stream) request(r *configv1.ConfigRequest) {
	// The pepper is applied outside the lock.
	subscribe := x.digests(r.SubscribeKeys)
	unsubscribe := x.digests(r.UnsubscribeKeys)
	x.mu.Lock()
	defer x.mu.Unlock()
	for stored, presented := range subscribe {
		x.followed[stored] = presented
		x.asked[stored] = presented
	}
	for stored := range unsubscribe {
		delete(x.followed, stored)
		delete(x.asked, stored)
		delete(x.dirtyKeys, stored)
	}
	if len(subscribe) > 0 || x.allRoutes {
		x.touch()
	}
	if mark, ok := x.sentMarks[r.AckNonce]; ok {
		// Updates apply in order, so one acknowledgement covers all before it.
		for nonce := range x.sentMarks {
			if nonce <= r.AckNonce {
				delete(x.sentMarks, nonce)
			}
		}
		x.acked = max(x.acked, mark)
		x.announce()
	}
}

func (x *stream) digests(presented [][]byte) map[secrets.Digest]secrets.Digest {
	out := make(map[secrets.Digest]secrets.Digest, len(presented))
	for _, p := range presented {
		if len(p) == len(secrets.Digest{}) {
			d := secrets.Digest(p)
			out[x.s.keyring.KeyDigest(d)] = d
		}
	}
	return out
}

// mark notes what of the changes this stream follows.
func (x *stream) mark(changes []store.Change) (mark uint64, touched bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, c := range changes {
		if c.Kind == store.KindSetting && x.usedSettings[c.ID] {
			x.dirtySettings[c.ID] = true
			touched = true
		}
		if c.Kind == store.KindRoute {
			x.dirtyRoutes[c.ID] = true
			touched = true
		}
		for _, d := range c.Digests {
			if presented, ok := x.followed[d]; ok {
				x.dirtyKeys[d] = presented
				delete(x.asked, d)
				touched = true
			}
		}
	}
	if touched {
		x.touch()
	}
	return x.marked, touched
}

// markAll notes everything that this stream follows.
func (x *stream) markAll() (mark uint64, touched bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for d, presented := range x.followed {
		x.dirtyKeys[d] = presented
	}
	for id := range x.usedSettings {
		x.dirtySettings[id] = true
	}
	x.allRoutes = true
	x.touch()
	return x.marked, true
}

// touch wakes the sender for something new. It needs x.mu.
func (x *stream) touch() {
	x.marked++
	x.poke()
}

func (x *stream) poke() {
	select {
	case x.wake <- struct{}{}:
	default:
	}
}

// announce needs x.mu.
func (x *stream) announce() {
	close(x.changed)
	x.changed = make(chan struct{})
}

func (x *stream) end() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.ended = true
	x.announce()
}

// wait reports whether mark is in force, or the stream gone: a processor that
// lost its stream reads everything anew before it trusts what it has.
func (x *stream) wait(ctx context.Context, mark uint64) bool {
	for {
		x.mu.Lock()
		done, changed := x.acked >= mark || x.ended, x.changed
		x.mu.Unlock()
		if done {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}
