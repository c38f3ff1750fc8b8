package configserver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/secrets"
	"github.com/bricks-gateway/bricks/internal/store"
	configv1 "github.com/bricks-gateway/bricks/proto/config/v1"
)

func (m *memory) Policies(_ context.Context, f store.PolicyFilter) (out []*gateway.Policy, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.policiesDown > 0 {
		m.policiesDown--
		return nil, errors.New("down")
	}
	for _, id := range f.IDs {
		if p := m.policies[id]; p != nil {
			copied := *p
			out = append(out, &copied)
		}
	}
	return out, nil
}

// putPolicy commits p.
func (f *fixture) putPolicy(p gateway.Policy) store.Change {
	r := f.store.change(func(revision int64) {
		p.Revision = revision
		f.store.policies[p.ID] = &p
	})
	return store.Change{Revision: r, Kind: store.KindPolicy, ID: p.ID}
}

func policyIDs(u *configv1.ConfigUpdate) (ids []string) {
	for _, p := range u.Policies {
		ids = append(ids, p.Id)
	}
	slices.Sort(ids)
	return ids
}

func TestPoliciesComeWithTheirKeysAndAreFollowed(t *testing.T) {
	f := setup(t)
	f.putPolicy(gateway.Policy{
		ID: "p", Rules: map[string]gateway.PolicyAction{"email": gateway.PolicyRedact}, Regex: []gateway.RegexRule{{Definition: "x+", Action: gateway.PolicyBlock}},
		ApplyToResponse: true, RestoreInResponse: true, OnError: gateway.OnErrorAllow, Detectors: []string{"presidio"},
	})
	f.putPolicy(gateway.Policy{ID: "nobody's"})
	f.put("one", gateway.Key{ID: "k1", PolicyID: "p"})
	f.put("two", gateway.Key{ID: "k2", PolicyID: "p"})
	f.put("three", gateway.Key{ID: "k3"})
	f.subscribe("one", "two", "three")
	u := f.next()
	if len(u.Keys) != 3 || len(u.Policies) != 1 {
		t.Fatalf("update = %v, want the keys and their policy", u)
	}
	p := u.Policies[0]
	if p.Id != "p" || p.Revision != 1 || p.Rules["email"] != "allow_but_redact" || len(p.Rules) != 1 || p.Regex[0].Definition != "x+" || p.Regex[0].Action != "block" ||
		!p.ApplyToResponse || !p.RestoreInResponse || p.OnError != "allow" || !slices.Equal(p.Detectors, []string{"presidio"}) {
		t.Errorf("policy = %v", p)
	}
	f.ack(u)

	b := f.server.Changed([]store.Change{f.putPolicy(gateway.Policy{ID: "nobody's"})})
	if late := f.wait(b, time.Second); late != nil {
		t.Errorf("late = %v for a policy that nobody follows", late)
	}
	b = f.server.Changed([]store.Change{f.putPolicy(gateway.Policy{ID: "p"})})
	if u = f.next(); len(u.Policies) != 1 || u.Policies[0].Revision != 7 || len(u.Keys) != 0 {
		t.Errorf("after the change = %v, want the policy alone", u)
	}
	if late := f.wait(b, 50*time.Millisecond); len(late) != 1 {
		t.Errorf("late = %v before the acknowledgement", late)
	}
	f.ack(u)
	if late := f.wait(b, 5*time.Second); late != nil {
		t.Errorf("late = %v after it", late)
	}

	// A key takes another policy, made at the same time: both come at once.
	f.server.Changed([]store.Change{f.putPolicy(gateway.Policy{ID: "q"}), f.put("one", gateway.Key{ID: "k1", PolicyID: "q"})})
	if u = f.next(); len(u.Keys) != 1 || u.Keys[0].PolicyId != "q" || !slices.Equal(policyIDs(u), []string{"q"}) {
		t.Errorf("after the key's change = %v", u)
	}
	f.store.change(func(int64) { delete(f.store.policies, "p") })
	f.server.Changed([]store.Change{{Kind: store.KindPolicy, ID: "p"}})
	if u = f.next(); !slices.Equal(u.RemovedPolicies, []string{"p"}) || len(u.Policies) != 0 {
		t.Errorf("after deletion = %v", u)
	}
	f.server.Resync()
	if u = f.next(); !slices.Equal(u.RemovedPolicies, []string{"p"}) || !slices.Equal(policyIDs(u), []string{"q"}) {
		t.Errorf("a control plane that begins tells of %v, removed %v", policyIDs(u), u.RemovedPolicies)
	}
}

