package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

func TestDefaultUserLimits(t *testing.T) {
	for name, c := range map[string]struct {
		environment string
		want        gateway.Limits
	}{
		"nothing": {"", gateway.Limits{}},
		"everything": {
			"COST_LIMIT_IN_USD=5.5 COST_LIMIT_IN_USD_OVER_TIME=0.25 COST_LIMIT_IN_USD_UNIT=mo RATE_LIMIT_OVER_TIME=60 RATE_LIMIT_UNIT=s MAX_PARALLEL_REQUESTS=4",
			gateway.Limits{
				CostLimit: 5_500_000_000, CostLimitOverTime: 250_000_000, CostLimitUnit: gateway.Month,
				RateLimitOverTime: 60, RateLimitUnit: gateway.Second, MaxParallelRequests: 4,
			},
		},
		"empty is not set": {"COST_LIMIT_IN_USD= RATE_LIMIT_UNIT=", gateway.Limits{}},
	} {
		t.Run(name, func(t *testing.T) {
			_, config, err := parseQuietly([]string{"up"}, defaultUserVariables(c.environment))
			if err != nil {
				t.Fatal(err)
			}
			got, err := config.DefaultUser.limits()
			if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
				t.Errorf("limits (-want +got), %v:\n%s", err, diff)
			}
		})
	}
}

func TestBadDefaultUserLimits(t *testing.T) {
	for environment, want := range map[string][]string{
		"COST_LIMIT_IN_USD=0":                         {"DEFAULT_USER_COST_LIMIT_IN_USD: must be above zero"},
		"COST_LIMIT_IN_USD=-1":                        {"DEFAULT_USER_COST_LIMIT_IN_USD:"},
		"COST_LIMIT_IN_USD=five":                      {"DEFAULT_USER_COST_LIMIT_IN_USD:"},
		"COST_LIMIT_IN_USD_OVER_TIME=1":               {"DEFAULT_USER_COST_LIMIT_IN_USD_UNIT and DEFAULT_USER_COST_LIMIT_IN_USD_OVER_TIME must be given together"},
		"COST_LIMIT_IN_USD_UNIT=d":                    {"DEFAULT_USER_COST_LIMIT_IN_USD_UNIT and"},
		"RATE_LIMIT_OVER_TIME=1.5 RATE_LIMIT_UNIT=mo": {"DEFAULT_USER_RATE_LIMIT_OVER_TIME:", "DEFAULT_USER_RATE_LIMIT_UNIT:"},
		"MAX_PARALLEL_REQUESTS=0 COST_LIMIT_IN_USD=x RATE_LIMIT_UNIT=m": {
			"DEFAULT_USER_MAX_PARALLEL_REQUESTS:", "DEFAULT_USER_COST_LIMIT_IN_USD:", "DEFAULT_USER_RATE_LIMIT_UNIT and",
		},
	} {
		_, _, err := parseQuietly([]string{"up"}, defaultUserVariables(environment))
		if err == nil {
			t.Errorf("%s: accepted", environment)
			continue
		}
		for _, w := range want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: error %q does not say %q", environment, err, w)
			}
		}
	}
}

// defaultUserVariables gives each variable its prefix.
func defaultUserVariables(text string) (environment []string) {
	for _, v := range strings.Fields(text) {
		environment = append(environment, "DEFAULT_USER_"+v)
	}
	return environment
}
