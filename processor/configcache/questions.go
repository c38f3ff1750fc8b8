package configcache

import (
	"context"

	configv1 "github.com/bricks-gateway/bricks/proto/config/v1"
)

// maxPending is how many questions of one kind may be open at once.
const maxPending = 50

// questions are what the control plane was asked and has not answered yet.
type questions[K comparable] struct {
	slots   chan struct{}   // one per open question
	pending map[K]*question // guarded by Cache.mu
}

type question struct {
	done    chan struct{}
	open    bool // asked on the current stream
	waiting int  // callers
}

func newQuestions[K comparable]() questions[K] {
	return questions[K]{slots: make(chan struct{}, maxPending), pending: map[K]*question{}}
}

// reopen calls subscribe for what somebody still waits for, and forgets the
// rest: after a long outage there may be more than fits into one request. The
// caller holds Cache.mu.
func (qs *questions[K]) reopen(subscribe func(K)) {
	for k, q := range qs.pending {
		if q.waiting == 0 {
			delete(qs.pending, k)
			continue
		}
		q.open = true
		subscribe(k)
	}
}

// open calls subscribe for what nobody asked on this stream. The caller holds
// Cache.mu.
func (qs *questions[K]) open(subscribe func(K)) {
	for k, q := range qs.pending {
		if !q.open && q.waiting > 0 {
			q.open = true
			subscribe(k)
		}
	}
}

// ask subscribes to k by request and waits for the first answer, after which
// known is true. Callers that ask for the same k share one question. The error
// is of kind Unavailable.
func ask[K comparable](ctx context.Context, c *Cache, qs *questions[K], k K, known func() bool, request func() *configv1.ConfigRequest) error {
	ctx, cancel := context.WithTimeout(ctx, c.o.LookupTimeout)
	defer cancel()
	select {
	case qs.slots <- struct{}{}:
		defer func() { <-qs.slots }()
	case <-ctx.Done():
		return unavailable("too much that is unknown is being looked up")
	}
	for !once(ctx, c, qs, k, known, request) {
		if ctx.Err() != nil {
			return unavailable("the control plane does not answer")
		}
		// Answered, and forgotten again before we looked: many others came.
	}
	return nil
}

// once asks once and reports whether k is known then.
func once[K comparable](ctx context.Context, c *Cache, qs *questions[K], k K, known func() bool, request func() *configv1.ConfigRequest) bool {
	c.mu.Lock()
	if known() { // answered while we waited
		c.mu.Unlock()
		return true
	}
	q, asked := qs.pending[k]
	if !asked {
		q = &question{done: make(chan struct{})}
		qs.pending[k] = q
	}
	send := !q.open && c.connected.Load()
	q.open = q.open || send
	q.waiting++
	c.mu.Unlock()
	if send {
		c.send(request())
	}
	select {
	case <-q.done:
		return known()
	case <-ctx.Done():
		c.mu.Lock()
		q.open = false // the question may be lost: the next caller asks again
		q.waiting--
		c.mu.Unlock()
		return false
	}
}
