package configcache

// SetMaxKnown lets a test reach the bound.
func (c *Cache) SetMaxKnown(n int) { c.maxKnown = n }
