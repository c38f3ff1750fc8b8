package configcache

import (
	"log/slog"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bricks-gateway/bricks/internal/gateway"
	configv1 "github.com/bricks-gateway/bricks/proto/config/v1"
)

func TestEveryFieldOfAPolicyArrives(t *testing.T) {
	told := &configv1.Policy{
		Id: "p", Revision: 7, Rules: map[string]string{"email": "allow_but_redact", "all": "block"}, Regex: []*configv1.RegexRule{{Definition: "x+", Action: "allow_but_warn"}},
		ApplyToResponse: true, RestoreInResponse: true, OnError: "allow", Detectors: []string{"presidio", "embedded"},
	}
	want := &gateway.Policy{
		ID: "p", Revision: 7, Rules: map[string]gateway.PolicyAction{"email": gateway.PolicyRedact, "all": gateway.PolicyBlock},
		Regex:           []gateway.RegexRule{{Definition: "x+", Action: gateway.PolicyWarn}},
		ApplyToResponse: true, RestoreInResponse: true, OnError: gateway.OnErrorAllow, Detectors: []string{"presidio", "embedded"},
	}
	if diff := cmp.Diff(want, policyFromProto(told)); diff != "" {
		t.Errorf("policy (-want +got):\n%s", diff)
	}
	c := New(Options{Logger: slog.New(slog.DiscardHandler)})
	c.apply(&configv1.ConfigUpdate{Policies: []*configv1.Policy{told}})
	if p, err := c.Policy("p"); err != nil || p.ID != "p" || p.Revision != 7 || !p.Guards() || !p.ReadsAnswers() || !p.Restores() || !p.External() {
		t.Errorf("compiled: %+v, %v", p, err)
	}
}

// What is not known, or not usable, is an error: never "no policy".
func TestAPolicyThatIsNotKnownIsUnavailable(t *testing.T) {
	c := New(Options{Logger: slog.New(slog.DiscardHandler)})
	policy := func(revision int64, rules map[string]string) *configv1.Policy {
		return &configv1.Policy{Id: "p", Revision: revision, Rules: rules}
	}
	step := func(what string, u *configv1.ConfigUpdate, revision int64, kind gateway.Kind) {
		t.Helper()
		c.apply(u)
		p, err := c.Policy("p")
		if gateway.KindOf(err) != kind || (err == nil) != (p != nil) || p != nil && p.Revision != revision {
			t.Errorf("%s: %+v, %v; want revision %d, %q", what, p, err, revision, kind)
		}
	}
	c.begin()
	step("nothing told", &configv1.ConfigUpdate{}, 0, gateway.Unavailable)
	step("told", &configv1.ConfigUpdate{Policies: []*configv1.Policy{policy(1, nil)}}, 1, "")
	first, _ := c.Policy("p")
	step("told again", &configv1.ConfigUpdate{Policies: []*configv1.Policy{policy(1, nil)}}, 1, "")
	if again, _ := c.Policy("p"); again != first {
		t.Error("an unchanged policy was made anew")
	}
	step("changed", &configv1.ConfigUpdate{Policies: []*configv1.Policy{policy(2, map[string]string{"email": "block"})}}, 2, "")
	step("a type of the future", &configv1.ConfigUpdate{Policies: []*configv1.Policy{policy(3, map[string]string{"email": "block", "dreams": "block"})}}, 0, gateway.Unavailable)
	step("told again", &configv1.ConfigUpdate{Policies: []*configv1.Policy{policy(3, map[string]string{"dreams": "block"})}}, 0, gateway.Unavailable)
	step("made usable", &configv1.ConfigUpdate{Policies: []*configv1.Policy{policy(4, nil)}}, 4, "")
	step("gone", &configv1.ConfigUpdate{RemovedPolicies: []string{"p"}}, 0, gateway.NotFound)
	step("back", &configv1.ConfigUpdate{Policies: []*configv1.Policy{policy(5, nil)}}, 5, "")

	// What is known is served until a new stream says otherwise; what was gone
	// may be back.
	c.begin()
	step("a new stream", &configv1.ConfigUpdate{}, 5, "")
	step("of an older store", &configv1.ConfigUpdate{Policies: []*configv1.Policy{policy(2, nil)}}, 2, "")
	step("gone", &configv1.ConfigUpdate{RemovedPolicies: []string{"p"}}, 0, gateway.NotFound)
	c.begin()
	step("one more stream", &configv1.ConfigUpdate{}, 0, gateway.Unavailable)
}
