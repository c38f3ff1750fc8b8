package configcache_test

import (
	"crypto/sha256"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/testenv"
	"github.com/bricks-gateway/bricks/processor/configcache"
	configv1 "github.com/bricks-gateway/bricks/proto/config/v1"
)

// TestIsKey: a key is known for one, is asked for once, and nobody waits for a
// control plane that is away.
func TestIsKey(t *testing.T) {
	d, k := key("good")
	c := &controlPlane{known: map[string]*configv1.Key{d: k}}
	cache, stop := connect(t, c, configcache.Options{LookupTimeout: time.Minute})
	is := func(secret string) bool { return cache.IsKey(t.Context(), sha256.Sum256([]byte(secret))) }
	for range 2 {
		if !is("good") || is("bad") {
			t.Errorf("good: %t, bad: %t", is("good"), is("bad"))
		}
	}
	if n := c.questions("bad"); n != 1 {
		t.Errorf("%d questions for what is no key, want 1", n)
	}
	stop()
	testenv.Eventually(t, 5*time.Second, "the stream has ended", func() bool { return !cache.Connected() })
	begin := time.Now()
	if !is("good") || is("never seen") || time.Since(begin) > 10*time.Second {
		t.Errorf("cut off: good: %t, never seen: %t", is("good"), is("never seen"))
	}
}
