package cache_test

import (
	"context"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/cache"
	"github.com/bricks-gateway/bricks/internal/cache/cachetest"
)

func TestMemory(t *testing.T) {
	cachetest.Run(t, func(*testing.T) cache.Store { return cache.NewMemory(cachetest.Limit) })
}

func BenchmarkMemoryHit(b *testing.B) {
	m, scope, k := cache.NewMemory(1<<20), cache.Scope{Route: "r", Revision: 1}, cachetest.Key("a")
	_ = m.Put(context.Background(), scope, k, cachetest.Entry("body"), time.Hour)
	b.ReportAllocs()
	for b.Loop() {
		if e, _ := m.Get(context.Background(), scope, k); e == nil {
			b.Fatal("lost")
		}
	}
}
