package processor

import (
	"sync"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

// refusalsPerSecond is how many refused requests of a key have an event of
// their own in one second. The rest of the second shares one, so that a client
// in a tight loop cannot fill the ledger.
const refusalsPerSecond = 10

// refusalLog writes the events of refused requests. Safe for concurrent use.
type refusalLog struct {
	write func(*gateway.Event)
	now   func() time.Time

	mu   sync.Mutex
	keys map[string]*refusalCount
}

type refusalCount struct {
	second int64
	count  int
	held   *gateway.Event // stands for the requests above the limit
}

func newRefusalLog(write func(*gateway.Event)) *refusalLog {
	return &refusalLog{write: write, now: time.Now, keys: map[string]*refusalCount{}}
}

// add takes the event of one refused request.
func (l *refusalLog) add(e *gateway.Event) {
	own, earlier := l.count(e)
	if earlier != nil {
		l.write(earlier)
	}
	if own {
		l.write(e)
	}
}

// count says whether e gets an event of its own, and hands back what was held
// of an earlier second. Writing is the caller's: no I/O under the lock.
func (l *refusalLog) count(e *gateway.Event) (own bool, earlier *gateway.Event) {
	second := l.now().Unix()
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.keys[e.KeyID]
	if c == nil || c.second != second {
		if c != nil {
			earlier = c.held
		}
		c = &refusalCount{second: second}
		l.keys[e.KeyID] = c
	}
	if c.count++; c.count <= refusalsPerSecond {
		return true, earlier
	}
	if c.held == nil {
		held := *e
		c.held = &held
		time.AfterFunc(time.Second, l.flush)
	} else {
		c.held.RefusedCount++
	}
	return false, earlier
}

// flush writes what is held and forgets the counts.
func (l *refusalLog) flush() {
	l.mu.Lock()
	old := l.keys
	l.keys = map[string]*refusalCount{}
	l.mu.Unlock()
	for _, c := range old {
		if c.held != nil {
			l.write(c.held)
		}
	}
}
