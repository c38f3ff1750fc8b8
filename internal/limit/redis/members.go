package redis

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

const (
	beatEvery = 200 * time.Millisecond
	beatLife  = 3 * time.Second
	// youngEpoch is how long after a loss of all keys replicas may take to come
	// back, some beats. Who has not come back within oldEpoch is dead.
	youngEpoch = 2 * time.Second
	oldEpoch   = beatLife
)

// membership is which replicas count in this Redis. The zero value knows none.
type membership struct {
	mu    sync.Mutex
	at    time.Time     // of the last beat
	age   time.Duration // of the epoch, then
	live  []string      // sorted
	known []string      // live before the epoch
}

func (m *membership) note(age time.Duration, live []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if age >= oldEpoch || m.at.IsZero() {
		m.known = live
	}
	m.at, m.age, m.live = time.Now(), age, live
}

// others are the replicas that must join a reading. ok is false while that is
// not known: no beat yet, or replicas may still come back after a loss.
func (m *membership) others(self string) (names []string, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.at.IsZero() || time.Since(m.at) > 2*beatEvery || m.age < youngEpoch {
		return nil, false
	}
	if m.age < oldEpoch {
		for _, k := range m.known {
			if k != self && !slices.Contains(m.live, k) {
				return nil, false
			}
		}
	}
	for _, n := range m.live {
		if n != self {
			names = append(names, n)
		}
	}
	return names, true
}

// share is this replica's part of n when every live replica takes an equal one,
// as it was known last; the remainder goes to the first.
func (m *membership) share(self string, n int64) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := m.live
	rank := slices.Index(all, self)
	if rank < 0 { // never seen: one more than those that were
		rank, all = len(all), append(slices.Clone(all), self)
	}
	part := n / int64(len(all))
	if int64(rank) < n%int64(len(all)) {
		part++
	}
	return part
}

// membersKeys are the keys that all replicas share.
func (l *Limiter) membersKeys() []string {
	base := l.o.Prefix + "{live}:"
	return []string{base + "beats", base + "epoch", base + "wanted"}
}

// beat says that this replica lives, if Run does, and learns who else does and
// which accounts are being read.
func (l *Limiter) beat(ctx context.Context) (wanted map[gateway.AccountID]string, err error) {
	name := ""
	if l.running.Load() {
		name = l.name
	}
	reply, err := l.run(ctx, l.o.Timeout, beatScript, l.membersKeys(), []any{name, duration(beatLife)})
	if err != nil {
		return nil, err
	}
	f := listOf(reply)
	age := time.Duration(f.int()) * time.Microsecond
	members, pairs := listOf(f.next()), listOf(f.next())
	var live []string
	for len(members.list) > 0 {
		live = append(live, members.text())
	}
	wanted = map[gateway.AccountID]string{}
	for len(pairs.list) > 1 {
		id := pairs.text()
		wanted[gateway.AccountID(id)] = pairs.text()
	}
	if !f.ok || !members.ok || !pairs.ok {
		return nil, malformed(reply)
	}
	l.members.note(age, live)
	return wanted, nil
}
