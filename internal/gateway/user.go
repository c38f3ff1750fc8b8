package gateway

import "time"

// User describes an end user of keys and bounds what that end user may do,
// whichever of the matching keys is used. It matches a request that names
// UserID as its end user and comes with a key that shares a tag with it or that
// it lists. Several users may match one request: then all their limits apply.
type User struct {
	ID     string
	Name   string
	Tags   []string
	KeyIDs []string // one that is deleted may stay in it, and matches nothing
	UserID string   // what clients call the end user; never empty in the store

	CreatedAt time.Time // whole seconds, UTC
	UpdatedAt time.Time

	Revoked       bool
	RevokedReason string
	TTL           string    // as the administrator wrote it; empty for none
	ExpiresAt     time.Time // zero for never

	CostLimit           NanoUSD // 0: no limit
	CostLimitOverTime   NanoUSD // 0: no limit
	CostLimitUnit       Unit    // set exactly when CostLimitOverTime is
	RateLimitOverTime   int64   // 0: no limit
	RateLimitUnit       Unit    // set exactly when RateLimitOverTime is
	MaxParallelRequests int     // 0: no limit

	AllowedPaths  []PathRule // empty: all
	AllowedModels []string   // empty: all

	// Revision is the store's revision of the last change to this user.
	Revision int64
}

// Limits are the user's own.
func (u *User) Limits() Limits {
	return Limits{
		CostLimit: u.CostLimit, CostLimitOverTime: u.CostLimitOverTime, CostLimitUnit: u.CostLimitUnit,
		RateLimitOverTime: u.RateLimitOverTime, RateLimitUnit: u.RateLimitUnit,
		MaxParallelRequests: u.MaxParallelRequests,
	}
}
