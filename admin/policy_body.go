package admin

import (
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/pii"
	"github.com/bricks-gateway/bricks/internal/policy"
)

// policyAction is what a policy does with what it finds.
type policyAction string

// Schema implements huma.SchemaProvider: a struct tag cannot list what the
// values of a map may be.
func (policyAction) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Enum: []any{
		string(gateway.PolicyBlock), string(gateway.PolicyRedact), string(gateway.PolicyWarn), string(gateway.PolicyAllow)}}
}

type policyConfig struct {
	Rules map[string]policyAction `json:"rules" doc:"Actions by the type of personal data, or all for every type without an action of its own; a type without one is allowed."`
}

type policyRegexRule struct {
	Definition string       `json:"definition" minLength:"1" maxLength:"1024" doc:"A regular expression in RE2's syntax that does not match the empty text."`
	Action     policyAction `json:"action" doc:"What is done with what it matches."`
}

type policyRegexConfig struct {
	Rules []policyRegexRule `json:"rules" nullable:"false" maxItems:"50" doc:"Regular expressions; all of them apply."`
}

// PolicyFields are the members that create and change a policy alike. The name is
// exported because huma passes over embedded types that are not.
type PolicyFields struct {
	Name              optional[string]                  `json:"name,omitzero" maxLength:"256" doc:"A name for people."`
	Config            optionalObject[policyConfig]      `json:"config,omitzero" doc:"What to look for; null: no type."`
	RegexConfig       optionalObject[policyRegexConfig] `json:"regexConfig,omitzero" doc:"What else to look for; null: nothing."`
	ApplyToResponse   optional[bool]                    `json:"applyToResponse,omitzero" doc:"Look at answers too."`
	RestoreInResponse optional[bool]                    `json:"restoreInResponse,omitzero" doc:"Put what was redacted in the request back into the answer."`
	OnError           optional[string]                  `json:"onError,omitzero" enum:"block,allow" doc:"What happens to a request while a detector fails: it is refused, or goes on without what that detector would have found. null: block."`
	Detectors         optional[[]string]                `json:"detectors,omitzero" maxItems:"10" enum:"embedded,comprehend,presidio" doc:"Who looks for the types of config; null or empty: embedded. Whether a processor has the others is known there only: one without counts as failing."`
}

// PolicyReadOnly are the members of an answer that a request may send back.
type PolicyReadOnly struct {
	ID             any `json:"id,omitempty" readOnly:"true"`
	CreatedAt      any `json:"created_at,omitempty" readOnly:"true"`
	UpdatedAt      any `json:"updated_at,omitempty" readOnly:"true"`
	Unacknowledged any `json:"unacknowledged,omitempty" readOnly:"true"`
}

type policyCreate struct {
	Tags []string `json:"tags" nullable:"false" maxItems:"100" minLength:"1" maxLength:"256" doc:"Identifiers to find the policy by."`
	PolicyFields
	PolicyReadOnly
}

type policyPatch struct {
	Tags optional[[]string] `json:"tags,omitzero" maxItems:"100" minLength:"1" maxLength:"256" doc:"Identifiers to find the policy by."`
	PolicyFields
	PolicyReadOnly
}

type policyAnswer struct {
	ID                string            `json:"id" format:"uuid"`
	CreatedAt         int64             `json:"created_at" doc:"Unix seconds."`
	UpdatedAt         int64             `json:"updated_at" doc:"Unix seconds."`
	Name              string            `json:"name"`
	Tags              []string          `json:"tags"`
	Config            policyConfig      `json:"config"`
	RegexConfig       policyRegexConfig `json:"regexConfig"`
	ApplyToResponse   bool              `json:"applyToResponse"`
	RestoreInResponse bool              `json:"restoreInResponse"`
	OnError           string            `json:"onError" enum:"block,allow"`
	Detectors         []string          `json:"detectors"`
	Unacknowledged    []string          `json:"unacknowledged,omitempty" doc:"Who had not put the change in force when this was answered."`
}

// merge changes p and returns what is wrong with the result.
func (f PolicyFields) merge(p *gateway.Policy) (faults []fault) {
	f.Name.into(&p.Name)
	f.ApplyToResponse.into(&p.ApplyToResponse)
	f.RestoreInResponse.into(&p.RestoreInResponse)
	f.OnError.into(&p.OnError)
	if f.Detectors.Set {
		p.Detectors = distinct(f.Detectors.Value)
	}
	if f.Config.Set {
		if len(f.Config.Value.Rules) > int(pii.Types)+1 { // with all: one fault, not one for each
			return []fault{{Pointer: "/config/rules", Detail: "names more types than there are"}}
		}
		p.Rules = map[string]gateway.PolicyAction{}
		for name, action := range f.Config.Value.Rules {
			p.Rules[name] = gateway.PolicyAction(action)
		}
	}
	if f.RegexConfig.Set {
		p.Regex = nil
		for _, r := range f.RegexConfig.Value.Rules {
			p.Regex = append(p.Regex, gateway.RegexRule{Definition: r.Definition, Action: gateway.PolicyAction(r.Action)})
		}
	}
	return policyFaults(p)
}

// policyFaults are what policy.Check finds. The pointers may hold a name that the
// client made up, and are cut like those of unknown members.
func policyFaults(p *gateway.Policy) (faults []fault) {
	for _, problem := range policy.Check(p) {
		pointer := problem.Field
		if name, ok := strings.CutPrefix(pointer, "/config/rules/"); ok {
			pointer = "/config/rules/" + escapePointer(strings.NewReplacer("~1", "/", "~0", "~").Replace(name))
		}
		faults = append(faults, fault{Pointer: pointer, Detail: problem.Message})
	}
	return faults
}

// policyAnswer shows p and sets its ETag.
func (c *call) policyAnswer(p *gateway.Policy, late []string) policyAnswer {
	c.header.Set("ETag", etag(p.Revision))
	answer := newPolicyAnswer(p)
	answer.Unacknowledged = late
	return answer
}

func newPolicyAnswer(p *gateway.Policy) policyAnswer {
	answer := policyAnswer{
		ID: p.ID, CreatedAt: p.CreatedAt.Unix(), UpdatedAt: p.UpdatedAt.Unix(), Name: p.Name, Tags: distinct(p.Tags),
		Config: policyConfig{Rules: map[string]policyAction{}}, RegexConfig: policyRegexConfig{Rules: []policyRegexRule{}},
		ApplyToResponse: p.ApplyToResponse, RestoreInResponse: p.RestoreInResponse, OnError: p.OnError, Detectors: slices.Clone(p.Detectors),
	}
	for name, action := range p.Rules {
		answer.Config.Rules[name] = policyAction(action)
	}
	for _, r := range p.Regex {
		answer.RegexConfig.Rules = append(answer.RegexConfig.Rules, policyRegexRule{Definition: r.Definition, Action: policyAction(r.Action)})
	}
	if answer.OnError == "" {
		answer.OnError = gateway.OnErrorBlock
	}
	if len(answer.Detectors) == 0 {
		answer.Detectors = []string{gateway.DetectorEmbedded}
	}
	return answer
}
