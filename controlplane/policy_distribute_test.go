package controlplane_test

import (
	"fmt"
	"testing"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/pii"
	"github.com/bricks-gateway/bricks/internal/secrets"
	"github.com/bricks-gateway/bricks/processor/configcache"
)

func (p *plane) policy(action gateway.PolicyAction) *gateway.Policy {
	p.t.Helper()
	made := &gateway.Policy{Rules: map[string]gateway.PolicyAction{"email": action}}
	if err := p.db.CreatePolicy(p.t.Context(), made); err != nil {
		p.t.Fatal(err)
	}
	p.apply(made.Revision)
	return made
}

// held returns what a processor does with e-mail addresses under the key, as a
// request would find it.
func held(t testing.TB, c *configcache.Cache, secret string) (gateway.PolicyAction, error) {
	t.Helper()
	k, err := c.Key(t.Context(), secrets.HashKey(secret))
	if err != nil || k.PolicyID == "" {
		return "", err
	}
	p, err := c.Policy(k.PolicyID)
	if err != nil {
		return "", err
	}
	return p.Action(pii.Email), nil
}

// Each step's effect is there as soon as Apply returns: no waiting, no polling.
func TestAPolicyIsInForceWhenApplyReturns(t *testing.T) {
	p := start(t)
	a, b := p.processor("a"), p.processor("b")
	strict, mild := p.policy(gateway.PolicyBlock), p.policy(gateway.PolicyWarn)
	k := p.key("guarded")
	want := func(what string, want gateway.PolicyAction) {
		t.Helper()
		for _, c := range []*configcache.Cache{a, b} {
			if got, err := held(t, c, "guarded"); err != nil || got != want {
				t.Errorf("%s: %q, %v; want %q", what, got, err, want)
			}
		}
	}
	want("no policy", "")
	p.update(k.ID, func(k *gateway.Key) { k.PolicyID = strict.ID })
	want("a policy", gateway.PolicyBlock)
	changed, err := p.db.UpdatePolicy(t.Context(), strict.ID, func(p *gateway.Policy) error {
		p.Rules["email"] = gateway.PolicyRedact
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	p.apply(changed.Revision)
	want("a changed one", gateway.PolicyRedact)
	p.update(k.ID, func(k *gateway.Key) { k.PolicyID = mild.ID })
	want("another one", gateway.PolicyWarn)
	revision, err := p.db.DeletePolicy(t.Context(), strict.ID)
	if err != nil {
		t.Fatal(err)
	}
	p.apply(revision)
	if got, err := a.Policy(strict.ID); gateway.KindOf(err) != gateway.NotFound {
		t.Errorf("a deleted one: %+v, %v", got, err)
	}
	want("the deletion of another", gateway.PolicyWarn)
	p.update(k.ID, func(k *gateway.Key) { k.PolicyID = "" })
	want("none again", "")
}

// Whoever admits a key knows its policy, however the two change meanwhile: a
// request finds an action, or an error that refuses it.
func TestNoKeyIsAdmittedBeforeItsPolicyIsKnown(t *testing.T) {
	p := start(t)
	k, old := p.key("guarded"), p.policy(gateway.PolicyBlock)
	p.update(k.ID, func(k *gateway.Key) { k.PolicyID = old.ID }) // from here on it has one always
	for i := range 20 {
		c := p.processor(fmt.Sprint("processor-", i)) // it knows nothing
		looked := make(chan struct{})
		go func() {
			defer close(looked)
			for range 200 {
				if action, err := held(t, c, "guarded"); err == nil && action != gateway.PolicyBlock {
					t.Errorf("round %d: admitted with action %q", i, action)
					return
				}
			}
		}()
		next := p.policy(gateway.PolicyBlock)
		p.update(k.ID, func(k *gateway.Key) { k.PolicyID = next.ID })
		revision, err := p.db.DeletePolicy(t.Context(), old.ID)
		if err != nil {
			t.Fatal(err)
		}
		p.apply(revision)
		old = next
		<-looked
		if action, err := held(t, c, "guarded"); err != nil || action != gateway.PolicyBlock {
			t.Errorf("round %d: at last %q, %v", i, action, err)
		}
	}
}
