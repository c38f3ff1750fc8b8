package admin

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"strings"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/store"
)

const policiesPath = "/api/policies"

type policyQuery struct {
	IDs  []string `json:"ids,omitempty" doc:"Only these policies."`
	Tags []string `json:"tags,omitempty" doc:"Only those that carry all of these tags."`
}

func (a *api) policyRoutes() []route {
	const group = "policies"
	one, answer := policiesPath+"/{id}", reflect.TypeFor[policyAnswer]()
	return []route{
		{method: http.MethodPost, path: policiesPath, id: "createPolicy", summary: "Create a policy", group: group,
			access: writing, tagged: true, creates: []string{policiesPath}, body: reflect.TypeFor[policyCreate](), answer: answer, handle: a.createPolicy},
		{method: http.MethodGet, path: policiesPath, id: "listPolicies", summary: "List policies, newest first", group: group,
			query: reflect.TypeFor[policyQuery](), answer: reflect.TypeFor[[]policyAnswer](), handle: a.listPolicies},
		{method: http.MethodGet, path: one, id: "getPolicy", summary: "Get a policy", group: group,
			tagged: true, answer: answer, statuses: []int{404}, handle: a.getPolicy},
		{method: http.MethodPatch, path: one, id: "updatePolicy", summary: "Change a policy", group: group,
			access: writing, tagged: true, conditional: true, body: reflect.TypeFor[policyPatch](), answer: answer,
			statuses: []int{404}, handle: a.updatePolicy},
		{method: http.MethodDelete, path: one, id: "deletePolicy", summary: "Delete a policy that no key uses", group: group,
			access: writing, conditional: true, answer: reflect.TypeFor[deleted](), statuses: []int{404, 409}, handle: a.deletePolicy},
	}
}

func (a *api) createPolicy(ctx context.Context, c *call) (any, error) {
	in, err := decode[policyCreate](c)
	if err != nil {
		return nil, err
	}
	p := &gateway.Policy{Tags: distinct(in.Tags)}
	if err := badInput.faulty(in.PolicyFields.merge(p)); err != nil {
		return nil, err
	}
	if err := c.mayLeavePolicy(p); err != nil {
		return nil, err
	}
	if err := a.Store.CreatePolicy(ctx, p); err != nil {
		return nil, err
	}
	return c.policyAnswer(p, c.apply(ctx, p.Revision)), nil
}

func (a *api) listPolicies(ctx context.Context, c *call) (any, error) {
	in, err := decodeQuery[policyQuery](c)
	if err != nil {
		return nil, err
	}
	answers := []policyAnswer{}
	ids, none := canonicalIDs(in.IDs)
	if none {
		return answers, nil
	}
	list, err := a.Store.Policies(ctx, store.PolicyFilter{IDs: ids, Tags: c.who.scoped(in.Tags)})
	if err != nil {
		return nil, err
	}
	for _, p := range list {
		answers = append(answers, newPolicyAnswer(p))
	}
	return answers, nil
}

func (a *api) getPolicy(ctx context.Context, c *call) (any, error) {
	p, err := c.policy(ctx)
	if err != nil {
		return nil, err
	}
	return c.policyAnswer(p, nil), nil
}

// policy reads the one that the path names, if the caller may see it.
func (c *call) policy(ctx context.Context) (*gateway.Policy, error) {
	id, err := c.pathID("id")
	if err != nil {
		return nil, err
	}
	p, err := c.api.Store.Policy(ctx, id)
	if err != nil {
		return nil, err
	}
	return p, c.policyVisible(p)
}

// policyVisible hides what is outside of the caller's scope: to it, there is none.
func (c *call) policyVisible(p *gateway.Policy) error {
	if !c.who.sees(p.Tags) {
		return notFound.with("nothing has this id")
	}
	return nil
}

// mayLeavePolicy refuses a write after which p would be out of the writer's own scope.
func (c *call) mayLeavePolicy(p *gateway.Policy) error {
	if c.who.sees(p.Tags) {
		return nil
	}
	return forbidden.with("this admin key is limited to policies that carry the tags " + strings.Join(c.who.scope, ", "))
}

func (a *api) updatePolicy(ctx context.Context, c *call) (any, error) {
	id, err := c.pathID("id")
	if err != nil {
		return nil, err
	}
	in, err := decode[policyPatch](c)
	if err != nil {
		return nil, err
	}
	p, err := a.Store.UpdatePolicy(ctx, id, func(p *gateway.Policy) error {
		if err := errors.Join(c.policyVisible(p), c.match(p.Revision)); err != nil {
			return err
		}
		if in.Tags.Set {
			p.Tags = distinct(in.Tags.Value)
		}
		if err := badInput.faulty(in.PolicyFields.merge(p)); err != nil {
			return err
		}
		return c.mayLeavePolicy(p)
	})
	if err != nil {
		return nil, err
	}
	return c.policyAnswer(p, c.apply(ctx, p.Revision)), nil
}

func (a *api) deletePolicy(ctx context.Context, c *call) (any, error) {
	p, err := c.policy(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.match(p.Revision); err != nil {
		return nil, err
	}
	revision, err := a.Store.DeletePolicy(ctx, p.ID)
	if err != nil {
		return nil, err
	}
	return deleted{ID: p.ID, Deleted: true, Unacknowledged: c.apply(ctx, revision)}, nil
}

// checkPolicy says why the caller may not give a key the policy with this id;
// nil when it may. err is the store's.
func (c *call) checkPolicy(ctx context.Context, id string) (refusal, err error) {
	p, err := c.api.Store.Policy(ctx, id)
	switch {
	case gateway.KindOf(err) == gateway.NotFound || err == nil && c.policyVisible(p) != nil:
		return errors.New("no policy has this id"), nil
	case err != nil:
		return nil, err
	}
	return nil, nil
}
