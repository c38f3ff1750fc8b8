package storetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bricks-gateway/bricks/internal/gateway"
	"github.com/bricks-gateway/bricks/internal/store"
)

func addPolicy(t *testing.T, s *store.Store, name string, tags ...string) *gateway.Policy {
	t.Helper()
	p := &gateway.Policy{Name: name, Tags: tags, Rules: map[string]gateway.PolicyAction{"email": gateway.PolicyBlock}}
	must(t, s.CreatePolicy(t.Context(), p))
	return p
}

func policyRoundTrip(t *testing.T, s *store.Store) {
	want := &gateway.Policy{
		Name: "Größe", Tags: []string{"b", "a"},
		Rules:           map[string]gateway.PolicyAction{"email": gateway.PolicyRedact, "all": gateway.PolicyWarn},
		Regex:           []gateway.RegexRule{{Definition: `(?i)\bprojekt-[0-9]+<"'?$1ü>`, Action: gateway.PolicyBlock}, {Definition: "x", Action: gateway.PolicyAllow}},
		ApplyToResponse: true, RestoreInResponse: true, OnError: gateway.OnErrorAllow, Detectors: []string{"presidio", "embedded"},
	}
	before := time.Now().Add(-time.Second)
	must(t, s.CreatePolicy(t.Context(), want))
	full(t, *want)
	full(t, want.Regex[0])
	if want.CreatedAt.Before(before) || want.CreatedAt.Nanosecond() != 0 || want.CreatedAt.Location() != time.UTC {
		t.Errorf("created at %v, want whole seconds in UTC after %v", want.CreatedAt, before)
	}
	got, err := s.Policy(t.Context(), want.ID)
	must(t, err)
	if diff := cmp.Diff(want, got, same); diff != "" {
		t.Errorf("policy differs (-want +got):\n%s", diff)
	}
	wantKind(t, s.CreatePolicy(t.Context(), &gateway.Policy{ID: want.ID}), gateway.Conflict)
	wantKind(t, s.CreatePolicy(t.Context(), &gateway.Policy{ID: "a\x00"}), gateway.Invalid)
	_, err = s.Policy(t.Context(), "nobody\x00")
	wantKind(t, err, gateway.NotFound)
	changes, err := s.ChangesSince(t.Context(), want.Revision-1)
	must(t, err)
	if len(changes) != 1 || changes[0].Kind != store.KindPolicy || changes[0].ID != want.ID {
		t.Errorf("changes = %+v", changes)
	}
}

func policyUpdate(t *testing.T, s *store.Store) {
	p := addPolicy(t, s, "p", "a")
	got, err := s.UpdatePolicy(t.Context(), p.ID, func(p *gateway.Policy) error {
		p.ID, p.Name, p.Tags, p.OnError, p.ApplyToResponse = "another id is not taken", "new name", []string{"b"}, gateway.OnErrorAllow, true
		p.RestoreInResponse, p.Detectors = true, []string{"comprehend"}
		p.Rules["email"] = gateway.PolicyRedact
		p.Regex = append(p.Regex, gateway.RegexRule{Definition: "x", Action: gateway.PolicyBlock})
		return nil
	})
	must(t, err)
	if got.ID != p.ID || got.Name != "new name" || got.Revision != p.Revision+1 || got.Rules["email"] != gateway.PolicyRedact || len(got.Regex) != 1 {
		t.Errorf("after the update: %+v", got)
	}
	refusal := errors.New("refused")
	_, err = s.UpdatePolicy(t.Context(), p.ID, func(p *gateway.Policy) error {
		p.Name = "never"
		return refusal
	})
	if !errors.Is(err, refusal) {
		t.Errorf("got %v, want the error of change", err)
	}
	kept, err := s.Policy(t.Context(), p.ID)
	must(t, err)
	if diff := cmp.Diff(got, kept, same); diff != "" {
		t.Errorf("kept policy differs (-want +got):\n%s", diff)
	}
	_, err = s.UpdatePolicy(t.Context(), "nobody", func(*gateway.Policy) error { return nil })
	wantKind(t, err, gateway.NotFound)
}

