package admin

import (
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

// userAnswer is a user as the API shows it.
type userAnswer struct {
	ID            string   `json:"id" format:"uuid"`
	Name          string   `json:"name"`
	CreatedAt     int64    `json:"createdAt" doc:"Unix seconds."`
	UpdatedAt     int64    `json:"updatedAt" doc:"Unix seconds."`
	Tags          []string `json:"tags"`
	KeyIDs        []string `json:"keyIds"`
	UserID        string   `json:"userId" doc:"What requests call this end user."`
	Revoked       bool     `json:"revoked"`
	RevokedReason string   `json:"revokedReason"`

	CostLimitInUSD         usd    `json:"costLimitInUsd,omitempty" doc:"Absent: no limit."`
	CostLimitInUSDOverTime usd    `json:"costLimitInUsdOverTime,omitempty" doc:"Absent: no limit."`
	CostLimitInUSDUnit     string `json:"costLimitInUsdUnit,omitempty" enum:"m,h,d,mo"`
	RateLimitOverTime      int64  `json:"rateLimitOverTime,omitempty" doc:"Absent: no limit."`
	RateLimitUnit          string `json:"rateLimitUnit,omitempty" enum:"s,m,h,d"`
	MaxParallelRequests    int    `json:"maxParallelRequests,omitempty" doc:"Absent: no limit."`
	TTL                    string `json:"ttl,omitempty" doc:"Absent: the user does not expire."`
	ExpiresAt              int64  `json:"expiresAt,omitempty" doc:"Unix seconds."`

	AllowedPaths  []pathRule `json:"allowedPaths"`
	AllowedModels []string   `json:"allowedModels"`

	Unacknowledged []string `json:"unacknowledged,omitempty" doc:"Who had not put the change in force when this was answered."`
}

// newUserAnswer shows u as it is at now: a user whose ttl is over is revoked,
// whether or not the store says so already.
func newUserAnswer(u *gateway.User, now time.Time) userAnswer {
	answer := userAnswer{
		ID: u.ID, Name: u.Name, CreatedAt: u.CreatedAt.Unix(), UpdatedAt: u.UpdatedAt.Unix(),
		Tags: distinct(u.Tags), KeyIDs: distinct(u.KeyIDs), UserID: u.UserID,
		Revoked: u.Revoked, RevokedReason: u.RevokedReason,
		CostLimitInUSD:         usd(u.CostLimit),
		CostLimitInUSDOverTime: usd(u.CostLimitOverTime), CostLimitInUSDUnit: string(u.CostLimitUnit),
		RateLimitOverTime: u.RateLimitOverTime, RateLimitUnit: string(u.RateLimitUnit),
		MaxParallelRequests: u.MaxParallelRequests, TTL: u.TTL,
		AllowedPaths: []pathRule{}, AllowedModels: distinct(u.AllowedModels),
	}
	if !u.ExpiresAt.IsZero() {
		answer.ExpiresAt = u.ExpiresAt.Unix()
	}
	if userExpired(u, now) && !u.Revoked {
		answer.Revoked, answer.RevokedReason = true, reasonExpired
	}
	for _, rule := range u.AllowedPaths {
		answer.AllowedPaths = append(answer.AllowedPaths, pathRule(rule))
	}
	return answer
}

// userAnswer shows one user and sets its ETag.
func (c *call) userAnswer(u *gateway.User, late []string) userAnswer {
	c.header.Set("ETag", etag(u.Revision))
	answer := newUserAnswer(u, c.api.Now())
	answer.Unacknowledged = late
	return answer
}
