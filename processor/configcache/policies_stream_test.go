package configcache_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/processor/configcache"
	configv1 "github.com/bricks-gateway/bricks/proto/config/v1"
)

// A stream that is cut takes no policy along, and the next one brings what was
// changed meanwhile. Without one the key is refused in the end, and the policy
// with it.
func TestAPolicyOutlivesItsStreamAsTheKeyDoes(t *testing.T) {
	d, k := key("guarded")
	k.PolicyId = "p"
	c := &controlPlane{known: map[string]*configv1.Key{d: k}, policies: []*configv1.Policy{{Id: "p", Revision: 1}}, cut: make(chan struct{})}
	const stale = time.Second
	cache, stop := connect(t, c, configcache.Options{StaleAfter: stale})
	if kind := kindOf(cache, "guarded"); kind != "" {
		t.Fatalf("the key: %s", kind)
	}
	revision := func(want int64) func() error {
		return func() error {
			if p, err := cache.Policy("p"); err != nil || p.Revision != want {
				return fmt.Errorf("policy %+v, %w; want revision %d", p, err, want)
			}
			return nil
		}
	}
	if err := revision(1)(); err != nil {
		t.Error(err)
	}
	c.mu.Lock()
	c.policies = []*configv1.Policy{{Id: "p", Revision: 2}}
	c.mu.Unlock()
	c.cut <- struct{}{}
	if err := revision(1)(); err != nil && revision(2)() != nil {
		t.Errorf("right after the cut: %v", err)
	}
	eventually(t, revision(2))
	stop()
	eventually(t, func() error {
		if kind := kindOf(cache, "guarded"); kind != gateway.Unavailable {
			return fmt.Errorf("without a control plane: %q", kind)
		}
		return nil
	})
}
