package admin

import (
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

// keyAnswer is a key as the API shows it.
type keyAnswer struct {
	Name          string   `json:"name"`
	CreatedAt     int64    `json:"createdAt" doc:"Unix seconds."`
	UpdatedAt     int64    `json:"updatedAt" doc:"Unix seconds."`
	Revoked       bool     `json:"revoked"`
	RevokedReason string   `json:"revokedReason"`
	Tags          []string `json:"tags"`
	KeyID         string   `json:"keyId" format:"uuid"`

	CostLimitInUSD         usd    `json:"costLimitInUsd,omitempty" doc:"Absent: no limit."`
	CostLimitInUSDOverTime usd    `json:"costLimitInUsdOverTime,omitempty" doc:"Absent: no limit."`
	CostLimitInUSDUnit     string `json:"costLimitInUsdUnit,omitempty" enum:"m,h,d,mo"`
	RateLimitOverTime      int64  `json:"rateLimitOverTime,omitempty" doc:"Absent: no limit."`
	RateLimitUnit          string `json:"rateLimitUnit,omitempty" enum:"s,m,h,d"`
	MaxParallelRequests    int    `json:"maxParallelRequests,omitempty" doc:"Absent: no limit."`
	TTL                    string `json:"ttl,omitempty" doc:"Absent: the key does not expire."`
	ExpiresAt              int64  `json:"expiresAt,omitempty" doc:"Unix seconds."`

	SettingID     string     `json:"settingId" deprecated:"true" doc:"The first of settingIds; empty when there is none."`
	SettingIDs    []string   `json:"settingIds"`
	AllowedPaths  []pathRule `json:"allowedPaths"`
	AllowedModels []string   `json:"allowedModels"`
	PolicyID      string     `json:"policyId"`

	ShouldLogRequest  bool `json:"shouldLogRequest"`
	ShouldLogResponse bool `json:"shouldLogResponse"`
	RotationEnabled   bool `json:"rotationEnabled"`
	IsKeyNotHashed    bool `json:"isKeyNotHashed"`
	RequireUser       bool `json:"requireUser"`
	AllowUnbounded    bool `json:"allowUnbounded"`

	Key              string   `json:"key,omitempty" doc:"The secret: once, when the server made it; again for an admin when isKeyNotHashed is true."`
	OldKeyValidUntil int64    `json:"oldKeyValidUntil,omitempty" doc:"Unix seconds until which the secret before the rotation works."`
	Warnings         []string `json:"warnings,omitempty" doc:"What was accepted and should be looked at."`
	Unacknowledged   []string `json:"unacknowledged,omitempty" doc:"Who had not put the change in force when this was answered."`
}

// newKeyAnswer shows k as it is at now: a key whose ttl is over is revoked,
// whether or not the store says so already.
func newKeyAnswer(k *gateway.Key, now time.Time) keyAnswer {
	answer := keyAnswer{
		Name: k.Name, CreatedAt: k.CreatedAt.Unix(), UpdatedAt: k.UpdatedAt.Unix(),
		Revoked: k.Revoked, RevokedReason: k.RevokedReason, Tags: distinct(k.Tags), KeyID: k.ID,
		CostLimitInUSD:         usd(k.CostLimit),
		CostLimitInUSDOverTime: usd(k.CostLimitOverTime), CostLimitInUSDUnit: string(k.CostLimitUnit),
		RateLimitOverTime: k.RateLimitOverTime, RateLimitUnit: string(k.RateLimitUnit),
		MaxParallelRequests: k.MaxParallelRequests, TTL: k.TTL,
		SettingIDs: distinct(k.SettingIDs), AllowedPaths: []pathRule{}, AllowedModels: distinct(k.AllowedModels), PolicyID: k.PolicyID,
		ShouldLogRequest: k.ShouldLogRequest, ShouldLogResponse: k.ShouldLogResponse, RotationEnabled: k.RotationEnabled,
		IsKeyNotHashed: k.IsKeyNotHashed, RequireUser: k.RequireUser, AllowUnbounded: k.AllowUnbounded,
	}
	if !k.ExpiresAt.IsZero() {
		answer.ExpiresAt = k.ExpiresAt.Unix()
	}
	if expired(k, now) && !k.Revoked {
		answer.Revoked, answer.RevokedReason = true, reasonExpired
	}
	if len(answer.SettingIDs) > 0 {
		answer.SettingID = answer.SettingIDs[0]
	}
	for _, rule := range k.AllowedPaths {
		answer.AllowedPaths = append(answer.AllowedPaths, pathRule(rule))
	}
	return answer
}

// keyAnswer shows one key and sets its ETag.
func (c *call) keyAnswer(k *gateway.Key) keyAnswer {
	c.header.Set("ETag", etag(k.Revision))
	return newKeyAnswer(k, c.api.Now())
}

func (c *call) keyAnswers(list []*gateway.Key) []keyAnswer {
	answers := make([]keyAnswer, 0, len(list))
	for _, k := range list {
		answers = append(answers, newKeyAnswer(k, c.api.Now()))
	}
	return answers
}
