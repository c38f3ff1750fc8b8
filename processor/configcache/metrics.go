package configcache

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// watch shows how well the cache is fed.
func (c *Cache) watch(r prometheus.Registerer) {
	if r == nil {
		return
	}
	gauge := func(name, help string, read func() float64) {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, read))
	}
	gauge("bricks_config_connected", "1 while the control plane feeds this processor.", func() float64 { return truth(c.connected.Load()) })
	gauge("bricks_config_serving", "1 while what this processor knows may be used: it is fresh enough, and no other processor counts in its place.",
		func() float64 { return truth(c.Check() == nil) })
	gauge("bricks_config_revision", "The store's revision that the latest update reflected.", func() float64 { return float64(c.revision.Load()) })
	gauge("bricks_config_age_seconds", "How long this processor has been without its control plane; 0 while it is connected.",
		func() float64 { return c.age(time.Now()).Seconds() })
	gauge("bricks_config_known_keys", "Keys that this processor follows.", func() float64 {
		c.mu.Lock()
		defer c.mu.Unlock()
		return float64(len(c.known))
	})
}

// age is how old what the cache knows may be; 0 before the first contact too,
// when it knows nothing.
func (c *Cache) age(now time.Time) time.Duration {
	last := c.lastContact.Load()
	if last == 0 || c.connected.Load() {
		return 0
	}
	return max(0, now.Sub(time.Unix(0, last)))
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
