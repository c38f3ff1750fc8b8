package policy_test

import (
	"strings"
	"testing"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/policy"
)

func TestCheck(t *testing.T) {
	regex := func(definition string) *gateway.Policy {
		return &gateway.Policy{Regex: []gateway.RegexRule{{Definition: definition, Action: gateway.PolicyBlock}}}
	}
	const definition = "/regexConfig/rules/0/definition"
	for name, c := range map[string]struct {
		policy *gateway.Policy
		field  string // empty: nothing is wrong
		says   string
	}{
		"an empty policy":        {&gateway.Policy{}, "", ""},
		"the seed's example":     {regex(`[2-9]|[12]\d|3[0-6]`), "", ""},
		"every type":             {&gateway.Policy{Rules: map[string]gateway.PolicyAction{"all": "allow_but_redact", "email": "block", "url": "allow", "age": "allow_but_warn"}}, "", ""},
		"an unknown type":        {&gateway.Policy{Rules: map[string]gateway.PolicyAction{"e/mail": "block"}}, "/config/rules/e~1mail", "all or address, age"},
		"an unknown action":      {&gateway.Policy{Rules: map[string]gateway.PolicyAction{"email": "deny"}}, "/config/rules/email", "allow_but_redact"},
		"no action":              {&gateway.Policy{Regex: []gateway.RegexRule{{Definition: "a"}}}, "/regexConfig/rules/0/action", "must be block"},
		"a broken expression":    {regex(`a(b`), definition, "missing closing )"},
		"a look-ahead":           {regex(`(?=a)b`), definition, "invalid or unsupported Perl syntax"},
		"an empty expression":    {regex(""), definition, "must not be empty"},
		"one that matches all":   {regex(`a*`), definition, "matches the empty text"},
		"a long one":             {regex(strings.Repeat("a", 1025)), definition, "at most 1024 bytes"},
		"one that explodes":      {regex(`(a{30}){30}(b{20}){20}c{900}`), definition, "too large"},
		"fifty-one":              {&gateway.Policy{Regex: make([]gateway.RegexRule, 51)}, "/regexConfig/rules", "at most 50"},
		"an unknown onError":     {&gateway.Policy{OnError: "ignore"}, "/onError", "block or allow"},
		"an unknown detector":    {&gateway.Policy{Detectors: []string{"embedded", "spacy"}}, "/detectors/1", "embedded, comprehend, presidio"},
		"a detector named twice": {&gateway.Policy{Detectors: []string{"presidio", "presidio"}}, "/detectors/1", "twice"},
	} {
		t.Run(name, func(t *testing.T) {
			problems := policy.Check(c.policy)
			if c.field == "" {
				if len(problems) > 0 {
					t.Errorf("Check = %v, want nothing", problems)
				}
				return
			}
			for _, p := range problems {
				if p.Field == c.field && strings.Contains(p.Message, c.says) {
					return
				}
			}
			t.Errorf("Check = %v, want %q at %s", problems, c.says, c.field)
		})
	}
}
