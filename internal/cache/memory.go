package cache

import (
	"container/list"
	"context"
	"sync"
	"time"
)

// Memory is a Store in the process: the least recently used entries go first.
type Memory struct {
	limit int64
	now   func() time.Time

	mu     sync.Mutex
	size   int64
	recent *list.List // of *kept, the latest used in front
	scopes map[Scope]map[Key]*list.Element
	live   map[string]int64 // nil: not told yet
}

var _ Store = (*Memory)(nil)

type kept struct {
	scope   Scope
	key     Key
	entry   *Entry
	expires time.Time
}

// NewMemory returns a store that holds at most limit bytes.
func NewMemory(limit int64) *Memory {
	return &Memory{limit: limit, now: time.Now, recent: list.New(), scopes: map[Scope]map[Key]*list.Element{}}
}

// Get never returns an error.
func (m *Memory) Get(_ context.Context, s Scope, k Key) (*Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, ok := m.scopes[s][k]
	if !ok {
		return nil, nil
	}
	one := at.Value.(*kept)
	if !m.now().Before(one.expires) {
		m.drop(at)
		return nil, nil
	}
	m.recent.MoveToFront(at)
	return one.entry, nil
}

// Put never returns an error.
func (m *Memory) Put(_ context.Context, s Scope, k Key, e *Entry, ttl time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e.Size() > m.limit || Over(m.live, s) {
		return nil
	}
	if at, ok := m.scopes[s][k]; ok {
		m.drop(at)
	}
	if m.scopes[s] == nil {
		m.scopes[s] = map[Key]*list.Element{}
	}
	m.scopes[s][k] = m.recent.PushFront(&kept{scope: s, key: k, entry: e, expires: m.now().Add(ttl)})
	m.size += e.Size()
	for m.size > m.limit {
		m.drop(m.recent.Back())
	}
	return nil
}

// Keep drops the entries of other scopes before it returns.
func (m *Memory) Keep(live map[string]int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.live = live
	for s, keys := range m.scopes {
		if Over(live, s) {
			for _, at := range keys {
				m.drop(at)
			}
		}
	}
}

// Size is what the entries take, in bytes.
func (m *Memory) Size() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.size
}

// drop needs m.mu.
func (m *Memory) drop(at *list.Element) {
	one := m.recent.Remove(at).(*kept)
	m.size -= one.entry.Size()
	keys := m.scopes[one.scope]
	delete(keys, one.key)
	if len(keys) == 0 {
		delete(m.scopes, one.scope)
	}
}
