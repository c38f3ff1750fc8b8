package telemetry

import "sync"

// bounded keeps the series of at most max keys, ready to count. Safe for
// concurrent use.
type bounded[K comparable, V any] struct {
	max    int
	make   func(K) V
	series sync.Map // K → V

	mu   sync.Mutex
	size int
}

// get returns the series of key, or that of other when there are too many.
func (b *bounded[K, V]) get(key, other K) V {
	if v, ok := b.series.Load(key); ok {
		return v.(V)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if v, ok := b.series.Load(key); ok {
		return v.(V)
	}
	switch {
	case key == other: // beside the bound, which holds for the others
	case b.size < b.max:
		b.size++
	default:
		if v, ok := b.series.Load(other); ok {
			return v.(V)
		}
		key = other
	}
	v := b.make(key)
	b.series.Store(key, v)
	return v
}
