package gateway

import "time"

// Unit is the length of a limit's window.
type Unit string

// Units of rate limits are s, m, h, d; of cost limits m, h, d, mo. Cost windows
// are aligned to the UTC calendar.
const (
	Second Unit = "s"
	Minute Unit = "m"
	Hour   Unit = "h"
	Day    Unit = "d"
	Month  Unit = "mo"
)

// PathRule allows one path with one method. Path is the public path, for
// instance /api/providers/openai/v1/chat/completions.
type PathRule struct {
	Path   string `json:"path"`
	Method string `json:"method"`
}

// KeyPrefix begins the secrets that the gateway makes. An administrator may choose
// others.
const KeyPrefix = "bk-"

// Key is the gateway's own credential and what its holder may do. The secret
// itself is not here: the store knows it by a keyed hash only.
type Key struct {
	ID   string
	Name string
	Tags []string

	CreatedAt time.Time // whole seconds, UTC
	UpdatedAt time.Time

	Revoked       bool
	RevokedReason string
	TTL           string    // as the administrator wrote it; empty for none
	ExpiresAt     time.Time // zero for never

	CostLimit         NanoUSD // 0: no limit
	CostLimitOverTime NanoUSD // 0: no limit
	CostLimitUnit     Unit    // set exactly when CostLimitOverTime is
	RateLimitOverTime int64   // 0: no limit
	RateLimitUnit     Unit    // set exactly when RateLimitOverTime is

	SettingIDs    []string // in the order of preference
	AllowedPaths  []PathRule
	AllowedModels []string // empty: all
	PolicyID      string

	ShouldLogRequest    bool
	ShouldLogResponse   bool
	RotationEnabled     bool
	IsKeyNotHashed      bool
	RequireUser         bool
	AllowUnbounded      bool
	MaxParallelRequests int // 0: no limit

	// Revision is the store's revision of the last change to this key.
	Revision int64
}

// ProviderSetting is a provider's credential and parameters.
type ProviderSetting struct {
	ID        string
	Name      string
	Provider  string // "openai", "anthropic", …
	CreatedAt time.Time
	UpdatedAt time.Time

	APIKey        Secret
	Params        map[string]string // what else `setting` holds, such as url
	AllowedModels []string          // empty: all

	Revision int64
}