// However many policies keys bring along, gRPC takes every update, and no key
// comes before its policy.
func TestManyPoliciesArriveBeforeTheirKeys(t *testing.T) {
	f := setup(t)
	const n = 200
	var keys []string
	for i := range n {
		id := fmt.Sprint("p", i)
		f.store.policies[id] = &gateway.Policy{ID: id, Regex: []gateway.RegexRule{{Definition: strings.Repeat("x", 50_000)}}}
		keys = append(keys, fmt.Sprint("key-", i))
		f.put(keys[i], gateway.Key{ID: fmt.Sprint("k", i), PolicyID: id})
	}
	f.subscribe(keys...)
	known, got, updates := map[string]bool{}, 0, 0
	for got < n {
		u := f.next()
		f.ack(u)
		updates++
		size := 0
		for _, p := range u.Policies {
			known[p.Id] = true
			size += len(p.Regex[0].Definition)
		}
		if size > 1<<20 {
			t.Errorf("an update of %d bytes", size)
		}
		for _, k := range u.Keys {
			if got++; !known[k.PolicyId] {
				t.Errorf("key %s came before its policy %s", k.Id, k.PolicyId)
			}
		}
	}
	if updates < 9 {
		t.Errorf("%d updates, want several", updates)
	}
}

// A store that fails half way makes no change get lost.
func TestAChangeIsToldThoughThePoliciesCannotBeRead(t *testing.T) {
	f := setup(t)
	f.putPolicy(gateway.Policy{ID: "p"})
	f.store.settings["s"] = &gateway.ProviderSetting{ID: "s", Provider: "openai", APIKey: gateway.NewSecret("old")}
	f.put("secret", gateway.Key{ID: "k", PolicyID: "p", SettingIDs: []string{"s"}})
	f.subscribe("secret")
	f.ack(f.next())
	f.store.change(func(int64) {
		f.store.policiesDown = 2
		f.store.settings["s"].APIKey = gateway.NewSecret("new")
	})
	f.server.Changed([]store.Change{f.putPolicy(gateway.Policy{ID: "p"}), {Kind: store.KindSetting, ID: "s"}})
	if u := f.next(); len(u.Settings) != 1 || u.Settings[0].ApiKey != "new" || len(u.Policies) != 1 || u.Policies[0].Revision != 4 {
		t.Errorf("update = %v, want the changed setting and policy", u)
	}
}

// A processor that comes back is told anew of the policies of its keys: what it
// knows may be old.
func TestANewStreamIsToldOfPoliciesAnew(t *testing.T) {
	f := setup(t)
	f.putPolicy(gateway.Policy{ID: "p"})
	f.put("secret", gateway.Key{ID: "k", PolicyID: "p"})
	f.subscribe("secret")
	f.ack(f.next())
	change := f.putPolicy(gateway.Policy{ID: "p", OnError: gateway.OnErrorAllow}) // nobody tells the first stream
	again, err := configv1.NewConfigDiscoveryClient(f.conn).Stream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d := secrets.HashKey("secret")
	if err := again.Send(&configv1.ConfigRequest{NodeId: "processor-1", SubscribeKeys: [][]byte{d[:]}}); err != nil {
		t.Fatal(err)
	}
	for {
		u, err := again.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if len(u.Keys) == 0 {
			continue
		}
		if len(u.Policies) != 1 || u.Policies[0].Revision != change.Revision || u.Policies[0].OnError != "allow" {
			t.Errorf("with the key came %v", u.Policies)
		}
		return
	}
}
