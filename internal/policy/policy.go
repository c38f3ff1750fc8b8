package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/pii"
)

// Policy is a policy ready to be applied. It does not change.
type Policy struct {
	ID       string
	Revision int64

	actions   [pii.Types]gateway.PolicyAction
	types     pii.Set // that are looked for
	regex     []regexRule
	detectors []string
	lenient   bool // a failing detector is passed over

	answers, restores bool
}

// New compiles p, or says what Check has against it.
func New(p *gateway.Policy) (*Policy, error) {
	if problems := Check(p); len(problems) > 0 {
		return nil, fmt.Errorf("policy %s: %s %s", p.ID, problems[0].Field, problems[0].Message)
	}
	out := &Policy{
		ID: p.ID, Revision: p.Revision, detectors: p.Detectors, lenient: p.OnError == gateway.OnErrorAllow,
		answers: p.ApplyToResponse, restores: p.RestoreInResponse,
	}
	if len(out.detectors) == 0 {
		out.detectors = []string{gateway.DetectorEmbedded}
	}
	for t := range pii.All.Types() {
		action, ok := p.Rules[t.String()]
		if !ok {
			action = p.Rules[gateway.AllTypes] // or nothing, which allows
		}
		if action == "" {
			action = gateway.PolicyAllow
		}
		if out.actions[t] = action; action != gateway.PolicyAllow {
			out.types |= pii.Of(t)
		}
	}
	for _, r := range p.Regex {
		if r.Action == gateway.PolicyAllow {
			continue
		}
		re, err := compile(r.Definition)
		if err != nil {
			return nil, err
		}
		out.regex = append(out.regex, regexRule{re, r.Action})
	}
	return out, nil
}

// Action is what the policy does with values of a type.
func (p *Policy) Action(t pii.Type) gateway.PolicyAction { return p.actions[t] }

// Guards reports whether the policy may block or redact, so that nothing may
// pass which cannot be looked at.
func (p *Policy) Guards() bool {
	guards := func(a gateway.PolicyAction) bool { return a == gateway.PolicyBlock || a == gateway.PolicyRedact }
	return slices.ContainsFunc(p.actions[:], guards) ||
		slices.ContainsFunc(p.regex, func(r regexRule) bool { return guards(r.action) })
}

// ReadsAnswers reports whether answers are looked at, or changed.
func (p *Policy) ReadsAnswers() bool { return p.answers || p.restores }

// Restores reports whether an answer's placeholders give way to what they stand
// for, which makes the answer a matter of its one request.
func (p *Policy) Restores() bool { return p.restores }

// external reports whether the policy asks services.
func (p *Policy) external() bool {
	return slices.ContainsFunc(p.detectors, func(d string) bool { return d != gateway.DetectorEmbedded })
}

// External reports whether looking at a text may take as long as a service takes
// to answer.
func (p *Policy) External() bool { return p.external() && p.types != 0 }

// match is one found value: text[start:end] of one text.
type match struct {
	start, end int
	kind       pii.Type // pii.Types: of a regular expression
	action     gateway.PolicyAction
}

func (m match) finding() string {
	if m.kind == pii.Types {
		return regexFinding
	}
	return m.kind.String()
}

// label is what takes the value's place.
func (m match) label() string {
	if m.kind == pii.Types {
		return regexLabel
	}
	return labels[m.kind]
}

const regexLabel = "[REDACTED]"

var labels = func() (out [pii.Types]string) {
	for t := range pii.All.Types() {
		out[t] = "[" + strings.ToUpper(t.String()) + "]"
	}
	return out
}()

// severity orders the actions: the worst one wins.
func severity(a gateway.PolicyAction) int {
	return slices.Index([]gateway.PolicyAction{gateway.PolicyAllow, gateway.PolicyWarn, gateway.PolicyRedact, gateway.PolicyBlock}, a)
}
