package cli

import (
	"encoding/json"
	"fmt"

	"github.com/bricks-gateway/bricks/internal/adminclient"
)

// limits are the flags that keys and users have in common.
type limits struct {
	Name        *string  `placeholder:"NAME" help:"A name for people."`
	Tags        []string `name:"tag" sep:"none" placeholder:"TAG" help:"A tag to find it by; may be repeated."`
	TTL         *string  `name:"ttl" placeholder:"TIME" help:"How long it lives: 30d, 12h, 1h30m."`
	CostLimit   *money   `placeholder:"USD" help:"Most that it may ever spend."`
	CostRate    *rate    `name:"cost-limit-over-time" placeholder:"USD/UNIT" help:"Most that it may spend in a minute (m), hour (h), day (d) or month (mo): 20/d."`
	RateLimit   *rate    `placeholder:"N/UNIT" help:"Most requests in a second (s), minute (m), hour (h) or day (d): 60/m."`
	MaxParallel *int64   `placeholder:"N" help:"Most requests at the same time."`
	Models      []string `name:"model" sep:"none" placeholder:"MODEL" help:"A model that may be asked for; may be repeated. None: all."`
	Paths       []rule   `name:"path" sep:"none" placeholder:"'METHOD PATH'" help:"A path that may be called, such as 'POST /api/providers/openai/v1/chat/completions'; may be repeated. None: all."`
}

// rates are the limits that one flag gives two members.
type rates struct {
	count     *int64
	countUnit *string
	usd       *json.Number
	usdUnit   *string
}

func (l limits) rates() (r rates, err error) {
	if r.count, r.countUnit, err = l.RateLimit.count(); err != nil {
		return r, err
	}
	r.usd, r.usdUnit, err = l.CostRate.dollars()
	return r, err
}

// ofKey spells the flags as members of a key.
func (l limits) ofKey() (b adminclient.KeyPatch, err error) {
	r, err := l.rates()
	b.Name = l.Name
	setList(&b.Tags, l.Tags)
	set(&b.Ttl, l.TTL)
	set(&b.CostLimitInUsd, l.CostLimit.number())
	set(&b.CostLimitInUsdOverTime, r.usd)
	set(&b.CostLimitInUsdUnit, r.usdUnit)
	set(&b.RateLimitOverTime, r.count)
	set(&b.RateLimitUnit, r.countUnit)
	set(&b.MaxParallelRequests, l.MaxParallel)
	setList(&b.AllowedModels, l.Models)
	setList(&b.AllowedPaths, pathRules(l.Paths))
	return b, err
}

// ofUser spells the flags as members of a user.
func (l limits) ofUser() (b adminclient.UserPatch, err error) {
	r, err := l.rates()
	b.Name = l.Name
	setList(&b.Tags, l.Tags)
	set(&b.Ttl, l.TTL)
	set(&b.CostLimitInUsd, l.CostLimit.number())
	set(&b.CostLimitInUsdOverTime, r.usd)
	set(&b.CostLimitInUsdUnit, r.usdUnit)
	set(&b.RateLimitOverTime, r.count)
	set(&b.RateLimitUnit, r.countUnit)
	set(&b.MaxParallelRequests, l.MaxParallel)
	setList(&b.AllowedModels, l.Models)
	setList(&b.AllowedPaths, pathRules(l.Paths))
	return b, err
}

// standing shows what was spent, and how limits stand.
var standing = []column[adminclient.StandingAnswer]{
	{"ID", func(s adminclient.StandingAnswer) any { return s.Id }},
	{"SPENT", func(s adminclient.StandingAnswer) any { return dollars(s.CostInUsd) }},
	{"HELD", func(s adminclient.StandingAnswer) any { return dollars(s.ReservedInUsd) }},
	{"RUNNING", func(s adminclient.StandingAnswer) any { return s.RunningRequests }},
	{"COST LIMIT", func(s adminclient.StandingAnswer) any { return costStanding(s.CostLimit) }},
	{"COST LIMIT OVER TIME", func(s adminclient.StandingAnswer) any { return costStanding(s.CostLimitOverTime) }},
	{"RATE LIMIT", func(s adminclient.StandingAnswer) any { return rateStanding(s.RateLimit) }},
}

func costStanding(s *adminclient.CostStanding) string {
	if s == nil {
		return ""
	}
	text := "$" + string(s.RemainingInUsd) + " left of $" + string(s.LimitInUsd)
	if s.Unit != nil {
		text += "/" + *s.Unit
	}
	return text
}

func rateStanding(s *adminclient.RateStanding) string {
	if s == nil {
		return ""
	}
	return fmt.Sprintf("%d left of %d/%s", s.Remaining, s.Limit, s.Unit)
}
