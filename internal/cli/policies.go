package cli

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/bricks-gateway/bricks/internal/adminclient"
)

// Policies are the commands for policies.
type Policies struct {
	List   policyList   `cmd:"" help:"List policies, newest first."`
	Get    get          `cmd:"" help:"Show a policy."`
	Create policyCreate `cmd:"" help:"Create a policy."`
	Update policyUpdate `cmd:"" help:"Change a policy."`
	Delete remove       `cmd:"" help:"Delete policies that no key uses."`
}

// AfterApply hands the group's kind to its commands.
func (Policies) AfterApply(k *kong.Context) error {
	k.BindTo(policies, (*objects)(nil))
	return nil
}

type policyAnswer = adminclient.PolicyAnswer

var policies = &kind[policyAnswer]{
	noun:  "policy",
	blank: `{"tags":[]}`,
	columns: []column[policyAnswer]{
		{"ID", func(p policyAnswer) any { return p.Id }},
		{"NAME", func(p policyAnswer) any { return p.Name }},
		{"TAGS", func(p policyAnswer) any { return p.Tags }},
		{"RULES", func(p policyAnswer) any { return pairs(p.Config.Rules) }},
		{"REGEX", func(p policyAnswer) any { return len(p.RegexConfig.Rules) }},
		{"CREATED", func(p policyAnswer) any { return moment(p.CreatedAt) }},
	},
	details: []column[policyAnswer]{
		{"UPDATED", func(p policyAnswer) any { return moment(p.UpdatedAt) }},
		{"REGULAR EXPRESSIONS", func(p policyAnswer) any { return regexTexts(p.RegexConfig.Rules) }},
		{"DETECTORS", func(p policyAnswer) any { return p.Detectors }},
		{"ON ERROR", func(p policyAnswer) any { return p.OnError }},
		{"APPLIES TO RESPONSES", func(p policyAnswer) any { return p.ApplyToResponse }},
		{"RESTORES IN RESPONSES", func(p policyAnswer) any { return p.RestoreInResponse }},
	},
	fetch: func(ctx context.Context, c *client, id string) (*policyAnswer, []byte, error) {
		return adminclient.Answer(c.GetPolicyWithResponse(ctx, id))
	},
	add: func(ctx context.Context, c *client, body io.Reader) (*policyAnswer, []byte, error) {
		return adminclient.Answer(c.CreatePolicyWithBodyWithResponse(ctx, mediaJSON, body))
	},
	change: func(ctx context.Context, c *client, id string, body io.Reader) (*policyAnswer, []byte, error) {
		return adminclient.Answer(c.UpdatePolicyWithBodyWithResponse(ctx, id, nil, mediaJSON, body))
	},
	remove: func(ctx context.Context, c *client, id string) (*adminclient.Deleted, []byte, error) {
		return adminclient.Answer(c.DeletePolicyWithResponse(ctx, id, nil))
	},
}

// pairs spells a map as flags give it, in the order of the names.
func pairs[V any](m map[string]V) (texts []string) {
	for _, name := range slices.Sorted(maps.Keys(m)) {
		texts = append(texts, fmt.Sprintf("%s=%v", name, m[name]))
	}
	return texts
}

func regexTexts(rules []adminclient.PolicyRegexRule) (texts []string) {
	for _, r := range rules {
		texts = append(texts, r.Action+":"+r.Definition)
	}
	return texts
}

type policyList struct {
	Tags []string `name:"tag" sep:"none" placeholder:"TAG" help:"Only policies with this tag; repeated: with all of them."`
	output
}

// Run is what kong calls.
func (l *policyList) Run(ctx context.Context, e *Env) error {
	c, err := e.connect()
	if err != nil {
		return err
	}
	items, body, err := adminclient.Answer(c.ListPoliciesWithResponse(ctx, &adminclient.ListPoliciesParams{Tags: l.Tags}))
	return list(e, l.output, policies.columns, items, body, err)
}

// regex is a rule with a regular expression, such as block:T-[0-9]+.
type regex adminclient.PolicyRegexRule

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *regex) UnmarshalText(text []byte) error {
	action, definition, ok := strings.Cut(string(text), ":")
	if !ok {
		return fmt.Errorf("%q: must be an action and a regular expression, such as block:T-[0-9]+", text)
	}
	*r = regex{Action: action, Definition: definition}
	return nil
}

type policyFields struct {
	Name      *string           `placeholder:"NAME" help:"A name for people."`
	Tags      []string          `name:"tag" sep:"none" placeholder:"TAG" help:"A tag to find it by; may be repeated."`
	Rules     map[string]string `name:"rule" mapsep:"none" placeholder:"TYPE=ACTION" help:"What to do with a type of personal data, or with all: block, allow_but_redact, allow_but_warn, allow; may be repeated. An update lists all anew."`
	Regex     []regex           `sep:"none" placeholder:"ACTION:REGEX" help:"What to do with what a regular expression finds; may be repeated."`
	Detectors []string          `name:"detector" sep:"none" placeholder:"NAME" help:"Who looks: embedded, comprehend, presidio; may be repeated."`
	OnError   *string           `placeholder:"block|allow" help:"What happens to a request while a detector fails."`
	Responses *bool             `name:"apply-to-response" negatable:"" help:"Look at answers too."`
	Restore   *bool             `name:"restore-in-response" negatable:"" help:"Put what was redacted in the request back into the answer."`
}

func (f policyFields) body() (b adminclient.PolicyPatch) {
	set(&b.Name, f.Name)
	setList(&b.Tags, f.Tags)
	if len(f.Rules) > 0 {
		b.Config.Set(adminclient.PolicyConfig{Rules: f.Rules})
	}
	var rules []adminclient.PolicyRegexRule
	for _, r := range f.Regex {
		rules = append(rules, adminclient.PolicyRegexRule(r))
	}
	if len(rules) > 0 {
		b.RegexConfig.Set(adminclient.PolicyRegexConfig{Rules: rules})
	}
	setList(&b.Detectors, f.Detectors)
	set(&b.OnError, f.OnError)
	set(&b.ApplyToResponse, f.Responses)
	set(&b.RestoreInResponse, f.Restore)
	return b
}

type policyCreate struct {
	policyFields
	file
	output
}

// Run is what kong calls.
func (c *policyCreate) Run(ctx context.Context, e *Env, o objects) error {
	return create(ctx, e, o, c.output, c.file, c.policyFields.body())
}

type policyUpdate struct {
	policyFields
	updating
}

// Run is what kong calls.
func (c *policyUpdate) Run(ctx context.Context, e *Env, o objects) error {
	return c.run(ctx, e, o, c.policyFields.body())
}
