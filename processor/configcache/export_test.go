package configcache

import "time"

// SetMaxKnown lets a test reach the bound.
func (c *Cache) SetMaxKnown(n int) { c.maxKnown = n }

// Age is the cache's age at a time.
func (c *Cache) Age(now time.Time) time.Duration { return c.age(now) }
