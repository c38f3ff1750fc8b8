package policy

import (
	"fmt"
	"maps"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/pii"
)

// Bounds of a policy's regular expressions.
const (
	MaxRegexRules = 50
	MaxDefinition = 1 << 10 // bytes
	maxProgram    = 1000    // instructions of one compiled definition
	regexFinding  = "regex" // what an event counts the matches of all of them as
)

// Problem is one thing that is wrong with a policy.
type Problem struct {
	Field   string // JSON pointer into the policy as the admin API spells it
	Message string // fit for the administrator
}

var (
	actions   = []gateway.PolicyAction{gateway.PolicyBlock, gateway.PolicyRedact, gateway.PolicyAllow, gateway.PolicyWarn}
	detectors = []string{gateway.DetectorEmbedded, gateway.DetectorComprehend, gateway.DetectorPresidio}
)

// Check says what is wrong with p; nil: New takes it.
func Check(p *gateway.Policy) []Problem {
	var out []Problem
	fail := func(field, format string, args ...any) {
		out = append(out, Problem{field, fmt.Sprintf(format, args...)})
	}
	for _, name := range slices.Sorted(maps.Keys(p.Rules)) {
		field := "/config/rules/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
		if _, known := pii.Parse(name); !known && name != gateway.AllTypes {
			fail(field, "is no type: use %s or %s", gateway.AllTypes, strings.Join(typeNames(), ", "))
		}
		checkAction(field, p.Rules[name], fail)
	}
	if len(p.Regex) > MaxRegexRules {
		fail("/regexConfig/rules", "may have at most %d rules", MaxRegexRules)
	}
	for i, r := range p.Regex {
		field := "/regexConfig/rules/" + strconv.Itoa(i)
		if _, err := compile(r.Definition); err != nil {
			fail(field+"/definition", "%s", err)
		}
		checkAction(field+"/action", r.Action, fail)
	}
	if p.OnError != "" && p.OnError != gateway.OnErrorBlock && p.OnError != gateway.OnErrorAllow {
		fail("/onError", "must be %s or %s", gateway.OnErrorBlock, gateway.OnErrorAllow)
	}
	for i, d := range p.Detectors {
		field := "/detectors/" + strconv.Itoa(i)
		if !slices.Contains(detectors, d) {
			fail(field, "must be one of %s", strings.Join(detectors, ", "))
		} else if slices.Index(p.Detectors, d) < i {
			fail(field, "is there twice")
		}
	}
	return out
}

func checkAction(field string, a gateway.PolicyAction, fail func(field, format string, args ...any)) {
	if !slices.Contains(actions, a) {
		fail(field, "must be block, allow_but_redact, allow_but_warn or allow")
	}
}

func typeNames() (names []string) {
	for t := range pii.All.Types() {
		names = append(names, t.String())
	}
	return names
}

// compile reads a definition. Its error says what to change.
func compile(definition string) (*regexp.Regexp, error) {
	switch {
	case definition == "":
		return nil, fmt.Errorf("must not be empty")
	case len(definition) > MaxDefinition:
		return nil, fmt.Errorf("may have at most %d bytes", MaxDefinition)
	}
	re, err := regexp.Compile(definition)
	if err != nil {
		return nil, fmt.Errorf("is no RE2 expression: %s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	if re.MatchString("") {
		return nil, fmt.Errorf("matches the empty text, which is everywhere")
	}
	parsed, err := syntax.Parse(definition, syntax.Perl)
	if err != nil {
		return nil, fmt.Errorf("is no RE2 expression: %w", err)
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil || len(program.Inst) > maxProgram {
		return nil, fmt.Errorf("is too large: repeat less")
	}
	return re, nil
}
