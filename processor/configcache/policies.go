package configcache

import (
	"log/slog"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/policy"
	configv1 "github.com/bricks-gateway/bricks/proto/config/v1"
)

// heldPolicy is what is known about one policy: itself, compiled, or why it
// cannot be used. It is never changed.
type heldPolicy struct {
	policy *policy.Policy // nil: see err
	err    error
	epoch  uint64
}

// Policy returns the policy with this id, ready to be applied. The policy of a key
// is known before the key is; ask as soon as the key is admitted, since it may go
// later. The error's kind is NotFound when the control plane has said that there
// is none, and Unavailable when it has not told of it or the policy is not usable:
// either way the key must not be served. Safe for concurrent use.
func (c *Cache) Policy(id string) (*policy.Policy, error) {
	v, ok := c.policies.Load(id)
	if !ok {
		return nil, unavailable("the control plane has not told of the key's policy yet")
	}
	held := v.(*heldPolicy)
	return held.policy, held.err
}

// applyPolicies needs c.mu.
func (c *Cache) applyPolicies(list []*configv1.Policy) {
	epoch := c.epoch.Load()
	for _, p := range list {
		// Policies come along with every key that names them.
		if v, ok := c.policies.Load(p.Id); ok {
			if old := v.(*heldPolicy); old.policy != nil && old.epoch == epoch && old.policy.Revision == p.Revision {
				continue
			}
		}
		c.policies.Store(p.Id, c.holdPolicy(policyFromProto(p), epoch))
	}
}

func (c *Cache) holdPolicy(p *gateway.Policy, epoch uint64) *heldPolicy {
	compiled, err := policy.New(p)
	if err != nil {
		// The admin API refuses such ones. Part of a policy is none. The error may
		// quote an expression, which tells what is hidden; its place does not.
		field := ""
		if problems := policy.Check(p); len(problems) > 0 {
			field = problems[0].Field
		}
		c.o.Logger.Error("policy is not usable", slog.String("id", p.ID), slog.String("field", field))
		return &heldPolicy{err: unavailable("the key's policy is not usable"), epoch: epoch}
	}
	return &heldPolicy{policy: compiled, epoch: epoch}
}

// removePolicies needs c.mu.
func (c *Cache) removePolicies(ids []string) {
	for _, id := range ids {
		c.policies.Store(id, &heldPolicy{err: &gateway.Error{Kind: gateway.NotFound, Message: "no such policy"}, epoch: c.epoch.Load()})
	}
}

// beginPolicies starts a stream, which tells again of the policies of known keys.
// It needs c.mu.
func (c *Cache) beginPolicies() {
	c.policies.Range(func(id, v any) bool {
		if v.(*heldPolicy).policy == nil {
			c.policies.Delete(id)
		}
		return true
	})
}

func policyFromProto(p *configv1.Policy) *gateway.Policy {
	out := &gateway.Policy{
		ID: p.Id, Revision: p.Revision, ApplyToResponse: p.ApplyToResponse, RestoreInResponse: p.RestoreInResponse,
		OnError: p.OnError, Detectors: p.Detectors, Rules: make(map[string]gateway.PolicyAction, len(p.Rules)),
	}
	for name, action := range p.Rules {
		out.Rules[name] = gateway.PolicyAction(action)
	}
	for _, r := range p.Regex {
		out.Regex = append(out.Regex, gateway.RegexRule{Definition: r.Definition, Action: gateway.PolicyAction(r.Action)})
	}
	return out
}