func policyInUse(t *testing.T, s *store.Store) {
	p, other := addPolicy(t, s, "p"), addPolicy(t, s, "other")
	var keys []string
	for i := range 11 {
		keys = append(keys, addKey(t, s, gateway.Key{Name: fmt.Sprint("key", i), PolicyID: p.ID}).ID)
	}
	addKey(t, s, gateway.Key{Name: "without"})
	revision, err := s.Revision(t.Context())
	must(t, err)
	_, err = s.DeletePolicy(t.Context(), p.ID)
	wantKind(t, err, gateway.Conflict)
	named := 0
	for _, id := range keys {
		if strings.Contains(err.Error(), id) {
			named++
		}
	}
	if named != 10 || !strings.Contains(err.Error(), "and more") {
		t.Errorf("message %q names %d keys, want 10 and that there are more", err, named)
	}
	if _, err := s.Policy(t.Context(), p.ID); err != nil {
		t.Errorf("after a refused deletion: %v", err)
	}
	if last, err := s.Revision(t.Context()); err != nil || last != revision {
		t.Errorf("a refused deletion leaves revision %d (%v), want %d", last, err, revision)
	}
	for i, id := range keys {
		_, err := s.UpdateKey(t.Context(), id, func(k *gateway.Key) error { k.PolicyID = []string{"", other.ID}[i%2]; return nil })
		must(t, err)
	}
	revision, err = s.DeletePolicy(t.Context(), p.ID)
	must(t, err)
	if last, err := s.Revision(t.Context()); err != nil || last != revision {
		t.Errorf("revision is %d (%v), the deletion said %d", last, err, revision)
	}
	_, err = s.DeletePolicy(t.Context(), p.ID)
	wantKind(t, err, gateway.NotFound)
	_, err = s.DeletePolicy(t.Context(), "")
	wantKind(t, err, gateway.NotFound)
}

func policyOfKeys(t *testing.T, s *store.Store) {
	p := addPolicy(t, s, "p")
	nobody := func(k *gateway.Key) error { k.Name, k.PolicyID = "never", "nobody"; return nil }
	wantKind(t, s.CreateKey(t.Context(), &gateway.Key{PolicyID: "nobody"}, secretOf("new")), gateway.Invalid)
	k := addKey(t, s, gateway.Key{Name: "k", PolicyID: p.ID})
	_, err := s.UpdateKey(t.Context(), k.ID, nobody)
	wantKind(t, err, gateway.Invalid)
	kept, err := s.Key(t.Context(), k.ID)
	must(t, err)
	if kept.Name != "k" || kept.PolicyID != p.ID {
		t.Errorf("after a refused change: %+v", kept)
	}
	for _, id := range []string{"", p.ID} {
		got, err := s.UpdateKey(t.Context(), k.ID, func(k *gateway.Key) error { k.PolicyID = id; return nil })
		must(t, err)
		if got.PolicyID != id {
			t.Errorf("policy %q, want %q", got.PolicyID, id)
		}
	}
}

// policyRace deletes a policy while keys take it: whoever comes first wins, and
// no key is left with a policy that is gone.
func policyRace(t *testing.T, s *store.Store) {
	for i := range 8 {
		p := addPolicy(t, s, "p")
		k := gateway.Key{Name: fmt.Sprint("k", i), PolicyID: p.ID}
		made, deleted := make(chan error, 1), make(chan error, 1)
		go func() { made <- s.CreateKey(t.Context(), &k, secretOf(k.Name)) }()
		go func() { _, err := s.DeletePolicy(t.Context(), p.ID); deleted <- err }()
		err, gone := <-made, <-deleted
		switch {
		case err == nil && gateway.KindOf(gone) == gateway.Conflict:
		case gone == nil && gateway.KindOf(err) == gateway.Invalid:
		default:
			t.Errorf("creation of the key: %v; deletion of its policy: %v", err, gone)
		}
	}
}

func policyList(t *testing.T, s *store.Store) {
	one, two, three := addPolicy(t, s, "one", "a"), addPolicy(t, s, "two", "a", "b"), addPolicy(t, s, "three")
	for name, tt := range map[string]struct {
		filter store.PolicyFilter
		want   []string
	}{
		"all":      {store.PolicyFilter{}, []string{"three", "two", "one"}},
		"a tag":    {store.PolicyFilter{Tags: []string{"a"}}, []string{"two", "one"}},
		"two tags": {store.PolicyFilter{Tags: []string{"b", "a"}}, []string{"two"}},
		"ids":      {store.PolicyFilter{IDs: []string{one.ID, three.ID, "nobody"}}, []string{"three", "one"}},
		"nothing":  {store.PolicyFilter{IDs: []string{two.ID}, Tags: []string{"c"}}, nil},
	} {
		all, err := s.Policies(t.Context(), tt.filter)
		must(t, err)
		var names []string
		for _, p := range all {
			names = append(names, p.Name)
		}
		wantList(t, name, names, tt.want...)
	}
}
