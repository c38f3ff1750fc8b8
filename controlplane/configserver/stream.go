package configserver

import (
	"context"
	"maps"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

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
	policies      policies
	dirtyCustoms  customs
	dirtyRoutes   map[string]bool
	allRoutes     bool // all of them have to be told
	dirtyPrices   bool // also before the first update
	followedUsers followedUsers
	endUsers      int              // how many followedUsers holds
	askedUsers    map[endUser]bool // subscribed and not answered yet
	dirtyUsers    map[endUser]bool // changed since the last answer
	marked        uint64           // counts marks
	unacked       map[uint64]sent  // by nonce
	acked         uint64           // the last mark in force
	current       bool             // all that the first request asked for is in force
	changed       chan struct{}    // closed and renewed when acked grows or the stream ends
	end           ending
	lostAt        time.Time
}

// sent is an update that waits for its acknowledgement.
type sent struct {
	mark uint64 // up to which changes are in it; 0: some are left for later
	all  bool   // nothing was left to tell
	at   time.Time
}

// ending says what an ended stream means for the one who waits for it.
type ending int

const (
	open ending = iota
	lost        // its processor may serve what it knew
	over        // it does not: it said goodbye, knows better by now, or what it knew is too old
)

func newStream(s *Server, node string) *stream {
	return &stream{
		s: s, node: node, wake: make(chan struct{}, 1),
		followed: map[secrets.Digest]secrets.Digest{}, usedSettings: map[string]bool{},
		asked: map[secrets.Digest]secrets.Digest{}, dirtyKeys: map[secrets.Digest]secrets.Digest{}, dirtySettings: map[string]bool{},
		policies:     policies{used: map[string]bool{}, dirty: map[string]bool{}},
		dirtyCustoms: customs{all: true}, // they come with the first update
		dirtyRoutes:  map[string]bool{}, allRoutes: true,
		dirtyPrices:   true,
		followedUsers: followedUsers{}, askedUsers: map[endUser]bool{}, dirtyUsers: map[endUser]bool{},
		unacked: map[uint64]sent{}, changed: make(chan struct{}),
	}
}

// receive handles the processor's requests until the stream ends.
func (x *stream) receive(r *configv1.ConfigRequest, g configv1.ConfigDiscovery_StreamServer) (err error) {
	if len(r.SubscribeKeys) == 0 {
		x.caughtUp() // it knows nothing that could be old
	}
	for ; err == nil; r, err = g.Recv() {
		if err := x.request(r); err != nil {
			return err
		}
	}
	return err
}

func (x *stream) request(r *configv1.ConfigRequest) error {
	// The pepper is applied outside the lock.
	subscribe := x.digests(r.SubscribeKeys)
	unsubscribe := x.digests(r.UnsubscribeKeys)
	if x.acknowledge(r.AckNonce) {
		x.caughtUp()
	}
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
	x.subscribeUsers(r)
	if most := x.s.maxFollowed; len(x.followed) > most || x.endUsers > most {
		return status.Errorf(codes.ResourceExhausted, "a stream may follow %d keys and as many end users", most)
	}
	if len(subscribe) > 0 || len(r.SubscribeUsers) > 0 || x.allRoutes {
		x.touch()
	}
	return nil
}

// acknowledge notes that the update with this nonce and those before it are in
// force. It reports whether the processor has now, for the first time, all that
// it asked for.
func (x *stream) acknowledge(nonce uint64) (caughtUp bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	u, ok := x.unacked[nonce]
	if !ok {
		return false
	}
	for n := range x.unacked {
		if n <= nonce {
			delete(x.unacked, n)
		}
	}
	x.acked = max(x.acked, u.mark)
	x.announce()
	return u.all && !x.current
}

// caughtUp notes that what earlier streams of the node said is of no account
// any more.
func (x *stream) caughtUp() {
	x.mu.Lock()
	x.current = true
	x.mu.Unlock()
	x.s.replace(x)
}

// overdue reports whether an update waits too long for its acknowledgement.
func (x *stream) overdue() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, u := range x.unacked {
		if time.Since(u.at) > x.s.ackTimeout {
			return true
		}
	}
	return false
}

func (x *stream) digests(presented [][]byte) map[secrets.Digest]secrets.Digest {
	out := make(map[secrets.Digest]secrets.Digest, len(presented))
	for _, p := range presented {
		if len(p) == len(secrets.Digest{}) {
			d := secrets.Digest(p)
			out[x.s.Keyring.KeyDigest(d)] = d
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
		touched = x.policies.mark(c) || touched
		touched = x.markUsers(c) || touched
		switch c.Kind {
		case store.KindPrices:
			x.dirtyPrices, touched = true, true
		case store.KindCustomProvider:
			x.dirtyCustoms.mark(c.ID)
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
	for _, users := range x.followedUsers {
		maps.Copy(x.dirtyUsers, users)
	}
	x.dirtyPrices = true
	x.dirtyCustoms.all = true
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

func (x *stream) finish(e ending) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.end = e
	x.announce()
}

// wait reports whether mark is in force, or of no account. For a lost stream it
// does not wait: its processor serves what it knew until it is back, which may
// be never.
func (x *stream) wait(ctx context.Context, mark uint64) bool {
	for {
		x.mu.Lock()
		done, changed, end := x.acked >= mark, x.changed, x.end
		if end == lost && time.Since(x.lostAt) > x.s.StaleAfter {
			end = over
		}
		x.mu.Unlock()
		switch {
		case done, end == over:
			return true
		case end == lost:
			return false
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}
