package controlplane_test

import (
	"testing"

	"github.com/bricks-gateway/bricks/internal/gateway"
)

func (p *plane) custom(name, target string) *gateway.CustomProvider {
	p.t.Helper()
	c := &gateway.CustomProvider{Provider: name, AuthenticationParam: "apikey", Routes: []gateway.CustomRoute{{Path: "/chat", TargetURL: target}}}
	if err := p.db.CreateCustomProvider(p.t.Context(), c); err != nil {
		p.t.Fatal(err)
	}
	p.apply(c.Revision)
	return c
}

// Each step's effect is there as soon as Apply returns: no waiting, no polling.
func TestACustomProviderIsInForceWhenApplyReturns(t *testing.T) {
	p := start(t)
	old := p.custom("old", "https://old.example.com/chat")
	a, b := p.processor("a"), p.processor("b")
	p.key("first-key")
	for _, c := range []string{"first-key", "nobody"} {
		look(t, a, c)
		look(t, b, c)
	}
	if got, err := b.CustomProvider("old"); err != nil || got.ID != old.ID {
		t.Errorf("one made before: %+v, %v", got, err)
	}
	if _, err := b.CustomProvider("new"); gateway.KindOf(err) != gateway.NotFound {
		t.Errorf("one that is not there: %v", err)
	}
	made := p.custom("new", "https://new.example.com/chat")
	if got, err := b.CustomProvider("new"); err != nil || got.Route("/chat").Target.Origin.CustomCluster() != "custom/https/new.example.com:443" {
		t.Errorf("a new one: %+v, %v", got, err)
	}
	changed, err := p.db.UpdateCustomProvider(t.Context(), made.ID, func(c *gateway.CustomProvider, _ []*gateway.ProviderSetting) error {
		c.Routes[0].TargetURL = "https://moved.example.com/chat"
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	p.apply(changed.Revision)
	if got, err := a.CustomProvider("new"); err != nil || got.Route("/chat").Target.Origin.Host != "moved.example.com" {
		t.Errorf("a changed one: %+v, %v", got, err)
	}
	revision, err := p.db.DeleteCustomProvider(t.Context(), made.ID)
	if err != nil {
		t.Fatal(err)
	}
	p.apply(revision)
	if got, err := a.CustomProvider("new"); gateway.KindOf(err) != gateway.NotFound {
		t.Errorf("a deleted one: %+v, %v", got, err)
	}
}
