package gateway

// AccountID names whose spend is summed: "key:<key id>", "user:<user id>", or
// "default:<key id>:<end user>" for an end user that no user object describes
// and that the default limits bind.
type AccountID string

// KeyAccount is the account of a key.
func KeyAccount(id string) AccountID { return AccountID("key:" + id) }

// UserAccount is the account of a user object.
func UserAccount(id string) AccountID { return AccountID("user:" + id) }

// DefaultAccount is the account of an end user under the default limits. End
// users are named by clients, so that equal names under two keys are two people.
func DefaultAccount(keyID, endUser string) AccountID {
	return AccountID("default:" + keyID + ":" + endUser)
}

// Limits bound what one account may spend and ask for. A zero limit is none.
type Limits struct {
	CostLimit           NanoUSD
	CostLimitOverTime   NanoUSD
	CostLimitUnit       Unit // set exactly when CostLimitOverTime is
	RateLimitOverTime   int64
	RateLimitUnit       Unit // set exactly when RateLimitOverTime is
	MaxParallelRequests int
}

// HasCost reports whether money is limited.
func (l Limits) HasCost() bool { return l.CostLimit > 0 || l.CostLimitOverTime > 0 }

// Any reports whether anything is limited.
func (l Limits) Any() bool {
	return l.HasCost() || l.RateLimitOverTime > 0 || l.MaxParallelRequests > 0
}

// Limits are the key's own.
func (k *Key) Limits() Limits {
	return Limits{
		CostLimit: k.CostLimit, CostLimitOverTime: k.CostLimitOverTime, CostLimitUnit: k.CostLimitUnit,
		RateLimitOverTime: k.RateLimitOverTime, RateLimitUnit: k.RateLimitUnit,
		MaxParallelRequests: k.MaxParallelRequests,
	}
}
