package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

// defaultUserConfig bounds every end user that no user object describes. The
// numbers are texts so that a 0 is told from nothing: it would be no limit where
// somebody meant "none may".
type defaultUserConfig struct {
	CostLimit           string       `env:"COST_LIMIT_IN_USD"`
	CostLimitOverTime   string       `env:"COST_LIMIT_IN_USD_OVER_TIME"`
	CostLimitUnit       gateway.Unit `env:"COST_LIMIT_IN_USD_UNIT"`
	RateLimitOverTime   string       `env:"RATE_LIMIT_OVER_TIME"`
	RateLimitUnit       gateway.Unit `env:"RATE_LIMIT_UNIT"`
	MaxParallelRequests string       `env:"MAX_PARALLEL_REQUESTS"`
}

const defaultUserPrefix = "DEFAULT_USER_"

// limits reads the variables; the error has all faults.
func (d *defaultUserConfig) limits() (gateway.Limits, error) {
	var faults []error
	fault := func(variable, format string, args ...any) {
		faults = append(faults, fmt.Errorf(defaultUserPrefix+variable+": "+format, args...))
	}
	money := func(variable, text string) gateway.NanoUSD {
		if text == "" {
			return 0
		}
		n, err := gateway.ParseUSD(text)
		switch {
		case err != nil:
			fault(variable, "%w", err)
		case n <= 0:
			fault(variable, "must be above zero; leave it out for no limit")
		}
		return n
	}
	count := func(variable, text string, most int64) int64 {
		if text == "" {
			return 0
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 1 || n > most {
			fault(variable, "must be a whole number from 1 to %d; leave it out for no limit", most)
		}
		return n
	}
	pair := func(variable, unit string, set bool, value gateway.Unit, units ...gateway.Unit) {
		if set != (value != "") {
			faults = append(faults, fmt.Errorf("%[1]s%[2]s and %[1]s%[3]s must be given together", defaultUserPrefix, unit, variable))
		}
		if value != "" && !slices.Contains(units, value) {
			fault(unit, "%q is none of %v", value, units)
		}
	}
	l := gateway.Limits{
		CostLimit:           money("COST_LIMIT_IN_USD", d.CostLimit),
		CostLimitOverTime:   money("COST_LIMIT_IN_USD_OVER_TIME", d.CostLimitOverTime),
		CostLimitUnit:       d.CostLimitUnit,
		RateLimitOverTime:   count("RATE_LIMIT_OVER_TIME", d.RateLimitOverTime, 1<<53),
		RateLimitUnit:       d.RateLimitUnit,
		MaxParallelRequests: int(count("MAX_PARALLEL_REQUESTS", d.MaxParallelRequests, 1_000_000)),
	}
	pair("COST_LIMIT_IN_USD_OVER_TIME", "COST_LIMIT_IN_USD_UNIT", d.CostLimitOverTime != "", d.CostLimitUnit,
		gateway.Minute, gateway.Hour, gateway.Day, gateway.Month)
	pair("RATE_LIMIT_OVER_TIME", "RATE_LIMIT_UNIT", d.RateLimitOverTime != "", d.RateLimitUnit,
		gateway.Second, gateway.Minute, gateway.Hour, gateway.Day)
	return l, errors.Join(faults...)
}
